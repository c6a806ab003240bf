"""Bindings: a slot of a workspace, and the version that fills it."""
