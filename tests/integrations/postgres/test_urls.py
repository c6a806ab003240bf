import dataclasses

import pytest

from livery.integrations.postgres.errors import DatabaseUrlRefused
from livery.integrations.postgres.urls import DatabaseUrls, admin_url, hosts_of, role_url


@pytest.mark.parametrize(
    ("admin", "expected"),
    [
        ("postgresql://a:b@db.example:6432/postgres", "postgresql://r:p%40%2F@db.example:6432/x"),
        (
            "postgres://a:b@one:1,two:2/postgres?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgresql://r:p%40%2F@one:1,two:2/x?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        ),
        ("postgresql://a@[::1]:5432", "postgresql://r:p%40%2F@[::1]:5432/x"),
        (
            "postgresql://a:b@/postgres?host=/with%20space&port=5432",
            "postgresql://r:p%40%2F@/x?host=/with%20space&port=5432",
        ),
        (
            "postgresql://h/d?user=a&password=b&dbname=d&connect_timeout=3&keepalives=1",
            "postgresql://r:p%40%2F@h/x",
        ),
    ],
)
def test_hosts_and_tls_are_kept_the_rest_is_ours(admin: str, expected: str) -> None:
    assert role_url(admin, "r", "x", "p@/") == expected


def test_the_administrators_url_keeps_its_identity() -> None:
    url = "postgresql://a:b@h:1/d?sslmode=require&connect_timeout=3&channel_binding=prefer"
    assert admin_url(url) == "postgresql://a:b@h:1/d?sslmode=require"


@pytest.mark.parametrize(
    "url",
    ["mysql://a:geheim@h/d", "host=h password=geheim", "", "postgresql://a:geheim@h/d?x"],
)
def test_refusals_never_quote_the_url(url: str) -> None:
    if url.startswith("postgresql"):
        url += "&channel_binding=require"
    with pytest.raises(DatabaseUrlRefused) as refused:
        role_url(url, "r", "d", "p")
    assert "geheim" not in str(refused.value)


def test_hosts() -> None:
    assert hosts_of("postgresql://a:b@h:1/d") == ("h:1", ())
    assert hosts_of("postgresql://a:b@/d?host=/x%20y") == ("", ("/x y",))


def test_urls_are_not_printed() -> None:
    urls = DatabaseUrls(*["geheim"] * len(dataclasses.fields(DatabaseUrls)))
    assert "geheim" not in repr(urls)
