"""The ASGI application of the HTTP door."""

from __future__ import annotations

from fastapi import FastAPI

from livery.api.http import (
    approvals,
    artifacts,
    audit,
    bindings,
    catalog,
    channels,
    control,
    effects,
    hiring,
    identity,
    jobs,
    packages,
    policies,
    restoring,
    retirement,
    roles,
    runs,
    sign_offs,
    standing,
    suppressions,
    system,
)
from livery.api.http.door import Correlation, tenant
from livery.api.http.problems import install_errors, problems
from livery.api.http.services import Services
from livery.api.http.session_logs import session_logs_router
from livery.api.http.short import ShortCutApp

_CALLER = problems(401, 422)


def create_app(services: Services) -> FastAPI:
    """The application over these services."""
    app = ShortCutApp(
        "/v1/runs",
        runs.create_run,
        title="Livery",
        version=services.version,
        summary="Certified skills, for hire.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    modules = (
        system,
        identity,
        packages,
        catalog,
        channels,
        restoring,
        retirement,
        jobs,
        sign_offs,
        suppressions,
        roles,
        bindings,
        runs,
        artifacts,
        audit,
        hiring,
        approvals,
        standing,
        effects,
        control,
        policies,
    )
    # The hot route first: routes are matched in order.
    app.include_router(runs.router, prefix="/v1", responses=_CALLER)
    for module in modules:
        if module is not runs:
            app.include_router(module.router, prefix="/v1", responses=_CALLER)
    app.include_router(
        session_logs_router(services.sessions, tenant), responses=problems(401, 403, 404, 413, 422)
    )
    app.include_router(system.open_router, prefix="/v1")
    app.include_router(system.open_router, include_in_schema=False)
    install_errors(app)
    app.add_middleware(Correlation)
    return app
