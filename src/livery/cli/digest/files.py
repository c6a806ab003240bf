"""A digest as files: every artifact with its provenance beside it, and the chart as an image."""

import json
from pathlib import Path
from typing import Any

from livery.cli.artifacts import save_artifact
from livery.cli.digest.make import Digest
from livery.private import private_folder

CHART, IMAGE = "chart.vl.json", "chart.png"
SCALE = 2.0


def save_digest(digest: Digest, folder: Path, *, private: bool = False) -> list[Path]:
    """Write the digest's files into `folder` and return those for people, the image last.

    A `private` folder, and all in it, is for this user only.
    """
    if private:
        private_folder(folder.parent)
        private_folder(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for made in digest.made:
        path, _ = save_artifact(folder / made.name, made.name, made.content, made.proof)
        paths.append(path)
        if made.name == CHART and (image := chart_png(made.content)) is not None:
            (folder / IMAGE).write_bytes(image)
    if private:
        for path in folder.iterdir():
            path.chmod(0o600)
    readable = [path for path in paths if path.name in {"digest.md", "digest.json"}]
    image_path = folder / IMAGE
    return [*readable, image_path] if image_path.exists() else readable


def chart_png(specification: bytes) -> bytes | None:
    """A Vega-Lite chart as PNG; None for one that would fetch its data from elsewhere."""
    import vl_convert

    chart = json.loads(specification)
    if _fetches(chart):
        return None
    image: bytes = vl_convert.vegalite_to_png(chart, scale=SCALE, allowed_base_urls=[])
    return image


def _fetches(part: Any) -> bool:
    # The renderer follows `url` members, also to files of this machine.
    if isinstance(part, dict):
        return "url" in part or any(_fetches(member) for member in part.values())
    return isinstance(part, list) and any(_fetches(member) for member in part)
