"""Job roles: composed of certified skills, and of nothing else."""
