"""Send a JSON payload to a URL, signed, as one effect."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from livery.authoring import Context, SkillFailed, skill

KIND = "webhook-signing"
MAX_ANSWER = 10_000
OWN = frozenset(
    {
        "content-type",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-signature-256",
        "x-signature-timestamp",
    }
)
"""What a receiver believes because the platform says it: never the caller's to set."""
Headers = Annotated[dict[str, Annotated[str, Field(max_length=4000)]], Field(max_length=50)]


class Sent(BaseModel):
    """What came back, or what would be sent."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["sent", "draft"]
    status_code: int | None
    response_body: str | None
    webhook_id: str
    signature_sent: bool
    bytes_sent: int


@skill(
    "webhook-send",
    version="1.0.1",
    description=(
        "Send a JSON payload to a URL as a signed webhook. Use when another system must be told of "
        "something, once and on record; it needs an approval, of this call or a standing one."
    ),
    category="messaging",
    owner="livery",
    timeout_s=130,
    capabilities={
        "network": ["input:/url"],
        "effects": ["send"],
        "credentials": [KIND],
    },
)
def run(
    url: Annotated[str, Field(min_length=8, max_length=2000, pattern="^https?://")],
    payload: dict[str, Any],
    ctx: Context,
    method: Literal["POST", "PUT", "PATCH"] = "POST",
    headers: Headers | None = None,
    credential_ref: Annotated[str, Field(max_length=64)] | None = None,
    sign_payload: bool = True,
    timeout_seconds: Annotated[float, Field(ge=1, le=120)] = 30,
) -> Sent:
    """Send it once. Raises for an answer of 400 and above: the receiver did not take it."""
    _refuse_own(headers or {})
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    webhook_id = "msg_" + hashlib.sha256(f"{ctx.idempotency_key}\n{url}".encode()).hexdigest()[:32]
    signed = sign_payload and credential_ref is not None
    if ctx.dry_run:
        return Sent(
            status="draft",
            status_code=None,
            response_body=None,
            webhook_id=webhook_id,
            signature_sent=signed,
            bytes_sent=len(body),
        )
    stamp = int(ctx.now.timestamp())
    sending = {**(headers or {}), "Content-Type": "application/json"}
    sending |= {"webhook-id": webhook_id, "webhook-timestamp": str(stamp)}
    if signed:
        sending |= signatures(_secret(ctx, str(credential_ref)), webhook_id, stamp, body)
    answer = ctx.http.request(
        method, url, headers=sending, content=body, timeout_s=timeout_seconds, effect="send"
    )
    if answer.status >= 400:
        raise SkillFailed(f"The receiver answered {answer.status}.", code="webhook_error")
    return Sent(
        status="sent",
        status_code=answer.status,
        response_body=answer.body.decode("utf-8", "replace")[:MAX_ANSWER],
        webhook_id=webhook_id,
        signature_sent=signed,
        bytes_sent=len(body),
    )


def _refuse_own(headers: dict[str, str]) -> None:
    # Servers read - and _ as one, so that x_signature_256 is x-signature-256 to what stands behind them.
    for name in headers:
        if name.lower().replace("_", "-") in OWN:
            pointer = name.replace("~", "~0").replace("/", "~1")
            raise SkillFailed(f"/headers/{pointer}: the skill sets this header itself.")


def signatures(secret: str, webhook_id: str, stamp: int, body: bytes) -> dict[str, str]:
    """The headers of both signature schemes."""
    plain = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    standard = hmac.new(_key(secret), f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "X-Signature-256": f"sha256={plain}",
        "X-Signature-Timestamp": str(stamp),
        "webhook-signature": "v1," + base64.b64encode(standard.digest()).decode(),
    }


def _key(secret: str) -> bytes:
    # Standard Webhooks: what follows whsec_ is the key in base64.
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise SkillFailed("The signing secret after whsec_ is no base64.") from None


def _secret(ctx: Context, ref: str) -> str:
    secret = ctx.credential(KIND, ref).get("signing_secret")
    if not isinstance(secret, str) or not secret:
        raise SkillFailed("The credential has no signing_secret.")
    return secret
