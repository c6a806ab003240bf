"""Outbound: embedded PostgreSQL, signing keys, package folders, the task engine."""
