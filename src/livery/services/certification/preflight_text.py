"""What texts hide from people, and what they tell agents that no honest skill does. Few patterns, precise ones."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from livery.services.certification.types import Finding

CODE: Final = "security_preflight_denied"
_BIDI: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MARKS: Final = frozenset("\u200e\u200f\u061c")
_JOINERS: Final = frozenset("\u200c\u200d")
_HIDDEN: Final = frozenset(
    "\u200b\u2060\u2061\u2062\u2063\u2064\u180e\u00ad\ufeff\u115f\u1160\u3164\uffa0"
)
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,7}\U000e007f")
_SUSPECT = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0"
    "\U000e0000-\U000e01ef]"
)
_READ = 1024 * 1024

_SECRETS = (
    r"(?:api[ _-]?keys?|credentials?|passwords?|access tokens?|private keys?|ssh keys?|secrets|session cookies?"
    r"|environment variables?|\.env\b|~/\.ssh|id_rsa|\.aws/credentials|system prompt|chat history"
    r"|(?:the |this )?(?:whole |entire |full )?conversation)"
)
_AWAY = r"(?:https?://\S+|(?:an?|the|this|our|my) (?:\w+ ){0,3}(?:server|endpoint|webhook|url|address|channel)\b)"
_RULES: Final = tuple(
    (rule, re.compile(pattern, re.IGNORECASE), message)
    for rule, pattern, message in (
        (
            "ignore-instructions",
            r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:all\s+|any\s+|every\s+)?(?:of\s+)?(?:the\s+|your\s+|my\s+)?"
            r"(?:previous|prior|above|earlier|preceding|existing|original|system|safety)\s+"
            r"(?:instructions?|prompts?|rules|messages|guidelines|directives|context)",
            "It tells an agent to ignore its instructions.",
        ),
        (
            "hide-from-user",
            r"\b(?:do\s+not|don't|never|without)\s+(?:ever\s+)?(?:tell|telling|inform|informing|mention(?:ing)?|reveal(?:ing)?"
            r"|show(?:ing)?|notify(?:ing)?|alert(?:ing)?|ask(?:ing)?)\s+(?:any\s+of\s+)?(?:this\s+|it\s+|that\s+|these\s+steps\s+)?"
            r"(?:to\s+)?the\s+user\b(?!\s*(?:for|to|if|how|which|what|whether|where|about(?!\s+(?:this|these|it)\b)|twice|again|'s|interface|stor))",
            "It tells an agent to hide something from the user.",
        ),
        (
            "send-secrets",
            rf"\b(?:send|post|upload|transmit|exfiltrate|forward|e-?mail|submit|leak|copy)\b[^.\n]{{0,80}}{_SECRETS}"
            rf"[^.\n]{{0,60}}\bto\s+{_AWAY}",
            "It tells an agent to send secrets away.",
        ),
        (
            "reveal-prompt",
            r"\b(?:reveal|print|output|repeat|disclose|leak)\s+(?:\w+\s+){0,3}(?:your|the)\s+(?:full\s+|hidden\s+|entire\s+)?"
            r"system\s+prompt",
            "It tells an agent to give its instructions away.",
        ),
        (
            "change-role",
            r"\byou\s+are\s+(?:now|no\s+longer)\s+(?:in\s+)?(?:an?\s+)?(?:dan\b|jailbroken|unrestricted|developer\s+mode"
            r"|god\s+mode|root\s+mode|bound\s+by)",
            "It tells an agent that its limits are gone.",
        ),
        (
            "role-marker",
            r"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]|<</?SYS>>|^\s*\[SYSTEM\]\s*:|</?system(?:_prompt)?>",
            "It holds the marks that part a model's own instructions from text.",
        ),
        (
            "skip-approval",
            r"--dangerously-skip-permissions|--yolo\b|\b(?:disable|bypass|turn\s+off|skip)\s+(?:all\s+|any\s+|the\s+)*"
            r"(?:safety|security|approval|permission|confirmation)\s+(?:checks?|prompts?|filters?|controls?|dialogs?)",
            "It tells an agent to go around its controls.",
        ),
        (
            "download-and-run",
            r"\b(?:curl|wget|iwr|invoke-webrequest)\b[^\n|;]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b"
            r"|\b(?:curl|wget)\b[^\n|;]{0,200}\|\s*(?:sudo\s+)?(?:python|perl|ruby|node)[\d.]*\b"
            r"|base64\s+(?:-d|--decode|-D)[^\n|]{0,100}\|\s*(?:sudo\s+)?(?:ba|z)?sh\b"
            r"|\b(?:ba|z)?sh\s+(?:-c\s+[\"']?\$\(|<\()\s*(?:curl|wget)\b",
            "It runs what it downloads, unseen.",
        ),
        (
            "reverse-shell",
            r"/dev/tcp/[\w.-]+/\d+|\bnc(?:at)?\s+(?:-\w+\s+)*-e\s+/bin/\w*sh|\bbash\s+-i\s+>&",
            "It opens a shell to somebody else.",
        ),
    )
)
_BLOB = re.compile(r"[A-Za-z0-9+/]{60,}={0,2}")


def hidden_text(path: str, text: str) -> Iterator[Finding]:
    """Characters that people do not see and machines read: one finding for each line."""
    if _SUSPECT.search(text) is None:
        return
    for number, line in enumerate(text.split("\n"), 1):
        if _SUSPECT.search(line) is None:
            continue
        names = sorted({f"U+{ord(char):04X}" for char in _unseen(line, first=number == 1)})
        if names:
            yield Finding(
                CODE,
                f"Characters that nobody sees: {', '.join(names[:5])}.",
                path,
                number,
                "Delete them; write a character that is meant by its escape.",
                rule="hidden-unicode",
                severity="high",
            )


def _unseen(line: str, *, first: bool) -> Iterator[str]:
    line = _FLAG.sub("", line.removeprefix("\ufeff") if first else line)
    rtl = any(unicodedata.bidirectional(char) in ("R", "AL") for char in line if char not in _MARKS)
    for index, char in enumerate(line):
        hidden = char in _BIDI or char in _HIDDEN or "\U000e0000" <= char <= "\U000e01ef"
        stray = (char in _MARKS and not rtl) or (char in _JOINERS and not _joins(line, index))
        if hidden or stray:
            yield char


def _joins(line: str, index: int) -> bool:
    """Whether a joiner stands where scripts and emoji need it: behind a letter or sign that is not ASCII."""
    before = line[index - 1] if index else ""
    return bool(before) and not before.isascii() and before not in _JOINERS


def instructions(path: str, text: str) -> Iterator[Finding]:
    """Sentences that take an agent over, also where white space, odd letters or base64 hide them."""
    text = text[:_READ]
    plain = _SUSPECT.sub("", unicodedata.normalize("NFKC", text))
    for rule, line, message in _matches(plain):
        yield _instruction(path, line, rule, message)
    for blob in _BLOB.finditer(text):
        decoded = _decoded(blob.group())
        for rule, _, message in _matches(decoded) if decoded else ():
            line = text.count("\n", 0, blob.start()) + 1
            yield _instruction(path, line, rule, f"In base64: {message}")


def _matches(text: str) -> Iterator[tuple[str, int, str]]:
    for rule, pattern, message in _RULES:
        for match in pattern.finditer(text):
            yield rule, text.count("\n", 0, match.start()) + 1, message


def _decoded(blob: str) -> str | None:
    try:
        text = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return text if text.isprintable() or "\n" in text else None


def _instruction(path: str, line: int, rule: str, message: str) -> Finding:
    return Finding(
        CODE,
        message,
        path,
        line,
        "Take it out; where it is only quoted, have it suppressed with that reason.",
        rule=rule,
        severity="high",
    )
