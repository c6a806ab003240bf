"""The use cases, one slice each, ordered by a skill's life; a slice owns its ports and errors."""

from uuid import UUID

PLATFORM = UUID(int=0)
"""The workspace of what belongs to the platform itself."""
