"""Database URLs of our roles, made from the administrator's."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from livery.integrations.postgres.errors import DatabaseUrlRefused

# These say who connects and where to; each role brings its own.
_IDENTITY = frozenset({"user", "password", "passfile", "dbname", "database"})
# libpq knows these, asyncpg would send them to the server as settings, which refuses them.
_LIBPQ_ONLY = frozenset(
    {
        "connect_timeout",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "tcp_user_timeout",
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrls:
    """One URL for each role; `vault_owner` and `vault` lead to the vault's database.

    The owners are for migrations only. The URLs hold passwords, so they are not printed.
    """

    owner: str
    api: str
    worker: str
    auditor: str
    vault_owner: str
    vault: str


def role_url(admin_url: str, role: str, database: str, password: str) -> str:
    """`admin_url` for another role and database: hosts, ports and TLS parameters are kept.

    Raises:
        DatabaseUrlRefused: not a postgresql:// URL, or with a parameter that cannot be honoured.
    """
    hosts, query = _parts(admin_url)
    user, secret, name = (quote(part, safe="") for part in (role, password, database))
    tail = urlencode(query, quote_via=quote, safe="/")
    return f"postgresql://{user}:{secret}@{hosts}/{name}" + (f"?{tail}" if tail else "")


def admin_url(url: str) -> str:
    """`url` without the parameters that asyncpg does not know.

    Raises:
        DatabaseUrlRefused: as `role_url`.
    """
    _parts(url)
    split = urlsplit(url)
    kept = [item for item in parse_qsl(split.query) if item[0] not in _LIBPQ_ONLY]
    kept = [item for item in kept if item[0] != "channel_binding"]
    return split._replace(query=urlencode(kept, quote_via=quote, safe="/")).geturl()


def hosts_of(url: str) -> tuple[str, tuple[str, ...]]:
    """The host part of `url` and the `host` parameters of its query."""
    hosts, query = _parts(url)
    return hosts, tuple(value for name, value in query if name == "host")


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    # No message here quotes the URL: it holds a password.
    split = urlsplit(url)
    if split.scheme not in {"postgresql", "postgres"}:
        raise DatabaseUrlRefused(
            message="the database URL does not begin with postgresql://",
            remedy="Set LIVERY_DATABASE_URL=postgresql://user:password@host:5432/postgres.",
        )
    query = parse_qsl(split.query)
    if ("channel_binding", "require") in query:
        raise DatabaseUrlRefused(
            message="channel_binding=require cannot be honoured by the asyncpg driver",
            remedy="Leave it out of LIVERY_DATABASE_URL and use sslmode=verify-full.",
        )
    dropped = _IDENTITY | _LIBPQ_ONLY | {"channel_binding"}
    kept = [item for item in query if item[0] not in dropped]
    return split.netloc.rpartition("@")[2], kept
