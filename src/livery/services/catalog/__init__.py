"""The catalog: skills and their immutable versions."""
