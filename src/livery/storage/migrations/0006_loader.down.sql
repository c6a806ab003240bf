drop table livery.package_note;
