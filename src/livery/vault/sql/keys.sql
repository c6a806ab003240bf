-- name: register
-- Only a key at least as new as the newest one known: a process that read the key file before a
-- rotation must not bring a retired key back.
INSERT INTO vault.key_versions (version, check_value)
SELECT $1, $2
WHERE $1 >= (SELECT coalesce(max(version), 0) FROM vault.key_versions)
ON CONFLICT (version) DO NOTHING;

-- name: versions
SELECT version, check_value FROM vault.key_versions ORDER BY version;

-- name: stale_workspaces
SELECT workspace_id FROM vault.workspaces_not_under($1) AS workspace_id;

-- name: stale_rows
SELECT credential_ref, workspace_id, kind, version, key_version, wrapped_key
FROM vault.credentials
WHERE workspace_id = $1 AND key_version <> $2
ORDER BY credential_ref LIMIT $3 FOR UPDATE;

-- name: rewrap
UPDATE vault.credentials SET key_version = $2, wrapped_key = $3 WHERE credential_ref = $1;

-- name: retire
DELETE FROM vault.key_versions WHERE version < $1;

-- name: role
SELECT r.rolsuper OR r.rolbypassrls
    OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'vault' AND c.relowner = r.oid) AS unsafe,
    to_regclass('vault.credentials') IS NOT NULL AS migrated
FROM pg_roles r WHERE r.rolname = current_user;
