-- The two statements of the hot path take rows, not columns: one array of a composite type costs the server and the
-- client about half of what one array for each column did. What decides a batch is kept apart from what is only
-- written, so that the texts of a row are not copied from step to step; and nothing is joined to itself row by row, so
-- that a call costs the same in a batch of any size.

drop function livery.begin_batch(text, uuid, text, uuid[], uuid[], uuid[], text[], text[], text[], text[], text[], text[], jsonb[], boolean[],
    bigint[], text[], text[], text[], bigint[], bigint[], text[], text[], jsonb[], text[]);
drop function livery.settle_batch(text, text, uuid[], uuid[], text[], text[], text[], bigint[], bigint[], bigint[], bigint[], bigint[], boolean[],
    text[], text[], jsonb[], text[]);

create type livery.intent as (
    run_id uuid, workspace_id uuid, agent_id uuid, skill_key text, version text, digest text, principal text, key text,
    args_hash text, input text, dry_run boolean, estimate bigint, period text, approval_id text, policy_hash text,
    g_epoch bigint, w_epoch bigint, correlation_id text, denied text, envelope text, body text);

create type livery.outcome as (
    run_id uuid, workspace_id uuid, skill_key text, status text, code text, estimate bigint, cost bigint,
    tokens_in bigint, tokens_out bigint, duration_us bigint, free boolean, key text, correlation_id text, envelope text,
    body text);

-- BEGIN of a batch of runs, one statement and one commit for all of them. A verdict starting with '!' is for the
-- caller to act on (nothing was written): !taken, !lease, !stale, !known, !retry. Null is admitted; else the denial's
-- code. A run that was approved and is queued is begun under its own id, by whoever comes first.
create function livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[])
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
    v_approval text[] := array(select r.approval_id from unnest(p_rows) r where r.approval_id is not null);
    v_taken uuid[] := '{}';
    v_spent uuid[] := '{}';
begin
    select c.seq, c.head, e.value,
           exists (select from livery.process p where p.process_id = p_process and p.expires_at > clock_timestamp())
      into strict v_seq, v_head, v_global, v_leased
      from livery.chain c, livery.epoch e
     where c.chain_id = p_chain and e.workspace_id = '00000000-0000-0000-0000-000000000000' for update of c;
    -- Locked in one order, before the statement that reads them takes its snapshot.
    perform from livery.budget b where b.workspace_id = any (string_to_array(p_workspaces, ',')::uuid[])
      order by b.workspace_id for update;
    if cardinality(v_approval) > 0 then
        perform from livery.approval a where a.approval_id = any (v_approval) order by a.approval_id for update;
        select coalesce(array_agg(x.run_id) filter (where x.status <> 'queued'), '{}') into v_taken
          from (select u.run_id, u.status from livery.run u
                 where u.run_id = any (array(select r.run_id from unnest(p_rows) r)) order by u.run_id for update) x;
        if array_to_string(v_approval, ',') like '%STA-%' then
            -- Standing approvals: as many of this batch as are left, in its order. One that does not fit (any more) is
            -- decided again, by what is so then.
            perform from livery.standing_approval s where s.standing_id = any (v_approval)
              order by s.standing_id for update;
            select coalesce(array_agg(x.run_id), '{}') into v_spent from (
                select r.run_id, s.standing_id, s.used + row_number() over (partition by r.approval_id order by r.ord)
                       <= s.total as fits
                  from unnest(p_rows) with ordinality as r(run_id, workspace_id, agent_id, skill_key, version, digest,
                       principal, key, args_hash, input, dry_run, estimate, period, approval_id, policy_hash, g_epoch,
                       w_epoch, correlation_id, denied, envelope, body, ord)
                  left join livery.standing_approval s
                         on s.standing_id = r.approval_id and s.revoked_at is null and s.expires_at > clock_timestamp()
                        and s.workspace_id = r.workspace_id and s.digest = r.digest and s.policy_hash = r.policy_hash
                        and s.hired_agent_id is not distinct from r.agent_id
                 where starts_with(r.approval_id, 'STA-') and r.denied is null) x
             where x.standing_id is null or not x.fits;
        end if;
    end if;
    return query
    with checked as (
        select r.ord, r.run_id, r.workspace_id, r.skill_key, r.key, r.args_hash, r.approval_id, r.estimate, r.period,
            i.run_id as holder, case
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
        from unnest(p_rows) with ordinality as r(run_id, workspace_id, agent_id, skill_key, version, digest, principal,
            key, args_hash, input, dry_run, estimate, period, approval_id, policy_hash, g_epoch, w_epoch,
            correlation_id, denied, envelope, body, ord)
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
        select f.ord, f.run_id, f.workspace_id, f.approval_id, f.estimate, f.period, case
            when f.code is null and f.key is not null and f.holder is null
                 and f.run_id not in (select c.run_id from claimed c) then '!retry'
            else f.code end as final
        from fitted f
    ), noted as (
        select d.*, row_number() over (order by d.ord) as k, p_rows[d.ord::integer] as r from decided d
         where d.final is null or not starts_with(d.final, '!')
    ), runs as (
        insert into livery.run (run_id, workspace_id, hired_agent_id, skill_key, skill_version, digest, principal,
            status, code, args_hash, input, dry_run, reserved, approval_id, correlation_id, process_id, envelope,
            finished_at)
        select d.run_id, d.workspace_id, (d.r).agent_id, (d.r).skill_key, (d.r).version, (d.r).digest, (d.r).principal,
            case when d.final is null then 'running' else 'denied' end, d.final, (d.r).args_hash,
            (d.r).input::jsonb, (d.r).dry_run,
            case when d.final is null then d.estimate else 0 end, d.approval_id, (d.r).correlation_id, p_process,
            case when d.final is not null then (d.r).envelope::jsonb end,
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
          from decided d where d.final is null and d.approval_id is not null and a.approval_id = d.approval_id
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
               d.workspace_id, d.run_id::text, coalesce(d.final, ''), (d.r).correlation_id, (d.r).body
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

-- SETTLE of a batch of runs. False where the run was no longer running: a late settle loses to the sweep. Null where
-- the version was revoked meanwhile and its results are withheld: nothing was written, and the caller settles the run
-- as `skill_revoked`. What the platform ended itself (it took 0 us) and what is unknown hold no result.
create function livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[])
returns table (n bigint, settled boolean) language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_material = off set plan_cache_mode = force_generic_plan as $$
declare
    v_scope text := set_config('livery.workspaces', p_workspaces, true);
    v_seq bigint;
    v_head bytea;
    v_now bigint := (extract(epoch from clock_timestamp()) * 1e6)::bigint;
    v_withholding boolean;
begin
    select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain for update;
    perform from livery.budget b where b.workspace_id = any (string_to_array(p_workspaces, ',')::uuid[])
      order by b.workspace_id for update;
    -- One look at an index that is empty, as a rule, for the whole batch.
    v_withholding := exists (select from livery.skill_version v where v.status = 'revoked' and v.in_flight = 'withhold');
    return query
    with req as (
        select * from unnest(p_rows) with ordinality as r(run_id, workspace_id, skill_key, status, code, estimate, cost,
            tokens_in, tokens_out, duration_us, free, key, correlation_id, envelope, body, ord)
    ), withheld as (
        select r.ord from req r where v_withholding and r.duration_us > 0 and r.status <> 'unknown'
           and r.code <> 'skill_revoked' and exists (
            select from livery.run u join livery.skill_version v on v.digest = u.digest
             where u.run_id = r.run_id and u.status = 'running' and v.status = 'revoked' and v.in_flight = 'withhold'
               and v.workspace_id in (r.workspace_id, '00000000-0000-0000-0000-000000000000'))
    ), done as (
        update livery.run u set status = r.status, code = r.code, cost = r.cost, duration_us = r.duration_us,
               envelope = r.envelope::jsonb, finished_at = clock_timestamp()
          from req r where u.run_id = r.run_id and u.status = 'running'
           and not (v_withholding and r.ord in (select w.ord from withheld w))
        returning r.ord, r.run_id, r.workspace_id, r.skill_key, r.status, r.code, r.estimate, r.cost, r.free, r.key
    ), fresh as (
        select d.*, row_number() over (order by d.ord) as k, p_rows[d.ord::integer] as r from done d
    ), used as (
        insert into livery.usage_event (run_id, workspace_id, skill_key, cost, tokens_in, tokens_out, duration_us)
        select f.run_id, f.workspace_id, f.skill_key, f.cost, (f.r).tokens_in, (f.r).tokens_out, (f.r).duration_us
          from fresh f
    ), freed as (
        delete from livery.idempotency i using done f
         where f.free and f.key is not null and i.workspace_id = f.workspace_id and i.skill_key = f.skill_key
           and i.key = f.key and i.run_id = f.run_id
    ), paid as (
        update livery.budget b set reserved = b.reserved - x.estimate, spent = b.spent + x.cost
          from (select f.workspace_id, sum(f.estimate)::bigint as estimate, sum(f.cost)::bigint as cost
                  from done f group by 1) x
         where b.workspace_id = x.workspace_id
    ), written as (
        insert into livery.journal as j
        select p_chain, v_seq + f.k, v_now, 'run.' || f.status, f.workspace_id, f.run_id::text, f.code,
               (f.r).correlation_id, (f.r).body
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
    select r.ord, case when v_withholding and r.ord in (select w.ord from withheld w) then null
                       else r.ord in (select d.ord from done d) end
      from req r order by r.ord;
end $$;

revoke all on function livery.begin_batch, livery.settle_batch from public;
grant execute on function livery.begin_batch, livery.settle_batch to livery_api, livery_worker;
