"""Certified skills as LangChain tools, called on the platform: under contract and on record.

Needs the extra `livery[langchain]`.

    with Livery(url, token) as livery:
        tools = langchain_tools(livery, ["add", "word-count"])
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from typing_extensions import override

from livery.client.documents import Envelope, SkillDetail
from livery.client.errors import RunDenied
from livery.client.livery_client import LiveryClient
from livery.client.sync import Livery
from livery.manifest.errors import LiveryError

try:
    from langchain_core.tools import BaseTool, ToolException
except ImportError as missing:
    raise ImportError("LangChain is not installed: pip install 'livery[langchain]'") from missing

_STARTED = frozenset({"queued", "running", "waiting"})


class SkillRefused(ToolException):
    """The platform gave no result; `code` says why, `envelope` is the record where there is one."""

    def __init__(self, code: str, message: str, remedy: str, envelope: Envelope | None) -> None:
        self.code = code
        self.envelope = envelope
        super().__init__(" ".join(f"{code}: {message} {remedy}".split()))


class PlatformTool(BaseTool):
    """A skill of the platform as a LangChain tool.

    Its content is the result, its artifact the result envelope with run id and provenance. A
    denial, a failed run and an approval that is needed raise `SkillRefused`.
    """

    args_schema: Any
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    livery: Any
    skill_key: str
    options: dict[str, Any]

    @override
    def _run(self, /, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        if not isinstance(self.livery, Livery):
            raise NotImplementedError("A LiveryClient is asynchronous: use ainvoke, or `Livery`.")
        return self.livery.call(lambda client: self._ask(client, arguments))

    @override
    async def _arun(self, /, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        if isinstance(self.livery, Livery):
            # Its event loop is another one.
            ask = self.livery.call
            return await asyncio.to_thread(ask, lambda client: self._ask(client, arguments))
        return await self._ask(self.livery, arguments)

    async def _ask(
        self, client: LiveryClient, arguments: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        try:
            envelope = await client.run(self.skill_key, arguments, **self.options)
        except RunDenied as denied:
            raise _refused(denied, denied.envelope) from denied
        except LiveryError as failed:
            raise _refused(failed, None) from failed
        if envelope["ok"]:
            return envelope["result"], cast(dict[str, Any], envelope)
        if envelope["status"] in _STARTED:
            said = f"The run {envelope['run_id']} is {envelope['status']}; its result comes later."
            return said, cast(dict[str, Any], envelope)
        error: Any = envelope.get("error") or {}
        remedy = str((error.get("details") or {}).get("remedy") or "")
        raise SkillRefused(envelope["code"], str(error.get("message") or ""), remedy, envelope)


def langchain_tools(
    livery: Livery, keys: Sequence[str] | None = None, **options: Any
) -> list[BaseTool]:
    """Skills as LangChain tools that run on the platform; sync and async.

    Args:
        livery: an open client.
        keys: which skills; all certified ones whose input is an object by default.
        options: those of `LiveryClient.run` for every call: hired_agent_id, workspace, channel, …

    Raises:
        ApiProblem: a skill is not there, or the token may not see it.
        ValueError: the input of a named skill is no object.
    """

    async def details(client: LiveryClient) -> list[SkillDetail]:
        return await _details(client, keys)

    found = livery.call(details)
    return [platform_tool(livery, skill, **options) for skill in found]


async def alangchain_tools(
    client: LiveryClient, keys: Sequence[str] | None = None, **options: Any
) -> list[BaseTool]:
    """`langchain_tools` for a `LiveryClient`: tools for `ainvoke` only."""
    return [platform_tool(client, skill, **options) for skill in await _details(client, keys)]


def platform_tool(
    livery: Livery | LiveryClient, skill: SkillDetail, **options: Any
) -> PlatformTool:
    """One skill, as `get_skill` described it, as a tool; ValueError where its input is no object."""
    schema = _input_schema(skill)
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise ValueError(f"the input of {skill['skill_key']} is no object")
    return PlatformTool(
        name=skill["skill_key"],
        description=skill["description"],
        args_schema={"properties": {}, **schema},
        livery=livery,
        skill_key=skill["skill_key"],
        options=options,
    )


async def _details(client: LiveryClient, keys: Sequence[str] | None) -> list[SkillDetail]:
    if keys is not None:
        return [await client.get_skill(key) for key in keys]
    listed = await client.list_skills(status="certified")
    found = [await client.get_skill(skill["skill_key"]) for skill in listed]
    return [skill for skill in found if _is_object(_input_schema(skill))]


def _is_object(schema: object) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "object"


def _input_schema(skill: SkillDetail) -> Any:
    contract: Any = skill.get("contract") or {}
    return (contract.get("interface") or {}).get("input")


def _refused(error: LiveryError, envelope: Envelope | None) -> SkillRefused:
    where = "".join(f" {v.pointer or '/'} {v.message}." for v in error.violations[:5])
    return SkillRefused(error.code, error.message + where, error.remedy, envelope)
