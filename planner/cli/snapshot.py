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
from planner.model.items import Point

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
    start: Annotated[str | None, typer.Option("--from", help="For curved: start of a lumen, X,Y,Z in LPS mm.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="For curved: end of the lumen, X,Y,Z in LPS mm.")] = None,
    via: Annotated[list[str] | None, typer.Option("--via", help="For curved: X,Y,Z between, in order.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="For curved: the kind of lumen.")] = "airway",
    by: By = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Draw a picture of images, or of what a stage of a case shows."""
    from planner.app.snapshots import check_layout, snapshot_case, snapshot_images, write_png

    size_px = _size(size)
    check_layout(layout)
    course = _course(start, via or [], end)
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
                course_lps_mm=course,
                lumen=kind,
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


def _course(start: str | None, via: list[str], end: str | None) -> tuple[Point, ...]:
    """The points of a course; empty when none is given."""
    from planner.app.points import point_of

    if start is None and end is None and not via:
        return ()
    if start is None or end is None:
        raise UsageError("usage", "A course needs both --from X,Y,Z and --to X,Y,Z.")
    return (
        point_of(start, "--from"),
        *(point_of(each, "--via") for each in via),
        point_of(end, "--to"),
    )


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    if found is None or max(int(found[1]), int(found[2])) > LARGEST_PX:
        raise UsageError("usage", f"{text!r} is no picture size; write it as 1600x1000, at most {LARGEST_PX} a side.")
    return int(found[1]), int(found[2])
