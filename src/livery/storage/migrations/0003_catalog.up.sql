-- The catalog's life: search, channels with a history, evidence of certification, composition.

alter table livery.skill add column search tsvector generated always as (to_tsvector('english'::regconfig,
    skill_key || ' ' || name || ' ' || category || ' ' || description)) stored;
create index skill_search on livery.skill using gin (search);

-- What a revocation does to calls in flight: let them finish, or withhold what they answer.
alter table livery.skill_version add column in_flight text not null default 'finish'
    check (in_flight in ('finish', 'withhold'));

-- Every move of a channel, so that one step leads back.
create table livery.channel_move (
    move_id bigint generated always as identity primary key,
    skill_id uuid not null,
    workspace_id uuid not null,
    channel text not null check (channel in ('staging', 'production')),
    version text not null,
    previous text,
    kind text not null check (kind in ('promote', 'roll_back')),
    moved_by text not null,
    reason text,
    statement jsonb,
    moved_at timestamptz not null default clock_timestamp(),
    foreign key (skill_id, version) references livery.skill_version
);
create index channel_move_skill on livery.channel_move (skill_id, channel, move_id desc);

-- Certification ------------------------------------------------------------------------------------------

-- What the evidence rests on: engine, scanner policy, dependency locks. Another one makes a certificate stale.
alter table livery.certificate add column basis jsonb not null default '{}';

create table livery.certification_job (
    job_id uuid primary key,
    skill_id uuid not null,
    workspace_id uuid not null,
    version text not null,
    digest text not null,
    state text not null check (state in ('queued', 'running', 'done', 'failed')),
    requested_by text not null,
    correlation_id text not null,
    done_checks jsonb not null default '[]',
    total_checks integer not null default 0,
    current_check text,
    result jsonb,
    error jsonb,
    process_id uuid,
    attempts integer not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    beat_at timestamptz,
    finished_at timestamptz,
    foreign key (skill_id, version) references livery.skill_version
);
create unique index certification_job_open on livery.certification_job (skill_id, version)
    where state in ('queued', 'running');
create index certification_job_due on livery.certification_job (created_at) where state in ('queued', 'running');

-- A person's yes to one digest; never its author's.
create table livery.sign_off (
    skill_id uuid not null,
    workspace_id uuid not null,
    version text not null,
    digest text not null,
    approver text not null,
    note text not null,
    signed_at timestamptz not null default clock_timestamp(),
    primary key (skill_id, version, digest, approver),
    foreign key (skill_id, version) references livery.skill_version
);

-- A finding that somebody answers for: it stays in the evidence with this reason.
create table livery.suppression (
    skill_id uuid not null,
    workspace_id uuid not null,
    version text not null,
    fingerprint text not null,
    reason text not null check (length(btrim(reason)) >= 10),
    suppressed_by text not null,
    suppressed_at timestamptz not null default clock_timestamp(),
    primary key (skill_id, version, fingerprint),
    foreign key (skill_id, version) references livery.skill_version
);

-- Composition --------------------------------------------------------------------------------------------

create table livery.job_role (
    role_id uuid not null,
    workspace_id uuid not null,
    role_key text not null check (role_key ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(role_key) <= 64),
    version integer not null check (version > 0),
    name text not null,
    description text not null,
    status text not null check (status in ('pending_certification', 'certified', 'revoked')),
    reason text,
    created_by text not null,
    certified_by text,
    created_at timestamptz not null default clock_timestamp(),
    certified_at timestamptz,
    primary key (role_id, version),
    unique (workspace_id, role_key, version)
);

create table livery.job_role_skill (
    role_id uuid not null,
    role_version integer not null,
    workspace_id uuid not null,
    skill_id uuid not null references livery.skill,
    version text not null,
    position integer not null,
    primary key (role_id, role_version, skill_id),
    foreign key (role_id, role_version) references livery.job_role
);
create index job_role_skill_skill on livery.job_role_skill (skill_id);

-- A surface slot of a workspace: what it shows comes from a pinned version or from a channel.
create table livery.binding (
    workspace_id uuid not null references livery.workspace,
    slot text not null check (slot ~ '^[a-z0-9]+([._-][a-z0-9]+)*$' and length(slot) <= 128),
    skill_id uuid not null references livery.skill,
    version text,
    channel text check (channel in ('staging', 'production')),
    bound_by text not null,
    bound_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, slot),
    check ((version is null) <> (channel is null))
);
create index binding_skill on livery.binding (skill_id);

create table livery.binding_move (
    move_id bigint generated always as identity primary key,
    workspace_id uuid not null references livery.workspace,
    slot text not null,
    skill_id uuid not null references livery.skill,
    version text,
    channel text,
    kind text not null check (kind in ('bind', 'roll_back', 'unbind')),
    moved_by text not null,
    moved_at timestamptz not null default clock_timestamp()
);
create index binding_move_slot on livery.binding_move (workspace_id, slot, move_id desc);

-- Row-level security and grants ---------------------------------------------------------------------------

do $$
declare
    v_mine text := 'workspace_id = any ((select '
        'string_to_array(current_setting(''livery.workspaces'', true), '','')::uuid[])::uuid[])';
    v_table text;
begin
    foreach v_table in array array['channel_move', 'certification_job', 'sign_off', 'suppression', 'job_role',
        'job_role_skill', 'binding', 'binding_move'] loop
        execute format('alter table livery.%I enable row level security', v_table);
        execute format('create policy tenancy on livery.%I using (%s)', v_table, v_mine);
    end loop;
    foreach v_table in array array['channel_move', 'certification_job', 'sign_off', 'suppression', 'job_role',
        'job_role_skill'] loop
        execute format('create policy platform on livery.%I for select using '
            '(workspace_id = ''00000000-0000-0000-0000-000000000000'')', v_table);
    end loop;
end $$;

grant select, insert on livery.channel_move, livery.sign_off, livery.suppression, livery.binding_move,
    livery.job_role_skill to livery_api, livery_worker;
grant select, insert, update on livery.certification_job, livery.job_role to livery_api, livery_worker;
grant select, insert, update, delete on livery.binding to livery_api, livery_worker;
grant select on livery.channel_move, livery.sign_off, livery.suppression, livery.job_role, livery.job_role_skill
    to livery_auditor;
