-- Kill switches, pause and resume, policy versions.

-- name: switch_engage
insert into livery.kill_switch (scope, target, workspace_id, reason, engaged_by, engaged_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (scope, target) do update
   set reason = excluded.reason, engaged_by = excluded.engaged_by, engaged_at = excluded.engaged_at
 -- What an operator engaged stays an operator's, whoever engages it once more.
 where livery.kill_switch.engaged_by not like 'operator:%' or excluded.engaged_by like 'operator:%'
returning scope

-- name: switch_release
delete from livery.kill_switch where scope = $1 and target = $2 returning scope

-- name: switch_list
select scope, target, workspace_id, reason, engaged_by, engaged_at from livery.kill_switch order by engaged_at desc

-- name: agent_state
select hired_agent_id, workspace_id, name, status from livery.hired_agent
 where hired_agent_id::text = $1 or name = $1 order by (hired_agent_id::text = $1) desc, created_at limit 2

-- name: agent_move
update livery.hired_agent set status = $3 where hired_agent_id = $1 and status = $2 returning hired_agent_id

-- name: policy_versions
select v.version, v.policy_hash, v.text, v.cases, v.note, v.created_by, v.created_at,
       exists (select from livery.policy_set s where s.policy_hash = v.policy_hash and s.active) as active
  from livery.policy_version v
 order by v.version desc limit $1

-- name: policy_version
select v.version, v.policy_hash, v.text, v.cases, v.note, v.created_by, v.created_at,
       exists (select from livery.policy_set s where s.policy_hash = v.policy_hash and s.active) as active
  from livery.policy_version v
 where v.version = $1

-- name: policy_version_add
insert into livery.policy_version (policy_hash, text, cases, note, created_by)
values ($1, $2, $3, $4, $5) returning version

-- name: policy_switch_off
update livery.policy_set set active = false where active

-- name: policy_switch_on
insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, $3)
on conflict (policy_hash) do update set active = true returning policy_hash

-- name: recent_runs
select r.run_id, r.workspace_id, r.hired_agent_id, r.principal, r.status, r.code, r.dry_run, r.approval_id, r.reserved,
       r.skill_key, r.skill_version, s.skill_id, s.owner, s.category, v.contract
  from livery.run r
  join livery.skill_version v on v.digest = r.digest and v.version = r.skill_version
  join livery.skill s on s.skill_id = v.skill_id and s.skill_key = r.skill_key
 order by r.run_id desc limit $1

-- name: budget_of
select cap, reserved, spent from livery.budget where workspace_id = $1
