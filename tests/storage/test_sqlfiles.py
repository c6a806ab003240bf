import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.storage.sqlfiles import SqlFileInvalid, load_queries, parse_queries


def test_queries_come_by_name_in_order_with_their_comments() -> None:
    text = """-- About this file.

-- name: one
-- Why it is so.
select 1;

-- name:two
select 2
  from t;
"""
    assert list(parse_queries(text).items()) == [
        ("one", "-- Why it is so.\nselect 1;"),
        ("two", "select 2\n  from t;"),
    ]


def test_a_packaged_file_is_read_and_cannot_be_changed() -> None:
    queries = load_queries("livery.storage.sql", "migrate.sql")
    assert "pg_advisory_lock" in queries["lock"]
    with pytest.raises(TypeError):
        queries["lock"] = ""  # type: ignore[index]
    with pytest.raises(FileNotFoundError):
        load_queries("livery.storage.sql", "no_such_file.sql")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\nselect 1\n-- name: a\nselect 2", "f.sql, line 3: a second query is named a"),
        ("-- name: a\n\n-- only a comment\n-- name: b\nselect 1", "the query a is empty"),
        ("-- name: b\nselect 1\n-- name: a", "the query a is empty"),
        ("-- name: Not Good\nselect 1", "'Not Good' is not a name"),
        ("-- name:\nselect 1", "'' is not a name"),
        ("select 1;\n-- name: a\nselect 2", "line 1: SQL before the first"),
    ],
)
def test_what_is_not_well_formed_is_refused(text: str, message: str) -> None:
    with pytest.raises(SqlFileInvalid, match=message):
        parse_queries(text, "f.sql")


_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True)
_LINES = st.lists(st.sampled_from(["select 1", "  from t", ";", "-- note"]), max_size=4)


@given(st.dictionaries(_NAMES, _LINES, max_size=6))
def test_what_is_written_is_read_back(queries: dict[str, list[str]]) -> None:
    bodies = {name: ["select 0", *lines] for name, lines in queries.items()}
    text = "\n".join(f"-- name: {name}\n" + "\n".join(body) for name, body in bodies.items())
    assert parse_queries(text) == {name: "\n".join(body).strip() for name, body in bodies.items()}
