"""`livery sandbox build`: makes the default image, gives it to the engine, and writes down its id."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from livery.execution.container.engine import Engine, EngineUnavailable, spoken
from livery.execution.container.image import sources
from livery.execution.container.image.archive import Layer, archive
from livery.execution.container.image.record import Built, record
from livery.manifest.errors import LiveryError

TAG: Final = "livery-sandbox:{kind}"
_PATH: Final = "/opt/python/bin:/usr/local/bin:/usr/bin:/bin"
_MAKERS: Final[Mapping[str, Callable[[Layer, Path], None]]] = {
    "debootstrap": sources.debian,
    "host": sources.host,
}


def build(engine: Engine, home: Path, source: str) -> Built:
    """Make the image from `debootstrap` or `host`, or take one that the engine has; record it in the home.

    `auto` is debootstrap where it can be used, else host. Raises LiveryError.
    """
    if source == "auto":
        usable = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        source = "debootstrap" if usable and os.geteuid() == 0 else "host"
    maker = _MAKERS.get(source)
    built = _taken(engine, source) if maker is None else _made(engine, source, maker)
    record(home, built)
    return built


def _made(engine: Engine, source: str, maker: Callable[[Layer, Path], None]) -> Built:
    tag = TAG.format(kind=source)
    with tempfile.TemporaryDirectory(prefix="livery-image-") as folder:
        scratch = Path(folder)
        with (
            (scratch / "layer.tar").open("w+b") as layer_file,
            (scratch / "image.tar").open("w+b") as out,
        ):
            layer = Layer(layer_file)
            maker(layer, scratch)
            image = archive(layer_file, layer.close(), tag, {"PATH": _PATH}, out)
            out.seek(0)
            with spoken():
                for said in engine.api.load_image(out) or ():
                    if "error" in said:
                        raise EngineUnavailable(
                            message=f"The engine took no image: {said['error']}"[:300]
                        )
    # The engine keeps what it was given, or the id would be another.
    return Built(engine.image(image), tag, source)


def _taken(engine: Engine, name: str) -> Built:
    found = engine.find(name)
    if found is None:
        raise LiveryError(
            "configuration_error",
            f"The engine has no image {name[:120]}.",
            remedy="--from is host, debootstrap, or the name of an image that the engine has.",
        )
    return Built(found, name, "image")
