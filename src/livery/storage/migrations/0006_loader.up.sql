-- What the loader said of a package when it was taken, and the other names that its skill claims.

create table livery.package_note (
    digest text primary key references livery.package,
    diagnostics jsonb not null,
    aliases text[] not null
);
create index package_note_alias on livery.package_note using gin (aliases);

grant select, insert on livery.package_note to livery_api, livery_worker;
grant select on livery.package_note to livery_auditor;
