"""`livery bench`: the benchmarks of a checkout; the wheel does not carry them."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from livery.cli.desk import JsonFlag, desk_of
from livery.manifest.errors import LiveryError


def bench(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="governed-call, http, decide, ingest, digest, load, certify or sandbox."
        ),
    ],
    scale: Annotated[float, typer.Option(help="1 for a figure to quote, 0.01 for a trial.")] = 1.0,
    as_json: JsonFlag = False,
) -> None:
    """Measure, side by side in one run, with the machine named.

    Example: livery bench governed-call --json
    """
    harness = _harness()
    try:
        module = harness.find(name)
    except KeyError as unknown:
        raise LiveryError("validation_error", str(unknown.args[0])) from None
    found: dict[str, Any] = module.run(harness.Options(scale=scale))
    screen = desk_of(ctx).screen
    if as_json:
        screen.document(found)
    else:
        screen.raw(
            (harness.table(module.TITLE, module.rows(found), found["machine"]) + "\n").encode()
        )


def _harness() -> Any:
    root = Path(__file__).resolve().parents[3]
    if not (root / "benchmarks" / "harness.py").is_file():
        raise LiveryError(
            "configuration_error",
            "The benchmarks are part of a checkout, not of an installed package.",
            remedy="Clone the project and run `make bench` there.",
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return import_module("benchmarks.harness")
