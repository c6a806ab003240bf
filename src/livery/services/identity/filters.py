"""What a list may be narrowed by."""

from livery.kernel.lifecycle import Machine
from livery.manifest.errors import Violation
from livery.services.identity.errors import Invalid


def check_status(given: str | None, machine: Machine) -> None:
    """Refuse a status that is none of the machine's. Raises `Invalid` at `/status`, with those that are.

    An empty list would read as: there is nothing like that.
    """
    if given is None or given in machine.states:
        return
    known = ", ".join(sorted(machine.states))
    message = f"There is no status {given!r}; one of: {known}."
    raise Invalid(message=message, violations=(Violation("/status", f"one of: {known}"),))
