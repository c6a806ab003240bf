-- name: scope
SELECT set_config('livery.workspaces', $1, true);

-- name: insert
INSERT INTO vault.credentials
    (credential_ref, workspace_id, kind, label, version, key_version, wrapped_key, ciphertext)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7)
RETURNING credential_ref, workspace_id, kind, label, version, created_at, rotated_at, revoked_at;

-- name: lock
SELECT kind, version, revoked_at FROM vault.credentials
WHERE credential_ref = $1 AND workspace_id = $2 FOR UPDATE;

-- name: replace
UPDATE vault.credentials
SET version = $3, rotated_at = now(), key_version = $4, wrapped_key = $5, ciphertext = $6
WHERE credential_ref = $1 AND workspace_id = $2
RETURNING credential_ref, workspace_id, kind, label, version, created_at, rotated_at, revoked_at;

-- name: revoke
UPDATE vault.credentials
SET revoked_at = coalesce(revoked_at, now()),
    key_version = NULL, wrapped_key = NULL, ciphertext = NULL
WHERE credential_ref = $1 AND workspace_id = $2
RETURNING credential_ref, workspace_id, kind, label, version, created_at, rotated_at, revoked_at;

-- name: page
SELECT credential_ref, workspace_id, kind, label, version, created_at, rotated_at, revoked_at
FROM vault.credentials
WHERE workspace_id = $1 AND credential_ref > $2
ORDER BY credential_ref LIMIT $3;

-- name: sealed
SELECT kind, version, revoked_at, key_version, wrapped_key, ciphertext
FROM vault.credentials WHERE credential_ref = $1 AND workspace_id = $2;

-- name: record
INSERT INTO vault.access
    (caller, actor, action, workspace_id, credential_ref, run_id, skill_key, outcome,
     correlation_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);
