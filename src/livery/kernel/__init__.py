"""Decides. Pure and synchronous: no clock, socket, file, database or randomness."""
