"""One call of a skill as its result envelope, without a platform: never an exception."""

import threading
from contextlib import suppress
from typing import Any, Final

from livery.authoring.context import Context
from livery.authoring.errors import InputInvalid
from livery.authoring.giving_up import GivenUp, give_up
from livery.authoring.kit_context import KitContext
from livery.authoring.tool import Tool
from livery.manifest.canonical import NotIJson, canonical_json
from livery.manifest.codes import CODES
from livery.manifest.denylist import find_secret, redact
from livery.manifest.envelope import Envelope, error_envelope, ok_envelope
from livery.manifest.errors import LiveryError, Violation

NO_RUN: Final = "00000000-0000-0000-0000-000000000000"
"""Run id of what was no run of a platform."""

VOLATILE: Final = ("run_id", "correlation_id", "usage.duration_ms", "provenance")
"""Members of an envelope that differ from run to run on a platform; in the kit they are fixed."""

FAILED: Final = "provider_execution_failed"


def run_envelope(
    tool: Tool,
    input: Any,  # noqa: A002 - the word of the contract
    ctx: Context,
    *,
    digest: str | None = None,
    timeout_s: float | None = None,
    provider_id: str = "builtin",
) -> Envelope:
    """Call a skill and say what came of it: same input, same fault, same envelope.

    The codes are those of a run on the platform. A refused input is `denied`, everything else that
    is not well is `failed`. Text of exceptions that are no `LiveryError` is left out: nobody knows
    what it holds. `digest` identifies the package, `timeout_s` (seconds) is the contract's by
    default; code that outlives it is left to a daemon thread.
    """
    about = tool.about
    names: dict[str, Any] = {
        "run_id": NO_RUN,
        "skill_key": about.name,
        "skill_version": about.version,
        "digest": digest,
        "correlation_id": NO_RUN,
        "provider_id": provider_id,
        "tool_id": about.name,
    }
    try:
        tool.interface.check_input(input)
    except InputInvalid as refused:
        return _refusal(refused, "denied", names)
    limit = about.timeout_s if timeout_s is None else timeout_s
    result, fault = _in_time(tool, input, ctx, limit)
    refusals = ctx.refused if isinstance(ctx, KitContext) else []
    if fault is None and refusals:
        fault = refusals[0]  # it went on, but was seen to reach for it
    if fault is None:
        try:
            return _success(tool, result, ctx, names)
        except LiveryError as invalid:
            fault = invalid
    return _failure(fault, names)


def stable(envelope: Envelope, volatile: tuple[str, ...] = VOLATILE) -> bytes:
    """The canonical JSON of an envelope without its volatile members (``a.b`` is b of a)."""
    document = envelope.to_dict()
    for path in volatile:
        *parents, last = path.split(".")
        holder: Any = document
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    return canonical_json(document)


def _in_time(
    tool: Tool, value: Any, ctx: Context, timeout_s: float
) -> tuple[Any, BaseException | None]:
    """The result of a call in a thread of its own, or what it raised."""
    outcome: list[tuple[Any, BaseException | None]] = []
    ending = threading.Lock()

    def call() -> None:
        with suppress(GivenUp):  # it may come just behind the end of the skill
            said = _said(tool, value, ctx)
            with ending:
                outcome.append(said)

    thread = threading.Thread(target=call, name=f"skill {tool.about.name}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    with ending:
        if outcome:
            return outcome[0]
        give_up(thread)
    return None, _TooLong(timeout_s)


def _said(tool: Tool, value: Any, ctx: Context) -> tuple[Any, BaseException | None]:
    try:
        return tool.invoke(value, ctx), None
    except BaseException as error:
        return None, error


class _TooLong(TimeoutError):
    """Ours, not one that the skill raised."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"The skill took longer than {timeout_s:g} s.")


def _success(tool: Tool, result: Any, ctx: Context, names: dict[str, Any]) -> Envelope:
    try:
        canonical_json(result)
    except NotIJson as no:
        raise LiveryError(
            "tool_output_invalid",
            f"The output at {no.pointer or '/'}: {no.reason}",
            violations=[Violation(no.pointer, no.reason)],
        ) from None
    if find_secret(result) is not None:
        result = redact(result)
    tool.interface.check_output(result)
    artifacts, effects = [], []
    if isinstance(ctx, KitContext):
        effects = ctx.effects
        artifacts = [
            {"name": r.name, "media_type": r.media_type, "size": r.size, "sha256": r.sha256}
            for r, _ in ctx.artifacts.values()
        ]
    return ok_envelope(**names, result=result, artifacts=artifacts, side_effects=effects)


def _failure(fault: BaseException, names: dict[str, Any]) -> Envelope:
    if isinstance(fault, LiveryError):
        return _refusal(fault, "failed", names)
    code = "timeout" if isinstance(fault, _TooLong) else FAILED
    said = str(fault) if isinstance(fault, _TooLong) else f"The skill raised {_name(fault)}."
    return error_envelope(code, **names, message=said)


def _refusal(error: LiveryError, status: str, names: dict[str, Any]) -> Envelope:
    details = {**error.details, "remedy": error.remedy}
    if error.violations:
        details["violations"] = [violation.to_dict() for violation in error.violations]
    code = error.code if error.code in CODES and error.code != "tool_ok" else FAILED
    return error_envelope(
        code,
        **names,
        status=status,
        message=error.message,
        retryable=error.retryable,
        details=redact(details),
    )


def _name(fault: BaseException) -> str:
    name = type(fault).__name__
    return name[:100] if name.isprintable() else "an exception"
