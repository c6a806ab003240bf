"""docs/http.md says what the running platform's OpenAPI document says."""

from typing import Any

from tests.docs.generated import DOCS, check
from tests.support.platform import Running


async def test_the_routes_are_those_of_the_server(platform: Running) -> None:
    async with platform.http() as http:
        document = (await http.get("/v1/openapi.json")).json()
    check(DOCS / "http.md", routes(document))


def routes(document: dict[str, Any]) -> list[str]:
    """The rows of the table, by path."""
    rows = ["| method | path | query | what |", "|---|---|---|---|"]
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            query = " ".join(
                item["name"] for item in operation.get("parameters", ()) if item["in"] == "query"
            )
            what = operation["description"].replace("\n", " ").replace("|", "\\|")
            free = "" if operation.get("security") else " No token."
            rows.append(f"| {method.upper()} | `{path}` | {query} | {what}{free} |")
    return rows
