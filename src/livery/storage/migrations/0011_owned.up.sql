-- Skills that one workspace owns: whose key it is, whose package it is, and who may be composed of it.

-- Who stands in the way of these owners' keys: the platform, or workspaces that hold the key with a version that is
-- neither revoked nor deleted. All who register take turns here, so that two owners never take one key at once.
create function livery.skill_key_holders(p_workspaces uuid[], p_keys text[])
returns table (workspace_id uuid, skill_key text, holders text[])
language plpgsql security definer set search_path = livery, pg_temp as $$
declare
    c_platform constant uuid := '00000000-0000-0000-0000-000000000000';
begin
    perform pg_advisory_xact_lock(hashtextextended('livery.skill_key', 0));
    return query
        select t.home, t.name, array_agg(coalesce(w.slug, 'platform') order by w.slug)
          from unnest(p_workspaces, p_keys) as t (home, name)
          join livery.skill s on s.skill_key = t.name
          left join livery.workspace w on w.workspace_id = s.workspace_id
         where t.home <> c_platform and s.workspace_id = c_platform
            or t.home = c_platform and s.workspace_id <> c_platform and exists (
               select from livery.skill_version v
                where v.skill_id = s.skill_id and v.status not in ('revoked', 'deleted'))
         group by t.home, t.name;
end $$;

revoke all on function livery.skill_key_holders from public;
grant execute on function livery.skill_key_holders to livery_api, livery_worker;

-- A package is seen by whoever sees a version that it is of: one digest may be of two workspaces.
alter table livery.package enable row level security;
create policy held on livery.package for select using (
    exists (select from livery.skill_version v where v.digest = package.digest));
create policy added on livery.package for insert with check (true);
alter table livery.package_note enable row level security;
create policy held on livery.package_note for select using (
    exists (select from livery.skill_version v where v.digest = package_note.digest));
create policy added on livery.package_note for insert with check (true);

-- What is of a skill is of its owner.
alter table livery.skill add constraint skill_owner unique (skill_id, workspace_id);
alter table livery.skill_version add constraint skill_version_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.certificate add constraint certificate_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.channel add constraint channel_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.channel_move add constraint channel_move_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.certification_job add constraint certification_job_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.sign_off add constraint sign_off_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);
alter table livery.suppression add constraint suppression_owner
    foreign key (skill_id, workspace_id) references livery.skill (skill_id, workspace_id);

-- A workspace composes of its own skills and the platform's; the platform of its own only.
create function livery.composed_within() returns trigger language plpgsql set search_path = livery, pg_temp as $$
begin
    if not exists (
        select from livery.skill s where s.skill_id = new.skill_id
           and s.workspace_id in (new.workspace_id, '00000000-0000-0000-0000-000000000000')) then
        raise foreign_key_violation using message = 'no skill of this workspace or of the platform';
    end if;
    return null;
end $$;

revoke all on function livery.composed_within from public;

-- After the row, so that its own policy is asked first.
create trigger composed_within after insert or update on livery.job_role_skill
    for each row execute function livery.composed_within();
create trigger composed_within after insert or update on livery.hired_agent_skill
    for each row execute function livery.composed_within();
create trigger composed_within after insert or update on livery.binding
    for each row execute function livery.composed_within();
