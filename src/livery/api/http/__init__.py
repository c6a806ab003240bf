"""The HTTP door: bearer tokens, problem details, OpenAPI 3.1."""
