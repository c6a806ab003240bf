"""Numbered migrations of the platform's database."""
