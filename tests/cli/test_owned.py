"""`livery skills … --workspace`: a workspace's own from the terminal."""

from pathlib import Path

from tests.cli.test_composition import Livery, document, livery, running
from tests.support.governed import workspace
from tests.support.owned import manifest
from tests.support.platform import Running
from tests.support.skills import package

from livery.manifest.package import PackageFile

__all__ = ["livery", "running"]


def write(root: Path, files: list[PackageFile]) -> Path:
    for file in files:
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return root


async def test_from_the_folder_to_its_end(running: Running, livery: Livery, tmp_path: Path) -> None:
    for slug in ("acme", "umbra"):
        await workspace(running, slug)
        folder = write(tmp_path / slug / "greet", manifest("greet", slug))
        added = await document(livery, "skills", "add", folder, "-w", slug, "--certify")
        [item] = added["loaded"]
        assert (item["key"], item["status"]) == ("greet", "certified")
        done = await document(livery, "run", "greet", "--workspace", slug, "--input", "{}")
        assert done["result"] == slug
    listed = await document(livery, "skills", "list", "--workspace", "acme")
    assert [(item["skill_key"], item["workspace"]) for item in listed["items"]] == [
        ("greet", "acme")
    ]
    table = (await livery("skills", "list")).stdout
    assert "acme:greet" in table
    assert "umbra:greet" in table
    which = await livery("skills", "show", "greet")
    assert which.exit_code == 1
    assert "acme:greet" in which.stderr + which.stdout
    shown = await document(livery, "skills", "show", "umbra:greet")
    assert shown["workspace"] == "umbra"
    jobs = (await livery("skills", "jobs")).stdout
    assert "acme:greet@1.0.0" in jobs
    to = tmp_path / "out"
    exported = await document(livery, "skills", "export", "acme:greet", "--to", to)
    assert exported["original_digest"] != shown["digest"]
    assert (to / "greet" / "SKILL.md").is_file()
    moved = await document(livery, "skills", "promote", "acme:greet", "--to", "production")
    assert moved["version"] == "1.0.0"
    used = await document(livery, "skills", "impact", "acme:greet")
    assert used["count"] == 0
    gone = await document(livery, "skills", "revoke", "acme:greet@1.0.0", "--reason", "over")
    assert gone["status"] == "revoked"
    refused = await livery("run", "greet", "--workspace", "acme", "--input", "{}")
    assert refused.exit_code == 3
    assert "skill_revoked" in refused.output
    still = await document(livery, "run", "greet", "--workspace", "umbra", "--input", "{}")
    assert still["result"] == "umbra"


async def test_what_is_refused(running: Running, livery: Livery, tmp_path: Path) -> None:
    await workspace(running, "acme")
    write(tmp_path / "tree" / "coded", package("coded"))
    write(tmp_path / "tree" / "add", manifest("add"))
    write(tmp_path / "tree" / "fine", manifest("fine"))
    added = await document(livery, "skills", "add", tmp_path / "tree", "-w", "acme", code=1)
    assert [item["key"] for item in added["loaded"]] == ["fine"]
    said = {
        Path(item["path"]).name: [d["code"] for d in item["diagnostics"]]
        for item in added["rejected"]
    }
    assert said == {"add": ["precedence_conflict"], "coded": ["ineligible", "ineligible"]}
    nowhere = await livery("skills", "add", tmp_path / "tree", "-w", "nowhere")
    assert nowhere.exit_code == 1
    assert "nowhere" in nowhere.output


async def test_all_that_waits_is_certified(
    running: Running, livery: Livery, tmp_path: Path
) -> None:
    for slug in ("acme", "umbra"):
        await workspace(running, slug)
        folder = write(tmp_path / slug / "waits", manifest("waits", slug))
        await document(livery, "skills", "add", folder, "-w", slug)
    done = await document(livery, "skills", "certify", "--all")
    assert [item["key"] for item in done["items"]] == ["waits", "waits"]
    assert done["failed"] == []
