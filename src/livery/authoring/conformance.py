"""Does a tool, or a provider of tools, keep what the platform promises for it?

Subclass a suite in your own tests; pytest finds its methods.

    from livery.authoring.conformance import ToolConformance

    class TestGreet(ToolConformance):
        skill = "skills/greet"              # a folder, a @skill function, a BaseToolContract class

        examples = {"Ada": {"name": "Ada"}} # by default the fixtures of the folder
"""

from livery.authoring.conformance_provider import ProviderConformance
from livery.authoring.conformance_snapshots import WRITE, compare_snapshot
from livery.authoring.conformance_tool import ToolConformance

__all__ = ["WRITE", "ProviderConformance", "ToolConformance", "compare_snapshot"]
