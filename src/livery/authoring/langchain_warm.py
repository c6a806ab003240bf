"""Do LangChain's late imports once, before a skill made of one of its tools runs under the guard.

Its first call imports tracers and an HTTP client, which look at folders and bind a socket on import.
"""

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any, cast

from langchain_core.tools import StructuredTool, ToolException

from livery.authoring.context import Context
from livery.authoring.errors import InputInvalid, SkillFailed
from livery.authoring.langchain import from_langchain


def _say(text: str) -> str:
    """Say it."""
    if not text:
        raise ToolException("nothing to say")
    return text


async def _say_later(text: str) -> str:
    """Say it."""
    return _say(text)


@cache
def warm() -> None:
    """Call a tool of each kind, well and badly. On a thread without a running loop."""
    nowhere: Any = cast(Context, None)  # a tool of LangChain gets no context
    called = from_langchain(StructuredTool.from_function(_say, name="say"))
    awaited = from_langchain(StructuredTool.from_function(coroutine=_say_later, name="say-later"))
    for given in ({"text": "a"}, {"text": ""}, {"text": 1}):
        with suppress(InputInvalid, SkillFailed):
            called.invoke(given, nowhere)
        with suppress(InputInvalid, SkillFailed):
            asyncio.run(awaited.ainvoke(given, nowhere))
    # What the first network call of the tracer's client would import, where it is installed.
    with suppress(ImportError):
        import urllib3.util.connection  # noqa: F401
