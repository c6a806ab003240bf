from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import pprint
import traceback
from typing import Any

import orjson
import pytest
from rich.pretty import pretty_repr

from livery.vault.secret import Secret

CANARY = "cAnArY-f00d"


@dataclasses.dataclass
class Holder:
    secret: Secret[dict[str, str]]


@pytest.fixture
def secret() -> Secret[dict[str, str]]:
    return Secret({"key": CANARY})


def test_reveal_is_the_only_way_out(secret: Secret[dict[str, str]]) -> None:
    assert secret.reveal() == {"key": CANARY}
    shown = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret:s}",
        pprint.pformat([secret]), pretty_repr({"s": secret}), repr(Holder(secret)),
        repr(dataclasses.asdict(Holder(secret))), repr([Secret(CANARY)]), repr(dir(secret)),
    ]  # fmt: skip
    assert [text for text in shown if CANARY in text] == []


def test_a_traceback_with_locals_does_not_show_it(secret: Secret[dict[str, str]]) -> None:
    kept = secret
    try:
        assert kept is not secret
    except AssertionError as error:
        text = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    assert "kept" in text
    assert CANARY not in text


@pytest.mark.parametrize("dump", [pickle.dumps, json.dumps, orjson.dumps, vars])
def test_it_is_not_serialised(secret: Secret[dict[str, str]], dump: Any) -> None:
    with pytest.raises(TypeError) as caught:
        dump(secret)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_protocol_takes_it(secret: Secret[dict[str, str]], protocol: int) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Holder(secret), protocol)


def test_copies_are_the_same_and_it_is_no_key(secret: Secret[dict[str, str]]) -> None:
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    with pytest.raises(TypeError):
        hash(secret)
