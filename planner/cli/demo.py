"""``demo``: the digital patient through its whole course, headless; pictures and papers to look at.

Single procedures are walked on their own with ``--procedure``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import command_context
from planner.cli.output import DONE, emit, message, plain
from planner.jobs import Context

if TYPE_CHECKING:
    from rich.console import Console

    from planner.app.demo import DemoResult
    from planner.app.demo_course import CourseDemoResult
    from planner.app.demo_marking import MarkedLesion
    from planner.app.demo_needles import NeedleDemoResult


PROCEDURES = {"tace": "tace", "ablation": "ablation", "vertebroplasty": "vertebra", "stent": "stent"}
"""Procedure -> the digital patient's case."""
COURSE = "course"


def register(app: typer.Typer) -> None:
    """Add the verb ``demo``."""
    app.command("demo")(_command)


def _command(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; a fresh temporary one if not.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="Resolution: tiny, demo or full.")] = "demo",
    procedure: Annotated[
        str,
        typer.Option("--procedure", help="What is walked: the whole course, tace, ablation, vertebroplasty or stent."),
    ] = COURSE,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Walk the digital patient through its whole course, or one procedure; write pictures, papers and the case."""
    from planner.errors import UsageError
    from planner.store.actors import Actor

    if procedure not in (COURSE, *PROCEDURES):
        said = f"There is no demonstration of {procedure!r}; choose one of {', '.join((COURSE, *PROCEDURES))}."
        raise UsageError("unknown-procedure", said, subject=procedure)
    folder = out if out is not None else Path(tempfile.mkdtemp(prefix="seldinger-demo-"))
    renderer = command_context(context).make_renderer()
    result: CourseDemoResult | DemoResult | NeedleDemoResult
    try:
        if procedure == COURSE:
            from planner.app.demo_course import run_course_demo

            result = run_course_demo(folder, renderer, Actor.here(), preset=preset, context=_spoken())
        elif procedure == "tace":
            from planner.app.demo import run_demo

            result = run_demo(folder, renderer, Actor.here(), preset=preset, context=_spoken())
        else:
            from planner.app.demo_needles import run_needle_demo

            case = PROCEDURES[procedure]
            result = run_needle_demo(folder, renderer, Actor.here(), case=case, preset=preset, context=_spoken())
    finally:
        renderer.close()
    emit(result.to_json(), as_json, lambda target: _table(target, result))
    return DONE


def _spoken() -> Context:
    """Progress as lines on stderr, in a script too: a minute of silence looks like a fault. Counters speak once."""
    said: set[str] = set()

    def report(fraction: float, text: str) -> None:
        step = text.rstrip("0123456789 of")
        if step and step not in said:
            said.add(step)
            message(f"{fraction:4.0%} {text}")

    return Context(report)


def _table(target: Console, result: CourseDemoResult | DemoResult | NeedleDemoResult) -> None:
    target.print(plain(f"case    {result.case_id}"), soft_wrap=True)
    for path in result.files:
        target.print(plain(f"file    {path}"), soft_wrap=True)
    for lesion in result.lesions:
        target.print(plain(f"lesion  {_lesion_words(lesion)}"), soft_wrap=True)
    signed = sum(each == "signed" for each in result.stages.values())
    target.print(plain(f"stages  {signed} of {len(result.stages)} signed"), soft_wrap=True)
    target.print("Simulated teaching data, not a patient.")


def _lesion_words(lesion: MarkedLesion) -> str:
    if lesion.clicks == 0:
        return f"{lesion.name}: from a label map"
    clicks = "one click" if lesion.clicks == 1 else f"{lesion.clicks} clicks"
    overlap = "not compared" if lesion.dice is None else f"Dice {lesion.dice:.2f}"
    return f"{lesion.name}: {clicks}, {overlap} with the truth"
