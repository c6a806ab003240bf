-- Job roles, bindings, and who uses a version.

-- name: version_hold
select v.skill_id from livery.skill_version v
  join unnest($1::uuid[], $2::text[]) as w (skill_id, version) using (skill_id, version)
 order by v.skill_id, v.version for share of v

-- name: version_standing
select w.skill_id, s.skill_key, w.version, v.reason, case
    when v.status is null then 'not_found'
    when v.status not in ('certified', 'deprecated') then v.status
    when c.expires_at is null or c.state = 'revoked' then 'not_certified'
    when c.expires_at <= clock_timestamp() then 'expired'
    else v.status end as status
  from unnest($1::uuid[], $2::text[]) with ordinality as w (skill_id, version, ord)
  left join livery.skill s using (skill_id)
  left join livery.skill_version v on v.skill_id = w.skill_id and v.version = w.version
  left join lateral (select * from livery.certificate c where c.skill_id = v.skill_id and c.version = v.version
                      and c.digest = v.digest order by signed_at desc limit 1) c on true
 order by w.ord

-- Job roles ----------------------------------------------------------------------------------------------

-- name: job_role_list
-- A role is listed by its newest version, of the certified ones where $4.
select r.role_id from (
    select distinct on (role_key) role_id, role_key, status from livery.job_role
     where not $4::boolean or status = 'certified' order by role_key, version desc) r
 where ($1::text is null or r.status = $1) and ($2::text is null or r.role_key > $2)
 order by r.role_key limit $3

-- name: job_role_find
select distinct role_id from livery.job_role where role_key = $1 or role_id::text = $1

-- name: job_role_versions
select r.*, (
    select json_agg(json_build_array(e.skill_id, e.version) order by e.position)::text
      from livery.job_role_skill e where e.role_id = r.role_id and e.role_version = r.version) as skills
  from livery.job_role r where r.role_id = any ($1::uuid[]) order by r.role_key, r.version desc

-- name: job_role_add
insert into livery.job_role (role_id, workspace_id, role_key, version, name, description, status, created_by, created_at)
values ($1, $2, $3, $4, $5, $6, 'pending_certification', $7, $8) on conflict do nothing returning version

-- name: job_role_skill_add
insert into livery.job_role_skill (role_id, role_version, workspace_id, skill_id, version, position)
select $1, $2, $3, w.skill_id, w.version, w.ord from unnest($4::uuid[], $5::text[]) with ordinality
    as w (skill_id, version, ord)

-- name: job_role_certify
update livery.job_role set status = 'certified', certified_by = $4, certified_at = $5
 where role_id = $1 and version = $2 and status = $3 returning version

-- name: job_role_revoke
update livery.job_role set status = 'revoked', reason = $4
 where role_id = $1 and version = $2 and status = $3 returning version

-- name: job_role_uses
-- What is in force or may come into force: certified versions, and the newest.
select r.role_key || '@' || r.version as ref, r.name, r.workspace_id, s.skill_key, e.version, null::text as channel
  from livery.job_role_skill e
  join livery.job_role r on r.role_id = e.role_id and r.version = e.role_version
  join livery.skill s on s.skill_id = e.skill_id
 where e.skill_id = $1 and ($2::text is null or e.version = $2) and r.workspace_id = any ($3::uuid[])
   and (r.status = 'certified' or r.status <> 'revoked'
        and r.version = (select max(n.version) from livery.job_role n where n.role_id = r.role_id))

-- Bindings -----------------------------------------------------------------------------------------------

-- name: binding_list
select b.*, w.slug as workspace, s.skill_key, coalesce(b.version, c.version, '') as resolved,
    (select max(m.move_id) from livery.binding_move m
      where m.workspace_id = b.workspace_id and m.slot = b.slot) as move_id
  from livery.binding b join livery.workspace w using (workspace_id) join livery.skill s using (skill_id)
  left join livery.channel c on c.skill_id = b.skill_id and c.channel = b.channel
 where $1::text is null or b.slot = $1 order by w.slug, b.slot

-- name: binding_channel
select version from livery.channel where skill_id = $1 and channel = $2

-- name: binding_set
insert into livery.binding as b (workspace_id, slot, skill_id, version, channel, bound_by, bound_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (workspace_id, slot) do update
   set skill_id = excluded.skill_id, version = excluded.version, channel = excluded.channel,
       bound_by = excluded.bound_by, bound_at = excluded.bound_at
 where (b.skill_id, b.version, b.channel) is distinct from (excluded.skill_id, excluded.version, excluded.channel)
returning slot

-- name: binding_lock
select slot from livery.binding where workspace_id = $1 and slot = $2 for update

-- name: binding_newest_move
select max(move_id) from livery.binding_move where workspace_id = $1 and slot = $2

-- name: binding_remove
delete from livery.binding where workspace_id = $1 and slot = $2
returning skill_id, version, channel, clock_timestamp() as at

-- name: binding_move_add
insert into livery.binding_move (workspace_id, slot, skill_id, version, channel, kind, moved_by, moved_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: binding_moves
select m.*, s.skill_key from livery.binding_move m join livery.skill s using (skill_id)
 where m.workspace_id = $1 and m.slot = $2 order by m.move_id desc

-- name: binding_uses
select b.slot as ref, b.slot as name, b.workspace_id, s.skill_key, coalesce(b.version, c.version, '') as version,
    b.channel
  from livery.binding b join livery.skill s using (skill_id)
  left join livery.channel c on c.skill_id = b.skill_id and c.channel = b.channel
 where b.skill_id = $1 and ($2::text is null or coalesce(b.version, c.version) = $2)
   and b.workspace_id = any ($3::uuid[])

-- Hiring -------------------------------------------------------------------------------------------------

-- name: hired_agent_uses
select h.hired_agent_id::text as ref, h.name, h.workspace_id, s.skill_key, e.version, null::text as channel
  from livery.hired_agent_skill e join livery.hired_agent h using (hired_agent_id)
  join livery.skill s on s.skill_id = e.skill_id
 where e.skill_id = $1 and ($2::text is null or e.version = $2) and h.workspace_id = any ($3::uuid[])
   and h.status <> 'ended'

-- name: agent_type_uses
-- A type names skills, perhaps as `key@version`; without one it is held to what hiring would take: the newest certified.
select t.agent_type || '.v' || t.version as ref, t.name, '00000000-0000-0000-0000-000000000000'::uuid as workspace_id,
    s.skill_key, held.version, null::text as channel
  from livery.skill s
  join livery.agent_type t on t.status <> 'deprecated'
  join lateral unnest(t.required_skill_keys) as k (ref)
    on split_part(k.ref, '@', 1) = s.skill_id::text
    or translate(split_part(k.ref, '@', 1), '_.', '--') = s.skill_key
  join lateral (select coalesce(nullif(split_part(k.ref, '@', 2), ''), (
      select v.version from livery.skill_version v where v.skill_id = s.skill_id
       order by v.status = 'certified' desc, v.ordinal desc limit 1)) as version) held on true
 where s.skill_id = $1 and ($2::text is null or held.version = $2)
   and s.workspace_id = '00000000-0000-0000-0000-000000000000'
   and '00000000-0000-0000-0000-000000000000'::uuid = any ($3::uuid[])
