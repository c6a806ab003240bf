-- Certification: jobs, sign-offs, suppressions, drift.

-- name: suppression_list
select fingerprint, reason, suppressed_by from livery.suppression where skill_id = $1 and version = $2
order by suppressed_at, fingerprint

-- name: suppression_add
insert into livery.suppression (skill_id, workspace_id, version, fingerprint, reason, suppressed_by)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning true

-- Jobs ---------------------------------------------------------------------------------------------------

-- name: job_add
insert into livery.certification_job (job_id, skill_id, workspace_id, version, digest, state, requested_by,
    correlation_id)
values ($1, $2, $3, $4, $5, 'queued', $6, $7)
on conflict (skill_id, version) where state in ('queued', 'running') do nothing returning job_id

-- name: job_open
select j.*, s.skill_key, w.slug as workspace from livery.certification_job j join livery.skill s using (skill_id)
  left join livery.workspace w on w.workspace_id = j.workspace_id
 where j.skill_id = $1 and j.version = $2 and j.state in ('queued', 'running')

-- name: job_get
select j.*, s.skill_key, w.slug as workspace from livery.certification_job j join livery.skill s using (skill_id)
  left join livery.workspace w on w.workspace_id = j.workspace_id where j.job_id = $1

-- name: job_list
select j.*, s.skill_key, w.slug as workspace from livery.certification_job j join livery.skill s using (skill_id)
  left join livery.workspace w on w.workspace_id = j.workspace_id
 where j.workspace_id = any ($1::uuid[]) and ($2::text is null or j.state = $2)
   and ($3::uuid is null or j.job_id < $3)
 order by j.job_id desc limit $4

-- name: job_claim
-- The number of attempts that the caller read is compared: the process of another claim may be younger than what
-- this statement sees of the table of processes, and would look dead.
update livery.certification_job j set state = 'running', process_id = $2, attempts = attempts + 1,
    started_at = clock_timestamp(), beat_at = clock_timestamp(), done_checks = '[]', current_check = null
 where job_id = $1 and attempts = $3 and attempts < $4
   and exists (select from livery.process p
                where p.process_id = $2 and p.swept_at is null and p.expires_at > clock_timestamp())
   and (state = 'queued' or state = 'running' and livery.certification_job_left(process_id, beat_at))
returning attempts

-- name: job_advance
-- How far it is may be lost in a crash: nobody waits for the disk.
update livery.certification_job set current_check = $4, done_checks = $5, total_checks = $6, beat_at = clock_timestamp()
 where job_id = $1 and process_id = $2 and attempts = $3 and state = 'running'
   and set_config('synchronous_commit', 'off', true) = 'off'
returning job_id

-- name: job_end
update livery.certification_job set state = $4, result = $5, error = $6, current_check = null,
    finished_at = clock_timestamp()
 where job_id = $1 and process_id = $2 and attempts = $3 and state = 'running' returning job_id

-- name: job_release
update livery.certification_job set state = 'queued', process_id = null, attempts = attempts - 1, current_check = null,
    done_checks = '[]'
 where job_id = $1 and process_id = $2 and attempts = $3 and state = 'running' returning job_id

-- name: job_give_up
update livery.certification_job j set state = 'failed', error = $4, current_check = null,
    finished_at = clock_timestamp()
 where job_id = $1 and attempts = $2 and attempts >= $3 and (state = 'queued' or state = 'running'
       and livery.certification_job_left(process_id, beat_at))
returning job_id

-- name: jobs_due
select job_id, workspace_id from livery.certification_jobs_due(make_interval(secs => $1), $2)

-- name: job_counts
select state, jobs, oldest_s from livery.certification_job_counts()

-- name: workers_alive
select exists (select from livery.process
                where kind = 'worker' and swept_at is null and expires_at > clock_timestamp())

-- Trust --------------------------------------------------------------------------------------------------

-- name: sign_off_list
select approver, note, signed_at from livery.sign_off where skill_id = $1 and version = $2 and digest = $3
 order by signed_at, approver

-- name: sign_off_add
insert into livery.sign_off (skill_id, workspace_id, version, digest, approver, note, signed_at)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning true

-- name: version_certify
-- A version that was revoked while it was being certified stays so; a deprecated one stays deprecated, with its reason.
update livery.skill_version set status = case status when 'deprecated' then status else 'certified' end,
    reason = case status when 'deprecated' then reason end
 where skill_id = $1 and version = $2 and digest = $3
   and status in ('pending_certification', 'certified', 'deprecated')
returning version

-- name: certificate_in_use
select distinct on (c.skill_id, c.version) c.*, s.skill_key
  from livery.certificate c join livery.skill_version v using (skill_id, version) join livery.skill s using (skill_id)
 where v.status in ('certified', 'deprecated') and c.workspace_id = any ($1::uuid[])
 order by c.skill_id, c.version, c.signed_at desc

-- name: certificate_move
update livery.certificate set state = $3 where certificate_id = $1 and state = $2 returning certificate_id

-- name: certificate_of_skills
select distinct on (c.skill_id) c.*
  from livery.certificate c join livery.skill_version v using (skill_id, version)
 where c.skill_id = any ($1::uuid[])
   and v.ordinal = (select max(n.ordinal) from livery.skill_version n where n.skill_id = c.skill_id)
 order by c.skill_id, c.signed_at desc

-- name: policy_retire
-- The platform's own policies follow its release as long as nobody has put others in their place.
update livery.policy_set set active = false where active and created_by = $1 and policy_hash <> $2 returning policy_hash
