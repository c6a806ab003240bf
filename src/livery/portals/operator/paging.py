"""How much of a list a page shows: a limit in the address, and a link to more."""

from dataclasses import dataclass

from starlette.requests import Request

STEP = 50
MOST = 1000


@dataclass(frozen=True, slots=True)
class Window:
    """The first `limit` rows of a list."""

    limit: int

    def more(self, request: Request, found: int) -> str:
        """The address that shows more rows; empty where there are none, or no more are shown."""
        if found <= self.limit or self.limit >= MOST:
            return ""
        wider = request.url.include_query_params(limit=min(self.limit * 2, MOST))
        return f"{wider.path}?{wider.query}"


def window(request: Request) -> Window:
    """The window that a request asks for: `STEP` rows, or `limit`, `MOST` at most."""
    asked = request.query_params.get("limit", "")
    wanted = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else STEP
    return Window(max(1, min(wanted, MOST)))
