"""Runs: one execution of a skill, under enforcement."""
