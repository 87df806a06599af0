"""``snapshot``: one picture of images or of a case, drawn without a window."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.case_library import By, actor, opened
from planner.cli.context import command_context
from planner.cli.output import DONE, emit, plain, progress
from planner.errors import UsageError

_SIZE = re.compile(r"(\d{2,5})[xX×](\d{2,5})")
LARGEST_PX = 8000


def register(app: typer.Typer) -> None:
    """Add the verb ``snapshot``."""
    app.command("snapshot")(_command)


def _command(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Folder or file of images, or the id of a case (or CASE/SESSION).")],
    layout: Annotated[str, typer.Option("--layout", help="mpr, 3d, dsa, curved, or stage:ID for a case.")],
    out: Annotated[Path, typer.Option("--out", help="PNG file to write.")],
    size: Annotated[str, typer.Option("--size", help="Width x height in pixels.")] = "1600x1000",
    series: Annotated[str | None, typer.Option("--series", help="Series of the images.")] = None,
    part: Annotated[int | None, typer.Option("--part", help="Part of the series.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Code of a finding whose repair you take.")
    ] = None,
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Draw a picture of images, or of what a stage of a case shows."""
    from planner.app.snapshots import check_layout, snapshot_case, snapshot_images, write_png

    size_px = _size(size)
    check_layout(layout)
    renderer = None
    try:
        if Path(source).exists():
            renderer = command_context(context).make_renderer()
            png = snapshot_images(
                Path(source),
                layout,
                size_px,
                renderer,
                series=series,
                part=part,
                accept=accept or (),
                context=progress(),
            )
        else:
            with opened(context) as library:
                renderer = command_context(context).make_renderer()
                png = snapshot_case(library, source, layout, size_px, renderer, by=actor(by), context=progress())
    finally:
        if renderer is not None:
            renderer.close()
    write_png(out, png)
    emit({"out": str(out), "size": list(size_px)}, as_json, lambda target: target.print(plain(str(out))))
    return DONE


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    if found is None or max(int(found[1]), int(found[2])) > LARGEST_PX:
        raise UsageError("usage", f"{text!r} is no picture size; write it as 1600x1000, at most {LARGEST_PX} a side.")
    return int(found[1]), int(found[2])
