"""A package that was changed after it was certified, through the MCP door."""

from tests.api.mcp.conftest import Connect, Served


async def test_a_changed_file_is_refused_and_a_restored_one_runs(
    served: Served, connect: Connect
) -> None:
    running = served.running
    async with served.live() as operator:
        digest = (await operator.get_skill("add"))["digest"]
    folder = running.settings.home / "skills" / digest.removeprefix("sha256:")
    path = folder / "scripts/skill.py"
    async with connect() as client:
        call = ("add", {"a": 2, "b": 3})
        assert (await client.call_tool(*call)).structured_content["result"] == 5
        data, mode = path.read_bytes(), path.stat().st_mode & 0o777
        path.chmod(0o600)
        path.write_bytes(data + b"#")
        refused = await client.call_tool(*call)
        assert refused.is_error
        held = refused.structured_content
        assert (held["code"], held["status"]) == ("security_hash_mismatch", "denied")
        assert "scripts/skill.py was changed" in held["error"]["message"]
        assert refused.content[0].text.startswith("security_hash_mismatch: ")
        path.write_bytes(data)
        path.chmod(mode)
        assert (await client.call_tool(*call)).structured_content["result"] == 5
