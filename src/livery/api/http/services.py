"""What the routes are served by; entrypoints fill it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from livery.manifest.errors import LiveryError
from livery.services.approvals.approvals import Approvals
from livery.services.approvals.code_grants import CodeGrants
from livery.services.approvals.standing import StandingApprovals
from livery.services.approvals.targets import RegisteredTargets
from livery.services.artifacts.artifacts import Artifacts
from livery.services.audit.audit import Audit
from livery.services.bindings.bindings import Bindings
from livery.services.catalog.catalog import Catalog
from livery.services.catalog.channels import Channels
from livery.services.catalog.difference import Differences
from livery.services.catalog.loader import Loader
from livery.services.catalog.retirement import Retirement
from livery.services.catalog.uses import Uses
from livery.services.certification.certify import Certifier
from livery.services.certification.jobs import Jobs
from livery.services.certification.sign_offs import SignOffs
from livery.services.certification.suppressions import Suppressions
from livery.services.control.control import Control
from livery.services.effects.effects import Effects
from livery.services.hiring.hire import Hiring
from livery.services.identity.access import Access
from livery.services.identity.tokens import Tokens
from livery.services.identity.workspaces import Workspaces
from livery.services.policies.policies import Policies
from livery.services.roles.roles import Roles
from livery.services.runs.explain import Explainer
from livery.services.runs.queries import RunQueries
from livery.services.runs.restoring import Restoring
from livery.services.runs.run import Runner
from livery.services.runs.waiting import Waiting
from livery.services.sessions.ingest import SessionIngestion

Check = Callable[[], Awaitable[str]]
"""A readiness check: what is there in words, or an exception."""


class NotReady(LiveryError):
    """What a readiness check raises where it knows what is missing and what to do: its remedy is shown too."""

    code = "unavailable"


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the HTTP door."""

    version: str
    access: Access
    tokens: Tokens
    workspaces: Workspaces
    catalog: Catalog
    channels: Channels
    retirement: Retirement
    differences: Differences
    loader: Loader
    certifier: Certifier
    jobs: Jobs
    sign_offs: SignOffs
    suppressions: Suppressions
    restoring: Restoring
    runner: Runner
    runs: RunQueries
    approvals: Approvals
    code_grants: CodeGrants
    targets: RegisteredTargets
    standing: StandingApprovals
    waiting: Waiting
    effects: Effects
    control: Control
    explainer: Explainer
    policies: Policies
    artifacts: Artifacts
    audit: Audit
    hiring: Hiring
    roles: Roles
    bindings: Bindings
    uses: Uses
    sessions: SessionIngestion
    public_keys: Callable[[], dict[str, bytes]]
    key_states: Callable[[], dict[str, dict[str, str]]]
    metrics: Callable[[], bytes]
    ready: dict[str, Check]
