"""The session: an API token, sealed in a cookie that only this portal can open."""

import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from starlette.requests import Request
from starlette.responses import Response

from livery.portals.operator.settings import SESSION_S, PortalSettings

FORM_S = 3600
_SESSION, _FORM = "livery-operator", "livery-form"


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person. `csrf` is what each of their forms must carry."""

    token: str = field(repr=False)
    principal: str
    role: str
    workspace: str = ""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class Sessions:
    """Seals and opens the cookies.

    Encrypted and authenticated (Fernet), `HttpOnly`, `SameSite=Strict`, and under https `Secure`
    with the `__Host-` prefix. It ends `SESSION_S` after sign-in, whatever happens in between.
    The portal keeps nothing: what ends a session everywhere is revoking its token.
    """

    def __init__(self, settings: PortalSettings) -> None:
        self._settings = settings
        self._fernet = MultiFernet([Fernet(key) for key in settings.session_keys])

    def read(self, request: Request) -> Session | None:
        """The session of a request, or None where there is none that is whole and in time."""
        found = self._open(request, _SESSION, SESSION_S)
        try:
            return Session(**found) if found else None
        except TypeError:  # sealed by another version
            return None

    def write(self, request: Request, response: Response, session: Session) -> None:
        """Begin a session."""
        self._seal(request, response, _SESSION, asdict(session), SESSION_S)

    def end(self, request: Request, response: Response) -> None:
        """Forget the session in this browser."""
        name, secure = self._name(request, _SESSION)
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")

    def form(self, request: Request, response: Response) -> str:
        """The CSRF token of a form that is shown before anyone is signed in."""
        found = self._open(request, _FORM, FORM_S) or {"csrf": secrets.token_urlsafe(32)}
        self._seal(request, response, _FORM, found, FORM_S)
        return found["csrf"]

    def expected_csrf(self, request: Request) -> str | None:
        """What a form of this browser must carry: of the session, else of the sign-in form."""
        session = self.read(request)
        if session:
            return session.csrf
        return (self._open(request, _FORM, FORM_S) or {}).get("csrf")

    def is_https(self, request: Request) -> bool:
        """Whether the browser speaks https, to us or to the proxy in front."""
        return self.origin(request).startswith("https://")

    def origin(self, request: Request) -> str:
        """The origin that the browser sees."""
        if self._settings.public_url:
            return self._settings.public_url.rstrip("/").lower()
        return f"{request.url.scheme}://{request.url.netloc}".lower()

    def _name(self, request: Request, name: str) -> tuple[str, bool]:
        secure = self.is_https(request)
        return (f"__Host-{name}" if secure else name), secure

    def _seal(
        self, request: Request, response: Response, name: str, found: dict[str, str], seconds: int
    ) -> None:
        name, secure = self._name(request, name)
        # The name is sealed too: a form's cookie is never taken for a session.
        body = json.dumps({"cookie": name, **found}).encode()
        sealed = self._fernet.encrypt_at_time(body, int(self._settings.clock())).decode()
        response.set_cookie(
            name, sealed, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict"
        )

    def _open(self, request: Request, name: str, seconds: int) -> dict[str, str] | None:
        name, _ = self._name(request, name)
        sealed = request.cookies.get(name)
        if not sealed:
            return None
        try:
            body = self._fernet.decrypt_at_time(
                sealed.encode(), ttl=seconds, current_time=int(self._settings.clock())
            )
        except (InvalidToken, UnicodeEncodeError):
            return None
        found: dict[str, str] = json.loads(body)
        return found if found.pop("cookie", None) == name else None


def same(given: object, expected: str | None) -> bool:
    """Whether two CSRF tokens are equal, in constant time; nothing equals a missing one."""
    if not expected or not isinstance(given, str):
        return False
    return hmac.compare_digest(given.encode(), expected.encode())
