"""Livery: certified skills, for hire."""
