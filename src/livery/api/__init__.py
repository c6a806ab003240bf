"""Machine doors; bearer tokens only."""
