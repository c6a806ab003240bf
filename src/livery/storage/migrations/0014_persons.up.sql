-- Who is behind a token, and who asked for and granted what, so that four eyes are two people's: keys of tokens and names
-- (kernel.approval). `hand` is who can act as the token: the customer admins up its line of minters. `makers` are the
-- staff up that line, who could too, but do not make those whom they give tokens one person.
alter table livery.token add column hand text[] not null default '{}';
alter table livery.token add column makers text[] not null default '{}';
-- Of tokens that are there, the record knows the name of who made them.
update livery.token t set hand = case when m.staff then '{}' else array[m.key] end,
       makers = case when m.staff then array[m.key] else '{}' end
  from (select j.subject_id, not starts_with(j.by, 'customer_') as staff, 'n:' || btrim(regexp_replace(lower(normalize(substr(j.by, strpos(j.by, ':') + 1), NFKC)), '\s+', ' ', 'g')) as key
          from (select subject_id, body::json ->> 'by' as by from livery.journal where kind = 'token.created') j
         where strpos(j.by, ':') > 0) m
 where m.subject_id = t.token_id::text;

alter table livery.approval add column asked_hand text[] not null default '{}';
alter table livery.approval add column asked_makers text[] not null default '{}';
alter table livery.approval add column granted_hand text[] not null default '{}';
alter table livery.approval add column granted_makers text[] not null default '{}';
update livery.approval a set asked_hand = array_remove(array['t:' || a.requested_by_token::text,
           'n:' || btrim(regexp_replace(lower(normalize(substr(a.requested_by, strpos(a.requested_by, ':') + 1), NFKC)), '\s+', ' ', 'g'))], null)
 where a.state in ('requested', 'granted');
update livery.approval a set granted_hand = array['n:' || btrim(regexp_replace(lower(normalize(substr(a.decided_by, strpos(a.decided_by, ':') + 1), NFKC)), '\s+', ' ', 'g'))]
 where a.state = 'granted' and a.decided_by is not null;

alter table livery.standing_approval add column granted_hand text[] not null default '{}';
alter table livery.standing_approval add column granted_makers text[] not null default '{}';
update livery.standing_approval s set granted_hand = coalesce(t.hand, '{}'), granted_makers = coalesce(t.makers, '{}')
  from livery.token t where t.token_id = s.granted_by_token;

drop function livery.token_lookup(bytea);
create function livery.token_lookup(p_hash bytea)
returns table (token_id uuid, role text, workspace_id uuid, hired_agent_id uuid, name text, expires_at timestamptz,
    hand text[], makers text[])
language sql stable security definer set search_path = livery, pg_temp
begin atomic
    select t.token_id, t.role, t.workspace_id, t.hired_agent_id, t.name, t.expires_at, t.hand, t.makers
      from livery.token t
     where t.token_hash = p_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now());
end;

-- As before, and: a row says who calls, where it names an approval.
drop function livery.begin_batch(text, uuid, text, livery.intent[]);
drop type livery.intent;

create type livery.intent as (
    run_id uuid, workspace_id uuid, agent_id uuid, skill_key text, version text, digest text, principal text, key text,
    args_hash text, input text, dry_run boolean, estimate bigint, period text, approval_id text, policy_hash text,
    g_epoch bigint, w_epoch bigint, correlation_id text, denied text, envelope text, body text,
    hand text[], makers text[]);

-- BEGIN of a batch of runs, one statement and one commit for all of them. A verdict starting with '!' is for the
-- caller to act on (nothing was written): !taken, !lease, !stale, !known, !retry, !own. Null is admitted; else the denial's
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
    v_own uuid[] := '{}';
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
        -- Four eyes, as they are now: whoever granted an approval does not use it, by no token that is theirs.
        select coalesce(array_agg(r.run_id), '{}') into v_own
          from unnest(p_rows) r join livery.approval a on a.approval_id = r.approval_id
          join livery.workspace w on w.workspace_id = a.workspace_id and w.four_eyes
         where r.denied is null and a.state = 'granted'
           and coalesce(r.hand && a.granted_hand or r.hand && a.granted_makers or r.makers && a.granted_hand, true);
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
                       w_epoch, correlation_id, denied, envelope, body, hand, makers, ord)
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
            when r.run_id = any (v_own) then '!own'
            when r.approval_id is not null and not starts_with(r.approval_id, 'STA-')
                 and (a.approval_id is null or row_number() over (
                 partition by r.approval_id order by r.ord) > 1) then 'approval_invalid'
            when b.workspace_id is null then 'metering_required'
            end as pre,
            b.cap - b.reserved - case when r.period > b.period then 0 else b.spent end as room
        from unnest(p_rows) with ordinality as r(run_id, workspace_id, agent_id, skill_key, version, digest, principal,
            key, args_hash, input, dry_run, estimate, period, approval_id, policy_hash, g_epoch, w_epoch,
            correlation_id, denied, envelope, body, hand, makers, ord)
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

revoke all on function livery.token_lookup, livery.begin_batch from public;
grant execute on function livery.token_lookup, livery.begin_batch to livery_api, livery_worker;
