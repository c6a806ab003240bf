-- Trust: certificates that run out are marked so, and a revocation may withhold what is being worked out.

alter table livery.certificate drop constraint certificate_state_check;
alter table livery.certificate add constraint certificate_state_check
    check (state in ('valid', 'stale', 'expired', 'revoked'));

create index skill_version_withheld on livery.skill_version (digest) where status = 'revoked' and in_flight = 'withhold';

-- SETTLE of a batch of runs. False where the run was no longer running: a late settle loses to the sweep. Null where
-- the version was revoked meanwhile and its results are withheld: nothing was written, and the caller settles the run
-- as `skill_revoked`. What the platform ended itself (it took 0 us) and what is unknown hold no result.
create or replace function livery.settle_batch(
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
    v_withholding boolean;
begin
    select seq, head into strict v_seq, v_head from livery.chain where chain_id = p_chain for update;
    perform from livery.budget b where b.workspace_id = any (p_workspace) order by b.workspace_id for update;
    -- One look at an index that is empty, as a rule, for the whole batch.
    v_withholding := exists (select from livery.skill_version v where v.status = 'revoked' and v.in_flight = 'withhold');
    return query
    with req as (
        select * from unnest(p_run, p_workspace, p_skill, p_status, p_code, p_estimate, p_cost, p_in, p_out,
            p_duration, p_free, p_key, p_correlation, p_envelope, p_body)
        with ordinality as r(run_id, workspace_id, skill_key, status, code, estimate, cost, tokens_in, tokens_out,
            duration_us, free, key, correlation_id, envelope, body, ord)
    ), withheld as (
        select r.run_id from req r where v_withholding and r.duration_us > 0 and r.status <> 'unknown'
           and r.code <> 'skill_revoked' and exists (
            select from livery.run u join livery.skill_version v on v.digest = u.digest
             where u.run_id = r.run_id and u.status = 'running' and v.status = 'revoked' and v.in_flight = 'withhold'
               and v.workspace_id in (r.workspace_id, '00000000-0000-0000-0000-000000000000'))
    ), done as (
        update livery.run u set status = r.status, code = r.code, cost = r.cost, duration_us = r.duration_us,
               envelope = r.envelope, finished_at = clock_timestamp()
          from req r where u.run_id = r.run_id and u.status = 'running'
           and not (v_withholding and exists (select from withheld w where w.run_id = r.run_id)) returning u.run_id
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
    select r.ord, case when v_withholding and exists (select from withheld w where w.run_id = r.run_id) then null
                       else d.run_id is not null end
      from req r left join done d using (run_id) order by r.ord;
end $$;
