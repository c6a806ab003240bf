"""Whether the platform can work, and what it lacks."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from livery.portals.operator.door import Door


async def show(request: Request) -> Response:
    """The platform's readiness, check by check."""
    door = Door.of(request)
    async with door.client(request) as platform:
        ready = await platform.ready()
    return door.page(request, "operator/health.html", ready=ready)


async def alive(_request: Request) -> Response:
    """That this process answers; says nothing about the platform."""
    return PlainTextResponse("ok\n")
