import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livery.manifest.denylist import (
    REDACTED,
    find_secret,
    is_secret_key,
    redact,
    redact_text,
)

SECRET_KEYS = [
    # the exact names of the contracts document
    *("token", "secret", "api_key", "apikey", "api_secret", "client_secret", "access_token"),
    *("refresh_token", "password", "passwd", "private_key", "secret_key", "authorization"),
    "cookie",
    # their suffixes
    *("bot_token", "webhook_secret", "tls_private_key", "voyage_api_key", "exchange_api_secret"),
    "db_password",
    # letters, camelCase, hyphens, dots and spaces do not matter
    *("Token", "TOKEN", "apiKey", "APIKey", "API_KEY", "Api-Key", "api.key", "api key", "APIKEY"),
    *("clientSecret", "ClientSecret", "client-secret", "CLIENTSECRET", "accessToken"),
    *("ACCESSTOKEN", "AccessToken", "refresh-token", "privateKey", "secretKey", "PassWd"),
    *("Authorization", "X-Api-Key", "x-auth-token", "slackBotToken", "IDToken", "dbPassword"),
    *("DBPassword", "awsSecretKeyApiSecret", "__token__", "to\u200bken", "\uff54oken"),
]
HARMLESS_KEYS = [
    *("credential_ref", "token_ref", "secretRef", "api_key_ref", "token_id", "tokenId"),
    *("access_token_id", "secret-id", "password_ref", "apiKeyRef", "API_KEY_ID"),
    *("tokens", "max_tokens", "tokens_in", "tokenizer", "secretary", "passwords", "cookies"),
    *("key", "public_key", "author", "authorized", "monkey", "api", "a", "", "ref", "id"),
    *("keyboard", "cookie_banner", "token_budget", "sk", "ghost", "Übertragung"),
]
AWS = "AKIAIOSFODNN7EXAMPLE"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----"
SECRET_TEXTS = [
    PEM,
    PEM.replace("PRIVATE", "RSA PRIVATE"),
    "-----BEGIN OPENSSH PRIVATE KEY-----\ncut off",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    JWT,
    f"Bearer {JWT}",
    f"jwt={JWT}",
    "sk-abc123",
    "sk-" + "a1B2" * 12,
    "sk-ant-api03-abcdefghijkl",
    "use sk-proj-0123456789abcdef please",
    "xoxb-1-2-abc",
    "XOXB: xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
    "xoxp-1",
    AWS,
    f"key {AWS}.",
    "ghp_" + "a" * 36,
    "gho_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "https://hooks.slack.com/services/T000/B000/XXXX",
    "HOOKS.SLACK.COM/services/T000/B000/XXXX",
    "https://hooks.slack.com/workflows/T1/A1/1/x",
]
HARMLESS_TEXTS = [
    *("", "sk", "sk-", "sk-SK", "sk-learn", "task-force-of-many-people-here", "risk-1234567890"),
    "we use sk-learn here",
    "AKIA is a prefix",
    "XAKIAIOSFODNN7EXAMPLE",
    "eyJ is how JSON starts in base64",
    "eyJwYXlsb2FkIjoieCJ9",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "https://slack.com/services/x",
    "https://example.com/services/x",
    "xoxo with love",
    "github.com/owner/repo",
    "ghost",
    "whsec",
    "1.2.3",
    "sha256:" + "ab" * 32,
]


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_keys_that_are_secrets(key: str) -> None:
    assert is_secret_key(key)
    assert find_secret({key: "x"}) == f"/{key}"
    assert find_secret({key: {"nested": 1}}) == f"/{key}"
    assert redact({key: "x"}) == {key: REDACTED}


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_keys_that_are_none(key: str) -> None:
    assert not is_secret_key(key)
    assert find_secret({key: "x"}) is None
    assert redact({key: "x"}) == {key: "x"}


@pytest.mark.parametrize("text", SECRET_TEXTS)
def test_texts_that_are_secrets(text: str) -> None:
    assert find_secret(text) == ""
    assert find_secret({"note": text}) == "/note"
    assert find_secret(["a", {"token_ref": text}]) == "/1/token_ref"
    assert find_secret(redact_text(text)) is None
    assert REDACTED in redact_text(text)


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_texts_that_are_none(text: str) -> None:
    assert find_secret(text) is None
    assert find_secret({"note": text}) is None
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": 1, "b": [{"c": {"password": "x"}}]}, "/b/0/c/password"),
        ({"a/b~c": {"token": 1}}, "/a~1b~0c/token"),
        ([[], [1, {"cookie": False}]], "/1/1/cookie"),
        (({"token": 1},), "/0/token"),
        ({"first": {"x": AWS}, "token": 1}, "/first/x"),
        ({"token": "x", "note": AWS}, "/token"),
        ({"a": [1, 2.5, None, True, "x"], "b": {}}, None),
        ({"token": None}, None),
        ({"token": REDACTED}, None),
        (5, None),
        (None, None),
        ({1: {"token": 2}}, "/1/token"),
        ({"x" * 100: {"y" * 100 + "_token": 1}}, "/" + "x" * 100 + "/" + "y" * 100 + "_token"),
    ],
)
def test_the_pointer_of_the_first_secret(value: object, pointer: str | None) -> None:
    assert find_secret(value) == pointer


def test_a_key_can_hold_a_secret_and_the_pointer_does_not_repeat_it() -> None:
    assert find_secret({AWS: 1}) == f"/{REDACTED}"
    assert find_secret({f"id of {AWS}": None}) == f"/{REDACTED}"
    assert redact({AWS: {"a": AWS}}) == {REDACTED: {"a": REDACTED}}


def test_depth_does_not_matter() -> None:
    value: object = {"token": "x"}
    for _ in range(sys.getrecursionlimit() * 20):
        value = {"a": [value]}
    pointer = find_secret(value)
    assert pointer is not None
    assert pointer.endswith("/a/0/token")
    assert find_secret(redact(value)) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2 user=ann", f"password={REDACTED} user=ann"),
        ("PGPASSWORD: 'hunter2'", f"PGPASSWORD: {REDACTED}"),
        ('{"api_key": "hunter2", "a": 1}', f'{{"api_key": {REDACTED}, "a": 1}}'),
        ("?access_token=hunter2&x=1", f"?access_token={REDACTED}&x=1"),
        ("Authorization: Bearer hunter2", f"Authorization: {REDACTED}"),
        ("sent bearer abcdefgh12345678.", f"sent bearer {REDACTED}"),
        ("postgres://ann:hunter2@db/x", f"postgres://ann:{REDACTED}@db/x"),
        ("http://host:8080/path@x", "http://host:8080/path@x"),
        (f"before {PEM} after", f"before {REDACTED} after"),
        ("the token is missing", "the token is missing"),
        ('"password" is a required property', '"password" is a required property'),
        ("tokens: 12", "tokens: 12"),
    ],
)
def test_redacted_texts(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_what_is_no_text_stays_as_it_is() -> None:
    assert redact({"a": (1, 2.5, None, True), 3: "x"}) == {"a": [1, 2.5, None, True], 3: "x"}
    assert redact({"b": 1, "token": 2, "a": 3}) == {"b": 1, "token": REDACTED, "a": 3}
    assert list(redact({"b": 1, "token": 2, "a": 3})) == ["b", "token", "a"]


def test_the_original_is_not_touched() -> None:
    value = {"a": [{"token": "x"}], "note": AWS}
    redact(value)
    assert value == {"a": [{"token": "x"}], "note": AWS}


PIECES = st.sampled_from(
    [*SECRET_TEXTS, *HARMLESS_TEXTS, *SECRET_KEYS, "=", ": ", " ", "-", "_", ".", "\n", "x", "9"]
)
TEXTS = st.lists(PIECES, max_size=5).map("".join) | st.text(max_size=10)
VALUES = st.recursive(
    TEXTS | st.none() | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from(SECRET_KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
@example({AWS: 1, "ghp_aaaaaaaa": 2})
@example(PEM + JWT)
@example({PEM + "bot_token": ""})
@example("AKIAAAAAAAAAAAAAAsk-123456789")
def test_nothing_secret_is_left_after_redaction_and_twice_is_once(value: object) -> None:
    once = redact(value)
    assert find_secret(once) is None
    assert redact(once) == once


@given(VALUES)
def test_a_found_secret_is_where_the_pointer_says(value: object) -> None:
    pointer = find_secret(value)
    if pointer is None or REDACTED in pointer:
        return
    item: object = value
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        item = item[name] if isinstance(item, dict) else item[int(name)]  # type: ignore[index]
    last = pointer.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
    assert is_secret_key(last) or find_secret(item) == ""


@pytest.mark.parametrize(
    "text",
    ["a-" * 100_000, "eyJ-" * 100_000, "token " * 50_000, "-----BEGIN A" * 40_000, "x://" * 60_000,
     "bearer " * 50_000, "sk-a.eyJaaaa." * 20_000],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    """Quadratic patterns would need minutes here."""
    redact_text(text)
    find_secret({"a": text})
