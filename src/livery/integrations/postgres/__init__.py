"""Embedded PostgreSQL under LIVERY_HOME, and the roles and databases of any PostgreSQL."""

from livery.integrations.postgres.embedded import (
    EmbeddedPostgres,
    is_running,
    start_embedded,
    stop,
)

__all__ = ["EmbeddedPostgres", "is_running", "start_embedded", "stop"]
