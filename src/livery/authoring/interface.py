"""Input and output of a skill, derived from its types through pydantic.

The JSON Schemas decide what is valid; pydantic then only turns JSON into the annotated types.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, NotRequired, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict, override

from livery.authoring.context import Context
from livery.authoring.errors import InputInvalid, OutputInvalid
from livery.manifest.canonical import NotIJson, check_ijson, join_pointer
from livery.manifest.denylist import redact_text
from livery.manifest.errors import Violation
from livery.manifest.schema import Validator, compile_schema


class _PlainSchema(GenerateJsonSchema):
    """JSON Schema without the titles that pydantic makes up from field names."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class Interface:
    """The two schemas of a skill, and the ways between JSON and Python.

    Args:
        input_type: what the whole input is: a pydantic model or a typed dict.
        output_type: what the skill returns.
    """

    def __init__(self, input_type: Any, output_type: Any) -> None:
        self._input: TypeAdapter[Any] = TypeAdapter(input_type)
        self._output: TypeAdapter[Any] = _output_adapter(output_type)
        self.input_schema = _schema(self._input, "validation")
        self.output_schema = _schema(self._output, "serialization")

    @cached_property
    def input_validator(self) -> Validator:
        """The compiled input schema."""
        return compile_schema(self.input_schema)

    @cached_property
    def output_validator(self) -> Validator:
        """The compiled output schema."""
        return compile_schema(self.output_schema)

    def check_input(self, value: Any) -> None:
        """Raise `InputInvalid` where the JSON value does not fit the input schema."""
        if violations := _violations(self.input_validator, value):
            raise InputInvalid(message=_sentence("input", violations), violations=violations)

    def check_output(self, value: Any) -> None:
        """Raise `OutputInvalid` where the JSON value does not fit the output schema."""
        if violations := _violations(self.output_validator, value):
            raise OutputInvalid(message=_sentence("output", violations), violations=violations)

    def parse(self, value: Any) -> Any:
        """Turn JSON into the input type; `InputInvalid` where a validator of the author refuses."""
        try:
            return self._input.validate_python(value)
        except ValidationError as error:
            violations = tuple(
                Violation(join_pointer(*fault["loc"]), redact_text(fault["msg"]))
                for fault in error.errors(include_url=False, include_input=False)
            )
            raise InputInvalid(
                message=_sentence("input", violations), violations=violations
            ) from None

    def render(self, result: Any) -> Any:
        """Turn what the skill returned into JSON; `OutputInvalid` where it has no JSON form."""
        try:
            return self._output.dump_python(result, mode="json", by_alias=True, warnings=False)
        except PydanticSerializationError as error:
            reason = redact_text(str(error))
            violation = Violation("", reason)
            raise OutputInvalid(
                message=_sentence("output", (violation,)), violations=(violation,)
            ) from None


def function_interface(fn: Callable[..., Any]) -> tuple[Interface, str | None, str | None]:
    """Derive the interface of a typed function.

    A single pydantic model as the only parameter beside the `Context` is the whole input;
    otherwise every parameter is one member of the input, and nothing else is allowed.

    Returns:
        The interface, the name of the parameter that takes the whole input (None: one parameter
        a member), and the name of the parameter that takes the `Context` (None: there is none).

    Raises:
        TypeError: an annotation is missing or has no JSON form, or a parameter cannot be named.
    """
    try:
        hints = get_type_hints(fn, include_extras=True)
    except NameError as error:
        raise TypeError(f"{fn.__qualname__}(): an annotation cannot be resolved: {error}") from None
    context: str | None = None
    members: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for parameter in inspect.signature(fn).parameters.values():
        hint = _hint(fn, parameter, hints)
        if hint is Context:
            context = parameter.name
            continue
        members[parameter.name] = hint
        if parameter.default is not parameter.empty:
            defaults[parameter.name] = parameter.default
            members[parameter.name] = NotRequired[hint]
    if "return" not in hints:
        raise TypeError(f"{fn.__qualname__}() needs a return annotation: it is the output schema")
    only = next(iter(members.values())) if len(members) == 1 else None
    try:
        if isinstance(only, type) and issubclass(only, BaseModel):
            return Interface(only, hints["return"]), next(iter(members)), context
        interface = Interface(_closed_dict(fn.__name__, members), hints["return"])
    except PydanticUserError as error:
        raise TypeError(f"{fn.__qualname__}(): {error.message}") from None
    for name, default in defaults.items():
        interface.input_schema["properties"][name]["default"] = default
    return interface, None, context


def _hint(fn: Callable[..., Any], parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TypeError(f"{fn.__qualname__}(): parameter {parameter.name!r} cannot be named")
    if parameter.name not in hints:
        raise TypeError(f"{fn.__qualname__}(): parameter {parameter.name!r} needs an annotation")
    return hints[parameter.name]


def _closed_dict(name: str, members: dict[str, Any]) -> Any:
    make: Any = TypedDict  # the members are known at run time only
    closed = make(name, members)
    closed.__pydantic_config__ = ConfigDict(extra="forbid")
    return closed


def _output_adapter(output_type: Any) -> TypeAdapter[Any]:
    try:
        # NaN stays what it is, to be refused; by default it would become null wherever `Any` stands.
        return TypeAdapter(output_type, config=ConfigDict(ser_json_inf_nan="constants"))
    except PydanticUserError:  # models and typed dicts have a config of their own
        return TypeAdapter(output_type)


def _schema(adapter: TypeAdapter[Any], mode: JsonSchemaMode) -> dict[str, Any]:
    schema = adapter.json_schema(mode=mode, schema_generator=_PlainSchema)
    schema.pop("title", None)
    return schema


def _violations(validator: Validator, value: Any) -> tuple[Violation, ...]:
    try:
        check_ijson(value)
    except NotIJson as error:
        return (Violation(error.pointer, error.reason),)
    return validator.violations(value)


def _sentence(side: str, violations: tuple[Violation, ...]) -> str:
    first = violations[0]
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return f"The {side} does not fit: {first.pointer or '/'} {first.message}{more}"
