"""The only API a skill author sees.

from livery.authoring import skill

@skill(version="1.0.0")
def greet(name: str) -> str:
    "Greet somebody by name."
    return f"Hello {name}"
"""

from livery.authoring.base import BaseToolContract
from livery.authoring.context import ArtifactRef, Context, HttpResponse, require
from livery.authoring.errors import CapabilityDenied, InputInvalid, OutputInvalid, SkillFailed
from livery.authoring.number import Number
from livery.authoring.skill import Skill, skill
from livery.authoring.snapshot import contract_mapping, contract_yaml
from livery.authoring.tool import Tool
from livery.manifest.urls import host_of

__all__ = [
    "ArtifactRef",
    "BaseToolContract",
    "CapabilityDenied",
    "Context",
    "HttpResponse",
    "InputInvalid",
    "Number",
    "OutputInvalid",
    "Skill",
    "SkillFailed",
    "Tool",
    "contract_mapping",
    "contract_yaml",
    "host_of",
    "require",
    "skill",
]
