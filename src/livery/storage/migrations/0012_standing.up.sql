-- Targets that a workspace has registered, and standing approvals: so many runs of one version that only sends, to one of
-- them, under one policy, until then. A run under one has its id as its approval.

create table livery.registered_target (
    workspace_id uuid not null references livery.workspace,
    host text not null check (length(host) between 1 and 300),
    note text not null default '',
    registered_by text not null,
    registered_at timestamptz not null default clock_timestamp(),
    primary key (workspace_id, host)
);

create table livery.standing_approval (
    standing_id text primary key check (starts_with(standing_id, 'STA-')),
    workspace_id uuid not null references livery.workspace,
    hired_agent_id uuid references livery.hired_agent,
    skill_id uuid not null,
    skill_key text not null,
    version text not null,
    digest text not null,
    action text not null check (action = 'send'),
    target text not null,
    policy_hash text not null,
    total integer not null check (total > 0),
    used integer not null default 0 check (used between 0 and total),
    expires_at timestamptz not null,
    granted_by text not null,
    granted_by_token uuid not null,
    granted_at timestamptz not null default clock_timestamp(),
    revoked_by text,
    revoked_at timestamptz,
    reason text
);
create index standing_approval_live on livery.standing_approval (workspace_id, skill_id, digest) where revoked_at is null;
create index standing_approval_granted on livery.standing_approval (granted_at desc, standing_id desc);

do $$
declare
    v_table text;
begin
    foreach v_table in array array['registered_target', 'standing_approval'] loop
        execute format('alter table livery.%I enable row level security', v_table);
        execute format('create policy tenancy on livery.%I using (workspace_id = any ((select '
            'string_to_array(current_setting(''livery.workspaces'', true), '','')::uuid[])::uuid[]))', v_table);
    end loop;
end $$;
grant select, insert, delete on livery.registered_target to livery_api, livery_worker;
grant select, insert, update on livery.standing_approval to livery_api, livery_worker;
-- What keeps a target is held while it is built upon; that takes the right to update it, and only its note is changed.
grant update (note) on livery.registered_target to livery_api, livery_worker;
grant select on livery.registered_target, livery.standing_approval to livery_auditor;

-- As before, and: a call under a standing approval uses up one of its runs, in the transaction that begins it.
create or replace function livery.begin_batch(
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
    v_spent uuid[] := '{}';
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
        if array_to_string(p_approval, ',') like '%STA-%' then
            -- Standing approvals: as many of this batch as are left, in its order. One that does not fit (any more) is
            -- decided again, by what is so then.
            perform from livery.standing_approval s where s.standing_id = any (p_approval)
              order by s.standing_id for update;
            select coalesce(array_agg(x.run_id), '{}') into v_spent from (
                select r.run_id, s.standing_id, s.used + row_number() over (partition by r.approval_id order by r.ord)
                       <= s.total as fits
                  from unnest(p_run, p_workspace, p_agent, p_digest, p_approval, p_policy, p_denied)
                       with ordinality as r(run_id, workspace_id, agent_id, digest, approval_id, policy_hash, denied, ord)
                  left join livery.standing_approval s
                         on s.standing_id = r.approval_id and s.revoked_at is null and s.expires_at > clock_timestamp()
                        and s.workspace_id = r.workspace_id and s.digest = r.digest and s.policy_hash = r.policy_hash
                        and s.hired_agent_id is not distinct from r.agent_id
                 where starts_with(r.approval_id, 'STA-') and r.denied is null) x
             where x.standing_id is null or not x.fits;
        end if;
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
            when r.run_id = any (v_spent) then '!stale'
            when r.approval_id is not null and not starts_with(r.approval_id, 'STA-')
                 and (a.approval_id is null or row_number() over (
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
    ), counted as (
        update livery.standing_approval s set used = s.used + x.runs
          from (select d.approval_id, count(*)::integer as runs from decided d
                 where d.final is null and starts_with(d.approval_id, 'STA-') group by 1) x
         where s.standing_id = x.approval_id
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
