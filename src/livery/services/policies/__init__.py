"""Policies: versioned, tested, previewed before they decide."""
