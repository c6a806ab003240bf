"""The suite that any tool passes; see `conformance`."""

import json
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from livery.authoring.conformance_probes import (
    CANARY,
    REACHES,
    Misfit,
    Probe,
    broken_world,
    misfits,
)
from livery.authoring.conformance_snapshots import compare_snapshot
from livery.authoring.context import Context
from livery.authoring.errors import CapabilityDenied
from livery.authoring.kit_context import KitContext
from livery.authoring.kit_fixtures import FIXTURE_NOW, make_context, read_package
from livery.authoring.outcome import FAILED, VOLATILE, run_envelope, stable
from livery.authoring.snapshot import contract_yaml
from livery.authoring.testkit import Skill, assert_contract, load
from livery.authoring.tool import Tool
from livery.manifest.canonical import canonical_json
from livery.manifest.contract import parse_contract_yaml
from livery.manifest.envelope import Envelope
from livery.manifest.skillmd import SkillMd

Body = Callable[[Any, Context], Any]


class ToolConformance:
    """Set `skill`; the rest has defaults. Nothing here needs a platform or a network."""

    skill: ClassVar[Skill]
    """The skill in any form that `testkit.run` takes."""

    examples: ClassVar[Mapping[str, Any]] = {}
    """Name -> input that succeeds in `context()`; by default the fixtures of the folder."""

    volatile: ClassVar[tuple[str, ...]] = VOLATILE
    """Members of the envelope that may differ from call to call: declare each, with a reason."""

    snapshots: ClassVar[Path | None] = None
    """Folder of the recorded envelopes, one file a skill; None: nothing is recorded."""

    def context(self) -> KitContext:
        """A fresh context for one example: the declared capabilities, and what stands behind."""
        declared = self.tool.about.capabilities
        views = dict.fromkeys(declared.data, ())
        ctx = make_context(declared, data=views, now=FIXTURE_NOW)
        ctx.dry_run = bool(declared.effects)  # an example has no effect, as a fixture has none
        return ctx

    @cached_property
    def tool(self) -> Tool:
        """The tool under test."""
        return load(self.skill)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The examples, at least one."""
        found = dict(self.examples)
        if not found and isinstance(self.skill, Path | str):
            package, _ = read_package(self.skill)
            found = {fixture.name: fixture.input for fixture in package.contract.tests}
        assert found, "give `examples`: inputs that succeed"
        return found

    def test_the_contract_is_valid(self) -> None:
        """Types and capabilities make a contract that the platform reads; a folder's is its own."""
        about = self.tool.about
        read, faults = parse_contract_yaml(
            contract_yaml(self.tool), skill_md=SkillMd(name=about.name, description="-")
        )
        assert read is not None, faults
        assert read.capabilities == about.capabilities
        if isinstance(self.skill, Path | str):
            assert_contract(self.skill)

    def test_the_examples_succeed(self) -> None:
        """And in time."""
        for name, envelope in self._envelopes().items():
            assert envelope.ok, f"{name}: {envelope.code} {envelope.error}"

    def test_the_same_call_gives_the_same_envelope(self) -> None:
        """Byte for byte, without the members that are declared volatile."""
        first, again = self._envelopes(), self._envelopes()
        for name in first:
            one, other = (stable(each[name], self.volatile) for each in (first, again))
            assert one == other, f"{name}: two calls, two envelopes:\n{one!r}\n{other!r}"

    def test_the_output_is_json(self) -> None:
        """What a reader of JSON gets is what the tool returned."""
        for name, envelope in self._envelopes().items():
            text = canonical_json(envelope.to_dict())
            assert canonical_json(Envelope.from_dict(_read(text)).to_dict()) == text, name

    def test_an_input_that_does_not_fit_never_reaches_the_code(self) -> None:
        """`tool_input_invalid`, with the pointer to the fault."""
        reached: list[Any] = []
        spy = Probe(self.tool, lambda value, _: reached.append(value))
        for misfit in self._misfits():
            for tool in (self.tool, spy):
                envelope = run_envelope(tool, misfit.value, self.context())
                assert envelope.code == "tool_input_invalid", f"{misfit.name}: {envelope.code}"
                pointers = [item["pointer"] for item in _details(envelope)["violations"]]
                assert any(p.startswith(misfit.pointer) for p in pointers), (misfit, pointers)
        assert not reached

    def test_an_output_that_does_not_fit_is_refused(self) -> None:
        """`tool_output_invalid`: what the contract does not allow, or JSON does not have."""
        for value in (float("nan"), {1: 2}, object(), "a\x00b", 2**53 + 1, {"a": {b"b"}}):
            envelope = self._probe(_returns(value))
            assert envelope.code == "tool_output_invalid", (value, envelope.code)
            assert envelope.result is None

    def test_what_is_not_declared_is_denied(self) -> None:
        """`skill_capability_denied`, also where the code goes on as if nothing had been."""
        for kind, reach in REACHES.items():
            envelope = self._probe(_reaches(reach))
            assert envelope.code == "skill_capability_denied", (kind, envelope.code)
            envelope = self._probe(_reaches(reach, quietly=True))
            assert envelope.code == "skill_capability_denied", (kind, envelope.code)
        for name, value in self.inputs.items():
            ctx = make_context(now=FIXTURE_NOW)
            code = run_envelope(self.tool, value, ctx).code
            wanted = {"skill_capability_denied"} if ctx.refused else {"tool_ok"}
            assert code in wanted, f"{name}, with nothing declared: {code}"

    def test_whatever_it_raises_becomes_a_code(self) -> None:
        """`provider_execution_failed`; the text of an exception stays inside."""
        for error in (RuntimeError, KeyError, SystemExit, RecursionError, TimeoutError):
            envelope = self._probe(_raises(error(CANARY)))
            assert envelope.code == FAILED, (error, envelope.code)
            assert CANARY not in repr(envelope.to_dict())

    def test_no_secret_gets_out(self) -> None:
        """Neither a credential nor what a failing service said, by result, error, log or file."""
        for name, value in self.inputs.items():
            ctx = broken_world(self.tool.about.capabilities)
            envelope = run_envelope(self.tool, value, ctx)
            written = [ctx.artifacts, ctx.log.records, ctx.effects, envelope.to_dict()]
            assert CANARY not in repr(written), f"{name}: a secret got out"

    def test_it_is_given_up_after_its_time(self) -> None:
        """`timeout`, and the caller goes on."""
        ends = threading.Event()
        slow = Probe(self.tool, lambda _, __: _waits(ends))
        envelope = run_envelope(slow, self._example(), self.context(), timeout_s=0.05)
        ends.set()
        assert envelope.code == "timeout"
        assert envelope.error is not None
        assert envelope.error.retryable

    def test_the_envelopes_are_the_recorded_ones(self) -> None:
        """Examples and misfits, as the file of `snapshots` holds them."""
        if self.snapshots is None:
            return
        found = self._envelopes()
        for misfit in self._misfits():
            found[f"! {misfit.name}"] = run_envelope(self.tool, misfit.value, self.context())
        compare_snapshot(self.snapshots / f"{self.tool.about.name}.json", found, self.volatile)

    def _envelopes(self) -> dict[str, Envelope]:
        return {n: run_envelope(self.tool, i, self.context()) for n, i in self.inputs.items()}

    def _example(self) -> Any:
        return next(iter(self.inputs.values()))

    def _misfits(self) -> list[Misfit]:
        return list(misfits(self.tool.interface.input_schema, self._example()))

    def _probe(self, body: Body) -> Envelope:
        return run_envelope(Probe(self.tool, body), self._example(), self.context())


def _waits(ends: threading.Event) -> None:
    # In short turns: in CPython 3.11, while coverage is measured, no function begins anywhere until a thread that is
    # told to stop has noticed it.
    for _ in range(1200):
        if ends.wait(0.05):
            return


def _details(envelope: Envelope) -> dict[str, Any]:
    assert envelope.error is not None
    return envelope.error.details


def _read(text: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    return document


def _returns(value: Any) -> Body:
    return lambda _, __: value


def _reaches(reach: Callable[[Context], object], *, quietly: bool = False) -> Body:
    def body(_: Any, ctx: Context) -> Any:
        try:
            return reach(ctx)
        except CapabilityDenied:
            if not quietly:
                raise
        return None

    return body


def _raises(error: BaseException) -> Body:
    def body(_: Any, __: Context) -> Any:
        raise error

    return body
