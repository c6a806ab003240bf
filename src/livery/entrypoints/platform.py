"""The platform of one process: everything wired, in one place."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from platform import system
from shutil import which
from uuid import UUID

from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from uuid_utils.compat import uuid7

from livery.api.http.app import create_app
from livery.api.http.services import Check as ReadyCheck
from livery.api.http.services import Services
from livery.api.mcp.door import LOOPBACK, McpDoor
from livery.entrypoints.approvals import ApprovalSweep
from livery.entrypoints.epochs import EpochListener
from livery.entrypoints.images import image_of
from livery.entrypoints.jobs import JobSweep
from livery.entrypoints.lease import Lease
from livery.entrypoints.outside import way_out
from livery.entrypoints.providers import Providers, certified_files, sandbox_level
from livery.entrypoints.readiness import readiness
from livery.entrypoints.settings import Settings
from livery.execution.fingerprints import installed, sandbox_policy, scanner_policy
from livery.execution.fixtures import Fixtures
from livery.execution.scan import SyntaxScan
from livery.execution.store import PackageStore
from livery.integrations.packages.zips import ZipReader
from livery.integrations.postgres.bootstrap import refuse_unsafe_role
from livery.integrations.queue.wakes import GRACE_S, QueueWakes
from livery.integrations.scanners.settings import scanners
from livery.integrations.signing.newest import NewestCheckpoint
from livery.integrations.signing.signer import Signer
from livery.integrations.telemetry.metrics import Metrics
from livery.integrations.telemetry.runs import RunTelemetry
from livery.manifest.eligibility import Installation
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
from livery.services.catalog.impact import Impacts
from livery.services.catalog.loader import Loader
from livery.services.catalog.retirement import Retirement
from livery.services.catalog.uses import Uses
from livery.services.certification.budgets import BudgetsCheck
from livery.services.certification.certify import Certifier
from livery.services.certification.checks import FixturesCheck, StaticCheck
from livery.services.certification.drift import Basis, CertificateSweep, Standing
from livery.services.certification.facts import FactsReader
from livery.services.certification.job_runner import JobRunner
from livery.services.certification.jobs import Jobs
from livery.services.certification.ports import Check
from livery.services.certification.regression import RegressionCheck
from livery.services.certification.security import SecurityCheck
from livery.services.certification.sign_offs import ApprovalCheck, SignOffs
from livery.services.certification.suppressions import Suppressions
from livery.services.control.control import Control
from livery.services.effects.effects import Effects
from livery.services.hiring.hire import Hiring
from livery.services.identity.access import Access
from livery.services.identity.tokens import Tokens
from livery.services.identity.workspaces import Workspaces
from livery.services.policies.policies import Policies
from livery.services.roles.roles import Roles
from livery.services.runs.asking import Asking
from livery.services.runs.explain import Explainer
from livery.services.runs.ports import Probe
from livery.services.runs.queries import RunQueries
from livery.services.runs.resolve import Resolver
from livery.services.runs.restoring import Restoring
from livery.services.runs.run import Runner
from livery.services.runs.waiting import Waiting
from livery.services.sessions.ingest import SessionIngestion
from livery.storage.approvals import PostgresApprovals, PostgresCodeGrants
from livery.storage.artifacts import PostgresArtifacts
from livery.storage.audit import PostgresAudit
from livery.storage.bindings import PostgresBindings
from livery.storage.catalog import PostgresCatalog
from livery.storage.certificates import PostgresCertificates
from livery.storage.channels import PostgresChannels
from livery.storage.control import PostgresControl
from livery.storage.database import Database
from livery.storage.effects import PostgresEffects
from livery.storage.hiring import PostgresAgentTypes, PostgresHiring
from livery.storage.identity import PostgresIdentity
from livery.storage.jobs import PostgresJobs
from livery.storage.journal import JournalWriter
from livery.storage.loads import PostgresLoads
from livery.storage.policies import PostgresPolicies
from livery.storage.policy_versions import PostgresPolicyVersions
from livery.storage.roles import PostgresRoles
from livery.storage.runs import PostgresContracts, PostgresRuns
from livery.storage.sessions import PostgresSessions
from livery.storage.sign_offs import PostgresSignOffs
from livery.storage.standing_approvals import PostgresRegisteredTargets, PostgresStanding
from livery.storage.suppressions import PostgresSuppressions
from livery.storage.waiting import PostgresWaiting


@dataclass(frozen=True, slots=True)
class Platform:
    """A process's platform: the HTTP application and what a process itself needs of it."""

    app: FastAPI
    services: Services
    database: Database
    identity: PostgresIdentity
    hiring: PostgresHiring
    policies: PostgresPolicies
    runner: Runner
    metrics: Metrics
    tracing: TracerProvider
    jobs: JobRunner
    sweep: JobSweep
    certificates: CertificateSweep
    approvals: ApprovalSweep


def now() -> datetime:
    """The clock of the platform."""
    return datetime.now(UTC)


def no_probe(point: str) -> None:
    """Outside of crash tests nothing happens between the steps of a run."""


@asynccontextmanager
async def open_platform(
    settings: Settings, dsn: str, *, kind: str = "api", probe: Probe = no_probe
) -> AsyncIterator[Platform]:
    """Open the platform on a database role. Refuses a role that could look past row-level security."""
    async with AsyncExitStack() as stack:
        process_id = uuid7()
        metrics = Metrics()
        tracing = TracerProvider(shutdown_on_exit=False)
        database = await Database.open(dsn, process_id)
        stack.push_async_callback(database.close)
        async with database.connection() as connection:
            await refuse_unsafe_role(connection)
        journal = JournalWriter(database, dsn, process_id, probe)
        await journal.open()
        stack.push_async_callback(journal.close)
        signer = Signer.load_or_create(settings.keys_dir / "signing")
        parts = _Parts(settings, database, journal, signer, metrics, tracing, probe)
        stack.push_async_callback(parts.providers.close)

        def adopt(lease_id: UUID) -> None:
            journal.adopt(lease_id)
            parts.job_runner.adopt(lease_id)
            parts.waiting.adopt(lease_id)

        lease = Lease(database, kind, metrics, adopt)
        journal.on_lost(lease.renew)
        await lease.start()
        stack.push_async_callback(lease.stop)
        epochs = EpochListener(dsn, parts.forget)
        await epochs.start()
        stack.push_async_callback(epochs.stop)
        wakes = QueueWakes(dsn)
        stack.push_async_callback(wakes.close)
        stack.push_async_callback(parts.job_runner.stop, GRACE_S)
        stack.push_async_callback(parts.waiting.stop, GRACE_S)
        ready = readiness(settings.home, dsn, database, signer, lease)
        platform = parts.platform(wakes, kind, ready)
        if kind in ("api", "worker"):
            platform.sweep.start()
            stack.push_async_callback(platform.sweep.stop)
            platform.approvals.start()
            stack.push_async_callback(platform.approvals.stop)
        # The last host is that of the client in this process; no name server knows it.
        door = McpDoor(
            platform.services, (*LOOPBACK, "livery.embedded"), portal_url=settings.portal_url
        )
        platform.app.router.routes.append(door.route())
        stack.push_async_callback(door.stop)
        yield platform


class _Parts:
    """Builds the slices in the order of a skill's life."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        journal: JournalWriter,
        signer: Signer,
        metrics: Metrics,
        tracing: TracerProvider,
        probe: Probe,
    ) -> None:
        self._settings, self._database, self._metrics = settings, database, metrics
        self._tracing, self._signer = tracing, signer
        self.sessions = PostgresSessions(database)
        self.effects = PostgresEffects(database)
        outside = way_out(settings, database, self.effects, metrics, probe)
        self.identity = PostgresIdentity(database)
        self.access = Access(self.identity)
        self.tokens = Tokens(self.identity, self.access, now, uuid7)
        certificates = PostgresCertificates(database)
        self.skills = PostgresCatalog(database)
        self.hiring = PostgresHiring(database)
        self.catalog = Catalog(self.skills, self.access, self.hiring, now, uuid7)
        here = Installation(
            settings.version, system().lower(), has_program=lambda n: which(n) is not None
        )
        self.loader = Loader(self.catalog, PostgresLoads(database), ZipReader(), here)
        self.providers = Providers(
            settings,
            PackageStore(settings.home / "skills"),
            self.sessions,
            outside,
            self.catalog.package,
        )
        executors = self.executors = self.providers.registry
        fixtures = Fixtures(executors, certified_files(self.skills))
        self.policies = PostgresPolicies(database)
        security = SecurityCheck(scanners(settings.scanners, os.environ.get("PATH", os.defpath)))
        checks: tuple[Check, ...] = (
            StaticCheck(SyntaxScan(), self.providers.looks),
            security,
            FixturesCheck(fixtures),
            RegressionCheck(fixtures),
            BudgetsCheck(fixtures),
            ApprovalCheck(self.policies),
        )
        looks = scanner_policy({"security": security.policy})
        basis = Basis(
            [check.name for check in checks],
            lambda: looks,
            installed,
            lambda: sandbox_policy(sandbox_level(settings)),
        )
        standing = Standing(basis, signer, now)
        sign_offs = PostgresSignOffs(database)
        self.sign_offs = SignOffs(self.catalog, sign_offs, now)
        self.sweep = CertificateSweep(certificates, standing)
        hushed = PostgresSuppressions(database)
        facts = FactsReader(self.catalog, hushed, sign_offs)
        reads = [check for check in checks[:2] if not check.runs_code]
        self.suppressions = Suppressions(self.catalog, hushed, facts, reads)
        self.certifier = Certifier(
            self.catalog,
            certificates,
            checks,
            signer,
            now,
            uuid7,
            facts,
            standing,
            self.providers.looks,
        )
        self.certificates, self.jobs = certificates, PostgresJobs(database)
        self.job_runner = JobRunner(
            self.certifier, self.jobs, PostgresCatalog(database), metrics.job_ended
        )
        self.resolver = Resolver(
            PostgresContracts(database),
            self.access,
            executors,
            signer,
            basis,
            image_of(settings),
            outside.policy.private,
        )
        self.approvals = Approvals(PostgresApprovals(database), self.access, now)
        self.runs = PostgresRuns(database)
        waiting = PostgresWaiting(database)
        asking = Asking(self.approvals, waiting, self.runs, lambda: journal.process_id)
        telemetry = RunTelemetry(tracing, metrics)
        self.runner = Runner(
            self.resolver,
            journal,
            self.runs,
            executors,
            asking,
            signer,
            telemetry,
            now,
            uuid7,
            probe,
        )
        self.waiting = Waiting(waiting, self.runs, self.runner, self.access)
        self.artifacts = Artifacts(
            PostgresArtifacts(database), self.access, certificates.statement, signer.public_keys
        )
        self.roles = PostgresRoles(database)
        self.bindings = PostgresBindings(database)
        # Every place that composes skills; a test finds a table that refers to skills and is not here.
        self.uses = Uses((self.roles, self.hiring, PostgresAgentTypes(database), self.bindings))
        impacts = Impacts(self.uses, self.access)
        self.retirement = Retirement(self.catalog, self.skills, impacts, self.access)
        proofs, moves = self.certifier.of_skill, PostgresChannels(database)
        self.channels = Channels(self.catalog, moves, proofs, impacts, signer, now)

    def forget(self) -> None:
        """An epoch ended."""
        self.resolver.forget()
        self.tokens.forget()
        self.identity.forget()

    def platform(self, wakes: QueueWakes, kind: str, ready: dict[str, ReadyCheck]) -> Platform:
        """The finished platform."""
        services = Services(
            version=self._settings.version,
            access=self.access,
            tokens=self.tokens,
            workspaces=Workspaces(self.identity, self.access, now, uuid7),
            catalog=self.catalog,
            channels=self.channels,
            retirement=self.retirement,
            differences=Differences(self.catalog),
            loader=self.loader,
            certifier=self.certifier,
            jobs=Jobs(
                self.certifier,
                self.jobs,
                self.certificates,
                self.access,
                self.job_runner,
                wakes,
                now,
                uuid7,
            ),
            sign_offs=self.sign_offs,
            suppressions=self.suppressions,
            restoring=Restoring(self.catalog, self.skills, self.executors),
            runner=self.runner,
            runs=RunQueries(self.runs, self.access),
            approvals=self.approvals,
            code_grants=CodeGrants(PostgresCodeGrants(self._database), self.access),
            targets=RegisteredTargets(PostgresRegisteredTargets(self._database), self.access),
            standing=StandingApprovals(PostgresStanding(self._database), self.access, now),
            waiting=self.waiting,
            effects=Effects(self.effects, self.access),
            explainer=Explainer(
                self.runs, self.runs, self.resolver, self.executors, self.access, now
            ),
            control=Control(PostgresControl(self._database), self.access, now),
            policies=Policies(PostgresPolicyVersions(self._database), self.access),
            artifacts=self.artifacts,
            audit=Audit(
                PostgresAudit(self._database),
                self._signer,
                now,
                NewestCheckpoint(self._settings.home / "checkpoint.json"),
                self._metrics.audited,
            ),
            hiring=Hiring(self.hiring, self.catalog, self.access, now, uuid7),
            roles=Roles(self.roles, self.catalog, now, uuid7),
            bindings=Bindings(self.bindings, self.catalog, self.access, now),
            uses=self.uses,
            sessions=SessionIngestion(self.sessions),
            public_keys=self._signer.public_keys,
            key_states=self._signer.key_states,
            metrics=self._metrics.text,
            ready=ready,
        )
        app = create_app(services)
        return Platform(
            app,
            services,
            self._database,
            self.identity,
            self.hiring,
            self.policies,
            self.runner,
            self._metrics,
            self._tracing,
            self.job_runner,
            JobSweep(self.jobs, self.job_runner, self._metrics, is_worker=kind == "worker"),
            self.sweep,
            ApprovalSweep(
                self.approvals,
                self.waiting,
                self._metrics,
                self.jobs.workers,
                is_worker=kind == "worker",
            ),
        )
