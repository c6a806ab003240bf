"""Arithmetic: the smallest skills that are whole. Each folder is a skill package."""
