"""The whole API in one client."""

from livery.client.approvals import ApprovalCalls
from livery.client.artifacts import ArtifactCalls
from livery.client.audit import AuditCalls
from livery.client.bindings import BindingCalls
from livery.client.control import ControlCalls
from livery.client.hiring import HiringCalls
from livery.client.identity import IdentityCalls
from livery.client.jobs import JobCalls
from livery.client.mcp import McpCalls
from livery.client.packages import PackageCalls
from livery.client.releases import ReleaseCalls
from livery.client.roles import RoleCalls
from livery.client.runs import RunCalls
from livery.client.sign_offs import SignOffCalls
from livery.client.skills import SkillCalls
from livery.client.standing import StandingCalls
from livery.client.suppressions import SuppressionCalls


class LiveryClient(
    IdentityCalls,
    SkillCalls,
    ReleaseCalls,
    PackageCalls,
    JobCalls,
    SignOffCalls,
    SuppressionCalls,
    RunCalls,
    ArtifactCalls,
    AuditCalls,
    HiringCalls,
    RoleCalls,
    BindingCalls,
    ControlCalls,
    ApprovalCalls,
    StandingCalls,
    McpCalls,
):
    """A typed client of the platform's HTTP API.

        async with LiveryClient("http://127.0.0.1:8700", token) as livery:
            envelope = await livery.run("add", {"a": 2, "b": 3})

    Every method raises `ApiProblem` where the platform refuses and `Unreachable` where it does not
    answer; all errors derive from `LiveryError`. One client serves many concurrent calls of one
    event loop.
    """
