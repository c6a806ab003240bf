-- Registered targets, and standing approvals.

-- name: registered_target_list
select workspace_id, host, note, registered_by, registered_at from livery.registered_target
 where workspace_id = $1 order by host

-- name: registered_target_add
insert into livery.registered_target (workspace_id, host, note, registered_by) values ($1, $2, $3, $4)
on conflict do nothing returning host

-- name: registered_target_hold
-- It is not removed before this transaction ends.
select host from livery.registered_target where workspace_id = $1 and host = $2 for share

-- name: registered_target_remove
delete from livery.registered_target where workspace_id = $1 and host = $2 returning host

-- name: standing_subject
-- The version that `resolve` would choose for a call that names no channel.
with asked as (
    select s.* from livery.skill s
     where (s.skill_key = $1 or s.skill_key = $2 or s.skill_id::text = $1) and s.workspace_id in ($3, $6)
     order by (s.workspace_id = $3) desc, (s.skill_key = $1) desc limit 1
)
select asked.skill_id, asked.skill_key, v.version, v.digest, v.contract::text as contract,
       (select p.policy_hash from livery.policy_set p where p.active) as policy_hash
  from asked join livery.skill_version v on v.skill_id = asked.skill_id
 where v.version = coalesce($5,
           (select e.version from livery.hired_agent_skill e where e.hired_agent_id = $4 and e.skill_id = asked.skill_id),
           (select version from livery.channel c where c.skill_id = asked.skill_id and c.channel = 'production'),
           (select version from livery.skill_version n where n.skill_id = asked.skill_id
               and n.status in ('certified', 'deprecated', 'revoked') order by ordinal desc limit 1))
   and ($4::uuid is null or exists (
        select from livery.hired_agent h where h.hired_agent_id = $4 and h.workspace_id = $3))

-- name: standing_add
insert into livery.standing_approval (standing_id, workspace_id, hired_agent_id, skill_id, skill_key, version, digest,
    action, target, policy_hash, total, expires_at, granted_by, granted_by_token, granted_hand, granted_makers)
values ($1, $2, $3, $4, $5, $6, $7, 'send', $8, $9, $10, $11, $12, $13, $14, $15)

-- name: standing_list
select s.standing_id, s.workspace_id, w.slug as workspace, s.hired_agent_id, h.name as agent, s.skill_key, s.version,
       s.digest, s.action, s.target, s.policy_hash, s.total, s.used,
       case when s.revoked_at is not null then 'revoked' when s.used >= s.total then 'spent'
            when s.expires_at <= clock_timestamp() then 'expired' else 'active' end as state,
       s.expires_at, s.granted_by, s.granted_at, s.revoked_by, s.revoked_at, s.reason, w.delegated_approval as delegated
  from livery.standing_approval s join livery.workspace w using (workspace_id)
  left join livery.hired_agent h on h.hired_agent_id = s.hired_agent_id
 where $1::text is null or s.standing_id = $1
 order by s.granted_at desc, s.standing_id desc limit $2

-- name: standing_revoke
update livery.standing_approval set revoked_by = $2, revoked_at = clock_timestamp(), reason = $3
 where standing_id = $1 and revoked_at is null returning standing_id

-- name: standing_revoke_target
-- Locked in the order in which a batch that begins runs locks them.
with held as (
    select standing_id from livery.standing_approval
     where workspace_id = $1 and target = $2 and revoked_at is null order by standing_id for update
)
update livery.standing_approval s set revoked_by = $3, revoked_at = clock_timestamp(), reason = $4
  from held h where s.standing_id = h.standing_id returning s.standing_id, s.used
