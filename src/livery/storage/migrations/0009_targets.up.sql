-- What a workspace's skills reach outside: the breaker and the rate of each target, shared by all processes.
create table livery.target (
    workspace_id uuid not null,
    host text not null check (length(host) <= 300),
    state text not null default 'closed' check (state in ('closed', 'open', 'half_open')),
    failures integer not null default 0,
    since timestamptz,
    arrival timestamptz,
    primary key (workspace_id, host)
) with (fillfactor = 70);
alter table livery.target enable row level security;
create policy tenancy on livery.target using (workspace_id = any ((select string_to_array(
    current_setting('livery.workspaces', true), ',')::uuid[])::uuid[]));
grant select, insert, update on livery.target to livery_api, livery_worker;
