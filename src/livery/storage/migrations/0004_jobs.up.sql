-- Certification jobs: what is due in every workspace, and how many wait.

-- A running job is left where its process holds no lease, or has said nothing of it for longer than a job may take.
create function livery.certification_job_left(p_process uuid, p_beat timestamptz) returns boolean
language sql stable as $$
    select p_beat < clock_timestamp() - interval '20 minutes' or not exists (select from livery.process p
        where p.process_id = p_process and p.swept_at is null and p.expires_at > clock_timestamp())
$$;

-- Jobs that nobody runs: queued for a while, or left by a process whose lease is over.
create function livery.certification_jobs_due(p_waited interval, p_limit integer)
returns table (job_id uuid, workspace_id uuid)
language sql stable security definer set search_path = livery, pg_temp
begin atomic
    select j.job_id, j.workspace_id from livery.certification_job j
     where j.state = 'queued' and j.created_at <= clock_timestamp() - p_waited
        or j.state = 'running' and livery.certification_job_left(j.process_id, j.beat_at)
     order by j.created_at limit p_limit;
end;

-- Open jobs by state, with the age in seconds of the oldest.
create function livery.certification_job_counts()
returns table (state text, jobs bigint, oldest_s double precision)
language sql stable security definer set search_path = livery, pg_temp
begin atomic
    select j.state, count(*), extract(epoch from clock_timestamp() - min(j.created_at))::double precision
      from livery.certification_job j where j.state in ('queued', 'running') group by j.state;
end;

revoke all on function livery.certification_jobs_due, livery.certification_job_counts, livery.certification_job_left
    from public;
grant execute on function livery.certification_jobs_due, livery.certification_job_counts,
    livery.certification_job_left to livery_api, livery_worker;
