"""The image: the same bytes for the same files, and an id that the engine agrees with."""

import io
import tarfile
from pathlib import Path

import pytest
from tests.support.docker import ADD, NewSandbox, call, plugin

from livery.execution.container.engine import Engine
from livery.execution.container.image.archive import Layer, archive
from livery.execution.container.image.build import build
from livery.execution.container.image.record import recorded
from livery.execution.container.image.sources import CannotBuild, apt_source
from livery.execution.container.limits import Rules
from livery.manifest.errors import LiveryError


def made(root: Path) -> tuple[str, bytes]:
    layer_file, out = io.BytesIO(), io.BytesIO()
    layer = Layer(layer_file)
    layer.tree(root)
    image = archive(layer_file, layer.close(), "t:1", {"PATH": "/bin"}, out)
    return image, out.getvalue()


def test_the_archive_is_the_same_on_every_day(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "su").write_bytes(b"x")
    (tmp_path / "bin" / "su").chmod(0o6755)
    (tmp_path / "bin" / "sh").symlink_to("su")
    first = made(tmp_path)
    (tmp_path / "bin" / "su").touch()
    assert made(tmp_path) == first
    with tarfile.open(fileobj=io.BytesIO(first[1])) as outer:
        name = next(item for item in outer.getnames() if item.endswith("layer.tar"))
        layer = outer.extractfile(name)
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            modes = {item.name: oct(item.mode) for item in inner}
            assert {(item.uid, item.gid) for item in inner} == {(0, 0)}
    assert modes["bin/su"] == "0o755"  # no set-id bit
    assert modes["tmp"] == "0o1777"
    assert {"proc", "input", "output", "etc/passwd"} <= set(modes)


async def test_the_interpreter_of_this_machine_as_an_image(
    engine: Engine, tmp_path: Path, new_sandbox: NewSandbox
) -> None:
    first = build(engine, tmp_path, "host")
    assert build(engine, tmp_path, "host") == first == recorded(tmp_path)
    assert (tmp_path / "sandbox.json").stat().st_mode & 0o777 == 0o600
    async with new_sandbox(home=tmp_path, rules=Rules(image=first.image, ready=0)) as runtime:
        assert (await call(runtime, plugin(ADD), {"a": 1, "b": 1})).result["data"] == 2


async def test_an_image_that_is_there_may_be_taken(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    assert build(engine, tmp_path, image).image == image
    with pytest.raises(LiveryError, match="has no image"):
        build(engine, tmp_path, "livery-test-none:1")


def test_a_record_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
    (tmp_path / "sandbox.json").write_text("[]")
    with pytest.raises(LiveryError, match="cannot be read"):
        recorded(tmp_path)


LINES = """# deb http://comment.example/debian bookworm main
deb [signed-by=/x] http://security.example/debian-security bookworm-security main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/x] http://mirror.example/debian bookworm main contrib
"""
BLOCKS = """Types: deb
URIs: http://other.example/x
Suites: nodistro
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
"""


@pytest.mark.parametrize(
    ("name", "text"), [("sources.list", LINES), ("sources.list.d/debian.sources", BLOCKS)]
)
def test_the_mirror_is_that_of_this_machine(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / "apt" / name).write_text(text)
    assert apt_source(tmp_path) == ("bookworm", "http://mirror.example/debian")


def test_without_a_mirror_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild) as refused:
        apt_source(tmp_path)
    assert "--from host" in refused.value.remedy
