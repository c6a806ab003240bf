"""The offline reading of the journal agrees with the kernel's formula and sees every change."""

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livery.client.checkpoints import verify_checkpoint
from livery.client.journal import verify_journal
from livery.client.verdicts import Report
from livery.integrations.signing import Signer
from livery.kernel import chain
from livery.manifest.statement import CHECKPOINT_PREDICATE_TYPE, make_statement

AT = datetime(2026, 11, 21, tzinfo=UTC)


def entry(chain_id: str, seq: int, body: str = "{}", **more: str | None) -> chain.Entry:
    fields = {"workspace_id": "w", "subject_id": "s", "code": None, "correlation_id": None} | more
    return chain.Entry(
        chain_id, seq, 1_700_000_000_000_000 + seq, "run.settled", body=body, **fields
    )


def export(chain_id: str, batches: list[list[str]]) -> tuple[list[dict], list[chain.Head]]:
    rows, heads, head, seq = [], [], chain.genesis(chain_id), 0
    for bodies in batches:
        entries = [entry(chain_id, seq + n, body) for n, body in enumerate(bodies, 1)]
        rows += [{"type": "entry"} | {n: getattr(e, n) for n in e.__slots__} for e in entries]
        link = chain.link(chain_id, head, entries)
        head, seq = link.link_hash, link.last_seq
        row = {"chain_id": chain_id, "first_seq": link.first_seq, "last_seq": link.last_seq}
        rows.append({"type": "link", "hash": head.hex()} | row)
        heads.append(chain.Head(chain_id, seq, head))
    return rows, heads


def lines(rows: list[dict]) -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def checkpoint(signer: Signer, heads: list[chain.Head], at: datetime = AT, **more: Any) -> dict:
    subject = [{"name": h.chain_id, "digest": {"sha256": h.hash.hex()}} for h in heads]
    said = chain.checkpoint(heads, at) | more
    payload = make_statement(subject, CHECKPOINT_PREDICATE_TYPE, said)
    return {"type": "checkpoint", "statement": signer.sign(payload)}


def digest(signed: dict) -> str:
    return sha256(base64.b64decode(signed["statement"]["payload"])).hexdigest()


def refuted(report: Report) -> dict[str, str]:
    return {verdict.name: verdict.detail for verdict in report.verdicts if verdict.ok is False}


@pytest.fixture
def signer(tmp_path):
    return Signer.load_or_create(tmp_path / "signing")


@pytest.fixture
def whole(signer):
    one, heads_one = export("api-1", [["{}", '{"a": 1}'], ["{}"], ["x\ny", "", "{}"]])
    two, heads_two = export("api-2", [["{}"]])
    pins = [heads_one[2], heads_two[0]]
    # The lines of two chains may alternate.
    return one[:2] + two + one[2:] + [checkpoint(signer, pins)]


def test_a_whole_journal(whole, signer):
    report = verify_journal(lines(whole), signer.public_keys())
    assert report.ok
    assert sum(v.name.startswith("chain") for v in report.verdicts) == 2
    assert "6 entries" in report.verdicts[0].detail


@pytest.mark.parametrize("at", range(10))
def test_a_removed_line(whole, signer, at):
    row = whole.pop(at)
    report = verify_journal(lines(whole), signer.public_keys())
    assert not report.ok, row


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", '{"a": 2}'),
        ("kind", "run.denied"),
        ("code", "skill_revoked"),
        ("workspace_id", None),
        ("subject_id", "t"),
        ("correlation_id", "c"),
        ("at_us", 1),
        ("seq", 7),
        ("chain_id", "api-9"),
        ("body", None),
        ("body", 3),
        ("at_us", "x"),
        ("kind", "a\nb"),
    ],
)
def test_a_changed_field(whole, signer, field, value):
    whole[1][field] = value
    assert not verify_journal(lines(whole), signer.public_keys()).ok


def test_two_lines_swapped(whole, signer):
    whole[0], whole[1] = whole[1], whole[0]
    assert not verify_journal(lines(whole), signer.public_keys()).ok


def test_a_tail_cut_off_shows_by_its_checkpoint_only(signer):
    rows, heads = export("c", [["1"], ["2"]])
    cut = rows[:2]
    unpinned = verify_journal(lines(cut), signer.public_keys())
    # Whole by itself, and signed by nobody: that is not enough.
    assert [verdict.ok for verdict in unpinned.verdicts] == [True, False]
    assert verify_journal(lines([*rows, checkpoint(signer, heads[1:])]), signer.public_keys()).ok
    pinned = lines([*cut, checkpoint(signer, heads[1:])])
    assert not verify_journal(pinned, signer.public_keys()).ok


def test_a_chain_that_the_checkpoint_does_not_know(signer):
    rows, heads = export("c", [["1"]])
    forged, _ = export("forged", [["1"]])
    whole = lines([*rows, *forged, checkpoint(signer, heads)])
    assert not verify_journal(whole, signer.public_keys()).ok


def test_a_rewritten_chain_contradicts_its_checkpoint(signer):
    _, heads = export("c", [["1"]])
    rewritten, _ = export("c", [["one"]])
    report = verify_journal(lines([*rewritten, checkpoint(signer, heads)]), signer.public_keys())
    assert not report.ok


def test_a_checkpoint_of_a_stranger(signer, tmp_path):
    stranger = Signer.load_or_create(tmp_path / "stranger")
    rows, heads = export("c", [["1"]])
    report = verify_journal(lines([*rows, checkpoint(stranger, heads)]), signer.public_keys())
    assert not report.ok


def test_nothing_proves_nothing(signer):
    assert not verify_journal([], signer.public_keys()).ok
    assert not verify_journal([b"\n", b""], signer.public_keys()).ok


def test_what_is_no_journal_is_reported_briefly(signer):
    noise = [b"\xff\x00", b"[]", b"3", b'{"type": "x", "chain_id": "c"}', b"[" * 100_000] * 100
    report = verify_journal(noise, signer.public_keys())
    assert not report.ok
    assert len(report.verdicts) <= 22


# What anybody with the file can do to it ---------------------------------------------------------------------


def appended(rows: list[dict], chain_id: str, seq: int, head: str) -> list[dict]:
    """One more entry with its link, hashed as the formula says: no key is needed for that."""
    more = entry(chain_id, seq + 1, '{"paid": true}')
    link = chain.link(chain_id, bytes.fromhex(head), [more])
    row = {"type": "link", "chain_id": chain_id, "first_seq": seq + 1, "last_seq": seq + 1}
    fields = {name: getattr(more, name) for name in more.__slots__}
    return [*rows, {"type": "entry"} | fields, row | {"hash": link.link_hash.hex()}]


@pytest.mark.parametrize("first", [True, False])
def test_what_comes_after_the_last_signed_head_is_not_verified(whole, signer, first):
    head = [row["hash"] for row in whole if row["type"] == "link" and row["chain_id"] == "api-1"]
    forged = appended(whole, "api-1", 6, head[-1])
    if first:  # the checkpoint may stand anywhere
        forged.insert(0, forged.pop(-3))
    report = verify_journal(lines(forged), signer.public_keys())
    assert refuted(report) == {
        "unsigned in api-1": "entries 7 to 7 come after the last signed head: anybody may have added them"
    }
    let = verify_journal(lines(forged), signer.public_keys(), allow_unsigned=True)
    assert let.ok
    assert [v.name for v in let.verdicts if v.ok is None] == ["unsigned in api-1"]


def test_a_whole_chain_that_nobody_signed_is_warned_of_at_most(whole, signer):
    forged, _ = export("forged", [["1"]])
    rows = lines([*forged, *whole])
    assert refuted(verify_journal(rows, signer.public_keys())).keys() == {"unsigned in forged"}
    assert verify_journal(rows, signer.public_keys(), allow_unsigned=True).ok
    # Where nothing at all is signed, no flag helps.
    nothing = lines([row for row in whole if row["type"] != "checkpoint"])
    assert not verify_journal(nothing, signer.public_keys(), allow_unsigned=True).ok


@pytest.mark.parametrize("kind", ["entry", "link", "checkpoint"])
def test_a_member_that_no_hash_covers(whole, signer, kind):
    at = next(n for n, row in enumerate(whole, 1) if row["type"] == kind)
    whole[at - 1]["actor"] = "mallory"
    found = refuted(verify_journal(lines(whole), signer.public_keys()))
    assert found[f"line {at}"] == "no hash covers the member 'actor'"


@pytest.mark.parametrize("twice", ['"body": "{\\"cost\\": 0}"', '"seq": 9', '"type": "link"'])
def test_a_member_that_stands_there_twice(whole, signer, twice):
    rows = lines(whole)
    rows[0] = rows[0].replace(b"{", f"{{{twice}, ".encode(), 1)
    found = refuted(verify_journal(rows, signer.public_keys()))
    assert "a member appears twice" in found["line 1"]


@pytest.mark.parametrize(
    ("at", "field", "value"),
    [
        (0, "seq", 1.0),
        (0, "seq", True),
        (0, "at_us", 1_700_000_000_000_001.0),
        (0, "code", False),
        (0, "code", 0),
        (0, "correlation_id", []),
        (0, "chain_id", None),
        (2, "first_seq", True),
        (2, "last_seq", 2.0),
    ],
)
def test_a_value_that_hashes_as_another_one(whole, signer, at, field, value):
    whole[at][field] = value
    assert f"line {at + 1}" in refuted(verify_journal(lines(whole), signer.public_keys()))


def test_the_members_of_an_envelope_are_those_that_are_signed(whole, signer):
    whole[-1]["statement"]["comment"] = "approved"
    found = refuted(verify_journal(lines(whole), signer.public_keys()))
    assert found.keys() == {"checkpoint.comment"}


# Checkpoints that were kept elsewhere --------------------------------------------------------------------------


LATER = AT + timedelta(hours=1)


def against(signer, rows, *kept):
    names = {f"old-{n}.json": item["statement"] for n, item in enumerate(kept, 1)}
    return verify_journal(lines(rows), signer.public_keys(), checkpoints=names)


def test_an_honest_journal_holds_what_was_kept(signer):
    rows, heads = export("c", [["1"], ["2"], ["3"]])
    first = checkpoint(signer, heads[:1], number=1)
    second = checkpoint(signer, heads[1:2], LATER, number=2, previous=digest(first))
    third = checkpoint(
        signer, heads[2:], LATER + timedelta(hours=1), number=3, previous=digest(second)
    )
    assert against(signer, [*rows, third], first, second, third).ok
    # One that was signed before they had numbers counts as well.
    assert against(signer, [*rows, third], checkpoint(signer, heads[:1])).ok


REWRITTEN = {
    "an entry": (
        [["1"], ["two"], ["3"]],
        "old-2.json of c",
        "changed: entries 2 to 2 are not those that were signed for",
    ),
    "all": (
        [["one"]],
        "old-1.json of c",
        "changed: entries 1 to 1 are not those that were signed for",
    ),
    "the end": ([["1"]], "old-2.json of c", "removed: entries 2 to 2, which were signed for"),
    "batches": (
        [["1"], ["2", "3"]],
        "old-2.json of c",
        "changed: no link ends at entry 2, where a signed head was (after entry 1)",
    ),
}


@pytest.mark.parametrize("what", REWRITTEN)
def test_a_record_that_was_rewritten_and_signed_anew(signer, what):
    """Whoever has the database rewrites the chains and lets the platform sign what it then has."""
    _, heads = export("c", [["1"], ["2"]])
    kept = [checkpoint(signer, heads[:1]), checkpoint(signer, heads[1:])]
    batches, name, says = REWRITTEN[what]
    rows, forged = export("c", batches)
    rows.append(checkpoint(signer, forged[-1:], LATER))
    assert verify_journal(lines(rows), signer.public_keys()).ok
    assert refuted(against(signer, rows, *kept))[name] == says


def test_a_chain_that_is_gone(signer):
    rows, heads = export("c", [["1"]])
    _, gone = export("gone", [["1", "2"]])
    kept = checkpoint(signer, [*heads, *gone])
    rows.append(checkpoint(signer, heads, LATER))
    assert refuted(against(signer, rows, kept)) == {
        "old-1.json of gone": "removed: the chain, with the 2 entries that were signed for"
    }


def test_checkpoints_that_were_removed_or_replaced(signer):
    rows, heads = export("c", [["1"]])
    kept = checkpoint(signer, heads, number=5, previous="00" * 32)
    restarted = checkpoint(signer, heads, LATER, number=1)
    other = checkpoint(signer, heads, LATER, number=5, previous="00" * 32)
    strange = checkpoint(signer, heads, LATER, number=6, previous="11" * 32)
    says = {
        "after number 5 the platform counted 1: checkpoints were removed": restarted,
        "there is another checkpoint of number 5": other,
        "number 6 does not follow on it": strange,
    }
    for said, own in says.items():
        assert refuted(against(signer, [*rows, own], kept)) == {"old-1.json": said}
    early = checkpoint(signer, heads, AT - timedelta(hours=1), number=4)
    found = refuted(against(signer, [*rows, early], kept))
    assert found == {"old-1.json": "it is newer than the file: compare it with a later export"}


def test_a_kept_checkpoint_of_a_stranger_vouches_for_nothing(signer, tmp_path):
    rows, heads = export("c", [["1"]])
    stranger = Signer.load_or_create(tmp_path / "stranger")
    own = checkpoint(signer, heads)
    found = refuted(against(signer, [*rows, own], checkpoint(stranger, heads)))
    assert found.keys() == {"old-1.json signature"}


def test_a_checkpoint_by_itself(signer, tmp_path):
    _, heads = export("c", [["1"], ["2"]])
    signed = checkpoint(signer, heads[1:], number=7, previous="ab" * 32)["statement"]
    report = verify_checkpoint(signed, signer.public_keys())
    assert report.ok
    assert report.about == "checkpoint 7 of 2026-11-21 00:00:00 UTC"
    assert not verify_checkpoint(signed, {}).ok
    assert not verify_checkpoint({**signed, "by": "eve"}, signer.public_keys()).ok
    other = make_statement(
        [{"name": "c", "digest": {"sha256": "00" * 32}}],
        CHECKPOINT_PREDICATE_TYPE,
        chain.checkpoint(heads[1:], AT),
    )
    assert not verify_checkpoint(signer.sign(other), signer.public_keys()).ok
    for odd in ({}, {"payload": 3}, {"payload": "", "payloadType": "", "signatures": [3]}):
        assert not verify_checkpoint(odd, signer.public_keys()).ok


TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


@given(batches=st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=5), name=TEXT)
def test_it_agrees_with_the_kernel(batches, name):
    rows, _ = export("c" + name.replace("\n", ""), batches)
    report = verify_journal(lines(rows), {})
    assert [verdict.name for verdict in report.verdicts if not verdict.ok] == ["checkpoint"]


@given(data=st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_raise(data):
    assert not verify_journal(data, {}).ok
