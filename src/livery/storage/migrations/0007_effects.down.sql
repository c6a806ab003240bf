drop index livery.effect_unsettled;
alter table livery.effect drop column changed_at;
alter table livery.effect drop column request_hash;
