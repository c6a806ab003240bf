"""Artifacts: outputs with provenance."""
