-- Run by a role that is not livery_vault: the vault's own process must own nothing here,
-- because an owner escapes row-level security and could rewrite the access table.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO livery_vault', current_database());
END
$$;

CREATE SCHEMA vault;
REVOKE ALL ON SCHEMA vault FROM PUBLIC;
GRANT USAGE ON SCHEMA vault TO livery_vault;

-- One row for each key-encryption key that may still wrap. The keys themselves are in a file;
-- check_value tells a wrong file from the right one. Deleting a row retires the key: the foreign
-- key below then refuses every later write under it, in whatever process it happens.
CREATE TABLE vault.key_versions (
    version       integer PRIMARY KEY CHECK (version >= 1),
    check_value   bytea NOT NULL CHECK (octet_length(check_value) = 16),
    registered_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vault.credentials (
    credential_ref text PRIMARY KEY CHECK (credential_ref ~ '^cred_[0-9a-f]{32}$'),
    workspace_id   uuid NOT NULL,
    kind           text NOT NULL CHECK (length(kind) BETWEEN 1 AND 64),
    label          text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    version        integer NOT NULL CHECK (version >= 1),
    created_at     timestamptz NOT NULL DEFAULT now(),
    rotated_at     timestamptz,
    revoked_at     timestamptz,
    key_version    integer REFERENCES vault.key_versions (version),
    wrapped_key    bytea,
    ciphertext     bytea,
    -- A revoked credential holds nothing that could be opened again.
    CONSTRAINT sealed_until_revoked CHECK (
        num_nonnulls(key_version, wrapped_key, ciphertext)
        = CASE WHEN revoked_at IS NULL THEN 3 ELSE 0 END
    )
);
CREATE INDEX credentials_by_workspace ON vault.credentials (workspace_id, credential_ref);
CREATE INDEX credentials_by_key ON vault.credentials (key_version);

CREATE TABLE vault.access (
    access_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL DEFAULT now(),
    caller         text NOT NULL,
    actor          text,
    action         text NOT NULL,
    workspace_id   uuid,
    credential_ref text,
    run_id         text,
    skill_key      text,
    outcome        text NOT NULL,
    correlation_id text NOT NULL
);
CREATE INDEX access_by_workspace ON vault.access (workspace_id, access_id);

ALTER TABLE vault.credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.access ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_workspaces ON vault.credentials
    USING (workspace_id = ANY (
        string_to_array(nullif(current_setting('livery.workspaces', true), ''), ',')::uuid[]));
CREATE POLICY own_workspaces ON vault.access FOR SELECT
    USING (workspace_id = ANY (
        string_to_array(nullif(current_setting('livery.workspaces', true), ''), ',')::uuid[]));
-- A refusal is recorded even when the caller named no workspace, or a wrong one.
CREATE POLICY append ON vault.access FOR INSERT WITH CHECK (true);

GRANT SELECT, INSERT ON vault.credentials TO livery_vault;
GRANT UPDATE (version, rotated_at, revoked_at, key_version, wrapped_key, ciphertext)
    ON vault.credentials TO livery_vault;
GRANT SELECT, INSERT ON vault.access TO livery_vault;
GRANT SELECT, INSERT, DELETE ON vault.key_versions TO livery_vault;

-- The one read across workspaces: rewrapping must find every row, and it learns ids only.
CREATE FUNCTION vault.workspaces_not_under(newest integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT DISTINCT workspace_id FROM vault.credentials WHERE key_version <> newest $$;
REVOKE ALL ON FUNCTION vault.workspaces_not_under(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.workspaces_not_under(integer) TO livery_vault;
