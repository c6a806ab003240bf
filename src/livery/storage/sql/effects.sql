-- The ledger of effects, and the settling of unknown runs.

-- name: effect_intend
insert into livery.effect (effect_id, run_id, workspace_id, action, target, state, request_hash)
select $1, r.run_id, r.workspace_id, $4, $5, 'intended', $6
  from (select run_id, workspace_id from livery.run
         where run_id = $2 and workspace_id = $3 and status = 'running' and not dry_run for share) r
returning effect_id

-- name: effect_sent
update livery.effect e set state = 'sent', changed_at = clock_timestamp()
  from (select run_id from livery.run where run_id = $2 and workspace_id = $3 and status = 'running' for share) r
 where e.effect_id = $1 and e.run_id = r.run_id and e.state = 'intended' returning e.effect_id

-- name: effect_ended
update livery.effect set state = $2, evidence = $3, changed_at = clock_timestamp()
 where effect_id = $1 and state = any ($4::text[]) returning effect_id

-- name: effect_list
select effect_id, run_id, workspace_id, action, target, request_hash, state, evidence, at
  from livery.effect e
 where ($1::uuid is null or run_id = $1) and ($2::text is null or state = $2)
   and ($3::uuid is null or effect_id < $3)
   and ($5::uuid is null or exists (select from livery.run r where r.run_id = e.run_id and r.hired_agent_id = $5))
 order by effect_id desc limit $4

-- name: run_unknown
select run_id, workspace_id, reserved, cost, skill_key, approval_id, created_at, envelope
  from livery.run where run_id = $1 and status = 'unknown' for update

-- name: run_resolve
update livery.run set status = $2, code = $3, cost = $4, envelope = $5 where run_id = $1 returning run_id

-- name: effects_resolve
update livery.effect set state = $2, changed_at = clock_timestamp(),
       evidence = coalesce(evidence, '{}'::jsonb) || $3::jsonb
 where run_id = $1 and state in ('sent', 'unknown') returning effect_id

-- name: run_refund
-- An unknown run was charged in full; only in the period it was charged in is there something to give back.
update livery.budget set spent = greatest(spent - $2, 0)
 where workspace_id = $1 and period = $3 returning workspace_id

-- name: run_key_free
delete from livery.idempotency where run_id = $1 returning run_id

-- name: target_lock
insert into livery.target (workspace_id, host) values ($1, $2)
on conflict (workspace_id, host) do update set host = excluded.host
returning state, failures, since, arrival, clock_timestamp() as now

-- name: target_set
update livery.target set state = $3, failures = $4, since = $5, arrival = $6
 where workspace_id = $1 and host = $2

-- name: target_list
select host, state, failures, since from livery.target where state <> 'closed' order by host
