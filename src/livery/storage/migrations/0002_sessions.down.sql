drop table livery.session_file;
drop table livery.session_segment;
