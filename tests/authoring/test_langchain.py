"""LangChain's own tool suites, on skills as tools and on tools that were skills in between."""

from typing import Annotated, Any, ClassVar

import pytest
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, ToolException, tool
from langchain_core.tools import Tool as PlainTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from pydantic import BaseModel, Field, field_validator

from livery import packs
from livery.authoring import BaseToolContract, Context, SkillFailed, skill
from livery.authoring.conformance import ToolConformance
from livery.authoring.langchain import SkillRefused, from_langchain, to_langchain
from livery.authoring.testkit import run

(PACKS,) = packs.__path__


@skill(capabilities={"storage": ["notes"]})
async def note(text: str, config: str, run_manager: str, ctx: Context) -> list[str]:
    """Keep a note. The names of its members are LangChain's own words."""
    ctx.storage.set("notes", "last", text)
    return [text, config, run_manager]


NOTE = {"text": "a", "config": "b", "run_manager": "c"}


class Query(BaseModel):
    words: list[str] = Field(min_length=1)
    limit: int = Field(default=3, le=10)
    user: Annotated[str, InjectedToolArg] = "nobody"

    @field_validator("words")
    @classmethod
    def no_noise(cls, words: list[str]) -> list[str]:
        if "noise" in words:
            raise ValueError("noise is no word")
        return words


class Found(BaseModel):
    titles: list[str]


@tool("search_titles", args_schema=Query)
def search(words: list[str], limit: int = 3, user: str = "nobody") -> Found:
    """Search titles: all that have one of the words."""
    if words == ["down"]:
        raise ToolException("the index is down")
    return Found(titles=[f"{word} by {user}" for word in words][:limit])


@tool
async def later(text: str) -> str:
    """Answer later."""
    return text.upper()


@tool(response_format="content_and_artifact")
def both(text: str) -> tuple[str, dict[str, Any]]:
    """Content and artifact."""
    return text, {"more": text}


class _Add(ToolsUnitTests):
    tool_constructor = to_langchain(f"{PACKS}/basics/add")
    tool_invoke_params_example: ClassVar = {"a": 2, "b": 3}


class TestUnitAdd(_Add):
    pass


class TestIntegrationAdd(ToolsIntegrationTests):
    tool_constructor = _Add.tool_constructor
    tool_invoke_params_example: ClassVar = {"a": 2, "b": 3}


class TestUnitNote(ToolsUnitTests):
    tool_constructor = to_langchain(note)
    tool_invoke_params_example = NOTE


class TestIntegrationNote(ToolsIntegrationTests):
    tool_constructor = to_langchain(note)
    tool_invoke_params_example = NOTE


class TestUnitThereAndBack(ToolsUnitTests):
    tool_constructor = to_langchain(from_langchain(search))
    tool_invoke_params_example: ClassVar = {"words": ["a", "b"]}


class TestIntegrationThereAndBack(ToolsIntegrationTests):
    tool_constructor = to_langchain(from_langchain(search))
    tool_invoke_params_example: ClassVar = {"words": ["a", "b"]}


class TestIntegrationThereAndBackLater(ToolsIntegrationTests):
    tool_constructor = to_langchain(from_langchain(later))
    tool_invoke_params_example: ClassVar = {"text": "a"}


class TestConforms(ToolConformance):
    skill = from_langchain(search)
    examples: ClassVar = {"two": {"words": ["a", "b"]}}


class TestConformsLater(ToolConformance):
    skill = from_langchain(later, capabilities={"network": ["api.example"]})
    examples: ClassVar = {"one": {"text": "a"}}


def test_a_result_is_the_content_and_its_envelope_the_artifact() -> None:
    add = to_langchain(f"{PACKS}/basics/add")
    assert (add.name, add.args["a"]["type"]) == ("add", "number")
    assert add.description.startswith("Add two numbers")
    assert add.invoke({"a": 2, "b": 3}) == 5
    call = {"name": "add", "args": {"a": 2, "b": 3}, "id": "1", "type": "tool_call"}
    message = add.invoke(call)
    assert (message.content, message.artifact["code"], message.status) == (
        "5",
        "tool_ok",
        "success",
    )
    assert to_langchain(note).invoke(NOTE) == ["a", "b", "c"]


def test_a_refusal_is_an_error_with_its_code_and_reason() -> None:
    add = to_langchain(f"{PACKS}/basics/add")
    with pytest.raises(SkillRefused, match=r"tool_input_invalid: .*/b") as caught:
        add.invoke({"a": 2, "b": "three"})
    assert caught.value.envelope.status == "denied"
    add.handle_tool_error = True
    call = {"name": "add", "args": {"a": 2}, "id": "1", "type": "tool_call"}
    message = add.invoke(call)
    assert message.status == "error"
    assert message.content.startswith("tool_input_invalid: ")


def test_a_skill_without_an_object_is_no_tool() -> None:
    class Whole(BaseToolContract):
        input_model = list[int]
        output_model = int

        def run(self, input: Any, ctx: Context) -> int:  # noqa: A002
            return sum(input)

    with pytest.raises(ValueError, match="no object"):
        to_langchain(Whole)


def test_the_contract_comes_from_the_args_schema() -> None:
    contract = from_langchain(search, owner="me", version="1.2.3").contract
    assert contract["interface"]["input"] == {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "limit": {"type": "integer", "default": 3, "maximum": 10},
        },
        "required": ["words"],
        "additionalProperties": False,
    }
    assert contract["interface"]["output"]["properties"]["titles"]["type"] == "array"
    assert (contract["version"], contract["owner"]) == ("1.2.3", "me")
    made = from_langchain(search)
    assert made.about.name == "search-titles"
    assert made.about.description == "Search titles: all that have one of the words."


def test_what_it_says_is_what_the_skill_says() -> None:
    made = from_langchain(search)
    tried = run(made, {"words": ["a"]})
    assert (tried.code, tried.result) == ("tool_ok", {"titles": ["a by nobody"]})
    assert run(made, {"words": ["a"], "user": "root"}).code == "tool_input_invalid"  # injected
    assert run(made, {"words": []}).code == "tool_input_invalid"
    noise = run(made, {"words": ["noise"]})
    assert noise.code == "tool_input_invalid"
    assert noise.envelope.error is not None
    assert noise.envelope.error.details["violations"][0]["pointer"] == "/words"
    down = run(made, {"words": ["down"]})
    assert down.code == "provider_execution_failed"
    assert down.envelope.error is not None
    assert down.envelope.error.message == "the index is down"
    assert run(from_langchain(later), {"text": "a"}).result == "A"
    assert run(from_langchain(both), {"text": "a"}).result == "a"


def test_errors_that_a_tool_hides_in_texts_are_errors() -> None:
    hiding = search.model_copy(update={"handle_tool_error": "all is well"})
    assert hiding.invoke({"words": ["down"]}) == "all is well"
    assert run(from_langchain(hiding), {"words": ["down"]}).code == "provider_execution_failed"
    assert hiding.handle_tool_error == "all is well"  # theirs is left alone


def test_a_plain_tool_and_a_json_schema() -> None:
    plain = PlainTool(name="shout", description="Shout.", func=lambda text: text + "!")
    made = from_langchain(plain)
    assert run(made, {"tool_input": "a"}).result == "a!"
    assert run(made, {"tool_input": 1}).code == "tool_input_invalid"
    schema = {"type": "object", "title": "T", "properties": {"n": {"type": "integer"}}}
    doubled = StructuredTool.from_function(
        lambda n: n * 2, name="double", description="Double.", args_schema=schema
    )
    made = from_langchain(doubled)
    assert made.contract["interface"]["input"] == {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
    }
    assert run(made, {"n": 4}).result == 8


def test_a_result_without_a_json_form_is_refused() -> None:
    odd = StructuredTool.from_function(
        object, name="odd", description="Odd.", args_schema={"type": "object"}
    )
    assert run(from_langchain(odd), {}).code == "tool_output_invalid"


class Custom(BaseTool):
    name: str = "custom"
    description: str = "A class of one's own."

    def _run(self, text: str) -> str:
        if text == "secret":
            raise SkillFailed("no")
        return text


def test_a_class_of_ones_own() -> None:
    made = from_langchain(Custom())
    assert made.contract["interface"]["input"]["required"] == ["text"]
    assert run(made, {"text": "a"}).result == "a"
