-- name: lock
SELECT pg_advisory_xact_lock(hashtext('livery.vault.migrations'));

-- name: prepare
CREATE TABLE IF NOT EXISTS public.vault_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: applied
SELECT version FROM public.vault_migrations ORDER BY version;

-- name: add
INSERT INTO public.vault_migrations (version, name) VALUES ($1, $2);

-- name: remove
DELETE FROM public.vault_migrations WHERE version = $1;
