"""Which document a file is, which file lies beside it, which keys are trusted."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livery.cli.exits import UsageError
from livery.client.checkpoints import verify_checkpoint
from livery.client.journal import verify_journal
from livery.client.verdicts import Report
from livery.client.verify import trusted_keys, verify_certificate, verify_provenance
from livery.manifest.errors import StatementInvalid
from livery.manifest.statement import CHECKPOINT_PREDICATE_TYPE
from livery.manifest.strict_json import Ambiguous, read_json

PROOF_SUFFIX = ".provenance.json"
MAX_DOCUMENT_BYTES = 64 * 2**20
_CHECKPOINT = "Make one: livery audit checkpoint > checkpoint.json"
VERIFIABLE = (
    "What can be verified is an artifact's file with its FILE.provenance.json beside it "
    "(livery artifacts get ARTIFACT --out FILE writes both), that document, a certificate, a checkpoint, "
    "or a journal (.ndjson); a picture that was drawn of an artifact, as chart.png is, carries no proof."
)
_NO_KEYS = "Name a public key: --key PUBLIC.pem"


def load_keys(paths: list[Path], home: Path) -> dict[str, bytes]:
    """The keys in `paths`, or those of this machine's platform. Raises `UsageError`."""
    folder = home / "keys" / "signing"
    files = paths or sorted(folder.glob("*.pub.pem"))
    if not files:
        raise UsageError(f"No key to trust: there is none in {folder}.", _NO_KEYS)
    keys: dict[str, bytes] = {}
    for file in files:
        try:
            keys |= trusted_keys([_read(file)])
        except StatementInvalid as bad:
            raise UsageError(f"{file} is no Ed25519 public key in PEM.", _NO_KEYS) from bad
    return keys


def retired_keys(paths: list[Path], home: Path) -> dict[str, str]:
    """Key id -> why it was retired, by this machine's platform; whoever names keys trusts those."""
    found: dict[str, str] = {}
    for file in [] if paths else sorted((home / "keys" / "signing").glob("*.retired.json")):
        try:
            reason = str(json.loads(_read(file))["reason"])
        except (ValueError, LookupError, TypeError):
            reason = "its mark cannot be read"
        found[file.name.removesuffix(".retired.json")] = reason
    return found


def verify_file(
    file: Path,
    keys: dict[str, bytes],
    artifact: Path | None = None,
    retired: dict[str, str] | None = None,
    checkpoints: list[Path] | None = None,
    *,
    allow_unsigned: bool = False,
) -> Report:
    """Verify a provenance document, an artifact with one beside it, a certificate, a checkpoint, or a journal.

    `checkpoints` (files) and `allow_unsigned` are for journals. Raises `UsageError` where the file is none of these.
    """
    if not file.is_file():
        said = f"{file} is no regular file." if file.exists() else f"There is no file {file}."
        raise UsageError(said, "Name what was exported.")
    proof = file.with_name(file.name + PROOF_SUFFIX)
    if artifact is None and proof.is_file():
        file, artifact = proof, file
    if file.suffix in {".ndjson", ".jsonl"}:
        kept = {path.name: load_checkpoint(path) for path in checkpoints or []}
        with file.open("rb") as lines:
            return verify_journal(lines, keys, checkpoints=kept, allow_unsigned=allow_unsigned)
    if checkpoints or allow_unsigned:
        raise UsageError(f"{file} is no journal.", "A journal's file ends in .ndjson.")
    try:
        document = _load(file)
    except Ambiguous as doubled:
        report = Report("document", file.name)
        report.add("document", False, f"{doubled}: it says two things, and one may be forged")
        return report
    if artifact is not None and not ("badge" in document and "artifact" in document):
        # A certificate proves a skill, not what it made: it must never vouch for a file beside it.
        raise UsageError(
            f"{file} is no provenance document of {artifact.name}.",
            "Fetch both: livery artifacts get ARTIFACT --out FILE",
        )
    if "badge" in document and "artifact" in document:
        found = artifact or _beside(file, document)
        return verify_provenance(document, keys, _read(found) if found else None)
    found_certificate = _certificate(document)
    if found_certificate is not None:
        envelope, claims = found_certificate
        if _is_checkpoint(envelope):
            return verify_checkpoint(envelope, keys)
        now = datetime.now(UTC)
        return verify_certificate(envelope, keys, now, claims=claims, retired=retired)
    if "type" in document:  # a journal of one line
        return verify_journal([_read(file)], keys)
    raise UsageError(
        f"{file} is no provenance document, certificate, checkpoint or journal.", VERIFIABLE
    )


def load_checkpoint(file: Path) -> dict[str, Any]:
    """The envelope that `livery audit checkpoint` printed. Raises `UsageError`."""
    try:
        document = read_json(_read(file))
    except (ValueError, RecursionError) as bad:
        raise UsageError(f"{file} is no checkpoint: {bad}.", _CHECKPOINT) from bad
    if not isinstance(document, dict) or not _is_checkpoint(document):
        raise UsageError(f"{file} is no checkpoint.", _CHECKPOINT)
    return document


def _is_checkpoint(envelope: dict[str, Any]) -> bool:
    """What an envelope says that it is, before anybody has verified it: only to know what to verify it as."""
    try:
        statement = read_json(base64.b64decode(envelope["payload"]))
        return bool(statement["predicateType"] == CHECKPOINT_PREDICATE_TYPE)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return False


def _beside(proof: Path, document: dict[str, Any]) -> Path | None:
    # The name comes from the document: only its last part counts, so it stays in this folder.
    artifact = document["artifact"]
    named = str(artifact.get("name", "")) if isinstance(artifact, dict) else ""
    own = proof.name.removesuffix(PROOF_SUFFIX)
    names = (own if own != proof.name else "", Path(named.replace("\\", "/")).name)
    paths = (proof.with_name(name) for name in names if name)
    return next((path for path in paths if path.is_file()), None)


def _certificate(
    document: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]] | None:
    """The envelope, and the documents around it: of `skills certify --json`, its `certificate`, or bare."""
    claims: dict[str, dict[str, Any]] = {"": document}
    found: object = document
    where = ""
    for inner in ("certificate", "statement"):
        if not isinstance(found, dict) or "payload" in found:
            break
        if inner in found or inner == "statement":
            found, where = found.get(inner), f"{where}{inner}."
        if isinstance(found, dict):
            claims[where] = found
    return (found, claims) if isinstance(found, dict) and "payload" in found else None


def _load(file: Path) -> dict[str, Any]:
    data = _read(file)
    try:
        document = read_json(data)
    except Ambiguous:
        raise
    except (ValueError, RecursionError):
        lines = data.splitlines()
        if len(lines) > 1 and lines[0].startswith(b"{"):
            raise UsageError(
                f"{file} is not one JSON document.", "A journal's file ends in .ndjson."
            ) from None
        proof = file.name + PROOF_SUFFIX
        raise UsageError(
            f"{file} is no JSON, and there is no {proof} beside it.", VERIFIABLE
        ) from None
    if not isinstance(document, dict):
        raise UsageError(f"{file} is no JSON object.")
    return document


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise UsageError(f"{file} is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB.")
        return file.read_bytes()
    except OSError as failed:
        raise UsageError(f"Cannot read {file}: {failed.strerror}.") from failed
