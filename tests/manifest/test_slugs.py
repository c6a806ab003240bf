import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.manifest.slugs import is_slug, resolve_alias, slugify


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Weekly Digest", "weekly-digest"),
        ("  kv_store!  ", "kv-store"),
        ("Ünïcode", "n-code"),
        ("a--b", "a-b"),
        ("", "skill"),
        ("***", "skill"),
        ("日本", "skill"),
        ("a" * 70, "a" * 64),
        ("a" * 63 + " b", "a" * 63),
        ("\u212a", "k"),  # U+212A KELVIN SIGN lower-cases to k
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug


@given(st.text())
def test_every_slug_is_a_valid_name_and_its_own_slug(name: str) -> None:
    slug = slugify(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 64
    assert is_slug(slug)
    assert slugify(slug) == slug


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("kv_store", "kv-store"),
        ("kv.store", "kv-store"),
        ("kv-store", "kv-store"),
        ("add", "add"),
        ("KV_Store", "KV_Store"),
        ("_x", "_x"),
        ("a__b", "a__b"),
        ("3b241101-e2bb-4255-8caf-4136c566a962", "3b241101-e2bb-4255-8caf-4136c566a962"),
        ("", ""),
    ],
)
def test_aliases(name: str, key: str) -> None:
    assert resolve_alias(name) == key


@pytest.mark.parametrize("text", ["", "-a", "a-", "a--b", "A", "a_b", "a" * 65, "a\n"])
def test_what_is_no_slug(text: str) -> None:
    assert not is_slug(text)
