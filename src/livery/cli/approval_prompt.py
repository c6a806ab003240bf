"""The prompt of `livery run`: what would be done, and the caller's own word on it."""

import sys

from rich.prompt import InvalidResponse, PromptBase
from rich.text import Text

from livery.cli import look
from livery.cli.approvals import described
from livery.cli.screen import Screen
from livery.cli.text import text
from livery.client.approval_documents import Approval

RUN_ONCE, ALWAYS, DENY = "run_once", "always_allow", "deny"
_WORDS = {"run once": RUN_ONCE, "always allow": ALWAYS, "deny": DENY}


class _Decision(PromptBase[str]):
    """Takes the words, or the beginning of one."""

    response_type = str
    validate_error_message = "Say run once, always allow or deny."

    def process_response(self, value: str) -> str:
        """`r`, `run`, `run_once` … are `run once`."""
        given = " ".join(value.replace("_", " ").lower().split())
        found = {known for words, known in _WORDS.items() if given and words.startswith(given)}
        if len(found) != 1:
            raise InvalidResponse(self.validate_error_message)
        return found.pop()


def interactive() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def decide(screen: Screen, approval: Approval) -> str | None:
    """Show what would be done and ask; None where the person leaves it open."""
    badge = f"{approval['skill_key']}@{approval['version'] or '?'}"
    screen.show(
        look.alert(f"NEEDS APPROVAL · {badge}", look.WAIT, [*described(approval), _hint(approval)])
    )
    try:
        return _Decision.ask(
            "run once / always allow / deny", console=screen.out, show_default=False
        )
    except EOFError:
        return None


def _hint(approval: Approval) -> Text:
    said = (
        "It reaches the world outside: it will be asked for again each time, whatever you allow."
        if approval["action"] != "run"
        else "Always allow admits this very code from now on; a changed one asks again."
    )
    return text("\n" + said, look.SOFT)
