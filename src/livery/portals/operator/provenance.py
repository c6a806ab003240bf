"""What the mark opens: which certified skill made an artifact, from what, and how to check it."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from livery.client.documents import Artifact, Provenance
from livery.portals.operator.artifacts import attachment
from livery.portals.operator.documents import whole
from livery.portals.operator.door import Door

MOST_FINGERPRINTS = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the run's signed predicate says, read for a page.

    `windows` are hashes of the data that the queries saw, `queries` pairs of a view and its
    fingerprint (empty where only the view is named).
    """

    predicate_type: str
    key_ids: tuple[str, ...]
    skill_digest: str
    certificate_id: str
    policy: str
    input: str
    output: str
    windows: tuple[str, ...]
    queries: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    approvals: tuple[str, ...]


async def show(request: Request) -> Response:
    """The provenance of one artifact."""
    door = Door.of(request)
    artifact_id = request.path_params["artifact_id"]
    async with door.client(request) as platform:
        found: Provenance = whole(Provenance, await platform.artifact_provenance(artifact_id))
    artifact: Artifact = whole(Artifact, found["artifact"] or {"artifact_id": artifact_id})
    return door.page(
        request,
        "operator/provenance.html",
        path="/runs",
        artifact=artifact,
        state=found["state"] or "unverified",
        badge=found["badge"] or f"{artifact['skill_key']}@{artifact['skill_version']}",
        checks=found["checks"] or [],
        journal=found["journal"] or {},
        keys=sorted(found["keys"] or {}),
        evidence=read(found),
        predicate=found["predicate"] or {},
    )


async def bundle(request: Request) -> Response:
    """The provenance document as a file, for `livery verify` on a machine without the platform."""
    door = Door.of(request)
    async with door.client(request) as platform:
        found = await platform.artifact_provenance(request.path_params["artifact_id"])
    name = str(_map(found.get("artifact")).get("name") or "artifact")
    return attachment(_document(found), f"{name}.provenance.json")


async def certificate(request: Request) -> Response:
    """The signed statement of a version's certificate, as a file."""
    door = Door.of(request)
    key, version = request.path_params["key"], request.path_params["version"]
    async with door.client(request) as platform:
        found = await platform.get_certificate(key, version)
    return attachment(_document(found["statement"]), f"{key}-{version}.certificate.json")


def read(found: Provenance) -> Evidence:
    """What the statement says. Reads it, checks nothing: the checks are the platform's."""
    statement = statement_of(found["statement"])
    predicate = _map(found["predicate"]) or _map(statement.get("predicate"))
    data = predicate.get("data")
    windows = [_map(one) for one in data] if isinstance(data, list) else []
    return Evidence(
        predicate_type=_text(statement.get("predicateType")),
        key_ids=_key_ids(found["statement"]),
        skill_digest=_text(predicate.get("digest")),
        certificate_id=_text(predicate.get("certificate_id")),
        policy=_text(predicate.get("policy")),
        input=_text(predicate.get("input")),
        output=_text(predicate.get("output")),
        windows=tuple(_text(one.get("window")) for one in windows)[:MOST_FINGERPRINTS],
        queries=tuple(pair for one in windows for pair in _queries(one.get("queries")))[
            :MOST_FINGERPRINTS
        ],
        models=_texts(predicate.get("models")),
        approvals=_texts(predicate.get("approvals")),
    )


def statement_of(envelope: object) -> Mapping[str, Any]:
    """The in-toto statement inside a DSSE envelope, or nothing where there is none to read."""
    payload = _map(envelope).get("payload")
    if not isinstance(payload, str):
        return {}
    try:
        found = json.loads(base64.b64decode(payload, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return _map(found)


def _key_ids(envelope: object) -> tuple[str, ...]:
    signatures = _map(envelope).get("signatures")
    found = signatures if isinstance(signatures, list) else []
    return tuple(str(_map(one).get("keyid") or "") for one in found)


def _queries(value: object) -> list[tuple[str, str]]:
    """Pairs of a view and its fingerprint, from an object, or a list of either alone."""
    if isinstance(value, Mapping):
        return [(str(view), _text(mark)) for view, mark in value.items()]
    listed = value if isinstance(value, list) else []
    return [
        ("query", one) if one.startswith("sha256:") else (one, "")
        for one in listed
        if isinstance(one, str)
    ]


def _texts(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else []
    return tuple(one for one in listed if isinstance(one, str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _document(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()
