import gc

import pytest

from livery.entrypoints.heap import settled_heap


def test_what_is_loaded_is_left_alone_inside_and_given_back_after() -> None:
    before = gc.get_threshold()
    with settled_heap():
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold() != before
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


def test_it_is_given_back_after_an_error_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="stop"), settled_heap():
        raise ValueError("stop")
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before
