"""YAML for contracts: the JSON subset of YAML 1.2, read without recursion, aliases or surprises.

PyYAML only splits the text into events; types are resolved here, so that ``on`` is never True,
``010`` never 8 and ``2026-01-01`` never a date: each is a fault with its line instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from livery.manifest.canonical import MAX_INT, NotIJson, check_ijson, escape_pointer

MAX_BYTES: Final = 256 * 1024
MAX_NODES: Final = 20_000
MAX_YAML_DEPTH: Final = 64
MAX_FAULTS: Final = 50
MAX_SURPRISE: Final = 64

# libyaml where the wheel has it: the pure parser needs seconds for what the limits allow.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", re.ASCII
)
# What YAML 1.1 and 1.2 parsers disagree about, with the reading that would surprise.
_SURPRISES: Final = (
    (re.compile(r"(?i)(?:y|yes|n|no|on|off)"), "is a boolean to some YAML parsers"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"), "is a date to some YAML parsers"),
    (
        re.compile(r"[-+]?0(?:o?[0-7_]+|b[01_]+|x[0-9a-fA-F_]+|[0-9]+)"),
        "is an octal, binary or hexadecimal number to some YAML parsers",
    ),
    (re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "is a base-60 number to some"),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"), "is a number to some YAML parsers"),
    (re.compile(r"[-+]?(?:[0-9]+\.(?:[eE][-+]?[0-9]+)?|\.[0-9]+.*)"), "is half a number"),
    (re.compile(r"(?i)[-+]?\.(?:inf|nan)"), "is a number that JSON does not have"),
    (re.compile(r"<<|="), "has a special meaning to some YAML parsers"),
)


@dataclass(frozen=True, slots=True)
class YamlFault:
    """One thing that is wrong in a YAML text; ``line`` is 1-based."""

    line: int
    message: str


@dataclass(slots=True)
class YamlDoc:
    """A YAML text read: its value (None when unreadable), the line of every pointer, its faults.

    ``flow`` lists the lines of flow collections (``[a]``, ``{a: b}``) and ``tags`` those of tags
    (``!!str``), which strictyaml refuses.
    """

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[YamlFault] = field(default_factory=list)
    flow: list[int] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)

    def line_of(self, pointer: str) -> int:
        """Return the line of ``pointer``, or of its nearest parent that has one."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer, 1)


class _StopReading(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.fault = YamlFault(line, message)


@dataclass(slots=True)
class _Frame:
    """A collection that is still open; ``key`` is a mapping's key that waits for its value."""

    container: Any
    pointer: str
    key: str | None = None


def load_yaml(source: str | bytes, *, all_text: bool = False) -> YamlDoc:
    """Read one YAML document. Never raises: what is wrong is in ``faults``.

    With ``all_text`` every scalar is its text, as strictyaml reads it (Agent Skills frontmatter).
    Refused: over MAX_BYTES, MAX_NODES or MAX_YAML_DEPTH, anchors, aliases, tags, merge keys,
    double keys, keys that are no text, more than one document, and text outside I-JSON.
    """
    doc = YamlDoc()
    try:
        _Builder(doc, all_text).run(_decode(source))
        if not doc.faults:
            check_ijson(doc.value)
    except _StopReading as stop:
        doc.faults.append(stop.fault)
    except NotIJson as fault:
        doc.faults.append(YamlFault(doc.line_of(fault.pointer), fault.reason))
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = min(mark.line + 1, _last_line(source)) if mark else 1
        doc.faults.append(YamlFault(line, f"not YAML: {fault.problem}"))
    except (yaml.YAMLError, ValueError) as fault:
        doc.faults.append(YamlFault(1, f"not YAML: {str(fault).splitlines()[0][:200]}"))
    if doc.faults:
        del doc.faults[MAX_FAULTS:]
    return doc


def _decode(source: str | bytes) -> str:
    if len(source) > MAX_BYTES:
        raise _StopReading(1, f"is larger than {MAX_BYTES} bytes")
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        line = source.count(b"\n", 0, fault.start) + 1
        raise _StopReading(line, "is not UTF-8 text") from None


def _last_line(source: str | bytes) -> int:
    """The parser meets the end of a text on the line after it; nobody can look there."""
    text = source.decode() if isinstance(source, bytes) else source
    return max(1, len(text.rstrip().splitlines()))


class _Builder:
    """Builds the value from parser events with an explicit stack."""

    def __init__(self, doc: YamlDoc, all_text: bool) -> None:
        self.doc = doc
        self.all_text = all_text
        self.stack: list[_Frame] = []
        self.nodes = 0
        self.documents = 0

    def run(self, text: str) -> None:
        """Feed all events of ``text``."""
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.stack.pop()
            elif isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    raise _StopReading(line, "holds more than one document")

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        if event.anchor is not None:
            raise _StopReading(line, "anchors and aliases are not supported; write the value out")
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in ("!", "tag:yaml.org,2002:str"):
            raise _StopReading(line, f"the tag {tag[:80]!r} is not supported")
        if tag is not None:
            self.doc.tags.append(line)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _StopReading(line, f"has more than {MAX_NODES} values")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
            return
        if getattr(event, "flow_style", False):
            self.doc.flow.append(line)
        if len(self.stack) >= MAX_YAML_DEPTH:
            raise _StopReading(line, f"is nested deeper than {MAX_YAML_DEPTH} levels")
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            raise _StopReading(line, "a key must be a text")
        container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Frame(container, self._place(container, line)))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self.stack[-1] if self.stack else None
        # implicit[0]: a plain scalar whose type follows from its text; quoted ones are texts.
        plain = bool(event.implicit[0]) and event.style in (None, "")
        if frame is not None and isinstance(frame.container, dict) and frame.key is None:
            self._key(frame, event.value, plain, line)
        else:
            value = self._typed(event.value, line) if plain else event.value
            self._place(value, line)

    def _key(self, frame: _Frame, text: str, plain: bool, line: int) -> None:
        if plain and not self.all_text and not isinstance(self._typed(text, line), str):
            self._fault(line, f"the key {text[:80]} is not a text: put it in quotes")
        if text in frame.container:
            self._fault(line, f"the key {text[:80]!r} appears twice")
        frame.key = text
        self.doc.lines[f"{frame.pointer}/{escape_pointer(text)}"] = line

    def _place(self, value: Any, line: int) -> str:
        """Put a value where it belongs and return its pointer."""
        if not self.stack:
            self.doc.value = value
            self.doc.lines[""] = line
            return ""
        frame = self.stack[-1]
        if isinstance(frame.container, dict):
            key = frame.key or ""
            frame.container[key] = value
            frame.key = None
            return f"{frame.pointer}/{escape_pointer(key)}"
        pointer = f"{frame.pointer}/{len(frame.container)}"
        frame.container.append(value)
        self.doc.lines[pointer] = line
        return pointer

    def _typed(self, text: str, line: int) -> Any:
        if self.all_text:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.fullmatch(text):
            if len(text) > 17 or abs(int(text)) > MAX_INT:
                self._fault(line, "the number is beyond 2^53: put it in quotes")
                return text
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number - number != 0.0:
                self._fault(line, "the number is too large for a double")
            return number
        # No longer text is a number or a date to anyone, and the patterns need not be linear.
        for pattern, why in _SURPRISES if len(text) <= MAX_SURPRISE else ():
            if pattern.fullmatch(text):
                self._fault(line, f"{text[:80]} {why}: put it in quotes, or write it in decimal")
                break
        return text

    def _fault(self, line: int, message: str) -> None:
        self.doc.faults.append(YamlFault(line, message))
        if len(self.doc.faults) >= MAX_FAULTS:
            raise _StopReading(line, "has too many faults")
