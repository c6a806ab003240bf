"""Runs the code that it is given. A test skill imports it: certification refuses a skill that says `exec` itself."""

from typing import Any

from livery.authoring import Context


def evaluate(code: str, ctx: Context) -> Any:
    """What the code leaves in `result`; it sees `ctx`."""
    scope: dict[str, Any] = {"ctx": ctx, "result": None}
    exec(code, scope)
    return scope["result"]


async def evaluate_async(code: str, ctx: Context) -> Any:
    """The same for code that awaits."""
    scope: dict[str, Any] = {"ctx": ctx}
    body = "\n".join("    " + line for line in code.splitlines())
    exec(f"async def main():\n{body}\n    return locals().get('result')", scope)
    return await scope["main"]()


reach = open
"""What a skill that takes it from here opens, no reader of its syntax sees."""
