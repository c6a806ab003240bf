"""What came out of a container, as a result that the platform takes, or a code that says why not."""

from __future__ import annotations

import json
from typing import Any, Final

from livery.execution.container.engine import Ended
from livery.execution.container.limits import FLOOD_BYTES, Limits
from livery.execution.container.stream import Answer
from livery.manifest.canonical import NotIJson, check_ijson
from livery.services.runs.types import Invoked, Produced

INVALID, FAILED, TIMEOUT = "plugin_contract_invalid", "plugin_runtime_failed", "plugin_timeout"
_MAX_SAID: Final = 300
_LOG_SHOWN: Final = 2000
_KILLED: Final = 137
_MAX_ERRNO: Final = 4096
_MEDIA: Final = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}


def answered(answer: Answer, log: bytes) -> Invoked:
    """The result of an answer that came whole and in time."""
    said = _plain(answer.said)
    if answer.status == "invalid":
        return Invoked(
            code=INVALID, message=f"The plugin broke its interface: {said}.", details=_log(log)
        )
    if answer.status == "raised":
        details: dict[str, Any] = {"exception": said[:100], **_log(log)}
        if answer.errno is not None and 0 < answer.errno < _MAX_ERRNO:
            details["errno"] = answer.errno
        return Invoked(code=FAILED, message=f"The plugin raised {said[:100]}.", details=details)
    try:
        # Not orjson: it makes a float of an integer that is too large.
        result = json.loads(answer.result)
        check_ijson(result)
    except NotIJson as fault:
        return broken(f"its result is no I-JSON: {fault}", log)
    except (ValueError, RecursionError):
        return broken("its result is no JSON", log)
    wrong = _shape(result)
    if wrong is not None:
        return broken(wrong, log)
    return Invoked(
        result,
        artifacts=[Produced(name, _media(name), data) for name, data in answer.files],
        details=_log(log),
    )


def broken(what: str, log: bytes) -> Invoked:
    """For an answer that is none."""
    return Invoked(
        code=INVALID, message=f"The plugin broke its interface: {what}.", details=_log(log)
    )


def late(limits: Limits, log: bytes) -> Invoked:
    """For a plugin that was stopped when its time was over."""
    return Invoked(
        code=TIMEOUT,
        message=f"The plugin took longer than {limits.timeout_s:g} s and was stopped.",
        details={"timeout_s": limits.timeout_s, **_log(log)},
    )


def flooded(log: bytes) -> Invoked:
    """For a plugin that was stopped because of its log."""
    return Invoked(
        code=FAILED,
        message=f"The plugin wrote more than {FLOOD_BYTES} bytes of log and was stopped.",
        details={"limit": "log", **_log(log)},
    )


def died(ended: Ended | None, limits: Limits, log: bytes) -> Invoked:
    """For a plugin whose process ended, or closed its answers, without one."""
    if ended is None:
        return Invoked(
            code=FAILED,
            message="The plugin closed its answers without one and was stopped.",
            details={"oom": False, "exit_code": None, **_log(log)},
        )
    # Process 1 of a container cannot be killed from inside: it was the kernel, for memory (or CPU time).
    oom = ended.oom or ended.exit_code == _KILLED
    said = (
        f"used more than its {limits.memory_mb} MB of memory" if oom else "ended without an answer"
    )
    return Invoked(
        code=FAILED,
        message=f"The plugin {said} (exit code {ended.exit_code}).",
        details={"oom": oom, "exit_code": ended.exit_code, **_log(log)},
    )


def _shape(result: Any) -> str | None:
    if not isinstance(result, dict) or not set(result) <= {"display", "data"}:
        return "its result must be {display, data?}"
    if not isinstance(result.get("display"), str):
        return "its result must have a text `display`"
    return None


def _log(log: bytes) -> dict[str, Any]:
    """The end of the log, as text that can be shown and kept."""
    text = _plain(log.decode("utf-8", "replace"), keep="\n\t", most=len(log))[-_LOG_SHOWN:]
    return {"log": text} if text else {}


def _plain(text: str, keep: str = "", most: int = _MAX_SAID) -> str:
    return "".join(
        char if char.isprintable() or char in keep else "\N{REPLACEMENT CHARACTER}"
        for char in text[:most]
    )


def _media(name: str) -> str:
    return _MEDIA.get(name.rpartition(".")[2].lower(), "application/octet-stream")
