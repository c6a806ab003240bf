-- Session facts: immutable segments (Parquet), and how far each log file has been read.

create table livery.session_segment (
    workspace_id uuid not null,
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    seq bigint generated always as identity,
    entity text not null,
    rows integer not null check (rows > 0),
    content bytea not null,
    batch_id text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, sha256)
);
-- Segments are compressed already.
alter table livery.session_segment alter column content set storage external;
create index session_segment_order on livery.session_segment (workspace_id, seq);

create table livery.session_file (
    workspace_id uuid not null,
    file text not null,
    label text not null,
    format text,
    byte_offset bigint not null,
    line_number bigint not null,
    skipping boolean not null,
    proof text not null,
    state jsonb not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, file)
) with (fillfactor = 70);

alter table livery.session_segment enable row level security;
create policy tenancy on livery.session_segment using (workspace_id = any (string_to_array(
    current_setting('livery.workspaces', true), ',')::uuid[]));
alter table livery.session_file enable row level security;
create policy tenancy on livery.session_file using (workspace_id = any (string_to_array(
    current_setting('livery.workspaces', true), ',')::uuid[]));

grant select, insert on livery.session_segment to livery_api, livery_worker;
grant select, insert, update on livery.session_file to livery_api, livery_worker;
