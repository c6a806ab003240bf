"""Skills that send: each is an effect, approved and on record."""
