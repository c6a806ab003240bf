"""One changed byte in any file of a package is refused at the very next call, named, and on the record."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.platform import NewPlatform, Running
from tests.support.skills import certified, evaluate, package

from livery.execution.store import PackageStore, PackageTampered
from livery.manifest.package import PackageFile, package_digest

KEY = "tampered"
FILES = ("SKILL.md", "contract.yaml", "references/note.md", "scripts/helper.py", "scripts/skill.py")


@pytest.fixture(scope="module")
async def running(new_platform: NewPlatform) -> AsyncIterator[Running]:
    async with new_platform() as made:
        yield made


@pytest.fixture
async def folder(running: Running, request: pytest.FixtureRequest) -> AsyncIterator[Path]:
    """The folder of a certified skill that has just run; it is put back as it was."""
    extra = {"scripts/helper.py": b"X = 1\n", "references/note.md": b"note\n"}
    done = await certified(running, package(KEY, extra=extra))
    found = running.settings.home / "skills" / done.digest.removeprefix("sha256:")
    assert (await evaluate(running, KEY, "result = 1"))["ok"]
    kept = running.settings.home / "kept"
    shutil.copytree(found, kept, symlinks=True)
    yield found
    if not found.is_dir() or found.is_symlink():
        found.unlink(missing_ok=True)
    shutil.rmtree(found, ignore_errors=True)
    kept.rename(found)
    # Put back, it runs again: a refusal is no verdict for ever.
    assert (await evaluate(running, KEY, "result = 1"))["ok"]


async def refused(running: Running, names: str) -> dict[str, Any]:
    envelope = await evaluate(running, KEY, "result = 1")
    assert (envelope["code"], envelope["status"]) == ("security_hash_mismatch", "denied"), envelope
    assert names in envelope["error"]["message"]
    async with running.http() as http:
        recorded = (await http.get(f"/v1/runs/{envelope['run_id']}")).json()
        entries = (await http.get("/v1/audit", params={"run_id": envelope["run_id"]})).json()
    assert (recorded["status"], recorded["code"]) == ("denied", "security_hash_mismatch")
    assert recorded["reason"] == envelope["error"]["message"]
    assert [item["kind"] for item in entries["items"]] == ["run.denied"]
    return envelope


def change_byte(path: Path) -> None:
    """In place, of the same length, with the times put back."""
    found = path.stat()
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    path.chmod(found.st_mode & 0o777)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert path.stat().st_mtime_ns == found.st_mtime_ns


@pytest.mark.parametrize("name", FILES)
async def test_one_changed_byte(running: Running, folder: Path, name: str) -> None:
    change_byte(folder / name)
    envelope = await refused(running, f"{name} was changed")
    assert envelope["error"]["category"] == "policy"


def _replaced(folder: Path) -> None:
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    change_byte(other / "SKILL.md")
    shutil.rmtree(folder)
    other.rename(folder)


def _swapped(folder: Path) -> None:
    (folder / "scripts/skill.py").unlink()
    (folder / "scripts/skill.py").hardlink_to(folder / "scripts/helper.py")


def _through_a_hard_link(folder: Path) -> None:
    other = folder.with_name("link")
    other.hardlink_to(folder / "scripts/skill.py")
    try:
        change_byte(other)
    finally:
        other.unlink()


def _linked(folder: Path) -> None:
    target = folder.with_name("moved.py")
    (folder / "scripts/skill.py").rename(target)
    (folder / "scripts/skill.py").symlink_to(target)


def _by_a_link(folder: Path) -> None:
    other = folder.with_name("linked")
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(folder, other)
    change_byte(other / "contract.yaml")
    shutil.rmtree(folder)
    folder.symlink_to(other)


def _atomically(folder: Path) -> None:
    draft = folder / "scripts/draft"
    draft.write_bytes((folder / "scripts/skill.py").read_bytes() + b"#")
    draft.chmod(0o400)
    draft.rename(folder / "scripts/skill.py")


def _nested_archive(folder: Path) -> None:
    (folder / "assets").mkdir()
    with zipfile.ZipFile(folder / "assets/more.zip", "w") as archive:
        archive.writestr("scripts/skill.py", "import os")


def _padded(folder: Path) -> None:
    path = folder / "scripts/helper.py"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" " * (10 * 2**20) + b"import os\n")
    path.chmod(0o400)


def _wider(folder: Path) -> None:
    path = folder / "contract.yaml"
    path.chmod(0o600)
    path.write_text(path.read_text().replace("capabilities: {}", "capabilities: {effects: [send]}"))
    path.chmod(0o400)


def _same_bytes(folder: Path) -> None:
    other = folder.with_name("same.py")
    other.write_bytes((folder / "scripts/helper.py").read_bytes())
    (folder / "scripts/helper.py").unlink()
    (folder / "scripts/helper.py").symlink_to(other)


def _good_copy(folder: Path) -> None:
    other = folder.with_name("good-copy")
    shutil.rmtree(other, ignore_errors=True)
    folder.rename(other)
    folder.symlink_to(other)


TAMPERINGS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a file added": (lambda f: (f / "new.txt").write_text("x"), "new.txt was added"),
    "a hidden file added": (lambda f: (f / ".hidden").write_text("x"), ".hidden was added"),
    "an empty file added": (lambda f: (f / "scripts/e").touch(), "scripts/e was added"),
    "bytecode added": (
        lambda f: (f / "scripts/skill.pyc").write_bytes(b"x"),
        "skill.pyc was added",
    ),
    "cached bytecode added": (
        lambda f: [
            (f / "scripts/__pycache__").mkdir(),
            (f / "scripts/__pycache__/skill.cpython-311.pyc").write_bytes(b"x"),
        ],
        "scripts/__pycache__/skill.cpython-311.pyc was added",
    ),
    "a file removed": (lambda f: (f / "scripts/helper.py").unlink(), "scripts/helper.py is gone"),
    "a file renamed": (
        lambda f: (f / "scripts/helper.py").rename(f / "scripts/helped.py"),
        "scripts/helped.py was added, scripts/helper.py is gone",
    ),
    "a file replaced": (_atomically, "scripts/skill.py was changed"),
    "a file made executable": (lambda f: (f / "SKILL.md").chmod(0o500), "SKILL.md was changed"),
    "a file swapped by a hard link": (_swapped, "scripts/skill.py was changed"),
    "a file changed through a hard link": (_through_a_hard_link, "scripts/skill.py was changed"),
    "a file made a symlink": (_linked, "scripts/skill.py is a symlink"),
    "a symlink added": (lambda f: (f / "x").symlink_to("/etc/hostname"), "x is a symlink"),
    "a symlink to a folder": (lambda f: (f / "x").symlink_to("/etc"), "x is a symlink"),
    "a broken symlink": (lambda f: (f / "x").symlink_to("/nowhere"), "x is a symlink"),
    "a pipe added": (lambda f: os.mkfifo(f / "pipe"), "pipe is no plain file"),
    "a file made a folder": (
        lambda f: [(f / "scripts/helper.py").unlink(), (f / "scripts/helper.py").mkdir()],
        "scripts/helper.py is gone",
    ),
    "a name that no text holds": (
        lambda f: Path(os.fsdecode(os.fsencode(f) + b"/\xff")).write_text("x"),
        "\\udcff has an invisible character",
    ),
    "a huge file added": (
        lambda f: os.truncate(os.open(f / "huge", os.O_CREAT | os.O_RDWR), 10**11),
        "huge is larger than",
    ),
    "a nested archive added": (_nested_archive, "assets/more.zip was added"),
    "a file that a scanner would cut short": (
        lambda f: (f / "references/big.md").write_bytes(b"#" * (10 * 2**20) + b"exec"),
        "references/big.md was added",
    ),
    "a file made too long for a scanner": (_padded, "scripts/helper.py was changed"),
    "a name in another case": (
        lambda f: (f / "scripts/helper.py").rename(f / "scripts/Helper.py"),
        "scripts/Helper.py was added, scripts/helper.py is gone",
    ),
    "a wider contract": (_wider, "contract.yaml was changed"),
    "a file made a symlink to the same bytes": (_same_bytes, "scripts/helper.py is a symlink"),
    "the folder replaced by a link to a good copy": (_good_copy, "its folder is a symlink"),
    "the folder replaced": (_replaced, "SKILL.md was changed"),
    "the folder replaced by a link": (_by_a_link, "its folder is a symlink"),
    "the folder removed": (shutil.rmtree, "SKILL.md is gone"),
    "the folder made a file": (lambda f: [shutil.rmtree(f), f.write_text("x")], "SKILL.md is gone"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering(running: Running, folder: Path, name: str) -> None:
    tamper, says = TAMPERINGS[name]
    tamper(folder)
    await refused(running, says)
    await refused(running, says)  # and it stays refused while nothing more happens


@pytest.mark.parametrize(
    "change",
    [
        lambda f: os.utime(f / "scripts/skill.py", (1, 1)),
        lambda f: (f / "scripts/skill.py").chmod(0o644),
        lambda f: (f / "empty").mkdir(),
        lambda f: shutil.copystat(f, f),
    ],
)
async def test_what_is_no_change_of_files_still_runs(
    running: Running, folder: Path, change: Callable[[Path], Any]
) -> None:
    change(folder)
    assert (await evaluate(running, KEY, "result = 1"))["ok"]


async def test_a_new_process_names_the_file_too(running: Running, folder: Path) -> None:
    change_byte(folder / "scripts/helper.py")
    files = await running.platform.services.catalog.package("sha256:" + folder.name)
    store = PackageStore(folder.parent)
    store.put("sha256:" + folder.name, tuple(files))
    assert "scripts/helper.py was changed" in (store.check("sha256:" + folder.name) or "")
    with pytest.raises(PackageTampered):
        store.files("sha256:" + folder.name)


# The store by itself -------------------------------------------------------------------------------------

CODE = (
    PackageFile("SKILL.md", b"---\nname: x\n---\n"),
    PackageFile("scripts/run.sh", b"true\n", executable=True),
    PackageFile("scripts/skill.py", b"X = 1\n"),
)
DIGEST = package_digest(CODE)


def test_puts_and_gives_back(tmp_path: Path) -> None:
    store = PackageStore(tmp_path / "skills")
    assert not store.has(DIGEST)
    assert store.check(DIGEST) is not None
    store.put(DIGEST, CODE)
    assert store.has(DIGEST)
    assert store.check(DIGEST) is None
    assert store.files(DIGEST) == CODE
    assert (tmp_path / "skills").stat().st_mode & 0o777 == 0o700
    folder = store.folder(DIGEST)
    assert (folder / "scripts/run.sh").stat().st_mode & 0o777 == 0o500
    assert (folder / "scripts/skill.py").stat().st_mode & 0o777 == 0o400
    assert [path.name for path in (tmp_path / "skills").iterdir()] == [folder.name]


def test_refuses_files_of_another_digest(tmp_path: Path) -> None:
    store = PackageStore(tmp_path)
    with pytest.raises(PackageTampered):
        store.put("sha256:" + "0" * 64, CODE)
    assert not store.has("sha256:" + "0" * 64)


def test_a_change_in_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    # Kernels stamp with a coarse clock: written and changed within one tick, size and times are the same.
    for turn in range(50):
        store = PackageStore(tmp_path / str(turn))
        store.put(DIGEST, CODE)
        path = store.folder(DIGEST) / "scripts/skill.py"
        path.chmod(0o600)
        path.write_bytes(b"X = 2\n")
        path.chmod(0o400)
        assert "scripts/skill.py was changed" in (store.check(DIGEST) or ""), turn


def test_a_settled_package_is_not_read_again(tmp_path: Path) -> None:
    store = PackageStore(tmp_path)
    store.put(DIGEST, CODE)
    time.sleep(0.2)
    assert store.check(DIGEST) is None
    kept = store.files(DIGEST)
    assert store.files(DIGEST) is kept


def test_files_are_the_bytes_that_were_hashed(tmp_path: Path) -> None:
    # The file changes between the check and the use: what runs is what was checked, or nothing.
    store = PackageStore(tmp_path)
    store.put(DIGEST, CODE)
    held = store.files(DIGEST)
    change_byte(store.folder(DIGEST) / "scripts/skill.py")
    assert held == CODE
    with pytest.raises(PackageTampered):
        store.files(DIGEST)


PUT = """
import sys
from pathlib import Path
from livery.execution.store import PackageStore
from livery.manifest.package import PackageFile, package_digest
files = tuple(PackageFile(f"f{n}.txt", b"x" * 1000) for n in range(200))
store = PackageStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
store.put(package_digest(files), files)
print(store.check(package_digest(files)), flush=True)
"""


def test_two_processes_put_at_once(tmp_path: Path) -> None:
    for turn in range(3):
        root = tmp_path / str(turn)
        command = [sys.executable, "-c", PUT, str(root)]
        both = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.communicate(timeout=60)[0] for process in both] == ["None\n", "None\n"]
        assert len(list(root.iterdir())) == 1  # no scratch folder is left


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from([file.path for file in CODE]), data=st.binary(max_size=12))
def test_any_other_content_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    store = PackageStore(tmp_path_factory.mktemp("store"))
    store.put(DIGEST, CODE)
    path = store.folder(DIGEST) / name
    same = path.read_bytes() == data
    path.chmod(0o700 if os.access(path, os.X_OK) and path.suffix == ".sh" else 0o600)
    path.write_bytes(data)
    assert (store.check(DIGEST) is None) is same
