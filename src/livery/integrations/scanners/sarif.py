"""SARIF 2.1.0 (OASIS) as scanners print it, read into findings. Whatever is broken is refused as a whole."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from livery.manifest.denylist import redact_text
from livery.services.certification.ports import ScannerFailed
from livery.services.certification.types import Finding

MAX_RESULTS = 2000
_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "low"}
_NAMES = {"critical": "high", "high": "high", "medium": "medium", "low": "low", "info": "low"}
_SILENT = frozenset({"pass", "notApplicable"})
_MESSAGE = 400


def read_sarif(data: bytes, scanner: str, files: Collection[str]) -> list[Finding]:
    """The findings of a log; `files` are the paths of the package, which locations are mapped to.

    The severity is `security-severity` (a score of 0 to 10) where a result or its rule has it, else a property
    `severity` by name, else the level. `high` is the highest: `critical` is what our own preflight says. Raises
    ScannerFailed for what is no SARIF 2.1.0, for a run that did not succeed, and for more than MAX_RESULTS results.
    """
    try:
        log = json.loads(data)
        return list(_log(log, scanner, files))
    except ScannerFailed:
        raise
    except (ValueError, RecursionError):
        raise ScannerFailed("its output is no JSON") from None
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ScannerFailed(f"its output is no SARIF 2.1.0 ({type(error).__name__})") from None


def _log(log: Any, scanner: str, files: Collection[str]) -> Iterator[Finding]:
    if not isinstance(log, dict) or log.get("version") != "2.1.0":
        raise ScannerFailed("its output is no SARIF 2.1.0")
    runs = log["runs"]
    if not isinstance(runs, list) or not runs:
        raise ScannerFailed("its output has no run")
    count = 0
    for run in runs:
        _succeeded(run)
        driver = run["tool"]["driver"]
        rules = [*driver.get("rules", ())]
        for extension in run["tool"].get("extensions", ()):
            rules += extension.get("rules", ())
        results = run.get("results")
        if not isinstance(results, list):
            raise ScannerFailed("a run of its output has no results")
        count += len(results)
        if count > MAX_RESULTS:
            raise ScannerFailed(f"it has more than {MAX_RESULTS} results")
        for result in results:
            if result.get("kind", "fail") not in _SILENT:
                yield _finding(result, driver.get("rules", []), rules, scanner, files)


def _succeeded(run: Mapping[str, Any]) -> None:
    for invocation in run.get("invocations", ()):
        if invocation.get("executionSuccessful") is False:
            raise ScannerFailed("it says that its run did not succeed")
        for note in invocation.get("toolExecutionNotifications", ()):
            if note.get("level") == "error":
                raise ScannerFailed("it reports an error of its own")


def _finding(
    result: Mapping[str, Any],
    driver_rules: list[Any],
    rules: list[Any],
    scanner: str,
    files: Collection[str],
) -> Finding:
    named = result.get("ruleId") or result.get("rule", {}).get("id")
    index = result.get("ruleIndex", result.get("rule", {}).get("index", -1))
    by_index = driver_rules[index] if 0 <= index < len(driver_rules) else {}
    rule: Mapping[str, Any] = next((one for one in rules if one.get("id") == named), by_index)
    name = str(named or rule.get("id") or "unnamed")[:120]
    path, line = _place(result, files)
    fix = result.get("properties", {}).get("remediation")
    return Finding(
        "security_preflight_denied",
        redact_text(_text(result, rule))[:_MESSAGE],
        path,
        line,
        redact_text(fix)[:_MESSAGE] if isinstance(fix, str) else None,
        rule=f"{scanner}:{name}",
        severity=_severity(result, rule),
    )


def _text(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    message = result.get("message", {})
    text = message.get("text") or message.get("markdown")
    if text is None and "id" in message:
        text = rule.get("messageStrings", {}).get(message["id"], {}).get("text")
    text = text or rule.get("shortDescription", {}).get("text") or "The scanner gives no text."
    for index, argument in enumerate(message.get("arguments", ())):
        text = str(text).replace(f"{{{index}}}", str(argument))
    return str(text)


def _severity(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    for holder in (result, rule):
        properties = holder.get("properties", {})
        score = properties.get("security-severity")
        if score is not None:
            try:
                number = float(score)
            except (TypeError, ValueError):
                return "high"  # it means to say something severe, or it is broken
            return "high" if not number < 7 else "medium" if number >= 4 else "low"
        known = _NAMES.get(str(properties.get("severity", "")).lower())
        if known is not None:
            return known
    level = result.get("level") or rule.get("defaultConfiguration", {}).get("level") or "warning"
    return _LEVELS.get(str(level), "high")


def _place(result: Mapping[str, Any], files: Collection[str]) -> tuple[str | None, int | None]:
    for location in result.get("locations", ()):
        physical = location.get("physicalLocation", {})
        path = _path(str(physical.get("artifactLocation", {}).get("uri", "")), files)
        line = physical.get("region", {}).get("startLine")
        if path is not None:
            return path, line if isinstance(line, int) and line > 0 else None
    return None, None


def _path(uri: str, files: Collection[str]) -> str | None:
    """The file of the package that a URI means: whole, relative to the package, or with folders before it."""
    parts = [part for part in unquote(urlsplit(uri).path).split("/") if part not in ("", ".")]
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tail in files), None)
