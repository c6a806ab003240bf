-- Packages in: many versions in one transaction.

-- name: skills_add
insert into livery.skill (skill_id, workspace_id, skill_key, name, description, category, owner, created_at)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::timestamptz[]) as t (skill_id, workspace_id, skill_key, name, description, category, owner, created_at)
 order by workspace_id, skill_key
on conflict (workspace_id, skill_key) do nothing

-- name: skills_lock
select s.skill_id, s.workspace_id, s.skill_key from livery.skill s
  join unnest($1::uuid[], $2::text[]) as t (workspace_id, skill_key) using (workspace_id, skill_key)
 order by s.workspace_id, s.skill_key for update of s

-- name: version_digests
select skill_id, version, digest from livery.skill_version where skill_id = any ($1::uuid[]) order by ordinal

-- name: packages_known
select digest from livery.package where digest = any ($1::text[])

-- name: package_note_add
insert into livery.package_note (digest, diagnostics, aliases) values ($1, $2, $3) on conflict (digest) do nothing

-- name: package_note_get
select diagnostics::text from livery.package_note where digest = $1

-- name: skill_keys_taken
select skill_key from livery.skill where workspace_id = any ($1::uuid[]) and skill_key = any ($2::text[])

-- name: skill_aliases_taken
select alias, s.skill_key from livery.package_note n
  join livery.skill_version v using (digest)
  join livery.skill s using (skill_id)
 cross join unnest(n.aliases) alias
 where n.aliases && $2::text[] and alias = any ($2::text[]) and s.workspace_id = any ($1::uuid[])
   and v.status not in ('revoked', 'deleted')

-- name: skill_versions_newest
select distinct on (s.skill_key) s.skill_key, v.version, v.digest, v.created_by from livery.skill_version v
  join livery.skill s using (skill_id)
 where s.workspace_id = $1 and s.skill_key = any ($2::text[])
   and ($3::text is null or v.created_by = $3)
 order by s.skill_key, v.ordinal desc

-- name: skill_statuses
select s.skill_key, v.version, v.status from livery.skill_version v
  join livery.skill s using (skill_id)
  join unnest($2::text[], $3::text[]) as t (skill_key, version) on t.skill_key = s.skill_key and t.version = v.version
 where s.workspace_id = $1

-- name: skill_notes
select s.skill_key, s.workspace_id, w.slug as workspace, v.version, n.diagnostics::text from livery.skill s
  left join livery.workspace w using (workspace_id)
  join lateral (select * from livery.skill_version v where v.skill_id = s.skill_id order by ordinal desc limit 1) v on true
  join livery.package_note n using (digest)
 where n.diagnostics <> '[]' and v.status not in ('revoked', 'deleted')
   and ($1::text is null or (s.skill_key, s.workspace_id) > ($1, $3::uuid))
 order by s.skill_key, s.workspace_id limit $2

-- name: skill_key_holders
select workspace_id, skill_key, holders from livery.skill_key_holders($1, $2)
