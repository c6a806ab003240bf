"""Skills that one workspace owns: whose a key is, what runs, what may be composed of them, what they may not hold."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.governed import do, owner, principal, told, workspace
from tests.support.images import GIF, IMAGES, WEBP, jpeg, png
from tests.support.owned import manifest, owned, owner_of
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, package

from livery.entrypoints.seed import seed
from livery.manifest.errors import LiveryError
from livery.manifest.package import PackageFile, parse_package
from livery.manifest.plain import TEXTS, why_not_plain
from livery.services.catalog.owners import PLATFORM_OWNER, code_in
from livery.services.catalog.types import Listing
from livery.services.hiring.types import AgentType


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        for slug in ("acme", "umbra"):
            await workspace(made, slug)
        yield made


async def refusal(asked: Any) -> LiveryError:
    with pytest.raises(LiveryError) as caught:
        await asked
    assert caught.value.remedy
    return caught.value


# Whose a key is ------------------------------------------------------------------------------------------


async def test_two_workspaces_have_one_key_and_other_content(running: Running) -> None:
    mine = await owned(running, "acme", manifest("greet", "hello"))
    theirs = await owned(running, "umbra", manifest("greet", "begone"))
    assert mine.skill_id != theirs.skill_id
    assert mine.digest != theirs.digest
    assert (mine.owner, theirs.owner) == ("acme", "umbra"), "not what the contract claims"
    # Whoever calls, in whatever order, and again from what is kept: each workspace has its own.
    admins = {slug: await principal(running, "customer_admin", slug) for slug in ("acme", "umbra")}
    for _ in range(2):
        for slug, says in (("acme", "hello"), ("umbra", "begone"), ("acme", "hello")):
            for caller in (running.operator, admins[slug]):
                done = await do(running, "greet", {}, principal=caller, workspace=slug)
                assert (done.code, done.result) == ("tool_ok", says)
    # Staff who do not say where act in `default`, which has none.
    assert await told(do(running, "greet", {})) == "not_found"
    for slug, theirs_id in (("acme", theirs.skill_id), ("umbra", mine.skill_id)):
        assert (
            await told(do(running, str(theirs_id), {}, principal=admins[slug], workspace=slug))
            == "not_found"
        )
        assert await told(do(running, str(theirs_id), {}, workspace=slug)) == "not_found"


async def test_staff_say_whose(running: Running) -> None:
    catalog = running.platform.services.catalog
    ids = {}
    for slug in ("acme", "umbra"):
        ids[slug] = (await owned(running, slug, manifest("named", slug), certify=False)).skill_id
    error = await refusal(catalog.get(running.operator, "named"))
    assert error.code == "validation_error"
    assert "acme:named, umbra:named" in error.violations[0].message
    for slug, skill_id in ids.items():
        assert (await catalog.get(running.operator, f"{slug}:named")).skill_id == skill_id
        assert (await catalog.get(running.operator, str(skill_id))).skill_id == skill_id
        admin = await principal(running, "customer_admin", slug)
        assert (await catalog.get(admin, "named")).skill_id == skill_id
        assert (await catalog.get(admin, f"{slug}:named")).skill_id == skill_id
    admin = await principal(running, "customer_admin", "acme")
    for ref in ("umbra:named", str(ids["umbra"]), "acme:add", "nowhere:named", ":named", "acme:"):
        assert await told(catalog.get(admin, ref)) == "not_found"


async def test_a_workspace_does_not_take_a_key_of_the_platform(running: Running) -> None:
    error = await refusal(owned(running, "acme", manifest("add")))
    assert (error.code, error.details["holders"]) == ("already_exists", ["platform"])
    services = running.platform.services
    admin = await principal(running, "customer_admin", "acme")
    error = await refusal(services.catalog.create(admin, "Add", "x", "x"))
    assert error.code == "already_exists"
    # Retired is not free: who holds `retired@1` of the platform would get another skill.
    await services.catalog.register(package("retired"), by="test")
    await services.catalog.revoke(running.operator, "retired", None, "over")
    error = await refusal(owned(running, "acme", manifest("retired")))
    assert error.details["holders"] == ["platform"]


async def test_the_platform_does_not_take_a_key_that_workspaces_hold(running: Running) -> None:
    services = running.platform.services
    held = {}
    for slug in ("acme", "umbra"):
        held[slug] = await owned(running, slug, manifest("ours", slug))
    error = await refusal(services.catalog.register(package("ours"), by="test"))
    assert (error.code, error.details["holders"]) == ("already_exists", ["acme", "umbra"])
    assert "acme, umbra" in error.message
    assert "revoke or delete" in (error.remedy or "")
    # The way out: where nothing of theirs is alive any more the key is free, and theirs no longer.
    await services.catalog.revoke(running.operator, "umbra:ours", None, "over")
    assert (await refusal(services.catalog.register(package("ours"), by="t"))).details[
        "holders"
    ] == ["acme"]
    await services.catalog.revoke(running.operator, "acme:ours", None, "over")
    assert await told(do(running, "ours", {}, workspace="acme")) == "skill_revoked"
    await certified(running, package("ours"))
    done = await do(running, "ours", {"code": "result = 7"}, workspace="acme")
    assert (done.code, done.result) == ("tool_ok", 7)
    by_id = do(running, str(held["acme"].skill_id), {}, workspace="acme")
    assert await told(by_id) == "skill_revoked", "an id never means another skill"
    error = await refusal(owned(running, "acme", manifest("ours", version="2.0.0")))
    assert error.details["holders"] == ["platform"]


async def test_a_bundled_skill_gives_way_to_a_workspaces(new_platform: NewPlatform) -> None:
    async with new_platform(seeded=False) as running:
        await workspace(running, "first")
        await owned(running, "first", manifest("multiply", "mine"), certify=False)
        told_of: list[Any] = []
        await seed(running.platform, running.settings, told_of.append)
        [refused] = [item for item in told_of if item.folder == "multiply"]
        assert "first" in refused.error
        assert await told(running.platform.services.catalog.owned(PLATFORM_OWNER, "add"))
        code = await told(running.platform.services.catalog.owned(PLATFORM_OWNER, "multiply"))
        assert code == "not_found"


async def test_one_of_two_who_come_at_once_has_the_key(running: Running) -> None:
    catalog = running.platform.services.catalog
    home = await owner_of(running, "acme")
    for number in range(8):
        key = f"raced-{number}"
        outcomes = await asyncio.gather(
            catalog.register(package(key), by="a"),
            catalog.register(manifest(key), by="b", home=home),
            return_exceptions=True,
        )
        failed = [item for item in outcomes if isinstance(item, BaseException)]
        assert [getattr(item, "code", item) for item in failed] == ["already_exists"]


async def test_a_bad_offer_spares_its_neighbours(running: Running) -> None:
    catalog = running.platform.services.catalog
    home = await owner_of(running, "acme")
    offers = []
    for key in ("beside-one", "multiply", "beside-two"):
        read, said = parse_package(manifest(key))
        assert read is not None
        offers.append(catalog.offer(read, said, by="t", home=home))
    faults = await catalog.admit(offers)
    assert [fault and fault.code for fault in faults] == [None, "already_exists", None]


# Without code --------------------------------------------------------------------------------------------


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("__main__.py", "print(1)")
    return buffer.getvalue()


ELF = b"\x7fELF\x02\x01\x01"
PLAIN: dict[str, bytes] = {
    **{f"references/deep/{name}": data for name, data in IMAGES.items()},
    **{f"assets/{name.upper()}": data for name, data in IMAGES.items()},
    **{f"references/a.{suffix}": b"x" for suffix in TEXTS},
    "references/empty.md": b"",
    "references/mark.md": b"\xef\xbb\xbf# Mark",
    "references/later.md": b"first\n#!/bin/sh\n",
    "references/Package notes.json": b"{}",
    "references/action-items.yaml": b"a: 1",
    "assets/said.png": png(b"a text"),
    "tests/more.yaml": b"[]",
    "evals/evals.json": b"{}",
}
REFUSED: dict[str, bytes] = {
    "references/a.pyz": zipped(),
    "assets/a.pyz": b"x",
    "assets/a.zip": zipped(),
    "assets/a.pkl": b"x",
    "assets/a.pdf": b"%PDF-1.7\n" + zipped(),
    "assets/plain.pdf": b"%PDF-1.7\n",
    "assets/a.svg": b"<svg/>",
    "assets/a.html": b"<p>",
    "assets/a.xml": b"<a/>",
    "assets/a.desktop": b"[Desktop Entry]\nExec=x",
    "references/a.ipynb": b"{}",
    "references/noted": b"x",
    "references/md": b"x",
    "Makefile": b"all:\n\ttouch PWN\n",
    "references/Makefile": b"x",
    "justfile": b"x",
    "Dockerfile": b"x",
    "package.json": b"{}",
    "assets/package.json": b"{}",
    "assets/Package.JSON": b"{}",
    "assets/requirements.txt": b"x",
    "assets/CMakeLists.txt": b"x",
    "assets/docker-compose.yml": b"x",
    "assets/compose.override.yaml": b"x",
    ".envrc": b"x",
    ".vscode/tasks.json": b"{}",
    ".mcp.json": b"{}",
    ".githooks/pre-commit": b"x",
    ".claude/settings.json": b"{}",
    "references/.env.md": b"x",
    "assets/.vscode/tasks.json": b"{}",
    "tests/.a.yaml": b"[]",
    "tests/a.md": b"x",
    "evals/other.json": b"{}",
    "README.md": b"x",
    "References/a.md": b"x",
    "inner/SKILL.md": b"x",
    "references/bom.md": b"\xef\xbb\xbf#!/bin/sh\n",
    "references/line.md": b"\n#!/bin/sh\n",
    "references/space.txt": b" \t\xc2\xa0\xe2\x80\x8b#!/bin/sh\n",
    "references/crlf.txt": b"\r\n\x0c#!/bin/sh\n",
    "tests/run.yaml": b"#!/bin/sh\n",
    "evals/evals.json": b"#!/bin/sh\n",
    "references/zip.md": zipped(),
    "references/elf.md": ELF,
    "references/nul.txt": b"a\0b",
    "references/escape.txt": b"a\x1b]0;x\x07",
    "references/latin.txt": b"caf\xe9",
    "references/wide.txt": "x".encode("utf-16"),
    "assets/text.png": b"x",
    "assets/none.png": b"",
    "assets/other.png": GIF,
    "assets/cut.png": png()[:-4],
    "assets/cut.gif": GIF[:-1],
    "assets/cut.jpg": jpeg()[:-1],
    "assets/cut.webp": WEBP[:-1],
    "assets/sound.webp": WEBP.replace(b"WEBP", b"WAVE"),
    "assets/inside.png": png(zipped()),
    "assets/inside.jpg": jpeg(zipped()),
    "assets/elf.png": png(ELF),
    "assets/parts.gif": GIF[:-1] + b"!\xfe\x00" * 10_000 + b";",
    **{f"assets/zip-after-{name}": data + zipped() for name, data in IMAGES.items()},
    **{f"assets/elf-after-{name}": data + ELF for name, data in IMAGES.items()},
    **{f"assets/sh-after-{name}": data + b"\ntouch PWN\n" for name, data in IMAGES.items()},
}


def with_file(path: str, data: bytes) -> list[PackageFile]:
    return [*manifest("x"), PackageFile(path, data)]


@pytest.mark.parametrize("path", PLAIN)
def test_what_is_plain_is_taken(path: str) -> None:
    assert why_not_plain(PackageFile(path, PLAIN[path])) is None
    fault = why_not_plain(PackageFile(path, PLAIN[path], executable=True))
    assert fault == "is executable"


@pytest.mark.parametrize("path", REFUSED)
def test_all_else_is_refused_with_its_place_and_what_is_allowed(path: str) -> None:
    read, said = parse_package(with_file(path, REFUSED[path]))
    if read is None:  # a fault of every package: a broken test file
        assert said[0].file == path
        assert why_not_plain(PackageFile(path, REFUSED[path]))
        return
    [found] = code_in(read)
    assert (found.code, found.file, found.severity) == ("ineligible", path, "error")
    assert "references/" in found.remedy
    assert ".md" in found.remedy


def test_many_faults_have_an_end() -> None:
    read, _ = parse_package([*manifest("x"), *(PackageFile(f"f/{n}", b"") for n in range(1_900))])
    assert read is not None
    assert len(code_in(read)) == 50


async def test_the_doors_ask_the_same(running: Running) -> None:
    """Both zip doors, for a customer; who may execute a file counts, whoever it is."""
    for mode, path, data in (
        (0o100654, "references/a.md", b"x"),
        (0o100645, "references/a.md", b"x"),
        (0o100644, "assets/a.png", png() + zipped()),
        (0o100644, ".claude/settings.json", b"{}"),
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for file in manifest("at-doors"):
                archive.writestr(f"at-doors/{file.path}", file.data)
            entry = zipfile.ZipInfo(f"at-doors/{path}")
            entry.external_attr = mode << 16
            archive.writestr(entry, data)
        async with running.http() as http:
            one = await http.post(
                "/v1/skills?workspace=acme", files={"package": ("x.zip", buffer.getvalue())}
            )
            many = await http.post(
                "/v1/skills/batch?workspace=acme",
                content=buffer.getvalue(),
                headers={"Content-Type": "application/zip"},
            )
        assert (one.status_code, [v["pointer"] for v in one.json()["violations"]]) == (
            422,
            [f"/{path}"],
        )
        [bad] = many.json()["rejected"]
        assert [(d["code"], d["file"]) for d in bad["diagnostics"]] == [("ineligible", path)]


HELD: dict[str, tuple[list[PackageFile], str | None]] = {
    "pipeline": (manifest("x"), None),
    "references": ([*manifest("x"), PackageFile("references/a.md", b"# A")], None),
    "data": ([*manifest("x"), PackageFile("assets/a.csv", b"a,b")], None),
    "a word in its name": ([*manifest("x"), PackageFile("references/scripts.md", b"x")], None),
    "python": (package("x"), "contract.yaml"),
    "container": (
        [
            replace(f, data=f.data.replace(b"kind: python", b"kind: container"))
            for f in package("x")
        ],
        "contract.yaml",
    ),
    "scripts": ([*manifest("x"), PackageFile("scripts/readme.md", b"x")], "scripts/readme.md"),
    "deep in scripts": ([*manifest("x"), PackageFile("scripts/a/b.txt", b"x")], "scripts/a/b.txt"),
    "SCRIPTS": ([*manifest("x"), PackageFile("SCRIPTS/run", b"x")], "SCRIPTS/run"),
    "elsewhere": ([*manifest("x"), PackageFile("assets/a.PY", b"x")], "assets/a.PY"),
    "executable": ([*manifest("x"), PackageFile("a.txt", b"x", True)], "a.txt"),
    "by its first line": ([*manifest("x"), PackageFile("tool", b"#!/bin/sh\n")], "tool"),
    "ELF": ([*manifest("x"), PackageFile("a.txt", b"\x7fELF\x02")], "a.txt"),
    "wasm": ([*manifest("x"), PackageFile("a.txt", b"\x00asm\x01")], "a.txt"),
    "shared library": ([*manifest("x"), PackageFile("lib/a.so", b"")], "lib/a.so"),
}


@pytest.mark.parametrize("name", HELD)
async def test_a_workspaces_skill_holds_no_code(running: Running, name: str) -> None:
    files, place = HELD[name]
    read, said = parse_package(files)
    assert read is not None, said
    found = code_in(read)
    assert (found[0].file if found else None) == place
    assert all(item.code == "ineligible" and item.remedy for item in found)
    home = await owner_of(running, "acme")
    offer = running.platform.services.catalog.offer(read, said, by="t", home=home)
    if place is None:
        assert offer.code == ()
        return
    # The one way into the catalog refuses it, whoever brings it there.
    [fault] = await running.platform.services.catalog.admit([offer])
    assert fault is not None
    assert fault.code == "contract_invalid"
    assert "ineligible" in [item.code for item in fault.violations]
    assert await told(running.platform.services.catalog.owned(home, "x")) == "not_found"


# Composed of ---------------------------------------------------------------------------------------------


async def test_what_is_the_platforms_is_not_composed_of_them(running: Running) -> None:
    services = running.platform.services
    mine = await owned(running, "acme", manifest("private-part"))
    for ref in ("private-part", "acme:private-part", str(mine.skill_id)):
        error = await refusal(services.roles.create(running.operator, "Role", "x", [ref]))
        assert error.code == "skill_chain_uncertified"
        assert [item.code for item in error.violations] == ["skill_not_allowed"]
        kind = AgentType("own.kind", 1, "x", "x", (ref,), "published")
        error = await refusal(services.hiring.publish(running.operator, kind))
        assert [item.code for item in error.violations] == ["skill_not_allowed"]


async def test_a_type_is_hired_with_the_platforms_skill(running: Running) -> None:
    # A workspace whose own is over, under a key that the platform took later.
    services = running.platform.services
    await owned(running, "acme", manifest("for-hire"))
    await services.catalog.revoke(running.operator, "acme:for-hire", None, "over")
    await certified(running, package("for-hire"))
    kind = AgentType("hires", 1, "Hires", "x", ("for-hire",), "published")
    await services.hiring.publish(running.operator, kind)
    admin = await principal(running, "customer_admin", "acme")
    agent = await services.hiring.hire(admin, "hires.v1", None, "One")
    platforms = await services.catalog.owned(PLATFORM_OWNER, "for-hire")
    assert [item.skill_id for item in agent.skills] == [platforms.skill_id]
    caller = await principal(running, "agent", "acme", agent.hired_agent_id)
    done = await do(running, "for-hire", {"code": "result = 3"}, principal=caller)
    assert (done.code, done.result) == ("tool_ok", 3)
    impact = await services.retirement.impact(running.operator, "acme:for-hire", None)
    assert impact.uses == (), "who needs the platform's does not need the workspace's"


async def test_bindings_hold_ones_own(running: Running) -> None:
    services = running.platform.services
    mine = await owned(running, "acme", manifest("slotted", "mine"))
    theirs = await owned(running, "umbra", manifest("slotted", "theirs"))
    for slug, skill in (("acme", mine), ("umbra", theirs)):
        bound = await services.bindings.bind(
            running.operator, slug, "page.main", "slotted", version="1.0.0"
        )
        assert bound.target.skill_id == skill.skill_id
    for slug, skill in (("acme", theirs), ("umbra", mine)):
        for caller in (running.operator, await principal(running, "customer_admin", slug)):
            for ref in (str(skill.skill_id), f"{skill.workspace}:slotted"):
                error = await refusal(
                    services.bindings.bind(caller, slug, "page.other", ref, version="1.0.0")
                )
                assert [item.code for item in error.violations] == ["not_found"]
    used = await services.retirement.impact(running.operator, "acme:slotted", None)
    assert [(use.kind, use.name, use.workspace_id) for use in used.uses] == [
        ("binding", "page.main", mine.workspace_id)
    ]
    admin = await principal(running, "customer_admin", "acme")
    assert len((await services.retirement.impact(admin, "slotted", None)).uses) == 1


# Life ----------------------------------------------------------------------------------------------------


async def version_run(running: Running, slug: str) -> str | None:
    done = await do(running, "lives", {}, workspace=slug)
    assert (done.code, done.result) == ("tool_ok", "one" if slug == "acme" else "other")
    return done.skill_version


async def test_its_whole_life(running: Running) -> None:
    services = running.platform.services
    first = await owned(running, "acme", manifest("lives", "one"))
    theirs = await owned(running, "umbra", manifest("lives", "other"))
    second = await owned(running, "acme", manifest("lives", "one", version="1.1.0"))
    assert second.skill_id == first.skill_id
    moved = await services.channels.promote(running.operator, "acme:lives", "1.0.0", "production")
    assert moved.move.workspace_id == first.workspace_id
    assert await version_run(running, "acme") == "1.0.0"
    assert (await do(running, "lives", {}, workspace="umbra")).result == "other"
    await services.channels.promote(running.operator, "acme:lives", "1.1.0", "production")
    assert await version_run(running, "acme") == "1.1.0"
    await services.channels.roll_back(running.operator, "acme:lives", "production")
    assert await version_run(running, "acme") == "1.0.0"
    _, before, after, changed = await services.differences.of(running.operator, "acme:lives")
    assert (before.version, after.version, changed.compatible) == ("1.0.0", "1.1.0", True)
    await services.retirement.deprecate(running.operator, "acme:lives", "1.1.0", "old")
    assert (await do(running, "lives", {}, workspace="acme", version="1.1.0")).code == "tool_ok"
    # A revocation stops the next call, and nobody else's.
    await services.retirement.revoke(running.operator, "acme:lives", "1.0.0", "wrong")
    assert await told(do(running, "lives", {}, workspace="acme")) == "skill_revoked"
    assert (await do(running, "lives", {}, workspace="umbra")).result == "other"
    assert (
        await services.catalog.get(running.operator, str(theirs.skill_id))
    ).status == "certified"
    unused = await owned(running, "acme", manifest("lives", "one", version="1.2.0"))
    assert unused.version == "1.2.0"
    _, gone = await services.retirement.delete(running.operator, "acme:lives", "1.2.0")
    assert [item.status for item in gone] == ["deleted"]


async def test_a_pipeline_calls_what_its_workspace_has(running: Running) -> None:
    """In its fixtures as in its runs, also where two workspaces have the very same package."""
    step = {
        "id": "inner",
        "operator": "skill",
        "skill": "inner-part",
        "input": {"$from": "input"},
    }
    for slug in ("acme", "umbra"):
        await owned(running, slug, manifest("inner-part", slug))
    for slug in ("acme", "umbra"):
        outer = manifest(
            "outer-part",
            slug,
            steps=[step],
            capabilities={"tools": ["livery:inner-part"]},
        )
        await owned(running, slug, outer)
        done = await do(running, "outer-part", {}, workspace=slug)
        assert (done.code, done.result) == ("tool_ok", slug)
    # One package, whose fixture holds in one of the two only.
    same = manifest(
        "same-part", "acme", steps=[step], capabilities={"tools": ["livery:inner-part"]}
    )
    await owned(running, "acme", same)
    services = running.platform.services
    await services.catalog.register(same, by="t", home=await owner_of(running, "umbra"))
    done = await services.certifier.certify(running.operator, "umbra:same-part")
    verdicts = {check["name"]: check["verdict"] for check in done.checks}
    assert (verdicts["fixtures"], done.certificate) == ("fail", None)


async def test_the_list_shows_ones_own_and_pages_past_one_key(running: Running) -> None:
    catalog = running.platform.services.catalog
    homes = {}
    for slug in ("acme", "umbra"):
        for key in ("page-a", "page-b"):
            skill = await owned(running, slug, manifest(key, slug), certify=False)
            homes[slug] = skill.workspace_id
    admin = await principal(running, "customer_admin", "acme")
    seen = await catalog.search(admin, Listing(limit=500))
    assert {item.workspace for item in seen} == {None, "acme"}
    found, after = [], None
    while page := await catalog.search(
        running.operator, Listing(query="page", after=after, limit=1)
    ):
        [item] = page
        found.append(item.ref)
        after = item.skill_key, item.workspace_id
    assert sorted(found) == ["acme:page-a", "acme:page-b", "umbra:page-a", "umbra:page-b"]
    only = await catalog.search(running.operator, Listing(owned_by=homes["umbra"], limit=500))
    assert {item.workspace for item in only} == {"umbra"}
    # What another workspace owns is not there to ask for either.
    assert await catalog.search(admin, Listing(owned_by=homes["umbra"], limit=500)) == []


async def test_the_record_is_the_workspaces(running: Running) -> None:
    skill = await owned(running, "acme", manifest("recorded"))
    async with owner(running) as rows:
        found = await rows.fetch(
            "select kind, workspace_id from livery.journal where subject_id = 'recorded@1.0.0'"
        )
    assert {row["kind"] for row in found} >= {"skill.registered", "skill.certified"}
    assert {row["workspace_id"] for row in found} == {skill.workspace_id}
