-- Every named query of the platform. Scope first: rows of workspaces outside `livery.workspaces` do not exist.

-- name: scope
select set_config('livery.workspaces', $1, true)

-- name: chain_open
insert into livery.chain (chain_id, head)
values ($1, sha256(convert_to('livery:chain:' || $1, 'UTF8'))) on conflict do nothing

-- name: journal_append
select livery.journal_append($1, $2, $3, $4, $5, $6, $7)

-- name: epoch_bump
with bumped as (
    insert into livery.epoch (workspace_id, value) values ($1, 1)
    on conflict (workspace_id) do update set value = livery.epoch.value + 1 returning workspace_id)
select pg_notify('livery_epoch', workspace_id::text) from bumped

-- name: begin_batch
select * from livery.begin_batch($1, $2, $3, $4)

-- name: settle_batch
select * from livery.settle_batch($1, $2, $3)

-- name: chain_wait
select from livery.chain where chain_id = $1 for update

-- name: run_written
select run_id, status, code, process_id, envelope is not null as answered,
       exists (select from livery.waiting_run w where w.run_id = r.run_id) as waited
  from livery.run r where run_id = any ($1::uuid[])

-- name: artifact_add
insert into livery.artifact (artifact_id, run_id, workspace_id, skill_key, skill_version, name, media_type, size,
    sha256, content, statement, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning artifact_id

-- Processes ----------------------------------------------------------------------------------------------

-- name: process_start
insert into livery.process (process_id, kind, host, pid, expires_at)
values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) returning process_id

-- name: process_beat
update livery.process set beat_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2)
 where process_id = $1 and swept_at is null and expires_at > clock_timestamp() returning process_id

-- name: process_end
update livery.process set expires_at = clock_timestamp() - interval '1 second' where process_id = $1

-- name: sweep
select run_id, workspace_id, status from livery.sweep($1, $2)

-- name: process_list
select process_id, kind, host, pid, started_at, beat_at, expires_at > clock_timestamp() as alive
  from livery.process where swept_at is null order by started_at

-- Identity -----------------------------------------------------------------------------------------------

-- name: token_lookup
select * from livery.token_lookup($1)

-- name: token_add
insert into livery.token (token_id, token_hash, name, role, workspace_id, hired_agent_id, created_at, expires_at, hand,
    makers)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: token_names
-- The names of the live tokens of a workspace, or of staff.
select distinct name from livery.token
 where workspace_id is not distinct from $1 and revoked_at is null and (expires_at is null or expires_at > $2)

-- name: token_list
select token_id, name, role, workspace_id, hired_agent_id, created_at, expires_at, revoked_at
  from livery.token order by created_at desc

-- name: token_revoke
-- The scope of a write has the platform's rows too; who may revoke which token is what $3 says.
update livery.token set revoked_at = $2 where token_id = $1 and revoked_at is null
   and coalesce(workspace_id, '00000000-0000-0000-0000-000000000000') = any ($3::uuid[])
returning coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')

-- name: workspace_add
insert into livery.workspace (workspace_id, slug, name, timezone, created_at, delegated_approval)
values ($1, $2, $3, $4, $5, $6)
on conflict (slug) do nothing returning workspace_id

-- name: budget_add
insert into livery.budget (workspace_id, cap, period) values ($1, $2, $3)

-- name: workspace_list
select workspace_id, slug, name, timezone, created_at, four_eyes, delegated_approval
  from livery.workspace order by slug

-- name: workspace_set
update livery.workspace set four_eyes = coalesce($2, four_eyes), delegated_approval = coalesce($3, delegated_approval)
 where workspace_id = $1
returning workspace_id, slug, name, timezone, created_at, four_eyes, delegated_approval

-- name: workspace_ids
select * from livery.workspace_ids()

-- Catalog ------------------------------------------------------------------------------------------------

-- name: package_add
insert into livery.package (digest, archive) values ($1, $2) on conflict do nothing

-- name: package_get
select archive from livery.package where digest = $1

-- name: version_add
insert into livery.skill_version (skill_id, workspace_id, version, ordinal, digest, status, contract, created_by,
    created_at)
select s.skill_id, s.workspace_id, $2, 1 + coalesce(max(v.ordinal), 0), $3, 'pending_certification', $4, $5, $6
  from livery.skill s left join livery.skill_version v using (skill_id)
 where s.skill_id = $1 group by s.skill_id, s.workspace_id

-- name: skill_get
-- Whose skill a name means: an id its own; a key a workspace's own that is alive, else the platform's, else a workspace's own that is over.
-- All of the first kind that there is: staff see many workspaces.
select * from (
    select n.*, min(n.turn) over () as first from (
        select s.*, w.slug as workspace, v.version, v.digest, v.status, case
            when s.skill_id::text = $1 then 0
            when s.workspace_id = '00000000-0000-0000-0000-000000000000' then 2
            when exists (select from livery.skill_version l
                          where l.skill_id = s.skill_id and l.status not in ('revoked', 'deleted')) then 1
            else 3 end as turn
          from livery.skill s
          left join livery.workspace w using (workspace_id)
          join lateral (select * from livery.skill_version v where v.skill_id = s.skill_id
                         order by status = 'deleted', ordinal desc limit 1) v on true
         where (s.skill_key = $1 or s.skill_id::text = $1) and ($2::uuid is null or s.workspace_id = $2)) n) m
 where turn = first order by workspace_id

-- name: version_list
select v.*, s.skill_key from livery.skill_version v join livery.skill s using (skill_id)
 where v.skill_id = $1 order by v.ordinal desc

-- name: channel_list
select channel, version from livery.channel where skill_id = $1

-- name: certificate_revoke
update livery.certificate set state = 'revoked' where skill_id = $1 and version = $2

-- name: certificate_add
insert into livery.certificate (certificate_id, skill_id, workspace_id, version, digest, state, key_id, signed_at,
    expires_at, checks, statement, basis)
select $1, s.skill_id, s.workspace_id, $3, $4, $5, $6, $7, $8, $9, $10, $11 from livery.skill s where s.skill_id = $2

-- name: certificate_newest
select * from livery.certificate where skill_id = $1 and version = $2 order by signed_at desc limit 1

-- name: certificate_of_skill
select distinct on (version) * from livery.certificate where skill_id = $1 order by version, signed_at desc

-- name: certificate_statement
select statement::text from livery.certificate where certificate_id::text = $1

-- name: policy_active
select policy_hash, text, created_by from livery.policy_set where active

-- name: policy_add
insert into livery.policy_set (policy_hash, text, active, created_by) values ($1, $2, true, $3)
on conflict (policy_hash) do update set active = true

-- Hiring -------------------------------------------------------------------------------------------------

-- name: agent_type_add
insert into livery.agent_type (agent_type, version, name, description, required_skill_keys, status)
values ($1, $2, $3, $4, $5, 'published') on conflict do nothing

-- name: agent_type_list
select * from livery.agent_type order by agent_type, version

-- name: hired_agent_add
insert into livery.hired_agent (hired_agent_id, workspace_id, agent_type, agent_type_version, name, status, created_at)
values ($1, $2, $3, $4, $5, 'active', $6) on conflict (workspace_id, name) do nothing returning hired_agent_id

-- name: hired_agent_skill_add
insert into livery.hired_agent_skill (hired_agent_id, workspace_id, skill_id, version) values ($1, $2, $3, $4)

-- name: hired_agent_list
select h.*, w.slug as workspace, coalesce((
    select json_agg(json_build_object('skill_id', s.skill_id, 'skill_key', s.skill_key,
            'version', e.version) order by s.skill_key)
      from livery.hired_agent_skill e join livery.skill s using (skill_id)
     where e.hired_agent_id = h.hired_agent_id), '[]')::text as skills
  from livery.hired_agent h join livery.workspace w using (workspace_id)
 where $1::uuid is null or h.hired_agent_id = $1 order by h.created_at

-- Runs ---------------------------------------------------------------------------------------------------

-- name: resolve
with asked as (
    select s.* from livery.skill s
     where (s.skill_key = $1 or s.skill_key = $2 or s.skill_id::text = $1) and s.workspace_id in ($3, $9)
     -- The workspace's own first; where all of it is over the platform's takes its place, as in skill_get.
     order by (s.skill_id::text = $1) desc, (s.workspace_id = $3 and exists (select from livery.skill_version l
                where l.skill_id = s.skill_id and l.status not in ('revoked', 'deleted'))) desc,
         (s.workspace_id = $9) desc, (s.skill_key = $1) desc limit 1
), entitled as (
    select e.version from livery.hired_agent_skill e, asked where e.hired_agent_id = $4 and e.skill_id = asked.skill_id
), chosen as (
    select v.* from livery.skill_version v, asked
     where v.skill_id = asked.skill_id
       and v.version = coalesce($5,
           (select version from livery.channel c where c.skill_id = asked.skill_id and c.channel = $6),
           case when $6::text is not null then '' end,
           (select version from entitled),
           (select version from livery.channel c where c.skill_id = asked.skill_id and c.channel = 'production'),
           (select version from livery.skill_version n where n.skill_id = asked.skill_id
               and n.status in ('certified', 'deprecated', 'revoked') order by ordinal desc limit 1),
           (select version from livery.skill_version n where n.skill_id = asked.skill_id order by ordinal desc limit 1))
)
select asked.skill_key, asked.skill_id, asked.owner, asked.category, v.version, v.digest, v.status as version_status,
    v.contract::text as contract, c.certificate_id, c.state as certificate_state,
    c.expires_at as certificate_expires_at, c.statement::text as certificate_statement,
    (select status from livery.hired_agent h where h.hired_agent_id = $4) as agent_status,
    case when $4::uuid is null then true
         else exists (select from entitled where $5::text is null or entitled.version = v.version) end as entitled,
    array(select e.skill_id from livery.hired_agent_skill e where e.hired_agent_id = $4) as entitled_skills,
    (select k.reason from livery.kill_switch k where k.scope = 'all' or k.target in ($3, $4)
      order by k.scope, k.target limit 1) as kill_switch,
    (select value from livery.epoch where workspace_id = '00000000-0000-0000-0000-000000000000') as global_epoch,
    (select value from livery.epoch where workspace_id = $3) as local_epoch,
    (select text from livery.policy_set where active) as policy_text,
    exists (select from livery.token t where t.token_id = $7 and t.revoked_at is null
            and (t.expires_at is null or t.expires_at > $8)) as token_alive,
    ($4::uuid is null or exists (select from livery.hired_agent h where h.hired_agent_id = $4)) as agent_known,
    (select json_object_agg(g.security_hash, g.decision)::text from livery.code_grant g
      where g.workspace_id = $3 and g.skill_id = asked.skill_id and g.hired_agent_id is not distinct from $4
        and g.revoked_at is null) as code_grants,
    (select json_agg(json_build_object('id', s.standing_id, 'target', s.target, 'expires', s.expires_at,
            'policy', s.policy_hash, 'by', s.granted_by, 'token', s.granted_by_token, 'hand', s.granted_hand,
            'makers', s.granted_makers))::text
       from livery.standing_approval s
      where s.workspace_id = $3 and s.skill_id = asked.skill_id and s.digest = v.digest
        and s.hired_agent_id is not distinct from $4 and s.revoked_at is null and s.used < s.total
        and s.expires_at > clock_timestamp()) as standing,
    (select w.four_eyes from livery.workspace w where w.workspace_id = $3) as four_eyes,
    asked.workspace_id <> $9 as owned
  from asked join chosen v on true
  left join lateral (select * from livery.certificate c where c.skill_id = v.skill_id and c.version = v.version
                      and c.digest = v.digest order by signed_at desc limit 1) c on true

-- name: run_get
select r.*, w.slug as workspace, coalesce((
    select json_agg(json_build_object('artifact_id', a.artifact_id, 'name', a.name) order by a.name)
      from livery.artifact a where a.run_id = r.run_id), '[]')::text as artifacts
  from livery.run r left join livery.workspace w using (workspace_id) where r.run_id = $1

-- name: run_list
select r.run_id, r.workspace_id, r.hired_agent_id, r.skill_key, r.skill_version, r.digest, r.principal, r.status, r.code,
    r.cost, r.duration_us, r.dry_run, r.approval_id, r.correlation_id, r.created_at, r.finished_at,
    case when r.status <> 'succeeded' then r.envelope end as envelope, null::jsonb as input,
    w.slug as workspace, coalesce((
    select json_agg(json_build_object('artifact_id', a.artifact_id, 'name', a.name) order by a.name)
      from livery.artifact a where a.run_id = r.run_id), '[]')::text as artifacts
  from livery.run r left join livery.workspace w using (workspace_id)
 where r.workspace_id = any ($6::uuid[])
   and ($1::text is null or r.status = $1) and ($2::text is null or r.code = $2)
   and ($3::text is null or r.skill_key = $3) and ($4::uuid is null or r.run_id < $4)
   and ($7::uuid is null or r.hired_agent_id = $7)
 order by r.run_id desc limit $5

-- name: run_held
select i.run_id, i.args_hash, r.status, r.envelope::text as envelope
  from livery.idempotency i join livery.run r using (run_id)
 where i.workspace_id = $1 and i.skill_key = $2 and i.key = $3

-- Artifacts ----------------------------------------------------------------------------------------------

-- name: artifact_get
select artifact_id, run_id, workspace_id, skill_key, skill_version, name, media_type, size, sha256,
    statement::text as statement, created_at from livery.artifact a where artifact_id = $1
   and ($2::uuid is null or exists (select from livery.run r where r.run_id = a.run_id and r.hired_agent_id = $2))

-- name: artifact_content
select content from livery.artifact where artifact_id = $1

-- name: artifact_list
select artifact_id, run_id, workspace_id, skill_key, skill_version, name, media_type, size, sha256,
    statement::text as statement, created_at from livery.artifact a
 where ($1::uuid is null or run_id = $1) and ($2::text is null or name = $2)
   and ($4::uuid is null or artifact_id < $4)
   and ($5::uuid is null or exists (select from livery.run r where r.run_id = a.run_id and r.hired_agent_id = $5))
 order by artifact_id desc limit $3

-- name: journal_position
select chain_id, seq from livery.journal where subject_id = $1 and kind in ('run.succeeded', 'run.failed', 'run.unknown')
   and at_us >= $2 and at_us <= $3 limit 1

-- name: run_times
select created_at, finished_at from livery.run where run_id = $1

-- Audit --------------------------------------------------------------------------------------------------

-- name: audit_search
select * from livery.journal
 where ($1::bigint is null or at_us <= $1 and (at_us, chain_id, seq) < ($1, $7::text, $8::bigint)) and ($2::text is null or kind like $2) and ($3::text is null or subject_id = $3)
   and ($4::text is null or correlation_id = $4) and ($5::text is null or code = $5)
 order by at_us desc, chain_id desc, seq desc limit $6

-- name: chain_list
-- A chain whose row was reset or removed is still known by its links.
select chain_id, coalesce(c.seq, 0) as seq, coalesce(c.head, ''::bytea) as head
  from livery.chain c full join (select distinct chain_id from livery.chain_link) l using (chain_id)
 where c.seq > 0 or l.chain_id is not null order by chain_id

-- name: chain_entries
select * from livery.chain_entries($1, $2, $3)

-- name: chain_links
select first_seq, last_seq, hash from livery.chain_link where chain_id = $1 order by last_seq

-- name: checkpoint_add
-- Behind all others, whatever the clock says.
insert into livery.checkpoint (checkpoint_id, statement, at)
select $1, $2, greatest(clock_timestamp(), (select max(at) from livery.checkpoint) + interval '1 microsecond')

-- name: checkpoint_lock
select pg_advisory_xact_lock(7240617)

-- name: checkpoint_newest
select (select count(*) from livery.checkpoint) as count,
       (select statement::text from livery.checkpoint order by at desc limit 1) as statement

-- name: checkpoint_list
select statement::text as statement from livery.checkpoint order by at
