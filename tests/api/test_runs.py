"""`POST /v1/runs` through the application."""

from tests.support.platform import Running


async def test_add(platform: Running) -> None:
    async with platform.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": "add", "input": {"a": 2, "b": 3}})
    assert answer.status_code == 200
    envelope = answer.json()
    assert envelope["ok"] is True
    assert envelope["result"] == 5
    assert answer.headers["x-correlation-id"] == envelope["correlation_id"]


async def test_input_that_does_not_fit(platform: Running) -> None:
    async with platform.http() as http:
        answer = await http.post("/v1/runs", json={"skill_key": "add", "input": {"a": "x", "b": 3}})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "tool_input_invalid"
    assert problem["violations"][0]["pointer"] == "/a"
    assert problem["envelope"]["run_id"] == problem["run_id"]
