"""Certification: evidence, signed."""
