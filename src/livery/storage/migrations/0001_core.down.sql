drop schema livery cascade;
