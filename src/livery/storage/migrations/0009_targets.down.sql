drop table livery.target;
