SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA livery;

ALTER SCHEMA livery OWNER TO livery_owner;

CREATE TYPE livery.intent AS (
	run_id uuid,
	workspace_id uuid,
	agent_id uuid,
	skill_key text,
	version text,
	digest text,
	principal text,
	key text,
	args_hash text,
	input text,
	dry_run boolean,
	estimate bigint,
	period text,
	approval_id text,
	policy_hash text,
	g_epoch bigint,
	w_epoch bigint,
	correlation_id text,
	denied text,
	envelope text,
	body text,
	hand text[],
	makers text[]
);

ALTER TYPE livery.intent OWNER TO livery_owner;

CREATE TYPE livery.outcome AS (
	run_id uuid,
	workspace_id uuid,
	skill_key text,
	status text,
	code text,
	estimate bigint,
	cost bigint,
	tokens_in bigint,
	tokens_out bigint,
	duration_us bigint,
	free boolean,
	key text,
	correlation_id text,
	envelope text,
	body text
);

ALTER TYPE livery.outcome OWNER TO livery_owner;

CREATE FUNCTION livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    if p_estimate is null or p_estimate > p_room - p_used then return p_used; end if;
    return p_used + p_estimate;
end $$;

ALTER FUNCTION livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) OWNER TO livery_owner;

CREATE FUNCTION livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[]) RETURNS TABLE(n bigint, verdict text)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

ALTER FUNCTION livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[]) OWNER TO livery_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE livery.certification_job (
    job_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    correlation_id text NOT NULL,
    done_checks jsonb DEFAULT '[]'::jsonb NOT NULL,
    total_checks integer DEFAULT 0 NOT NULL,
    current_check text,
    result jsonb,
    error jsonb,
    process_id uuid,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_at timestamp with time zone,
    beat_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT certification_job_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text])))
);

ALTER TABLE livery.certification_job OWNER TO livery_owner;

CREATE FUNCTION livery.certification_job_counts() RETURNS TABLE(state text, jobs bigint, oldest_s double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    BEGIN ATOMIC
 SELECT j.state,
     count(*) AS count,
     (EXTRACT(epoch FROM (clock_timestamp() - min(j.created_at))))::double precision AS "extract"
    FROM livery.certification_job j
   WHERE (j.state = ANY (ARRAY['queued'::text, 'running'::text]))
   GROUP BY j.state;
END;

ALTER FUNCTION livery.certification_job_counts() OWNER TO livery_owner;

CREATE FUNCTION livery.certification_job_left(p_process uuid, p_beat timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select p_beat < clock_timestamp() - interval '20 minutes' or not exists (select from livery.process p
        where p.process_id = p_process and p.swept_at is null and p.expires_at > clock_timestamp())
$$;

ALTER FUNCTION livery.certification_job_left(p_process uuid, p_beat timestamp with time zone) OWNER TO livery_owner;

CREATE FUNCTION livery.certification_jobs_due(p_waited interval, p_limit integer) RETURNS TABLE(job_id uuid, workspace_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    BEGIN ATOMIC
 SELECT j.job_id,
     j.workspace_id
    FROM livery.certification_job j
   WHERE (((j.state = 'queued'::text) AND (j.created_at <= (clock_timestamp() - certification_jobs_due.p_waited))) OR ((j.state = 'running'::text) AND livery.certification_job_left(j.process_id, j.beat_at)))
   ORDER BY j.created_at
  LIMIT certification_jobs_due.p_limit;
END;

ALTER FUNCTION livery.certification_jobs_due(p_waited interval, p_limit integer) OWNER TO livery_owner;

CREATE FUNCTION livery.chain_close(p_chain text, p_seq bigint, p_head bytea) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

ALTER FUNCTION livery.chain_close(p_chain text, p_seq bigint, p_head bytea) OWNER TO livery_owner;

CREATE TABLE livery.journal (
    chain_id text NOT NULL,
    seq bigint NOT NULL,
    at_us bigint NOT NULL,
    kind text NOT NULL,
    workspace_id uuid NOT NULL,
    subject_id text NOT NULL,
    code text NOT NULL,
    correlation_id text NOT NULL,
    body text NOT NULL
);

ALTER TABLE livery.journal OWNER TO livery_owner;

CREATE FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) RETURNS SETOF livery.journal
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    BEGIN ATOMIC
 SELECT j.chain_id,
     j.seq,
     j.at_us,
     j.kind,
     j.workspace_id,
     j.subject_id,
     j.code,
     j.correlation_id,
     j.body
    FROM livery.journal j
   WHERE ((j.chain_id = chain_entries.p_chain) AND (j.seq > chain_entries.p_after))
   ORDER BY j.seq
  LIMIT chain_entries.p_limit;
END;

ALTER FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) OWNER TO livery_owner;

CREATE FUNCTION livery.composed_within() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'livery', 'pg_temp'
    AS $$
begin
    if not exists (
        select from livery.skill s where s.skill_id = new.skill_id
           and s.workspace_id in (new.workspace_id, '00000000-0000-0000-0000-000000000000')) then
        raise foreign_key_violation using message = 'no skill of this workspace or of the platform';
    end if;
    return null;
end $$;

ALTER FUNCTION livery.composed_within() OWNER TO livery_owner;

CREATE FUNCTION livery.entry_hash(j livery.journal) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    select sha256(convert_to(concat_ws(E'\n', j.chain_id, j.seq, j.at_us, j.kind, j.workspace_id, j.subject_id, j.code,
        j.correlation_id, j.body), 'UTF8'))
$$;

ALTER FUNCTION livery.entry_hash(j livery.journal) OWNER TO livery_owner;

CREATE FUNCTION livery.journal_append(p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION livery.journal_append(p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text) OWNER TO livery_owner;

CREATE FUNCTION livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[]) RETURNS TABLE(n bigint, settled boolean)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

ALTER FUNCTION livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[]) OWNER TO livery_owner;

CREATE FUNCTION livery.skill_key_holders(p_workspaces uuid[], p_keys text[]) RETURNS TABLE(workspace_id uuid, skill_key text, holders text[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    AS $$
declare
    c_platform constant uuid := '00000000-0000-0000-0000-000000000000';
begin
    perform pg_advisory_xact_lock(hashtextextended('livery.skill_key', 0));
    return query
        select t.home, t.name, array_agg(coalesce(w.slug, 'platform') order by w.slug)
          from unnest(p_workspaces, p_keys) as t (home, name)
          join livery.skill s on s.skill_key = t.name
          left join livery.workspace w on w.workspace_id = s.workspace_id
         where t.home <> c_platform and s.workspace_id = c_platform
            or t.home = c_platform and s.workspace_id <> c_platform and exists (
               select from livery.skill_version v
                where v.skill_id = s.skill_id and v.status not in ('revoked', 'deleted'))
         group by t.home, t.name;
end $$;

ALTER FUNCTION livery.skill_key_holders(p_workspaces uuid[], p_keys text[]) OWNER TO livery_owner;

CREATE FUNCTION livery.sweep(p_chain text, p_limit integer) RETURNS TABLE(run_id uuid, workspace_id uuid, status text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    AS $$
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

ALTER FUNCTION livery.sweep(p_chain text, p_limit integer) OWNER TO livery_owner;

CREATE TABLE livery.token (
    token_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    workspace_id uuid,
    hired_agent_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    hand text[] DEFAULT '{}'::text[] NOT NULL,
    makers text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT token_check CHECK (((role = ANY (ARRAY['operator'::text, 'approver'::text, 'author'::text, 'auditor'::text])) OR (workspace_id IS NOT NULL))),
    CONSTRAINT token_check1 CHECK (((role = 'agent'::text) = (hired_agent_id IS NOT NULL))),
    CONSTRAINT token_role_check CHECK ((role = ANY (ARRAY['operator'::text, 'approver'::text, 'author'::text, 'auditor'::text, 'customer_admin'::text, 'customer_member'::text, 'agent'::text])))
);

ALTER TABLE livery.token OWNER TO livery_owner;

CREATE FUNCTION livery.token_lookup(p_hash bytea) RETURNS TABLE(token_id uuid, role text, workspace_id uuid, hired_agent_id uuid, name text, expires_at timestamp with time zone, hand text[], makers text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    BEGIN ATOMIC
 SELECT t.token_id,
     t.role,
     t.workspace_id,
     t.hired_agent_id,
     t.name,
     t.expires_at,
     t.hand,
     t.makers
    FROM livery.token t
   WHERE ((t.token_hash = token_lookup.p_hash) AND (t.revoked_at IS NULL) AND ((t.expires_at IS NULL) OR (t.expires_at > now())));
END;

ALTER FUNCTION livery.token_lookup(p_hash bytea) OWNER TO livery_owner;

CREATE TABLE livery.workspace (
    workspace_id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    four_eyes boolean DEFAULT false NOT NULL,
    delegated_approval boolean DEFAULT false NOT NULL
);

ALTER TABLE livery.workspace OWNER TO livery_owner;

CREATE FUNCTION livery.workspace_ids() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'livery', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM livery.workspace w
   ORDER BY w.workspace_id;
END;

ALTER FUNCTION livery.workspace_ids() OWNER TO livery_owner;

CREATE AGGREGATE livery.admitted(p_estimate bigint, p_room bigint) (
    SFUNC = livery.admit_step,
    STYPE = bigint,
    INITCOND = '0'
);

ALTER AGGREGATE livery.admitted(p_estimate bigint, p_room bigint) OWNER TO livery_owner;

CREATE TABLE livery.agent_type (
    agent_type text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    required_skill_keys text[] NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT agent_type_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'deprecated'::text])))
);

ALTER TABLE livery.agent_type OWNER TO livery_owner;

CREATE TABLE livery.approval (
    approval_id text NOT NULL,
    workspace_id uuid NOT NULL,
    hired_agent_id uuid,
    skill_key text NOT NULL,
    digest text NOT NULL,
    action text NOT NULL,
    args_hash text NOT NULL,
    policy_hash text NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    decided_by text,
    run_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_at timestamp with time zone,
    expires_at timestamp with time zone NOT NULL,
    version text,
    skill_id uuid,
    security_hash text,
    target text DEFAULT ''::text NOT NULL,
    input jsonb,
    requested_by_token uuid,
    decision text,
    reason text,
    asked_hand text[] DEFAULT '{}'::text[] NOT NULL,
    asked_makers text[] DEFAULT '{}'::text[] NOT NULL,
    granted_hand text[] DEFAULT '{}'::text[] NOT NULL,
    granted_makers text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT approval_approval_id_check CHECK ((approval_id ~~ 'APR-%'::text)),
    CONSTRAINT approval_decision_check CHECK ((decision = ANY (ARRAY['run_once'::text, 'always_allow'::text, 'deny'::text]))),
    CONSTRAINT approval_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'granted'::text, 'denied'::text, 'expired'::text, 'consumed'::text, 'revoked'::text])))
);

ALTER TABLE livery.approval OWNER TO livery_owner;

CREATE TABLE livery.artifact (
    artifact_id uuid NOT NULL,
    run_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    skill_key text NOT NULL,
    skill_version text NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    content bytea NOT NULL,
    statement jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.artifact OWNER TO livery_owner;

CREATE TABLE livery.binding (
    workspace_id uuid NOT NULL,
    slot text NOT NULL,
    skill_id uuid NOT NULL,
    version text,
    channel text,
    bound_by text NOT NULL,
    bound_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT binding_channel_check CHECK ((channel = ANY (ARRAY['staging'::text, 'production'::text]))),
    CONSTRAINT binding_check CHECK (((version IS NULL) <> (channel IS NULL))),
    CONSTRAINT binding_slot_check CHECK (((slot ~ '^[a-z0-9]+([._-][a-z0-9]+)*$'::text) AND (length(slot) <= 128)))
);

ALTER TABLE livery.binding OWNER TO livery_owner;

CREATE TABLE livery.binding_move (
    move_id bigint NOT NULL,
    workspace_id uuid NOT NULL,
    slot text NOT NULL,
    skill_id uuid NOT NULL,
    version text,
    channel text,
    kind text NOT NULL,
    moved_by text NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT binding_move_kind_check CHECK ((kind = ANY (ARRAY['bind'::text, 'roll_back'::text, 'unbind'::text])))
);

ALTER TABLE livery.binding_move OWNER TO livery_owner;

ALTER TABLE livery.binding_move ALTER COLUMN move_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME livery.binding_move_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE livery.budget (
    workspace_id uuid NOT NULL,
    cap bigint NOT NULL,
    period text NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    spent bigint DEFAULT 0 NOT NULL,
    CONSTRAINT budget_cap_check CHECK ((cap >= 0)),
    CONSTRAINT budget_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT budget_spent_check CHECK ((spent >= 0))
)
WITH (fillfactor='50');

ALTER TABLE livery.budget OWNER TO livery_owner;

CREATE TABLE livery.certificate (
    certificate_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    state text NOT NULL,
    key_id text NOT NULL,
    signed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    checks jsonb NOT NULL,
    statement jsonb NOT NULL,
    basis jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT certificate_state_check CHECK ((state = ANY (ARRAY['valid'::text, 'stale'::text, 'expired'::text, 'revoked'::text])))
);

ALTER TABLE livery.certificate OWNER TO livery_owner;

CREATE TABLE livery.chain (
    chain_id text NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    head bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE livery.chain OWNER TO livery_owner;

CREATE TABLE livery.chain_link (
    chain_id text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    hash bytea NOT NULL
);

ALTER TABLE livery.chain_link OWNER TO livery_owner;

CREATE TABLE livery.channel (
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    channel text NOT NULL,
    version text NOT NULL,
    CONSTRAINT channel_channel_check CHECK ((channel = ANY (ARRAY['staging'::text, 'production'::text])))
);

ALTER TABLE livery.channel OWNER TO livery_owner;

CREATE TABLE livery.channel_move (
    move_id bigint NOT NULL,
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    channel text NOT NULL,
    version text NOT NULL,
    previous text,
    kind text NOT NULL,
    moved_by text NOT NULL,
    reason text,
    statement jsonb,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT channel_move_channel_check CHECK ((channel = ANY (ARRAY['staging'::text, 'production'::text]))),
    CONSTRAINT channel_move_kind_check CHECK ((kind = ANY (ARRAY['promote'::text, 'roll_back'::text])))
);

ALTER TABLE livery.channel_move OWNER TO livery_owner;

ALTER TABLE livery.channel_move ALTER COLUMN move_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME livery.channel_move_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE livery.checkpoint (
    checkpoint_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    statement jsonb NOT NULL
);

ALTER TABLE livery.checkpoint OWNER TO livery_owner;

CREATE TABLE livery.code_grant (
    grant_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    hired_agent_id uuid,
    skill_id uuid NOT NULL,
    security_hash text NOT NULL,
    decision text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    approval_id text,
    revoked_by text,
    revoked_at timestamp with time zone,
    CONSTRAINT code_grant_decision_check CHECK ((decision = ANY (ARRAY['always_allow'::text, 'deny'::text])))
);

ALTER TABLE livery.code_grant OWNER TO livery_owner;

CREATE TABLE livery.effect (
    effect_id uuid NOT NULL,
    run_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    state text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    evidence jsonb,
    request_hash text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT effect_state_check CHECK ((state = ANY (ARRAY['intended'::text, 'sent'::text, 'confirmed'::text, 'failed'::text, 'unknown'::text])))
);

ALTER TABLE livery.effect OWNER TO livery_owner;

CREATE TABLE livery.epoch (
    workspace_id uuid NOT NULL,
    value bigint DEFAULT 1 NOT NULL
);

ALTER TABLE livery.epoch OWNER TO livery_owner;

CREATE TABLE livery.hired_agent (
    hired_agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    agent_type text NOT NULL,
    agent_type_version integer NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT hired_agent_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'active'::text, 'paused'::text, 'degraded'::text, 'ended'::text])))
);

ALTER TABLE livery.hired_agent OWNER TO livery_owner;

CREATE TABLE livery.hired_agent_skill (
    hired_agent_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    version text NOT NULL
);

ALTER TABLE livery.hired_agent_skill OWNER TO livery_owner;

CREATE TABLE livery.idempotency (
    workspace_id uuid NOT NULL,
    skill_key text NOT NULL,
    key text NOT NULL,
    args_hash text NOT NULL,
    run_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.idempotency OWNER TO livery_owner;

CREATE TABLE livery.job_role (
    role_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    role_key text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    status text NOT NULL,
    reason text,
    created_by text NOT NULL,
    certified_by text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    certified_at timestamp with time zone,
    CONSTRAINT job_role_role_key_check CHECK (((role_key ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text) AND (length(role_key) <= 64))),
    CONSTRAINT job_role_status_check CHECK ((status = ANY (ARRAY['pending_certification'::text, 'certified'::text, 'revoked'::text]))),
    CONSTRAINT job_role_version_check CHECK ((version > 0))
);

ALTER TABLE livery.job_role OWNER TO livery_owner;

CREATE TABLE livery.job_role_skill (
    role_id uuid NOT NULL,
    role_version integer NOT NULL,
    workspace_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    version text NOT NULL,
    "position" integer NOT NULL
);

ALTER TABLE livery.job_role_skill OWNER TO livery_owner;

CREATE TABLE livery.kill_switch (
    scope text NOT NULL,
    target uuid NOT NULL,
    workspace_id uuid NOT NULL,
    reason text NOT NULL,
    engaged_by text NOT NULL,
    engaged_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT kill_switch_scope_check CHECK ((scope = ANY (ARRAY['all'::text, 'workspace'::text, 'agent'::text])))
);

ALTER TABLE livery.kill_switch OWNER TO livery_owner;

CREATE TABLE livery.package (
    digest text NOT NULL,
    archive bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT package_digest_check CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text))
);

ALTER TABLE livery.package OWNER TO livery_owner;

CREATE TABLE livery.package_note (
    digest text NOT NULL,
    diagnostics jsonb NOT NULL,
    aliases text[] NOT NULL
);

ALTER TABLE livery.package_note OWNER TO livery_owner;

CREATE TABLE livery.policy_set (
    policy_hash text NOT NULL,
    text text NOT NULL,
    active boolean DEFAULT false NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE livery.policy_set OWNER TO livery_owner;

CREATE TABLE livery.policy_version (
    version integer NOT NULL,
    policy_hash text NOT NULL,
    text text NOT NULL,
    cases jsonb DEFAULT '[]'::jsonb NOT NULL,
    note text NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.policy_version OWNER TO livery_owner;

ALTER TABLE livery.policy_version ALTER COLUMN version ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME livery.policy_version_version_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE livery.process (
    process_id uuid NOT NULL,
    kind text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    beat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    swept_at timestamp with time zone
);

ALTER TABLE livery.process OWNER TO livery_owner;

CREATE TABLE livery.registered_target (
    workspace_id uuid NOT NULL,
    host text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    registered_by text NOT NULL,
    registered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT registered_target_host_check CHECK (((length(host) >= 1) AND (length(host) <= 300)))
);

ALTER TABLE livery.registered_target OWNER TO livery_owner;

CREATE TABLE livery.run (
    run_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    hired_agent_id uuid,
    skill_key text NOT NULL,
    skill_version text,
    digest text,
    principal text NOT NULL,
    status text NOT NULL,
    code text,
    args_hash text,
    input jsonb,
    dry_run boolean NOT NULL,
    reserved bigint NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    duration_us bigint,
    approval_id text,
    correlation_id text NOT NULL,
    process_id uuid NOT NULL,
    envelope jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT run_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text, 'denied'::text, 'awaiting_approval'::text, 'unknown'::text])))
)
WITH (fillfactor='60');

ALTER TABLE livery.run OWNER TO livery_owner;

CREATE TABLE livery.session_file (
    workspace_id uuid NOT NULL,
    file text NOT NULL,
    label text NOT NULL,
    format text,
    byte_offset bigint NOT NULL,
    line_number bigint NOT NULL,
    skipping boolean NOT NULL,
    proof text NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='70');

ALTER TABLE livery.session_file OWNER TO livery_owner;

CREATE TABLE livery.session_segment (
    workspace_id uuid NOT NULL,
    sha256 text NOT NULL,
    seq bigint NOT NULL,
    entity text NOT NULL,
    rows integer NOT NULL,
    content bytea NOT NULL,
    batch_id text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT session_segment_rows_check CHECK ((rows > 0)),
    CONSTRAINT session_segment_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);
ALTER TABLE ONLY livery.session_segment ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE livery.session_segment OWNER TO livery_owner;

ALTER TABLE livery.session_segment ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME livery.session_segment_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE livery.sign_off (
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    approver text NOT NULL,
    note text NOT NULL,
    signed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.sign_off OWNER TO livery_owner;

CREATE TABLE livery.skill (
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    skill_key text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    category text NOT NULL,
    owner text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    search tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, ((((((skill_key || ' '::text) || name) || ' '::text) || category) || ' '::text) || description))) STORED,
    CONSTRAINT skill_skill_key_check CHECK (((skill_key ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text) AND (length(skill_key) <= 64)))
);

ALTER TABLE livery.skill OWNER TO livery_owner;

CREATE TABLE livery.skill_version (
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version text NOT NULL,
    ordinal integer NOT NULL,
    digest text NOT NULL,
    status text NOT NULL,
    contract jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text,
    in_flight text DEFAULT 'finish'::text NOT NULL,
    CONSTRAINT skill_version_in_flight_check CHECK ((in_flight = ANY (ARRAY['finish'::text, 'withhold'::text]))),
    CONSTRAINT skill_version_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'pending_certification'::text, 'certified'::text, 'deprecated'::text, 'revoked'::text, 'deleted'::text])))
);

ALTER TABLE livery.skill_version OWNER TO livery_owner;

CREATE TABLE livery.standing_approval (
    standing_id text NOT NULL,
    workspace_id uuid NOT NULL,
    hired_agent_id uuid,
    skill_id uuid NOT NULL,
    skill_key text NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    policy_hash text NOT NULL,
    total integer NOT NULL,
    used integer DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    granted_by text NOT NULL,
    granted_by_token uuid NOT NULL,
    granted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    revoked_by text,
    revoked_at timestamp with time zone,
    reason text,
    granted_hand text[] DEFAULT '{}'::text[] NOT NULL,
    granted_makers text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT standing_approval_action_check CHECK ((action = 'send'::text)),
    CONSTRAINT standing_approval_check CHECK (((used >= 0) AND (used <= total))),
    CONSTRAINT standing_approval_standing_id_check CHECK (starts_with(standing_id, 'STA-'::text)),
    CONSTRAINT standing_approval_total_check CHECK ((total > 0))
);

ALTER TABLE livery.standing_approval OWNER TO livery_owner;

CREATE TABLE livery.suppression (
    skill_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    version text NOT NULL,
    fingerprint text NOT NULL,
    reason text NOT NULL,
    suppressed_by text NOT NULL,
    suppressed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT suppression_reason_check CHECK ((length(btrim(reason)) >= 10))
);

ALTER TABLE livery.suppression OWNER TO livery_owner;

CREATE TABLE livery.target (
    workspace_id uuid NOT NULL,
    host text NOT NULL,
    state text DEFAULT 'closed'::text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    since timestamp with time zone,
    arrival timestamp with time zone,
    CONSTRAINT target_host_check CHECK ((length(host) <= 300)),
    CONSTRAINT target_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text])))
)
WITH (fillfactor='70');

ALTER TABLE livery.target OWNER TO livery_owner;

CREATE TABLE livery.usage_event (
    run_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    skill_key text NOT NULL,
    cost bigint NOT NULL,
    tokens_in bigint NOT NULL,
    tokens_out bigint NOT NULL,
    duration_us bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.usage_event OWNER TO livery_owner;

CREATE TABLE livery.waiting_run (
    run_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    approval_id text NOT NULL,
    token_id uuid NOT NULL,
    skill_id uuid NOT NULL,
    version text,
    channel text,
    key text,
    claimed_by uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE livery.waiting_run OWNER TO livery_owner;

ALTER TABLE ONLY livery.agent_type
    ADD CONSTRAINT agent_type_pkey PRIMARY KEY (agent_type, version);

ALTER TABLE ONLY livery.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (approval_id);

ALTER TABLE ONLY livery.artifact
    ADD CONSTRAINT artifact_pkey PRIMARY KEY (artifact_id);

ALTER TABLE ONLY livery.binding_move
    ADD CONSTRAINT binding_move_pkey PRIMARY KEY (move_id);

ALTER TABLE ONLY livery.binding
    ADD CONSTRAINT binding_pkey PRIMARY KEY (workspace_id, slot);

ALTER TABLE ONLY livery.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY livery.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (certificate_id);

ALTER TABLE ONLY livery.certification_job
    ADD CONSTRAINT certification_job_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY livery.chain_link
    ADD CONSTRAINT chain_link_pkey PRIMARY KEY (chain_id, last_seq);

ALTER TABLE ONLY livery.chain
    ADD CONSTRAINT chain_pkey PRIMARY KEY (chain_id);

ALTER TABLE ONLY livery.channel_move
    ADD CONSTRAINT channel_move_pkey PRIMARY KEY (move_id);

ALTER TABLE ONLY livery.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (skill_id, channel);

ALTER TABLE ONLY livery.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (checkpoint_id);

ALTER TABLE ONLY livery.code_grant
    ADD CONSTRAINT code_grant_pkey PRIMARY KEY (grant_id);

ALTER TABLE ONLY livery.effect
    ADD CONSTRAINT effect_pkey PRIMARY KEY (effect_id);

ALTER TABLE ONLY livery.epoch
    ADD CONSTRAINT epoch_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY livery.hired_agent
    ADD CONSTRAINT hired_agent_pkey PRIMARY KEY (hired_agent_id);

ALTER TABLE ONLY livery.hired_agent_skill
    ADD CONSTRAINT hired_agent_skill_pkey PRIMARY KEY (hired_agent_id, skill_id);

ALTER TABLE ONLY livery.hired_agent
    ADD CONSTRAINT hired_agent_workspace_id_name_key UNIQUE (workspace_id, name);

ALTER TABLE ONLY livery.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (workspace_id, skill_key, key);

ALTER TABLE ONLY livery.job_role
    ADD CONSTRAINT job_role_pkey PRIMARY KEY (role_id, version);

ALTER TABLE ONLY livery.job_role_skill
    ADD CONSTRAINT job_role_skill_pkey PRIMARY KEY (role_id, role_version, skill_id);

ALTER TABLE ONLY livery.job_role
    ADD CONSTRAINT job_role_workspace_id_role_key_version_key UNIQUE (workspace_id, role_key, version);

ALTER TABLE ONLY livery.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (chain_id, seq);

ALTER TABLE ONLY livery.kill_switch
    ADD CONSTRAINT kill_switch_pkey PRIMARY KEY (scope, target);

ALTER TABLE ONLY livery.package_note
    ADD CONSTRAINT package_note_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY livery.package
    ADD CONSTRAINT package_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY livery.policy_set
    ADD CONSTRAINT policy_set_pkey PRIMARY KEY (policy_hash);

ALTER TABLE ONLY livery.policy_version
    ADD CONSTRAINT policy_version_pkey PRIMARY KEY (version);

ALTER TABLE ONLY livery.process
    ADD CONSTRAINT process_pkey PRIMARY KEY (process_id);

ALTER TABLE ONLY livery.registered_target
    ADD CONSTRAINT registered_target_pkey PRIMARY KEY (workspace_id, host);

ALTER TABLE ONLY livery.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY livery.session_file
    ADD CONSTRAINT session_file_pkey PRIMARY KEY (workspace_id, file);

ALTER TABLE ONLY livery.session_segment
    ADD CONSTRAINT session_segment_pkey PRIMARY KEY (workspace_id, sha256);

ALTER TABLE ONLY livery.sign_off
    ADD CONSTRAINT sign_off_pkey PRIMARY KEY (skill_id, version, digest, approver);

ALTER TABLE ONLY livery.skill
    ADD CONSTRAINT skill_owner UNIQUE (skill_id, workspace_id);

ALTER TABLE ONLY livery.skill
    ADD CONSTRAINT skill_pkey PRIMARY KEY (skill_id);

ALTER TABLE ONLY livery.skill_version
    ADD CONSTRAINT skill_version_pkey PRIMARY KEY (skill_id, version);

ALTER TABLE ONLY livery.skill
    ADD CONSTRAINT skill_workspace_id_skill_key_key UNIQUE (workspace_id, skill_key);

ALTER TABLE ONLY livery.standing_approval
    ADD CONSTRAINT standing_approval_pkey PRIMARY KEY (standing_id);

ALTER TABLE ONLY livery.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (skill_id, version, fingerprint);

ALTER TABLE ONLY livery.target
    ADD CONSTRAINT target_pkey PRIMARY KEY (workspace_id, host);

ALTER TABLE ONLY livery.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY livery.token
    ADD CONSTRAINT token_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY livery.usage_event
    ADD CONSTRAINT usage_event_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY livery.waiting_run
    ADD CONSTRAINT waiting_run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY livery.workspace
    ADD CONSTRAINT workspace_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY livery.workspace
    ADD CONSTRAINT workspace_slug_key UNIQUE (slug);

CREATE INDEX approval_created ON livery.approval USING btree (created_at DESC, approval_id DESC);

CREATE UNIQUE INDEX approval_open ON livery.approval USING btree (workspace_id, skill_key, digest, action, args_hash, policy_hash, hired_agent_id) NULLS NOT DISTINCT WHERE (state = 'requested'::text);

CREATE INDEX approval_open_until ON livery.approval USING btree (expires_at) WHERE (state = ANY (ARRAY['requested'::text, 'granted'::text]));

CREATE INDEX artifact_run ON livery.artifact USING btree (run_id);

CREATE INDEX artifact_workspace ON livery.artifact USING btree (workspace_id, created_at DESC);

CREATE INDEX binding_move_slot ON livery.binding_move USING btree (workspace_id, slot, move_id DESC);

CREATE INDEX binding_skill ON livery.binding USING btree (skill_id);

CREATE INDEX certificate_version ON livery.certificate USING btree (skill_id, version, signed_at DESC);

CREATE INDEX certification_job_due ON livery.certification_job USING btree (created_at) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE UNIQUE INDEX certification_job_open ON livery.certification_job USING btree (skill_id, version) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX channel_move_skill ON livery.channel_move USING btree (skill_id, channel, move_id DESC);

CREATE UNIQUE INDEX code_grant_live ON livery.code_grant USING btree (workspace_id, skill_id, security_hash, hired_agent_id) NULLS NOT DISTINCT WHERE (revoked_at IS NULL);

CREATE INDEX effect_run ON livery.effect USING btree (run_id);

CREATE INDEX effect_unsettled ON livery.effect USING btree (workspace_id, effect_id) WHERE (state = ANY (ARRAY['intended'::text, 'sent'::text, 'unknown'::text]));

CREATE INDEX job_role_skill_skill ON livery.job_role_skill USING btree (skill_id);

CREATE INDEX journal_at ON livery.journal USING btree (at_us);

CREATE INDEX package_note_alias ON livery.package_note USING gin (aliases);

CREATE UNIQUE INDEX policy_set_active ON livery.policy_set USING btree (active) WHERE active;

CREATE INDEX run_created ON livery.run USING brin (created_at);

CREATE INDEX run_workspace_created ON livery.run USING btree (workspace_id, created_at DESC);

CREATE INDEX session_segment_order ON livery.session_segment USING btree (workspace_id, seq);

CREATE INDEX skill_search ON livery.skill USING gin (search);

CREATE INDEX skill_version_digest ON livery.skill_version USING btree (digest);

CREATE INDEX skill_version_withheld ON livery.skill_version USING btree (digest) WHERE ((status = 'revoked'::text) AND (in_flight = 'withhold'::text));

CREATE INDEX standing_approval_granted ON livery.standing_approval USING btree (granted_at DESC, standing_id DESC);

CREATE INDEX standing_approval_live ON livery.standing_approval USING btree (workspace_id, skill_id, digest) WHERE (revoked_at IS NULL);

CREATE INDEX usage_event_at ON livery.usage_event USING brin (at);

CREATE INDEX waiting_run_approval ON livery.waiting_run USING btree (approval_id);

CREATE TRIGGER composed_within AFTER INSERT OR UPDATE ON livery.binding FOR EACH ROW EXECUTE FUNCTION livery.composed_within();

CREATE TRIGGER composed_within AFTER INSERT OR UPDATE ON livery.hired_agent_skill FOR EACH ROW EXECUTE FUNCTION livery.composed_within();

CREATE TRIGGER composed_within AFTER INSERT OR UPDATE ON livery.job_role_skill FOR EACH ROW EXECUTE FUNCTION livery.composed_within();

ALTER TABLE ONLY livery.binding_move
    ADD CONSTRAINT binding_move_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.binding_move
    ADD CONSTRAINT binding_move_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.binding
    ADD CONSTRAINT binding_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.binding
    ADD CONSTRAINT binding_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.certificate
    ADD CONSTRAINT certificate_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.certificate
    ADD CONSTRAINT certificate_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.certification_job
    ADD CONSTRAINT certification_job_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.certification_job
    ADD CONSTRAINT certification_job_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.channel_move
    ADD CONSTRAINT channel_move_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.channel_move
    ADD CONSTRAINT channel_move_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.channel
    ADD CONSTRAINT channel_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.channel
    ADD CONSTRAINT channel_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.code_grant
    ADD CONSTRAINT code_grant_hired_agent_id_fkey FOREIGN KEY (hired_agent_id) REFERENCES livery.hired_agent(hired_agent_id);

ALTER TABLE ONLY livery.code_grant
    ADD CONSTRAINT code_grant_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.code_grant
    ADD CONSTRAINT code_grant_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.hired_agent
    ADD CONSTRAINT hired_agent_agent_type_agent_type_version_fkey FOREIGN KEY (agent_type, agent_type_version) REFERENCES livery.agent_type(agent_type, version);

ALTER TABLE ONLY livery.hired_agent_skill
    ADD CONSTRAINT hired_agent_skill_hired_agent_id_fkey FOREIGN KEY (hired_agent_id) REFERENCES livery.hired_agent(hired_agent_id);

ALTER TABLE ONLY livery.hired_agent_skill
    ADD CONSTRAINT hired_agent_skill_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.hired_agent
    ADD CONSTRAINT hired_agent_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.job_role_skill
    ADD CONSTRAINT job_role_skill_role_id_role_version_fkey FOREIGN KEY (role_id, role_version) REFERENCES livery.job_role(role_id, version);

ALTER TABLE ONLY livery.job_role_skill
    ADD CONSTRAINT job_role_skill_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.package_note
    ADD CONSTRAINT package_note_digest_fkey FOREIGN KEY (digest) REFERENCES livery.package(digest);

ALTER TABLE ONLY livery.registered_target
    ADD CONSTRAINT registered_target_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.sign_off
    ADD CONSTRAINT sign_off_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.sign_off
    ADD CONSTRAINT sign_off_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.skill_version
    ADD CONSTRAINT skill_version_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.skill_version
    ADD CONSTRAINT skill_version_skill_id_fkey FOREIGN KEY (skill_id) REFERENCES livery.skill(skill_id);

ALTER TABLE ONLY livery.standing_approval
    ADD CONSTRAINT standing_approval_hired_agent_id_fkey FOREIGN KEY (hired_agent_id) REFERENCES livery.hired_agent(hired_agent_id);

ALTER TABLE ONLY livery.standing_approval
    ADD CONSTRAINT standing_approval_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

ALTER TABLE ONLY livery.suppression
    ADD CONSTRAINT suppression_owner FOREIGN KEY (skill_id, workspace_id) REFERENCES livery.skill(skill_id, workspace_id);

ALTER TABLE ONLY livery.suppression
    ADD CONSTRAINT suppression_skill_id_version_fkey FOREIGN KEY (skill_id, version) REFERENCES livery.skill_version(skill_id, version);

ALTER TABLE ONLY livery.token
    ADD CONSTRAINT token_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES livery.workspace(workspace_id);

CREATE POLICY added ON livery.package FOR INSERT WITH CHECK (true);

CREATE POLICY added ON livery.package_note FOR INSERT WITH CHECK (true);

ALTER TABLE livery.approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.artifact ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.binding ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.binding_move ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.budget ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.certificate ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.certification_job ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.channel ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.channel_move ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.code_grant ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.effect ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.epoch ENABLE ROW LEVEL SECURITY;

CREATE POLICY held ON livery.package FOR SELECT USING ((EXISTS ( SELECT
   FROM livery.skill_version v
  WHERE (v.digest = package.digest))));

CREATE POLICY held ON livery.package_note FOR SELECT USING ((EXISTS ( SELECT
   FROM livery.skill_version v
  WHERE (v.digest = package_note.digest))));

ALTER TABLE livery.hired_agent ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.hired_agent_skill ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.job_role ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.job_role_skill ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.journal ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.kill_switch ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.package ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.package_note ENABLE ROW LEVEL SECURITY;

CREATE POLICY platform ON livery.certificate FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.certification_job FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.channel FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.channel_move FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.epoch FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.job_role FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.job_role_skill FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.sign_off FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.skill FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.skill_version FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY platform ON livery.suppression FOR SELECT USING ((workspace_id = '00000000-0000-0000-0000-000000000000'::uuid));

ALTER TABLE livery.registered_target ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.run ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.session_file ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.session_segment ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.sign_off ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.skill ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.skill_version ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.standing_approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.suppression ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.target ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenancy ON livery.approval USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.artifact USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.binding USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.binding_move USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.budget USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.certificate USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.certification_job USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.channel USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.channel_move USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.code_grant USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.effect USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.epoch USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.hired_agent USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.hired_agent_skill USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.idempotency USING (((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])) IS TRUE));

CREATE POLICY tenancy ON livery.job_role USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.job_role_skill USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.journal USING (((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])) IS TRUE));

CREATE POLICY tenancy ON livery.kill_switch USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.registered_target USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.run USING (((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])) IS TRUE));

CREATE POLICY tenancy ON livery.session_file USING ((workspace_id = ANY ((string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[])));

CREATE POLICY tenancy ON livery.session_segment USING ((workspace_id = ANY ((string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[])));

CREATE POLICY tenancy ON livery.sign_off USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.skill USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.skill_version USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.standing_approval USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.suppression USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.target USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.token USING ((COALESCE(workspace_id, '00000000-0000-0000-0000-000000000000'::uuid) = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.usage_event USING (((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])) IS TRUE));

CREATE POLICY tenancy ON livery.waiting_run USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

CREATE POLICY tenancy ON livery.workspace USING ((workspace_id = ANY (( SELECT (string_to_array(current_setting('livery.workspaces'::text, true), ','::text))::uuid[] AS string_to_array)::uuid[])));

ALTER TABLE livery.token ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.usage_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.waiting_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE livery.workspace ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA livery TO livery_api;
GRANT USAGE ON SCHEMA livery TO livery_worker;
GRANT USAGE ON SCHEMA livery TO livery_auditor;

REVOKE ALL ON FUNCTION livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) TO livery_api;
GRANT ALL ON FUNCTION livery.admit_step(p_used bigint, p_estimate bigint, p_room bigint) TO livery_worker;

REVOKE ALL ON FUNCTION livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[]) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[]) TO livery_api;
GRANT ALL ON FUNCTION livery.begin_batch(p_workspaces text, p_process uuid, p_chain text, p_rows livery.intent[]) TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.certification_job TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.certification_job TO livery_worker;

REVOKE ALL ON FUNCTION livery.certification_job_counts() FROM PUBLIC;
GRANT ALL ON FUNCTION livery.certification_job_counts() TO livery_api;
GRANT ALL ON FUNCTION livery.certification_job_counts() TO livery_worker;

REVOKE ALL ON FUNCTION livery.certification_job_left(p_process uuid, p_beat timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.certification_job_left(p_process uuid, p_beat timestamp with time zone) TO livery_api;
GRANT ALL ON FUNCTION livery.certification_job_left(p_process uuid, p_beat timestamp with time zone) TO livery_worker;

REVOKE ALL ON FUNCTION livery.certification_jobs_due(p_waited interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.certification_jobs_due(p_waited interval, p_limit integer) TO livery_api;
GRANT ALL ON FUNCTION livery.certification_jobs_due(p_waited interval, p_limit integer) TO livery_worker;

REVOKE ALL ON FUNCTION livery.chain_close(p_chain text, p_seq bigint, p_head bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.chain_close(p_chain text, p_seq bigint, p_head bytea) TO livery_api;
GRANT ALL ON FUNCTION livery.chain_close(p_chain text, p_seq bigint, p_head bytea) TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.journal TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.journal TO livery_worker;
GRANT SELECT ON TABLE livery.journal TO livery_auditor;

REVOKE ALL ON FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) TO livery_api;
GRANT ALL ON FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) TO livery_worker;
GRANT ALL ON FUNCTION livery.chain_entries(p_chain text, p_after bigint, p_limit integer) TO livery_auditor;

REVOKE ALL ON FUNCTION livery.composed_within() FROM PUBLIC;

REVOKE ALL ON FUNCTION livery.entry_hash(j livery.journal) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.entry_hash(j livery.journal) TO livery_api;
GRANT ALL ON FUNCTION livery.entry_hash(j livery.journal) TO livery_worker;

REVOKE ALL ON FUNCTION livery.journal_append(p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.journal_append(p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text) TO livery_api;
GRANT ALL ON FUNCTION livery.journal_append(p_chain text, p_kind text, p_workspace uuid, p_subject text, p_code text, p_correlation text, p_body text) TO livery_worker;

REVOKE ALL ON FUNCTION livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[]) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[]) TO livery_api;
GRANT ALL ON FUNCTION livery.settle_batch(p_workspaces text, p_chain text, p_rows livery.outcome[]) TO livery_worker;

REVOKE ALL ON FUNCTION livery.skill_key_holders(p_workspaces uuid[], p_keys text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.skill_key_holders(p_workspaces uuid[], p_keys text[]) TO livery_api;
GRANT ALL ON FUNCTION livery.skill_key_holders(p_workspaces uuid[], p_keys text[]) TO livery_worker;

REVOKE ALL ON FUNCTION livery.sweep(p_chain text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.sweep(p_chain text, p_limit integer) TO livery_api;
GRANT ALL ON FUNCTION livery.sweep(p_chain text, p_limit integer) TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.token TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.token TO livery_worker;

REVOKE ALL ON FUNCTION livery.token_lookup(p_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.token_lookup(p_hash bytea) TO livery_api;
GRANT ALL ON FUNCTION livery.token_lookup(p_hash bytea) TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.workspace TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.workspace TO livery_worker;

REVOKE ALL ON FUNCTION livery.workspace_ids() FROM PUBLIC;
GRANT ALL ON FUNCTION livery.workspace_ids() TO livery_api;
GRANT ALL ON FUNCTION livery.workspace_ids() TO livery_worker;
GRANT ALL ON FUNCTION livery.workspace_ids() TO livery_auditor;

REVOKE ALL ON FUNCTION livery.admitted(bigint, bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION livery.admitted(bigint, bigint) TO livery_api;
GRANT ALL ON FUNCTION livery.admitted(bigint, bigint) TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.agent_type TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.agent_type TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.approval TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.approval TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.artifact TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.artifact TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.binding TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.binding TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.binding_move TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.binding_move TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.budget TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.budget TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.certificate TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.certificate TO livery_worker;
GRANT SELECT ON TABLE livery.certificate TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.chain TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.chain TO livery_worker;
GRANT SELECT ON TABLE livery.chain TO livery_auditor;

GRANT SELECT,INSERT ON TABLE livery.chain_link TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.chain_link TO livery_worker;
GRANT SELECT ON TABLE livery.chain_link TO livery_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.channel TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.channel TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.channel_move TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.channel_move TO livery_worker;
GRANT SELECT ON TABLE livery.channel_move TO livery_auditor;

GRANT SELECT,INSERT ON TABLE livery.checkpoint TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.checkpoint TO livery_worker;
GRANT SELECT ON TABLE livery.checkpoint TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.code_grant TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.code_grant TO livery_worker;
GRANT SELECT ON TABLE livery.code_grant TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.effect TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.effect TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.epoch TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.epoch TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.hired_agent TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.hired_agent TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.hired_agent_skill TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.hired_agent_skill TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.idempotency TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.idempotency TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.job_role TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.job_role TO livery_worker;
GRANT SELECT ON TABLE livery.job_role TO livery_auditor;

GRANT SELECT,INSERT ON TABLE livery.job_role_skill TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.job_role_skill TO livery_worker;
GRANT SELECT ON TABLE livery.job_role_skill TO livery_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.kill_switch TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.kill_switch TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.package TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.package TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.package_note TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.package_note TO livery_worker;
GRANT SELECT ON TABLE livery.package_note TO livery_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.policy_set TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.policy_set TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.policy_version TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.policy_version TO livery_worker;
GRANT SELECT ON TABLE livery.policy_version TO livery_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.process TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.process TO livery_worker;

GRANT SELECT,INSERT,DELETE ON TABLE livery.registered_target TO livery_api;
GRANT SELECT,INSERT,DELETE ON TABLE livery.registered_target TO livery_worker;
GRANT SELECT ON TABLE livery.registered_target TO livery_auditor;

GRANT UPDATE(note) ON TABLE livery.registered_target TO livery_api;
GRANT UPDATE(note) ON TABLE livery.registered_target TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.run TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.run TO livery_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.session_file TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.session_file TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.session_segment TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.session_segment TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.sign_off TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.sign_off TO livery_worker;
GRANT SELECT ON TABLE livery.sign_off TO livery_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.skill TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.skill TO livery_worker;
GRANT SELECT ON TABLE livery.skill TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.skill_version TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.skill_version TO livery_worker;
GRANT SELECT ON TABLE livery.skill_version TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.standing_approval TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.standing_approval TO livery_worker;
GRANT SELECT ON TABLE livery.standing_approval TO livery_auditor;

GRANT SELECT,INSERT ON TABLE livery.suppression TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.suppression TO livery_worker;
GRANT SELECT ON TABLE livery.suppression TO livery_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE livery.target TO livery_api;
GRANT SELECT,INSERT,UPDATE ON TABLE livery.target TO livery_worker;

GRANT SELECT,INSERT ON TABLE livery.usage_event TO livery_api;
GRANT SELECT,INSERT ON TABLE livery.usage_event TO livery_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.waiting_run TO livery_api;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE livery.waiting_run TO livery_worker;
