"""The operator's portal as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from livery.manifest.errors import LiveryError
from livery.portals.operator import (
    approvals,
    artifacts,
    errors,
    health,
    provenance,
    runs,
    signin,
    skills,
)
from livery.portals.operator.door import Door, Gate
from livery.portals.operator.session import Sessions
from livery.portals.operator.settings import ClientFactory, PortalSettings
from livery.portals.ui.chart import Charts
from livery.portals.ui.render import STATIC, environment
from livery.portals.ui.shield import Shield

TEMPLATES = Path(__file__).parent / "templates"


def create_app(client_factory: ClientFactory, settings: PortalSettings) -> ASGIApp:
    """Build the portal: every page is drawn from what the API answers to the person's own token.

    The application opens no database and no file but its templates and static files.
    """
    sessions = Sessions(settings)
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Gate, sessions=sessions)],
        exception_handlers={
            LiveryError: errors.of_livery,
            HTTPException: errors.of_http,
            Exception: errors.of_anything,
        },
    )
    templates = environment({"operator": TEMPLATES})
    app.state.door = Door(client_factory, settings, sessions, templates, Charts())
    return Shield(app, settings.allowed_hosts)


async def _home(_request: Request) -> Response:
    return RedirectResponse("/skills", 303)


def _routes() -> list[Route | Mount]:
    return [
        Route("/", _home),
        Route("/sign-in", signin.show),
        Route("/sign-in", signin.submit, methods=["POST"]),
        Route("/sign-out", signin.leave, methods=["POST"]),
        Route("/skills", skills.catalog),
        Route("/skills/{key}", skills.one),
        Route("/skills/{key}/versions/{version}/certificate.json", provenance.certificate),
        Route("/runs", runs.listing),
        Route("/runs/{run_id}", runs.one),
        Route("/approvals", approvals.listing),
        Route("/approvals/waiting", approvals.waiting),
        Route("/approvals/{approval_id}", approvals.one),
        Route("/approvals/{approval_id}", approvals.decide, methods=["POST"]),
        Route("/digest", artifacts.newest_digest),
        Route("/artifacts/{artifact_id}", artifacts.one),
        Route("/artifacts/{artifact_id}/chart.svg", artifacts.picture),
        Route("/artifacts/{artifact_id}/content", artifacts.download),
        Route("/artifacts/{artifact_id}/provenance", provenance.show),
        Route("/artifacts/{artifact_id}/provenance.json", provenance.bundle),
        Route("/health", health.show),
        Route("/healthz", health.alive),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
