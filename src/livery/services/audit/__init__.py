"""The record: what happened, in chains that show any change."""
