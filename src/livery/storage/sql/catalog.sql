-- The catalog's life: search, SemVer, revocation, channels. A version's ordinal is its rank by SemVer precedence.

-- name: skill_list
select s.*, w.slug as workspace, v.version, v.digest, v.status from livery.skill s
  left join livery.workspace w using (workspace_id)
  join lateral (select * from livery.skill_version v where v.skill_id = s.skill_id
                 order by status = 'deleted', ordinal desc limit 1) v on true
 where ($1::text is null and v.status <> 'deleted' or v.status = $1)
   and ($2::text is null or s.search @@ websearch_to_tsquery('english', $2)
        or starts_with(s.skill_key, $3::text))
   and ($4::text is null or (s.skill_key, s.workspace_id) > ($4, $9::uuid))
   and ($6::text is null or s.category = $6) and ($7::text is null or s.owner = $7)
   and ($8::uuid is null or s.workspace_id = $8) and ($10::uuid[] is null or s.skill_id = any ($10))
 order by s.skill_key, s.workspace_id limit $5

-- name: version_registered
select v.skill_id, s.workspace_id, s.skill_key, v.version, v.status from livery.skill_version v
  join livery.skill s using (skill_id)
  join unnest($1::uuid[], $2::text[]) as t (workspace_id, skill_key)
    on t.workspace_id = s.workspace_id and t.skill_key = s.skill_key

-- name: version_contract
select contract::text from livery.skill_version where skill_id = $1 and version = $2

-- name: version_order
update livery.skill_version v set ordinal = t.ordinal
  from unnest($1::uuid[], $2::text[], $3::integer[]) as t (skill_id, version, ordinal)
 where v.skill_id = t.skill_id and v.version = t.version and v.ordinal <> t.ordinal

-- name: version_move
update livery.skill_version set status = $4, reason = $5, in_flight = $6
 where skill_id = $1 and version = $2 and status = $3 returning version

-- name: version_lock
select version from livery.skill_version where skill_id = $1 order by version for update

-- name: version_used
-- A call that was denied used nothing.
select v.status, exists (select from livery.run r where r.created_at >= $5 and r.skill_key = $3
        and r.skill_version = $2 and r.digest = $4 and r.status <> 'denied'
        and v.workspace_id in (r.workspace_id, '00000000-0000-0000-0000-000000000000')) as ran,
    array(select c.channel from livery.channel c where c.skill_id = $1 and c.version = $2 order by 1) as channels
  from livery.skill_version v where v.skill_id = $1 and v.version = $2

-- Channels -----------------------------------------------------------------------------------------------

-- name: channel_moves
select m.*, m.statement::text as signed from livery.channel_move m
 where m.skill_id = $1 and ($2::text is null or m.channel = $2) order by m.move_id desc limit $3

-- name: skill_turn
-- By itself: what a statement reads beside a lock that it waited for is what was before the wait.
select skill_id from livery.skill where skill_id = $1 for update

-- name: channel_now
select version from livery.channel where skill_id = $1 and channel = $2

-- name: version_provable
select v.status = any ($4::text[]) and c.certificate_id = $3 and c.state = 'valid'
    and c.digest = v.digest and c.expires_at > clock_timestamp()
  from livery.skill_version v cross join lateral (select * from livery.certificate c where c.skill_id = v.skill_id
      and c.version = v.version order by signed_at desc limit 1) c
 where v.skill_id = $1 and v.version = $2

-- name: channel_set
insert into livery.channel (skill_id, workspace_id, channel, version) values ($1, $2, $3, $4)
on conflict (skill_id, channel) do update set version = excluded.version

-- name: channel_move_add
insert into livery.channel_move (skill_id, workspace_id, channel, version, previous, kind, moved_by, reason, statement,
    moved_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
