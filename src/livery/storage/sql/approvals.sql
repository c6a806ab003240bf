-- Approvals, grants of code, and the runs that wait for an approval.
-- An open one past its time is expired, whether that is noted already or not.

-- name: approval_request
insert into livery.approval (approval_id, workspace_id, hired_agent_id, skill_key, digest, action, args_hash,
    policy_hash, state, requested_by, expires_at, requested_by_token, skill_id, version, security_hash, target, input,
    asked_hand, asked_makers)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict (workspace_id, skill_key, digest, action, args_hash, policy_hash, hired_agent_id) where state = 'requested'
do update set expires_at = excluded.expires_at,
    asked_hand = array(select distinct unnest(approval.asked_hand || excluded.asked_hand) order by 1),
    asked_makers = array(select distinct unnest(approval.asked_makers || excluded.asked_makers) order by 1)
returning approval_id

-- name: approval_lapsed_twin
-- What ran out does not come to life again because the same is asked once more.
select approval_id from livery.approval
 where workspace_id = $1 and skill_key = $2 and digest = $3 and action = $4 and args_hash = $5 and policy_hash = $6
   and hired_agent_id is not distinct from $7 and state = 'requested' and expires_at <= clock_timestamp()

-- name: approval_get
select a.approval_id, a.workspace_id, a.hired_agent_id, a.skill_key, a.digest, a.action, a.args_hash, a.policy_hash,
       a.requested_by, a.expires_at, a.skill_id, a.version, a.security_hash, a.target, a.input::text as input,
       a.requested_by_token, a.decided_by, a.decision, a.reason, a.run_id, a.created_at, a.decided_at,
       case when a.state in ('requested', 'granted') and a.expires_at <= clock_timestamp() then 'expired'
            else a.state end as state,
       w.slug as workspace, w.four_eyes, w.delegated_approval as delegated, h.name as agent,
       a.asked_hand, a.asked_makers
  from livery.approval a join livery.workspace w using (workspace_id)
  left join livery.hired_agent h using (hired_agent_id)
 where a.approval_id = $1

-- name: approval_list
select * from (
    select a.approval_id, a.workspace_id, a.hired_agent_id, a.skill_key, a.digest, a.action, a.args_hash, a.policy_hash,
           a.requested_by, a.expires_at, a.skill_id, a.version, a.security_hash, a.target, a.input::text as input,
           a.requested_by_token, a.decided_by, a.decision, a.reason, a.run_id, a.created_at, a.decided_at,
           case when a.state in ('requested', 'granted') and a.expires_at <= clock_timestamp() then 'expired'
                else a.state end as state,
           w.slug as workspace, w.four_eyes, w.delegated_approval as delegated, h.name as agent,
       a.asked_hand, a.asked_makers
      from livery.approval a join livery.workspace w using (workspace_id)
      left join livery.hired_agent h using (hired_agent_id)) x
 where ($1::text is null or x.state = $1) and ($4::uuid is null or x.hired_agent_id = $4)
   and ($2::text is null or (x.created_at, x.approval_id) <
        (select b.created_at, b.approval_id from livery.approval b where b.approval_id = $2))
 order by x.created_at desc, x.approval_id desc limit $3

-- name: approval_decide
-- $3 is the state, $9 to $11 what the decider was held to, house rules and who asked: another process may have
-- changed them.
update livery.approval a set state = $2, decided_by = coalesce($4, a.decided_by), decided_at = clock_timestamp(),
       decision = coalesce($5, a.decision), reason = coalesce($6, a.reason), expires_at = coalesce($7, a.expires_at),
       granted_hand = coalesce($12, a.granted_hand), granted_makers = coalesce($13, a.granted_makers)
  from livery.workspace w
 where a.approval_id = $1 and a.state = $3 and (a.expires_at > clock_timestamp()) = $8
   and w.workspace_id = a.workspace_id and w.four_eyes = $9 and w.delegated_approval = $10
   and a.asked_hand = $11
returning a.approval_id

-- name: approval_lapsed
select approval_id from livery.approval
 where state in ('requested', 'granted') and expires_at <= clock_timestamp() order by expires_at limit $1

-- name: approval_expire
update livery.approval set state = 'expired'
 where approval_id = $1 and state in ('requested', 'granted') and expires_at <= clock_timestamp() returning workspace_id

-- name: approval_hold
-- The state of now, held until the transaction ends.
select case when state in ('requested', 'granted') and expires_at <= clock_timestamp() then 'expired' else state end
  from livery.approval where approval_id = $1 for update

-- name: approval_withdraw
-- Nobody is left who would use it.
update livery.approval set state = case when state = 'granted' then 'revoked' else 'expired' end, reason = $2
 where approval_id = $1 and state in ('requested', 'granted')
   and not exists (select from livery.waiting_run w where w.approval_id = $1) returning state

-- name: approval_waiting
select count(*) as count,
       coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as oldest_s
  from livery.approval where state = 'requested' and expires_at > clock_timestamp()

-- Grants of code ------------------------------------------------------------------------------------------

-- name: code_grant_replace
update livery.code_grant set revoked_by = $5, revoked_at = clock_timestamp()
 where workspace_id = $1 and skill_id = $2 and security_hash = $3 and hired_agent_id is not distinct from $4
   and revoked_at is null returning grant_id

-- name: code_grant_add
insert into livery.code_grant (grant_id, workspace_id, hired_agent_id, skill_id, security_hash, decision, decided_by,
    approval_id)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: code_grant_list
select g.grant_id, g.workspace_id, g.hired_agent_id, g.skill_id, s.skill_key, g.security_hash, g.decision, g.decided_by,
       g.decided_at, g.approval_id, w.delegated_approval as delegated
  from livery.code_grant g join livery.skill s using (skill_id) join livery.workspace w on w.workspace_id = g.workspace_id
 where g.revoked_at is null and ($1::uuid is null or g.grant_id = $1)
 order by g.decided_at desc, g.grant_id limit $2

-- name: code_grant_revoke
update livery.code_grant set revoked_by = $2, revoked_at = clock_timestamp()
 where grant_id = $1 and revoked_at is null returning grant_id

-- Runs that wait -------------------------------------------------------------------------------------------

-- name: waiting_known
-- The one that the same caller parked before for the same.
select w.run_id from livery.waiting_run w join livery.run r using (run_id)
 where w.approval_id = $1 and w.token_id = $2 and w.key is null and r.status in ('awaiting_approval', 'queued')

-- name: waiting_key
insert into livery.idempotency (workspace_id, skill_key, key, args_hash, run_id) values ($1, $2, $3, $4, $5)
on conflict do nothing returning run_id

-- name: waiting_run_add
insert into livery.run (run_id, workspace_id, hired_agent_id, skill_key, skill_version, digest, principal, status, code,
    args_hash, input, dry_run, reserved, approval_id, correlation_id, process_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, case when $8 = 'queued' then null else 'approval_required' end, $9, $10, false,
    0, $11, $12, $13)

-- name: waiting_add
insert into livery.waiting_run (run_id, workspace_id, approval_id, token_id, skill_id, version, channel, key)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: waiting_queue
update livery.run r set status = 'queued', code = null from livery.waiting_run w
 where w.approval_id = $1 and r.run_id = w.run_id and r.status = 'awaiting_approval'
returning r.run_id, r.workspace_id, r.correlation_id

-- name: waiting_of
select r.run_id, r.workspace_id, r.skill_key, r.skill_version, r.digest, r.correlation_id, r.approval_id
  from livery.waiting_run w join livery.run r using (run_id)
 where w.approval_id = $1 and r.status in ('awaiting_approval', 'queued') order by r.run_id for update of r

-- name: waiting_approval
select approval_id from livery.waiting_run where run_id = $1

-- name: waiting_one
select r.run_id, r.workspace_id, r.skill_key, r.skill_version, r.digest, r.correlation_id, r.approval_id
  from livery.run r where r.run_id = $1 and r.status in ('awaiting_approval', 'queued') for update

-- name: waiting_end
update livery.run set status = $2, code = $3, envelope = $4, finished_at = clock_timestamp() where run_id = $1

-- name: waiting_forget
with gone as (delete from livery.waiting_run where run_id = $1)
delete from livery.idempotency i where i.run_id = $1

-- name: waiting_claim
update livery.waiting_run w set claimed_by = $1
 where w.run_id in (
    select x.run_id from livery.waiting_run x join livery.run r using (run_id)
     where r.status = 'queued' and not exists (
           select from livery.process p where p.process_id = x.claimed_by and p.expires_at > clock_timestamp())
     order by x.created_at limit $2 for update of x skip locked)
returning w.run_id, w.workspace_id

-- name: waiting_unclaim
update livery.waiting_run set claimed_by = null where run_id = $1 and claimed_by = $2

-- name: waiting_call
select r.run_id, r.workspace_id, r.hired_agent_id, r.input::text as input, r.approval_id, r.correlation_id, w.skill_id,
       w.version, w.channel, w.key, t.token_id, t.name, t.role, t.workspace_id as home, t.hired_agent_id as agent,
       t.expires_at, t.hand, t.makers
  from livery.waiting_run w join livery.run r using (run_id) left join livery.token t using (token_id)
 where w.run_id = $1 and r.status = 'queued'

-- name: waiting_clear
-- What was started, or ended, waits no more; a run that was refused holds no key.
with over as (
    delete from livery.waiting_run w using livery.run r
     where r.run_id = w.run_id and r.status not in ('awaiting_approval', 'queued') and ($1::uuid is null or w.run_id = $1)
    returning w.run_id, r.status
)
delete from livery.idempotency i using over o where i.run_id = o.run_id and o.status in ('denied', 'canceled')
