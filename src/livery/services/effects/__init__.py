"""Effects: what a run did to the world outside, once, on record before it leaves."""
