"""What can go wrong in a skill, each with its code and its way out."""

from livery.manifest.errors import LiveryError


class CapabilityDenied(LiveryError):
    """The skill used a capability that it did not declare."""

    code = "skill_capability_denied"

    def __init__(self, kind: str, value: str) -> None:
        super().__init__(
            message=f"This skill did not declare {kind} {value!r}.",
            details={"kind": kind, "value": value},
            remedy=(
                f"Add {value!r} under capabilities.{kind} in contract.yaml "
                "and certify the new version."
            ),
        )


class InputInvalid(LiveryError):
    """The input does not fit the skill's input schema; the violations say where."""

    code = "tool_input_invalid"


class OutputInvalid(LiveryError):
    """The skill returned what its output schema does not allow; the violations say where."""

    code = "tool_output_invalid"


class SkillFailed(LiveryError):
    """For authors to raise: the skill cannot do what was asked, and says why.

    Args:
        message: one sentence for the caller, without secrets.
        retryable: may the same call succeed later?
        code: a code of an external call (`webhook_error`, `api_error`, …) where one says more.
    """

    code = "provider_execution_failed"

    def __init__(self, message: str, *, retryable: bool = False, code: str | None = None) -> None:
        super().__init__(code, message=message)
        self.retryable = retryable
