"""``case lesion``: a lesion typed from a report, for who has no window to mark it in."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from planner.cli.case_library import By, Json, actor, opened
from planner.cli.output import DONE, emit, plain
from planner.errors import UsageError


def register(group: typer.Typer) -> None:
    """Add the verb to the group ``case``."""
    group.command("lesion")(_lesion)


def _lesion(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(help="Id of the case.")],
    name: Annotated[str, typer.Option("--name", help="What the lesion is called, as 'S8'.")],
    organ: Annotated[str, typer.Option("--organ", help="Organ it lies in.")] = "liver",
    segment: Annotated[str | None, typer.Option("--segment", help="Segment of the organ.")] = None,
    longest: Annotated[float | None, typer.Option("--longest", help="Longest axial diameter, mm.")] = None,
    viable: Annotated[float | None, typer.Option("--viable", help="Longest viable diameter, mm.")] = None,
    seen_on: Annotated[str | None, typer.Option("--seen-on", help="Day of the images, YYYY-MM-DD.")] = None,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Add a lesion that is not marked on images; its place and size are typed."""
    from planner.app.item_edits import typed_lesion
    from planner.model.codec import to_json
    from planner.store.actors import SaveReason

    for size in (longest, viable):
        if size is not None and not 0.0 < size < float("inf"):
            raise UsageError("usage", f"{size:g} mm is no size of a lesion; give millimetres above 0.")
    try:
        day = None if seen_on is None else date.fromisoformat(seen_on)
    except ValueError as error:
        raise UsageError("usage", f"{seen_on!r} is no date; write it as YYYY-MM-DD.") from error
    edit = typed_lesion(name, organ=organ, segment=segment, longest_mm=longest, viable_mm=viable, seen_on=day)
    who = actor(by)
    with opened(context) as library:
        before, base = library.open_case(case_id, who)
        case = edit(before)
        revision = library.save(case, base, who, SaveReason.SAVE)
    lesion = case.lesions[-1]
    answer = {"case": case_id, "revision": revision, "lesion": to_json(lesion)}
    emit(answer, as_json, lambda target: target.print(plain(f"{lesion.id}  {lesion.name}  revision {revision}")))
    return DONE
