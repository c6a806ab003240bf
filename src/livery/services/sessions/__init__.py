"""Session facts: batches from a client, checked, kept as immutable segments, journaled."""
