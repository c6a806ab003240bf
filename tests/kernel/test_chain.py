import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from livery.kernel.chain import (
    ChainReport,
    Entry,
    Head,
    Link,
    checkpoint,
    entry_digest,
    entry_line,
    epoch_us,
    extend,
    genesis,
    link,
    verify,
)

CHAIN = "worker-1"
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=12)
BODY = st.text(st.characters(codec="utf-8"), max_size=20)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def entry(seq: int, body: str = "{}", **changes: object) -> Entry:
    made = Entry(CHAIN, seq, 1_795_000_000_000_000 + seq, "run.begun", "w", "s", None, "c", body)
    return replace(made, **changes)  # type: ignore[arg-type]


@st.composite
def entries_st(draw: st.DrawFn) -> list[Entry]:
    count = draw(st.integers(2, 8))
    optional = st.none() | WORD
    return [
        Entry(
            CHAIN,
            seq,
            draw(st.integers(0, 2**53)),
            draw(WORD),
            draw(optional),
            draw(optional),
            draw(optional),
            draw(optional),
            draw(BODY),
        )
        for seq in range(1, count + 1)
    ]


def chained(entries: Sequence[Entry], cuts: Sequence[int]) -> list[Link]:
    """Links over the entries, cut into batches at the given indexes."""
    edges = sorted({0, *cuts, len(entries)})
    links: list[Link] = []
    head = genesis(CHAIN)
    for start, end in pairwise(edges):
        links.append(link(CHAIN, head, entries[start:end]))
        head = links[-1].link_hash
    return links


@st.composite
def chains_st(draw: st.DrawFn) -> tuple[list[Entry], list[Link]]:
    entries = draw(entries_st())
    return entries, chained(entries, draw(st.lists(st.integers(1, len(entries) - 1), max_size=4)))


def check(links: Sequence[Link], entries: Sequence[Entry]) -> ChainReport:
    return verify(CHAIN, links, entries)


def test_the_formula_by_hand() -> None:
    first = Entry(
        "api-1", 1, 1795255200000001, "run.settled", "ws", None, "tool_ok", "corr", '{"a":\n1}'
    )
    line = 'api-1\n1\n1795255200000001\nrun.settled\nws\n\ntool_ok\ncorr\n{"a":\n1}'
    second = Entry("api-1", 2, 1795255200000002, "run.begun", None, None, None, None, "")
    assert entry_line(first) == line
    assert entry_line(second) == "api-1\n2\n1795255200000002\nrun.begun\n\n\n\n\n"
    assert entry_digest(first) == sha(line.encode())
    start = sha(b"livery:chain:api-1")
    assert genesis("api-1") == start
    expected = sha(start, sha(line.encode()), sha(entry_line(second).encode()))
    assert extend(start, [entry_digest(first), entry_digest(second)]) == expected
    assert link("api-1", start, [first, second]) == Link("api-1", 1, 2, start, expected)


@given(chains_st())
def test_a_sound_chain_verifies_to_its_head(chain: tuple[list[Entry], list[Link]]) -> None:
    entries, links = chain
    head = Head(CHAIN, len(entries), links[-1].link_hash)
    assert check(links, entries) == ChainReport(True, len(entries), head, None)


@given(chains_st(), st.data())
def test_any_changed_field_of_an_entry_is_found(
    chain: tuple[list[Entry], list[Link]], data: st.DataObject
) -> None:
    entries, links = chain
    at = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from([field.name for field in fields(Entry)]))
    old = getattr(entries[at], name)
    values = st.integers() if isinstance(old, int) else st.none() | st.just("") | BODY
    if name in {"chain_id", "kind", "body"}:
        values = BODY
    changed = replace(entries[at], **{name: data.draw(values.filter(lambda v: v != old))})
    report = check(links, [*entries[:at], changed, *entries[at + 1 :]])
    assert not report.ok
    assert report.first_fault is not None
    # named at the batch that holds it, at the latest at the entry
    assert report.first_fault.seq <= at + 1
    assert report.entries <= at


@given(chains_st(), st.data())
def test_any_changed_field_of_a_link_is_found(
    chain: tuple[list[Entry], list[Link]], data: st.DataObject
) -> None:
    entries, links = chain
    at = data.draw(st.integers(0, len(links) - 1))
    name = data.draw(st.sampled_from([field.name for field in fields(Link)]))
    old = getattr(links[at], name)
    values: st.SearchStrategy[object] = st.integers(-3, 12)
    if isinstance(old, bytes):
        values = st.binary(min_size=32, max_size=32)
    if isinstance(old, str):
        values = WORD
    changed = replace(links[at], **{name: data.draw(values.filter(lambda v: v != old))})
    assert not check([*links[:at], changed, *links[at + 1 :]], entries).ok


@given(chains_st(), st.data())
def test_a_removed_inserted_or_swapped_entry_is_found(
    chain: tuple[list[Entry], list[Link]], data: st.DataObject
) -> None:
    entries, links = chain
    at = data.draw(st.integers(0, len(entries) - 1))
    assert not check(links, entries[:at] + entries[at + 1 :]).ok
    assert not check(links, [*entries[:at], entries[at], *entries[at:]]).ok
    assert not check(links, [*entries, entry(len(entries) + 1)]).ok
    other = data.draw(st.integers(0, len(entries) - 1))
    assume(other != at)
    swapped = list(entries)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    assert not check(links, swapped).ok


@given(chains_st(), st.data())
def test_a_removed_inserted_or_swapped_link_is_found(
    chain: tuple[list[Entry], list[Link]], data: st.DataObject
) -> None:
    entries, links = chain
    at = data.draw(st.integers(0, len(links) - 1))
    assert not check(links[:at] + links[at + 1 :], entries).ok
    assert not check([*links[: at + 1], *links[at:]], entries).ok
    forged = link(CHAIN, links[-1].link_hash, [entry(len(entries) + 1)])
    assert not check([*links, forged], entries).ok
    if len(links) > 1:
        other = (at + 1) % len(links)
        swapped = list(links)
        swapped[at], swapped[other] = swapped[other], swapped[at]
        assert not check(swapped, entries).ok


def test_batches_cannot_be_cut_elsewhere() -> None:
    entries = [entry(n) for n in range(1, 5)]
    first, _ = chained(entries, [2])
    moved = replace(first, last_seq=3)
    report = check([moved, chained(entries, [3])[1]], entries)
    assert report.first_fault is not None
    assert "do not match their link" in report.first_fault.reason


@given(chains_st())
def test_a_clean_cut_of_the_tail_needs_a_pin_to_show(
    chain: tuple[list[Entry], list[Link]],
) -> None:
    entries, links = chain
    pinned = {links[-1].last_seq: links[-1].link_hash}
    assert verify(CHAIN, links, entries, pinned=pinned).ok
    kept = entries[: links[-1].first_seq - 1]
    assert verify(CHAIN, links[:-1], kept).ok
    cut = verify(CHAIN, links[:-1], kept, pinned=pinned)
    assert cut.first_fault is not None
    assert cut.first_fault.seq == len(entries)
    rewritten = chained([replace(e, body="forged" + e.body) for e in entries], [])
    forged = [replace(e, body="forged" + e.body) for e in entries]
    assert verify(CHAIN, rewritten, forged).ok
    assert not verify(CHAIN, rewritten, forged, pinned=pinned).ok


def test_walks_on_from_a_verified_head() -> None:
    entries = [entry(n) for n in range(1, 7)]
    links = chained(entries, [2, 4])
    after = (2, links[0].link_hash)
    stale = {2: b"x" * 32}  # behind the start: the walk that made the checkpoint looked at it
    report = verify(CHAIN, links[1:], entries[2:], after=after, pinned=stale)
    assert report == ChainReport(True, 4, Head(CHAIN, 6, links[2].link_hash), None)
    assert not verify(CHAIN, links[1:], entries[2:], after=(2, b"x" * 32)).ok
    assert not verify(CHAIN, links[1:], entries[2:]).ok


def test_an_empty_chain_is_whole_unless_something_vouches_for_more() -> None:
    assert check([], []) == ChainReport(True, 0, Head(CHAIN, 0, genesis(CHAIN)), None)
    assert not verify(CHAIN, [], [], pinned={3: genesis(CHAIN)}).ok
    assert not check([], [entry(1)]).ok


def test_faults_say_what_is_wrong() -> None:
    entries = [entry(n) for n in range(1, 5)]
    links = chained(entries, [2])

    def reason(some_links: Sequence[Link], some_entries: Sequence[Entry]) -> tuple[int, str]:
        fault = check(some_links, some_entries).first_fault
        assert fault is not None
        return fault.seq, fault.reason

    assert reason(links, entries[:3]) == (4, "entry 4 is missing")
    assert reason(links[:1], entries) == (3, "an entry that no link covers")
    assert reason(links[1:], entries[2:]) == (1, "the next link starts at 3, not 1")
    assert reason([replace(links[0], last_seq=0)], []) == (1, "a link without entries")
    alien = [entries[0], replace(entries[1], chain_id="worker-2")]
    assert reason(links, alien) == (2, "an entry of another chain, worker-2")
    bad = [entries[0], replace(entries[1], kind="a\nb")]
    assert reason(links, bad)[1].startswith("malformed entry: kind is empty or holds a newline")


@pytest.mark.parametrize(
    "name", ["chain_id", "kind", "workspace_id", "subject_id", "code", "correlation_id"]
)
@pytest.mark.parametrize("value", ["a\nb", "\n", ""])
def test_only_the_body_may_hold_a_newline(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        entry_line(replace(entry(1), **{name: value}))


def test_a_link_needs_entries_and_whole_hashes() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        extend(genesis(CHAIN), [])
    with pytest.raises(ValueError, match="at least one entry"):
        link(CHAIN, genesis(CHAIN), [])
    with pytest.raises(ValueError, match="32 bytes"):
        extend(b"short", [b"x" * 32])
    with pytest.raises(ValueError, match="32 bytes"):
        extend(genesis(CHAIN), [b"x" * 31])
    with pytest.raises(ValueError, match="chain_id"):
        genesis("a\nb")


@given(st.integers(-6 * 10**16, 2 * 10**17))
def test_microseconds_are_exact(micros: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    assert epoch_us(at) == micros
    assert epoch_us(at.astimezone(timezone(timedelta(hours=5, minutes=30)))) == micros


def test_a_checkpoint_ties_all_heads_together() -> None:
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    heads = [Head("b", 7, b"\x02" * 32), Head("a", 3, b"\x01" * 32)]
    assert checkpoint(heads, at) == {
        "at_us": 1795255200000000,
        "chains": [
            {"chain_id": "a", "seq": 3, "head": "01" * 32},
            {"chain_id": "b", "seq": 7, "head": "02" * 32},
        ],
    }
    with pytest.raises(ValueError, match="at least one chain"):
        checkpoint([], at)
    with pytest.raises(ValueError, match="twice"):
        checkpoint([heads[0], heads[0]], at)
    with pytest.raises(ValueError, match="32 bytes"):
        checkpoint([Head("a", 1, b"")], at)
