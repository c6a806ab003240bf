"""Approvals: one action, once."""
