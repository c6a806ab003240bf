"""Packages from outside: zips."""
