-- Policies as versioned objects: text, the cases that it must decide as written, and a note of why.
create table livery.policy_version (
    version integer generated always as identity primary key,
    policy_hash text not null,
    text text not null,
    cases jsonb not null default '[]',
    note text not null,
    created_by text not null,
    created_at timestamptz not null default clock_timestamp()
);
grant select, insert on livery.policy_version to livery_api, livery_worker;
grant select on livery.policy_version to livery_auditor;
