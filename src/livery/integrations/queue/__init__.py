"""Waking work: procrastinate in the schema `queue`. The journal decides; the queue only wakes."""
