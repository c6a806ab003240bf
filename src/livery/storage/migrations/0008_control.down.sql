drop table livery.policy_version;
