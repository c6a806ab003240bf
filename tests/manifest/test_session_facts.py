"""The columns of facts are described, bounded, and the same on both sides."""

from livery.client.session_logs.rows import Rows
from livery.client.session_logs.segments import arrow_schema
from livery.manifest.session_facts import ENTITIES, MAX_COUNT, MAX_TIME_US, MIN_TIME_US


def test_every_column_says_what_it_means() -> None:
    for entity in ENTITIES.values():
        assert entity.meaning
        assert len(set(entity.column_names)) == len(entity.columns)
        for column in entity.columns:
            assert column.meaning, f"{entity.name}.{column.name}"
            assert 0 < column.max_length <= 512


def test_bounds_are_what_their_names_say() -> None:
    assert MAX_COUNT == 9_007_199_254_740_992
    # 30 years from 1970 to 2000 hold 7 leap days, 130 to 2100 hold 32.
    assert MIN_TIME_US == (30 * 365 + 7) * 86_400 * 1_000_000
    assert MAX_TIME_US == (130 * 365 + 32) * 86_400 * 1_000_000


def test_schemas_follow_the_columns() -> None:
    for entity in ENTITIES.values():
        assert tuple(arrow_schema(entity.name).names) == entity.column_names
    assert set(Rows().by_entity) == set(ENTITIES)


def test_no_column_holds_text_of_a_conversation() -> None:
    names = {column.name for entity in ENTITIES.values() for column in entity.columns}
    assert not names & {"text", "content", "prompt", "message", "output_text", "input_text"}
