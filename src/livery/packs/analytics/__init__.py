"""The pack `analytics`: what coding agents did, from the semantic layer."""
