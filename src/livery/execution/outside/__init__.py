"""The world outside, as skills reach it: one resolution, checked addresses, effects on record."""
