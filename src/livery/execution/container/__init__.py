"""The `container` runtime: a stranger's code in a container that is used once, or not at all."""
