drop table livery.binding_move, livery.binding, livery.job_role_skill, livery.job_role, livery.suppression,
    livery.sign_off, livery.certification_job, livery.channel_move;
alter table livery.certificate drop column basis;
alter table livery.skill_version drop column in_flight;
alter table livery.skill drop column search;
