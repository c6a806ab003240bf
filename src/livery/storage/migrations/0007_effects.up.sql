-- What was sent, by hash; and effects by state, for whoever settles unknown ones.
alter table livery.effect add column request_hash text not null default '';
alter table livery.effect add column changed_at timestamptz not null default clock_timestamp();
create index effect_unsettled on livery.effect (workspace_id, effect_id) where state in ('intended', 'sent', 'unknown');
