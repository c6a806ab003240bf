"""Whether a package can be used on an installation: what it needs against what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from livery.manifest.diagnostics import Diagnostic, diagnose
from livery.manifest.package import CONTRACT_YAML, SKILL_MD, Package
from livery.manifest.semver import parse_semver
from livery.manifest.yamldoc import YamlDoc, load_yaml

LANGUAGES: Final[Mapping[str, str]] = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".sh": "shell",
}
"""Languages of container skills, by the suffix of the entry."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is here: version of Livery, ``linux`` / ``darwin`` / ``windows``, languages that a
    container can run, and whether a command is on the path.
    """

    version: str
    os: str
    languages: frozenset[str] = frozenset(LANGUAGES.values())
    has_program: Callable[[str], bool] = lambda _: False


def eligibility(
    package: Package, here: Installation, has_tool: Callable[[str], bool]
) -> tuple[Diagnostic, ...]:
    """Return what keeps a package from being used here: errors ``ineligible`` where it never can
    be, warnings ``missing_required_tools`` where it can be once something is added.

    ``has_tool`` says whether a ``provider:tool`` is registered.
    """
    return (*_language(package, here), *_surroundings(package, here), *_tools(package, has_tool))


def _language(package: Package, here: Installation) -> Iterable[Diagnostic]:
    runtime = package.contract.runtime
    if runtime.kind != "container":
        return
    entry = (runtime.entry or "").partition(":")[0]
    suffix = entry[entry.rfind(".") :] if "." in entry else ""
    named = str(package.contract.raw.get("runtime", {}).get("language") or "").strip().lower()
    language = named or LANGUAGES.get(suffix.lower(), "")
    if language in here.languages:
        return
    what = f"in {named}" if named else f"with the entry {entry}"
    known = ", ".join(sorted(here.languages))
    yield diagnose(
        "ineligible",
        f"no sandbox here runs code {what}",
        CONTRACT_YAML,
        _contract(package).line_of("/runtime/language" if named else "/runtime/entry"),
        remedy=f"Write it in one of: {known}; or have an operator add the language.",
    )


def _surroundings(package: Package, here: Installation) -> Iterable[Diagnostic]:
    needs = package.skill_md.requirements
    systems = [need for need in needs if need.kind == "os"]
    if systems and here.os not in {need.value for need in systems}:
        names = ", ".join(need.value for need in systems)
        yield diagnose(
            "ineligible",
            f"it is made for {names}; this is {here.os}",
            SKILL_MD,
            systems[0].line,
            remedy="Load it where it can be used, or correct `os` in its metadata.",
        )
    for need in needs:
        if need.kind == "livery" and _older(here.version, need.value):
            yield diagnose(
                "ineligible",
                f"it needs Livery {need.value}; this is {here.version}",
                SKILL_MD,
                need.line,
                remedy="Update Livery, or load a version of the skill that is made for this one.",
            )
    missing = [
        need for need in needs if need.kind == "program" and not here.has_program(need.value)
    ]
    if missing:
        names = ", ".join(need.value for need in missing)
        yield diagnose(
            "missing_required_tools",
            f"it needs programs that are not installed here: {names}",
            SKILL_MD,
            missing[0].line,
            severity="warning",
        )


def _tools(package: Package, has_tool: Callable[[str], bool]) -> Iterable[Diagnostic]:
    missing = [tool for tool in package.contract.capabilities.tools if not has_tool(tool)]
    if not missing:
        return
    doc = _contract(package)
    listed = (doc.value.get("capabilities") or {}).get("tools") or []
    line = min(doc.line_of(f"/capabilities/tools/{listed.index(tool)}") for tool in missing)
    yield diagnose(
        "missing_required_tools",
        f"no provider here has {', '.join(missing)[:300]}",
        CONTRACT_YAML,
        line,
        severity="warning",
        remedy="Register the tools (a skill `add` is the tool `livery:add`); calls fail until then.",
    )


def _contract(package: Package) -> YamlDoc:
    """The contract with its lines; read again, as only a package with a fault needs them."""
    return load_yaml(next(file.data for file in package.files if file.path == CONTRACT_YAML))


def _older(version: str, least: str) -> bool:
    try:
        here, wanted = (
            parse_semver(".".join([*text.split("."), "0", "0"][:3])) for text in (version, least)
        )
    except ValueError:
        return False
    return here < wanted
