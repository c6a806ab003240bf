"""LangChain tools and Livery skills, each as the other. Needs the extra `livery[langchain]`.

A skill as a tool here runs in this process, under its contract and with a context of the test kit:
for development and offline use. Over the platform, on record: `livery.client.langchain`.
"""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError
from typing_extensions import override

from livery.authoring.context import Context
from livery.authoring.errors import InputInvalid, SkillFailed
from livery.authoring.interface import Interface
from livery.authoring.kit_context import KitContext
from livery.authoring.kit_fixtures import make_context
from livery.authoring.outcome import run_envelope
from livery.authoring.testkit import Skill, load
from livery.authoring.tool import About, Tool
from livery.manifest.canonical import join_pointer
from livery.manifest.capabilities import Capabilities
from livery.manifest.denylist import redact_text
from livery.manifest.envelope import Envelope
from livery.manifest.errors import Violation
from livery.manifest.slugs import slugify

try:
    from langchain_core.tools import BaseTool, ToolException
    from langchain_core.tools import Tool as PlainTool
    from langsmith import tracing_context
except ImportError as missing:
    raise ImportError("LangChain is not installed: pip install 'livery[langchain]'") from missing

MAX_DESCRIPTION = 1024


class SkillRefused(ToolException):
    """The skill gave no result; `code` says why, `envelope` is all that is known."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.code = envelope.code
        error = envelope.error
        remedy = str(error.details.get("remedy", "")) if error else ""
        said = f"{envelope.code}: {error.message if error else ''} {remedy}"
        super().__init__(" ".join(said.split()))


class SkillTool(BaseTool):
    """A skill as a LangChain tool. Its content is the result, its artifact the result envelope."""

    args_schema: Any
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    skill: Any
    context: Any

    @override
    def _run(self, /, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        envelope = run_envelope(self.skill, arguments, self.context())
        if not envelope.ok:
            raise SkillRefused(envelope)
        return envelope.result, envelope.to_dict()

    @override
    async def _arun(self, /, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        return await asyncio.to_thread(partial(self._run, **arguments))


def to_langchain(
    skill: Skill, *, context: Callable[[], KitContext] | None = None, **world: Any
) -> BaseTool:
    """A skill as a LangChain tool that runs here, without a platform.

    A refusal raises `SkillRefused`, a `ToolException`: the agent is told where the tool's
    `handle_tool_error` says so.

    Args:
        skill: the skill in any form that `testkit.run` takes.
        context: makes the context of each call; by default the declared capabilities and `world`.
        world: what `make_context` takes: data, now, credentials, responses, skills.

    Raises:
        ValueError: its input is no object, which an agent's arguments always are.
    """
    tool = load(skill)
    make = context or partial(make_context, tool.about.capabilities, **world)
    return SkillTool(
        name=tool.about.name,
        description=tool.about.description or tool.about.name,
        args_schema=arguments_schema(tool.interface.input_schema),
        skill=tool,
        context=make,
    )


def arguments_schema(schema: object) -> dict[str, Any]:
    """The schema of a tool's arguments; ValueError where the input is no object."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError("the input is no object: its schema needs `type: object`")
    return {"properties": {}, **schema}


class LangChainSkill(Tool):
    """A LangChain tool as a skill; see `from_langchain`."""

    def __init__(self, tool: BaseTool, about: About, output: Any) -> None:
        self.about = about
        self.interface = _interface(tool, output)
        # The errors that it would turn into a text for a model are errors here.
        quiet = {"handle_tool_error": False, "handle_validation_error": False, "callbacks": None}
        self.tool = tool.model_copy(update=quiet)
        self.is_async = getattr(tool, "func", self) is None

    @override
    def parse(self, payload: Any) -> Any:
        model = self.tool.args_schema
        if isinstance(model, type) and issubclass(model, BaseModel):
            try:
                model.model_validate(payload)
            except ValidationError as error:
                self._explain(error)
        return payload

    def _explain(self, error: ValidationError) -> None:
        """What the author's validators refuse; what LangChain injects is missing here, rightly."""
        members = self.interface.input_schema["properties"]
        violations = tuple(
            Violation(join_pointer(*fault["loc"]), redact_text(fault["msg"]))
            for fault in error.errors(include_url=False, include_input=False)
            if not fault["loc"] or fault["loc"][0] in members
        )
        if violations:
            first = f"{violations[0].pointer or '/'} {violations[0].message}"
            raise InputInvalid(message=f"The input does not fit: {first}", violations=violations)

    @override
    def execute(self, parsed: Any, ctx: Context) -> Any:
        if self.is_async:
            return self._asynchronous(parsed)
        with tracing_context(enabled=False):  # nothing of a run leaves by a side door
            try:
                return self.tool.invoke(parsed)
            except ToolException as refused:
                raise SkillFailed(str(refused)) from None

    async def _asynchronous(self, parsed: Any) -> Any:
        with tracing_context(enabled=False):
            try:
                return await self.tool.ainvoke(parsed)
            except ToolException as refused:
                raise SkillFailed(str(refused)) from None


def from_langchain(
    tool: BaseTool,
    *,
    key: str | None = None,
    version: str = "0.1.0",
    description: str | None = None,
    category: str = "general",
    owner: str | None = None,
    capabilities: Mapping[str, Any] | None = None,
    output: Any = None,
    cost_usd: float | Decimal = 0,
    timeout_s: float = 30,
    entry: str = "scripts/skill.py:run",
) -> LangChainSkill:
    """A LangChain tool as a skill: its contract comes from `args_schema`.

    Arguments that LangChain injects are no part of the input; a member that the schema does not
    name is refused, where LangChain would drop it. What the tool touches must be declared.

    Args:
        tool: the tool.
        key: the skill's key; the tool's name as a slug by default.
        version: SemVer.
        description: the tool's by default.
        category: one lower-case word.
        owner: who answers for it.
        capabilities: what it may touch, as in ``contract.yaml``.
        output: type of the result; by default the return annotation of the tool's function, else
            anything that JSON can hold.
        cost_usd: what one run is expected to cost, USD.
        timeout_s: longest run, seconds.
        entry: where the result of this call stands in the package.

    Raises:
        ValueError: a malformed key or version, or arguments that are no object.
    """
    words = " ".join((description or tool.description or tool.name).split())
    about = About(
        name=key or slugify(tool.name),
        version=version,
        description=words[:MAX_DESCRIPTION],
        category=category,
        owner=owner,
        capabilities=Capabilities.parse(capabilities or {}),
        cost_usd=cost_usd,
        timeout_s=timeout_s,
        entry=entry,
    )
    return LangChainSkill(tool, about, output if output is not None else _returned(tool))


def _interface(tool: BaseTool, output: Any) -> Interface:
    schema: Any = tool.tool_call_schema
    if isinstance(tool, PlainTool) and tool.args_schema is None:  # one text, under a fixed name
        schema = {"type": "object", "properties": tool.args, "required": list(tool.args)}
    model = schema if hasattr(schema, "model_json_schema") else dict[str, Any]
    try:
        interface = Interface(model, output)
    except PydanticUserError:  # a type without a JSON form
        interface = Interface(model, Any)
    if isinstance(schema, dict):
        drop = {"title", "description"}
        interface.input_schema = {k: v for k, v in schema.items() if k not in drop}
    elif model is not schema:  # a model of pydantic 1
        interface.input_schema = dict(schema.schema())
    interface.input_schema.pop("description", None)
    if not isinstance(schema, dict):
        interface.input_schema.setdefault("additionalProperties", False)
    interface.input_schema = arguments_schema(interface.input_schema)
    return interface


def _returned(tool: BaseTool) -> Any:
    """The annotated type of the tool's content; Any where there is none."""
    work = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool._run
    try:
        hint = get_type_hints(work, include_extras=True).get("return", Any)
    except (NameError, TypeError):
        return Any
    if tool.response_format == "content_and_artifact":
        parts = get_args(hint) if get_origin(hint) is tuple else ()
        return parts[0] if parts else Any
    return hint
