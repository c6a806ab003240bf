-- name: lock
-- Session lock: dropped with the connection, however that ends.
select pg_catalog.pg_advisory_lock(7240613);

-- name: create_table
create table if not exists public.livery_migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default pg_catalog.now()
);

-- name: table_exists
select pg_catalog.to_regclass('public.livery_migrations') is not null;

-- name: applied
select version, name, checksum, applied_at from public.livery_migrations order by version;

-- name: record
insert into public.livery_migrations (version, name, checksum) values ($1, $2, $3);

-- name: forget
delete from public.livery_migrations where version = $1;
