-- Approvals in full: who may give them, what they show, which code they admit, and the runs that wait for them.

alter table livery.workspace add column four_eyes boolean not null default false;
-- Whether operators may approve here; the customer's to give. `default` is the operators' own workspace.
alter table livery.workspace add column delegated_approval boolean not null default false;
update livery.workspace set delegated_approval = true where slug = 'default';

alter table livery.approval add column version text;
alter table livery.approval add column skill_id uuid;
alter table livery.approval add column security_hash text;
alter table livery.approval add column target text not null default '';
alter table livery.approval add column input jsonb;
alter table livery.approval add column requested_by_token uuid;
alter table livery.approval add column decision text check (decision in ('run_once', 'always_allow', 'deny'));
alter table livery.approval add column reason text;
create index approval_created on livery.approval (created_at desc, approval_id desc);
create index approval_open_until on livery.approval (expires_at) where state in ('requested', 'granted');

-- Grants of code: `run_once` is the approval itself and has no row here. Another security hash is other code.
create table livery.code_grant (
    grant_id uuid primary key,
    workspace_id uuid not null references livery.workspace,
    hired_agent_id uuid references livery.hired_agent,
    skill_id uuid not null references livery.skill,
    security_hash text not null,
    decision text not null check (decision in ('always_allow', 'deny')),
    decided_by text not null,
    decided_at timestamptz not null default clock_timestamp(),
    approval_id text,
    revoked_by text,
    revoked_at timestamptz
);
create unique index code_grant_live on livery.code_grant (workspace_id, skill_id, security_hash, hired_agent_id)
    nulls not distinct where revoked_at is null;

-- Runs that wait for an approval, or were approved and wait to be started. The input is in livery.run.
create table livery.waiting_run (
    run_id uuid primary key,
    workspace_id uuid not null,
    approval_id text not null,
    token_id uuid not null,
    skill_id uuid not null,
    version text,
    channel text,
    key text,
    claimed_by uuid,
    created_at timestamptz not null default clock_timestamp()
);
create index waiting_run_approval on livery.waiting_run (approval_id);

do $$
declare
    v_table text;
begin
    foreach v_table in array array['code_grant', 'waiting_run'] loop
        execute format('alter table livery.%I enable row level security', v_table);
        execute format('create policy tenancy on livery.%I using (workspace_id = any ((select '
            'string_to_array(current_setting(''livery.workspaces'', true), '','')::uuid[])::uuid[]))', v_table);
    end loop;
end $$;
grant select, insert, update on livery.code_grant to livery_api, livery_worker;
grant select, insert, update, delete on livery.waiting_run to livery_api, livery_worker;
grant select on livery.code_grant to livery_auditor;
