"""Hiring: an agent type at work for a workspace, entitled to its skills and nothing else."""
