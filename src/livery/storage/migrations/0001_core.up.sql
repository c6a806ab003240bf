-- The house: tenancy, catalog, hiring, the journal and the hot path.
-- Owned by livery_owner. Row-level security is on, not forced: the owner logs in only to migrate, and the
-- few SECURITY DEFINER functions at the end are the only reads across workspaces.

create schema livery;

-- The platform's own rows carry the zero workspace, so that no policy needs a special case for null.

-- Tenancy -----------------------------------------------------------------------------------------------

create table livery.workspace (
    workspace_id uuid primary key,
    slug text not null unique,
    name text not null,
    timezone text not null default 'UTC',
    created_at timestamptz not null default now()
);

create table livery.token (
    token_id uuid primary key,
    token_hash bytea not null unique,
    name text not null,
    role text not null check (role in
        ('operator', 'approver', 'author', 'auditor', 'customer_admin', 'customer_member', 'agent')),
    workspace_id uuid references livery.workspace,
    hired_agent_id uuid,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    check (role in ('operator', 'approver', 'author', 'auditor') or workspace_id is not null),
    check ((role = 'agent') = (hired_agent_id is not null))
);

-- What a cached execution contract was made from: any change that could change a decision adds one here, and
-- the begin of a run compares. The zero workspace counts what concerns everybody.
create table livery.epoch (
    workspace_id uuid primary key,
    value bigint not null default 1
);

-- Catalog -----------------------------------------------------------------------------------------------

create table livery.package (
    digest text primary key check (digest ~ '^sha256:[0-9a-f]{64}$'),
    archive bytea not null,
    created_at timestamptz not null default now()
);

create table livery.skill (
    skill_id uuid primary key,
    workspace_id uuid not null,
    skill_key text not null check (skill_key ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(skill_key) <= 64),
    name text not null,
    description text not null,
    category text not null,
    owner text not null,
    created_at timestamptz not null default now(),
    unique (workspace_id, skill_key)
);

create table livery.skill_version (
    skill_id uuid not null references livery.skill,
    workspace_id uuid not null,
    version text not null,
    ordinal integer not null,
    digest text not null,
    status text not null check (status in
        ('draft', 'pending_certification', 'certified', 'deprecated', 'revoked', 'deleted')),
    contract jsonb not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    reason text,
    primary key (skill_id, version)
);
create index skill_version_digest on livery.skill_version (digest);

create table livery.certificate (
    certificate_id uuid primary key,
    skill_id uuid not null,
    workspace_id uuid not null,
    version text not null,
    digest text not null,
    state text not null check (state in ('valid', 'stale', 'revoked')),
    key_id text not null,
    signed_at timestamptz not null,
    expires_at timestamptz not null,
    checks jsonb not null,
    statement jsonb not null,
    foreign key (skill_id, version) references livery.skill_version
);
create index certificate_version on livery.certificate (skill_id, version, signed_at desc);

create table livery.channel (
    skill_id uuid not null,
    workspace_id uuid not null,
    channel text not null check (channel in ('staging', 'production')),
    version text not null,
    primary key (skill_id, channel),
    foreign key (skill_id, version) references livery.skill_version
);

create table livery.policy_set (
    policy_hash text primary key,
    text text not null,
    active boolean not null default false,
    created_by text not null,
    created_at timestamptz not null default now()
);
create unique index policy_set_active on livery.policy_set (active) where active;

-- Hiring (thin) -----------------------------------------------------------------------------------------

create table livery.agent_type (
    agent_type text not null,
    version integer not null,
    name text not null,
    description text not null,
    required_skill_keys text[] not null,
    status text not null check (status in ('draft', 'published', 'deprecated')),
    created_at timestamptz not null default now(),
    primary key (agent_type, version)
);

create table livery.hired_agent (
    hired_agent_id uuid primary key,
    workspace_id uuid not null references livery.workspace,
    agent_type text not null,
    agent_type_version integer not null,
    name text not null,
    status text not null check (status in ('draft', 'active', 'paused', 'degraded', 'ended')),
    created_at timestamptz not null default now(),
    unique (workspace_id, name),
    foreign key (agent_type, agent_type_version) references livery.agent_type
);

create table livery.hired_agent_skill (
    hired_agent_id uuid not null references livery.hired_agent,
    workspace_id uuid not null,
    skill_id uuid not null references livery.skill,
    version text not null,
    primary key (hired_agent_id, skill_id)
);

create table livery.kill_switch (
    scope text not null check (scope in ('all', 'workspace', 'agent')),
    target uuid not null,
    workspace_id uuid not null,
    reason text not null,
    engaged_by text not null,
    engaged_at timestamptz not null default now(),
    primary key (scope, target)
);

-- Money is in whole micro-dollars (1 USD = 1,000,000): exact, and small enough for a bigint.
create table livery.budget (
    workspace_id uuid primary key,
    cap bigint not null check (cap >= 0),
    period text not null,
    reserved bigint not null default 0 check (reserved >= 0),
    spent bigint not null default 0 check (spent >= 0)
) with (fillfactor = 50);

-- Runs --------------------------------------------------------------------------------------------------

create table livery.process (
    process_id uuid primary key,
    kind text not null,
    host text not null,
    pid integer not null,
    started_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    swept_at timestamptz
);

create table livery.run (
    run_id uuid primary key,
    workspace_id uuid not null,
    hired_agent_id uuid,
    skill_key text not null,
    skill_version text,
    digest text,
    principal text not null,
    status text not null check (status in
        ('queued', 'running', 'succeeded', 'failed', 'canceled', 'denied', 'awaiting_approval', 'unknown')),
    code text,
    args_hash text,
    input jsonb,
    dry_run boolean not null,
    reserved bigint not null,
    cost bigint not null default 0,
    duration_us bigint,
    approval_id text,
    correlation_id text not null,
    process_id uuid not null,
    envelope jsonb,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
) with (fillfactor = 60);
create index run_workspace_created on livery.run (workspace_id, created_at desc);
create index run_created on livery.run using brin (created_at);

create table livery.idempotency (
    workspace_id uuid not null,
    skill_key text not null,
    key text not null,
    args_hash text not null,
    run_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, skill_key, key)
);

create table livery.usage_event (
    run_id uuid primary key,
    workspace_id uuid not null,
    skill_key text not null,
    cost bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    duration_us bigint not null,
    at timestamptz not null default clock_timestamp()
);
create index usage_event_at on livery.usage_event using brin (at);

create table livery.approval (
    approval_id text primary key check (approval_id like 'APR-%'),
    workspace_id uuid not null,
    hired_agent_id uuid,
    skill_key text not null,
    digest text not null,
    action text not null,
    args_hash text not null,
    policy_hash text not null,
    state text not null check (state in ('requested', 'granted', 'denied', 'expired', 'consumed', 'revoked')),
    requested_by text not null,
    decided_by text,
    run_id uuid,
    created_at timestamptz not null default now(),
    decided_at timestamptz,
    expires_at timestamptz not null
);
-- One open request for one action; two agents never share one, because its approval is bound to the agent.
create unique index approval_open on livery.approval (workspace_id, skill_key, digest, action, args_hash, policy_hash,
    hired_agent_id) nulls not distinct where state = 'requested';

create table livery.effect (
    effect_id uuid primary key,
    run_id uuid not null,
    workspace_id uuid not null,
    action text not null,
    target text not null,
    state text not null check (state in ('intended', 'sent', 'confirmed', 'failed', 'unknown')),
    at timestamptz not null default clock_timestamp(),
    evidence jsonb
);
create index effect_run on livery.effect (run_id);

create table livery.artifact (
    artifact_id uuid primary key,
    run_id uuid not null,
    workspace_id uuid not null,
    skill_key text not null,
    skill_version text not null,
    name text not null,
    media_type text not null,
    size bigint not null,
    sha256 text not null,
    content bytea not null,
    statement jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);
create index artifact_run on livery.artifact (run_id);
create index artifact_workspace on livery.artifact (workspace_id, created_at desc);

-- The journal: one chain per writer, extended once per batch ---------------------------------------------

create table livery.chain (
    chain_id text primary key,
    seq bigint not null default 0,
    head bytea not null,
    created_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

create table livery.journal (
    chain_id text not null,
    seq bigint not null,
    at_us bigint not null,
    kind text not null,
    workspace_id uuid not null,
    subject_id text not null,
    code text not null,
    correlation_id text not null,
    body text not null,
    primary key (chain_id, seq)
);
create index journal_at on livery.journal (at_us);

create table livery.chain_link (
    chain_id text not null,
    first_seq bigint not null,
    last_seq bigint not null,
    hash bytea not null,
    primary key (chain_id, last_seq)
);

create table livery.checkpoint (
    checkpoint_id uuid primary key,
    at timestamptz not null default clock_timestamp(),
    statement jsonb not null
);

-- The hash of one entry (formula: kernel/chain.py).
create function livery.entry_hash(j livery.journal) returns bytea language sql stable as $$
    select sha256(convert_to(concat_ws(E'\n', j.chain_id, j.seq, j.at_us, j.kind, j.workspace_id, j.subject_id, j.code,
        j.correlation_id, j.body), 'UTF8'))
$$;

-- Closes the batch that a transaction has just written behind p_seq: links it to the chain.
create function livery.chain_close(p_chain text, p_seq bigint, p_head bytea) returns void
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_material = off set plan_cache_mode = force_generic_plan as $$
declare
    v_last bigint;
    v_hash bytea;
begin
    select max(j.seq), sha256(p_head || string_agg(livery.entry_hash(j), ''::bytea order by j.seq))
      into v_last, v_hash
      from livery.journal j where j.chain_id = p_chain and j.seq > p_seq;
    if v_last is null then return; end if;
    insert into livery.chain_link values (p_chain, p_seq + 1, v_last, v_hash);
    update livery.chain set seq = v_last, head = v_hash where chain_id = p_chain;
end $$;

-- One entry outside a batch of runs: a mutation writes it in its own transaction.
create function livery.journal_append(
    p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text)
returns bigint language plpgsql as $$
declare
    v_seq bigint;
    v_head bytea;
begin
    select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain for update;
    insert into livery.journal values (p_chain, v_seq + 1, (extract(epoch from clock_timestamp()) * 1e6)::bigint,
        p_kind, p_workspace, p_subject, p_code, p_correlation, p_body);
    perform livery.chain_close(p_chain, v_seq, v_head);
    return v_seq + 1;
end $$;

-- Running sum of what was admitted: an estimate that does not fit the room is passed over and does not count.
create function livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) returns bigint
language plpgsql immutable parallel safe as $$
begin
    if p_estimate is null or p_estimate > p_room - p_used then return p_used; end if;
    return p_used + p_estimate;
end $$;

create aggregate livery.admitted(p_estimate bigint, p_room bigint) (
    sfunc = livery.admit_step, stype = bigint, initcond = '0');

-- The settings of these functions hold their plans to nested loops over the primary keys, whatever the tables held when
-- the plan was made: what a batch costs depends on the batch alone.
-- BEGIN of a batch of runs, one statement and one commit for all of them. A verdict starting with '!' is for the
-- caller to act on (nothing was written): !taken, !lease, !stale, !known, !retry. Null is admitted; else the denial's
-- code. A run that was approved and is queued is begun under its own id, by whoever comes first.
create function livery.begin_batch(
    p_workspaces text, p_process uuid, p_chain text,
    p_run uuid[], p_workspace uuid[], p_agent uuid[], p_skill text[], p_version text[], p_digest text[],
    p_principal text[], p_key text[], p_args text[], p_input jsonb[], p_dry boolean[], p_estimate bigint[],
    p_period text[], p_approval text[], p_policy text[], p_global bigint[], p_local bigint[], p_correlation text[],
    p_denied text[], p_envelope jsonb[], p_body text[])
returns table (n bigint, verdict text) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_material = off set plan_cache_mode = force_generic_plan as $$
declare
    v_scope text := set_config('livery.workspaces', p_workspaces, true);
    -- A sweep takes this lock alone: it never passes over a run that is begun under a lease while that runs out.
    v_alive boolean := pg_advisory_xact_lock_shared(7240615, hashtext(p_process::text)) is not null;
    v_seq bigint;
    v_head bytea;
    v_now bigint := (extract(epoch from clock_timestamp()) * 1e6)::bigint;
    v_leased boolean;
    v_global bigint;
    v_taken uuid[] := '{}';
begin
    select c.seq, c.head, e.value,
           exists (select from livery.process p where p.process_id = p_process and p.expires_at > clock_timestamp())
      into strict v_seq, v_head, v_global, v_leased
      from livery.chain c, livery.epoch e
     where c.chain_id = p_chain and e.workspace_id = '00000000-0000-0000-0000-000000000000' for update of c;
    -- Locked in one order, before the statement that reads them takes its snapshot.
    perform from livery.budget b where b.workspace_id = any (p_workspace) order by b.workspace_id for update;
    if array_length(array_remove(p_approval, null), 1) > 0 then
        perform from livery.approval a where a.approval_id = any (p_approval) order by a.approval_id for update;
        select coalesce(array_agg(x.run_id) filter (where x.status <> 'queued'), '{}') into v_taken
          from (select u.run_id, u.status from livery.run u where u.run_id = any (p_run) order by u.run_id for update) x;
    end if;
    return query
    with req as (
        select * from unnest(p_run, p_workspace, p_agent, p_skill, p_version, p_digest, p_principal, p_key, p_args,
            p_input, p_dry, p_estimate, p_period, p_approval, p_policy, p_global, p_local, p_correlation, p_denied,
            p_envelope, p_body)
        with ordinality as r(run_id, workspace_id, agent_id, skill_key, version, digest, principal, key, args_hash,
            input, dry_run, estimate, period, approval_id, policy_hash, g_epoch, w_epoch, correlation_id, denied,
            envelope, body, ord)
    ), checked as (
        select r.*, i.run_id as holder, case
            when r.run_id = any (v_taken) then '!taken'
            -- A denial by facts that have changed is not recorded either: it may be no denial any more.
            when r.g_epoch is distinct from v_global or r.w_epoch is distinct from e.value then '!stale'
            when r.denied is not null then r.denied
            when not v_leased then '!lease'
            when i.run_id <> r.run_id then '!known'
            when r.key is not null
                 and row_number() over (partition by r.workspace_id, r.skill_key, r.key order by r.ord) > 1 then '!retry'
            when r.approval_id is not null and (a.approval_id is null or row_number() over (
                 partition by r.approval_id order by r.ord) > 1) then 'approval_invalid'
            when b.workspace_id is null then 'metering_required'
            end as pre,
            b.cap - b.reserved - case when r.period > b.period then 0 else b.spent end as room
        from req r
        left join livery.epoch e on e.workspace_id = r.workspace_id
        left join livery.budget b on b.workspace_id = r.workspace_id
        left join livery.idempotency i
               on i.workspace_id = r.workspace_id and i.skill_key = r.skill_key and i.key = r.key
        left join livery.approval a
               on a.approval_id = r.approval_id and a.state = 'granted' and a.expires_at > clock_timestamp()
              and a.workspace_id = r.workspace_id and a.digest = r.digest and a.args_hash = r.args_hash
              and a.policy_hash = r.policy_hash and a.hired_agent_id is not distinct from r.agent_id
    ), summed as (
        select c.*, livery.admitted(case when c.pre is null then c.estimate end, c.room)
                        over (partition by c.workspace_id order by c.ord) as used
        from checked c
    ), fitted as (
        select s.*, case
            when s.pre is not null then s.pre
            when s.used > s.room
                 or s.used - coalesce(lag(s.used) over (partition by s.workspace_id order by s.ord), 0) <> s.estimate
            then 'monthly_budget_exceeded' end as code
        from summed s
    ), claimed as (
        insert into livery.idempotency (workspace_id, skill_key, key, args_hash, run_id)
        select f.workspace_id, f.skill_key, f.key, f.args_hash, f.run_id from fitted f
         where f.code is null and f.key is not null order by 1, 2, 3
        on conflict do nothing returning idempotency.run_id
    ), decided as (
        select f.*, case when f.code is null and f.key is not null and coalesce(c.run_id, f.holder) is null then '!retry'
                         else f.code end as final
        from fitted f left join claimed c on c.run_id = f.run_id
    ), noted as (
        select d.*, row_number() over (order by d.ord) as k from decided d
         where d.final is null or not starts_with(d.final, '!')
    ), runs as (
        insert into livery.run (run_id, workspace_id, hired_agent_id, skill_key, skill_version, digest, principal,
            status, code, args_hash, input, dry_run, reserved, approval_id, correlation_id, process_id, envelope,
            finished_at)
        select d.run_id, d.workspace_id, d.agent_id, d.skill_key, d.version, d.digest, d.principal,
            case when d.final is null then 'running' else 'denied' end, d.final, d.args_hash, d.input, d.dry_run,
            case when d.final is null then d.estimate else 0 end, d.approval_id, d.correlation_id, p_process,
            case when d.final is not null then d.envelope end,
            case when d.final is not null then clock_timestamp() end
        from noted d
        -- It counts from its beginning on: to the sweep, and to the period that pays for it.
        on conflict (run_id) do update set skill_version = excluded.skill_version, digest = excluded.digest,
            status = excluded.status, code = excluded.code, reserved = excluded.reserved,
            process_id = excluded.process_id, envelope = excluded.envelope, created_at = excluded.created_at,
            finished_at = excluded.finished_at
         where livery.run.status = 'queued'
    ), consumed as (
        update livery.approval a set state = 'consumed', run_id = d.run_id
          from decided d where d.final is null and a.approval_id = d.approval_id
    ), reserved as (
        update livery.budget b
           -- A period only ever moves on: a process whose clock is behind does not bring the old one back.
           set reserved = b.reserved + x.total, period = greatest(b.period, x.period),
               spent = case when x.period > b.period then 0 else b.spent end
          from (select d.workspace_id, sum(d.estimate)::bigint as total, max(d.period) as period
                  from decided d where d.final is null group by 1) x
         where b.workspace_id = x.workspace_id
    ), written as (
        insert into livery.journal as j
        select p_chain, v_seq + d.k, v_now, case when d.final is null then 'run.started' else 'run.denied' end,
               d.workspace_id, d.run_id::text, coalesce(d.final, ''), d.correlation_id, d.body
        from noted d
        returning j.seq, livery.entry_hash(j) as hash
    ), closed as (
        select max(w.seq) as seq, sha256(v_head || string_agg(w.hash, ''::bytea order by w.seq)) as hash
          from written w having count(*) > 0
    ), linked as (
        insert into livery.chain_link select p_chain, v_seq + 1, c.seq, c.hash from closed c
    ), headed as (
        update livery.chain h set seq = c.seq, head = c.hash from closed c where h.chain_id = p_chain
    )
    select d.ord, d.final from decided d order by d.ord;
end $$;

-- SETTLE of a batch of runs. False where the run was no longer running: a late settle loses to the sweep.
create function livery.settle_batch(
    p_workspaces text, p_chain text,
    p_run uuid[], p_workspace uuid[], p_skill text[], p_status text[], p_code text[], p_estimate bigint[],
    p_cost bigint[], p_in bigint[], p_out bigint[], p_duration bigint[], p_free boolean[], p_key text[],
    p_correlation text[], p_envelope jsonb[], p_body text[])
returns table (n bigint, settled boolean) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_material = off set plan_cache_mode = force_generic_plan as $$
declare
    v_scope text := set_config('livery.workspaces', p_workspaces, true);
    v_seq bigint;
    v_head bytea;
    v_now bigint := (extract(epoch from clock_timestamp()) * 1e6)::bigint;
begin
    select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain for update;
    perform from livery.budget b where b.workspace_id = any (p_workspace) order by b.workspace_id for update;
    return query
    with req as (
        select * from unnest(p_run, p_workspace, p_skill, p_status, p_code, p_estimate, p_cost, p_in, p_out,
            p_duration, p_free, p_key, p_correlation, p_envelope, p_body)
        with ordinality as r(run_id, workspace_id, skill_key, status, code, estimate, cost, tokens_in, tokens_out,
            duration_us, free, key, correlation_id, envelope, body, ord)
    ), done as (
        update livery.run u set status = r.status, code = r.code, cost = r.cost, duration_us = r.duration_us,
               envelope = r.envelope, finished_at = clock_timestamp()
          from req r where u.run_id = r.run_id and u.status = 'running' returning u.run_id
    ), fresh as (
        select r.*, row_number() over (order by r.ord) as k from req r join done using (run_id)
    ), used as (
        insert into livery.usage_event (run_id, workspace_id, skill_key, cost, tokens_in, tokens_out, duration_us)
        select f.run_id, f.workspace_id, f.skill_key, f.cost, f.tokens_in, f.tokens_out, f.duration_us from fresh f
    ), freed as (
        delete from livery.idempotency i using fresh f
         where f.free and i.workspace_id = f.workspace_id and i.skill_key = f.skill_key and i.key = f.key
           and i.run_id = f.run_id
    ), paid as (
        update livery.budget b set reserved = b.reserved - x.estimate, spent = b.spent + x.cost
          from (select f.workspace_id, sum(f.estimate)::bigint as estimate, sum(f.cost)::bigint as cost
                  from fresh f group by 1) x
         where b.workspace_id = x.workspace_id
    ), written as (
        insert into livery.journal as j
        select p_chain, v_seq + f.k, v_now, 'run.' || f.status, f.workspace_id, f.run_id::text, f.code,
               f.correlation_id, f.body
        from fresh f
        returning j.seq, livery.entry_hash(j) as hash
    ), closed as (
        select max(w.seq) as seq, sha256(v_head || string_agg(w.hash, ''::bytea order by w.seq)) as hash
          from written w having count(*) > 0
    ), linked as (
        insert into livery.chain_link select p_chain, v_seq + 1, c.seq, c.hash from closed c
    ), headed as (
        update livery.chain h set seq = c.seq, head = c.hash from closed c where h.chain_id = p_chain
    )
    select r.ord, d.run_id is not null from req r left join done d using (run_id) order by r.ord;
end $$;

-- Reads across workspaces, each a named function ---------------------------------------------------------

create function livery.token_lookup(p_hash bytea)
returns table (token_id uuid, role text, workspace_id uuid, hired_agent_id uuid, name text, expires_at timestamptz)
language sql stable security definer set search_path = livery, pg_temp
begin atomic
    select t.token_id, t.role, t.workspace_id, t.hired_agent_id, t.name, t.expires_at from livery.token t
     where t.token_hash = p_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now());
end;

create function livery.workspace_ids() returns setof uuid
language sql stable security definer set search_path = livery, pg_temp
begin atomic select w.workspace_id from livery.workspace w order by 1; end;

create function livery.chain_entries(p_chain text, p_after bigint, p_limit integer)
returns setof livery.journal language sql stable security definer set search_path = livery, pg_temp
begin atomic
    select * from livery.journal j where j.chain_id = p_chain and j.seq > p_after order by j.seq limit p_limit;
end;

-- Settles the runs of processes whose lease has run out: `failed` and retryable, or `unknown` where an effect was
-- already sent (a confirmed one too: a retry would repeat it). Locks each expired lease first, so that two sweepers never settle one process twice.
create function livery.sweep(p_chain text, p_limit integer)
returns table (run_id uuid, workspace_id uuid, status text)
language plpgsql security definer set search_path = livery, pg_temp as $$
#variable_conflict use_column
declare
    v_process record;
    v_seq bigint;
    v_head bytea;
    v_count integer;
begin
    select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain for update;
    for v_process in
        select process_id, started_at from livery.process
         where swept_at is null and expires_at < clock_timestamp() order by process_id for update skip locked
    loop
        -- A batch that is being begun under this lease ends first; what it wrote is swept the next time.
        continue when not pg_try_advisory_xact_lock(7240615, hashtext(v_process.process_id::text));
        -- Budgets before runs, in the order of begin and settle.
        perform from livery.budget b where b.workspace_id in (
            select r.workspace_id from livery.run r where r.process_id = v_process.process_id
               and r.status = 'running' and r.created_at >= v_process.started_at - interval '1 minute')
            order by b.workspace_id for update;
        return query
        with lost as (
            select r.run_id from livery.run r
             where r.process_id = v_process.process_id and r.status = 'running'
               and r.created_at >= v_process.started_at - interval '1 minute'
             order by r.run_id limit p_limit for update
        ), done as (
            update livery.run r
               set status = case when exists (select from livery.effect e
                                   where e.run_id = r.run_id and e.state in ('sent', 'confirmed', 'unknown'))
                                 then 'unknown' else 'failed' end,
                   code = 'execution_error', finished_at = clock_timestamp()
              from lost where r.run_id = lost.run_id returning r.*
        ), doubted as (
            update livery.effect e set state = 'unknown' from done d where e.run_id = d.run_id and e.state = 'sent'
        ), dropped as (
            update livery.effect e set state = 'failed' from done d where e.run_id = d.run_id and e.state = 'intended'
        ), freed as (
            delete from livery.idempotency i using done d where i.run_id = d.run_id and d.status = 'failed'
               and i.workspace_id = d.workspace_id and i.skill_key = d.skill_key
        ), paid as (
            -- An unknown run may have cost what it reserved: it is charged in full until it is resolved.
            update livery.budget b set reserved = b.reserved - x.held, spent = b.spent + x.owed
              from (select d.workspace_id, sum(d.reserved)::bigint as held,
                           coalesce(sum(d.reserved) filter (where d.status = 'unknown'), 0)::bigint as owed
                      from done d group by 1) x where b.workspace_id = x.workspace_id
        ), written as (
            insert into livery.journal
            select p_chain, v_seq + row_number() over (order by d.run_id),
                   (extract(epoch from clock_timestamp()) * 1e6)::bigint, 'run.' || d.status, d.workspace_id,
                   d.run_id::text, 'execution_error', d.correlation_id,
                   '{"process_id":"' || v_process.process_id || '","swept":true}'
              from done d
        )
        select d.run_id, d.workspace_id, d.status from done d;
        get diagnostics v_count = row_count;
        if v_count < p_limit then
            update livery.process set swept_at = clock_timestamp() where process_id = v_process.process_id;
        end if;
        perform livery.chain_close(p_chain, v_seq, v_head);
        select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain;
    end loop;
end $$;

-- Row-level security and grants ---------------------------------------------------------------------------

do $$
declare
    -- Read once a statement, not once a row.
    v_mine text := 'workspace_id = any ((select '
        'string_to_array(current_setting(''livery.workspaces'', true), '','')::uuid[])::uuid[])';
    v_table text;
begin
    foreach v_table in array array['workspace', 'hired_agent', 'hired_agent_skill', 'kill_switch', 'budget', 'approval',
        'effect', 'artifact', 'skill', 'skill_version', 'certificate', 'channel', 'epoch'] loop
        execute format('alter table livery.%I enable row level security', v_table);
        execute format('create policy tenancy on livery.%I using (%s)', v_table, v_mine);
    end loop;
    -- In the tables that every call writes the policy is a filter and never a way to the rows: a plan made while they
    -- were small would walk all rows of a workspace. "is true" keeps it from being an index condition.
    foreach v_table in array array['run', 'idempotency', 'usage_event', 'journal'] loop
        execute format('alter table livery.%I enable row level security', v_table);
        execute format('create policy tenancy on livery.%I using ((%s) is true)', v_table, v_mine);
    end loop;
    -- The platform's skills and epoch are seen by all, a workspace's only by itself.
    foreach v_table in array array['skill', 'skill_version', 'certificate', 'channel', 'epoch'] loop
        execute format('create policy platform on livery.%I for select using '
            '(workspace_id = ''00000000-0000-0000-0000-000000000000'')', v_table);
    end loop;
    execute 'alter table livery.token enable row level security';
    execute 'create policy tenancy on livery.token using (' || replace(v_mine, 'workspace_id',
        'coalesce(workspace_id, ''00000000-0000-0000-0000-000000000000'')') || ')';
end $$;

revoke all on all functions in schema livery from public;
grant usage on schema livery to livery_api, livery_worker, livery_auditor;
grant select, insert, update, delete on all tables in schema livery to livery_api, livery_worker;
-- The record is append-only for every process: nothing that runs may rewrite what it wrote.
revoke update, delete on livery.journal, livery.chain_link, livery.package, livery.checkpoint, livery.artifact,
    livery.usage_event from livery_api, livery_worker;
revoke delete on livery.run, livery.chain, livery.skill_version, livery.certificate, livery.effect, livery.approval
    from livery_api, livery_worker;
grant execute on all functions in schema livery to livery_api, livery_worker;
grant select on livery.journal, livery.chain, livery.chain_link, livery.checkpoint, livery.skill,
    livery.skill_version, livery.certificate to livery_auditor;
grant execute on function livery.chain_entries, livery.workspace_ids to livery_auditor;

insert into livery.epoch values ('00000000-0000-0000-0000-000000000000', 1);
