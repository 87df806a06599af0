"""``demo``: the digital patient through its whole course, headless; pictures and papers to look at."""

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


def register(app: typer.Typer) -> None:
    """Add the verb ``demo``."""
    app.command("demo")(_command)


def _command(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; a fresh temporary one if not.")] = None,
    preset: Annotated[str, typer.Option("--preset", help="Resolution: tiny, demo or full.")] = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Walk the digital patient through a first TACE and into the second; write pictures and the PDF plans."""
    from planner.app.demo import run_demo
    from planner.store.actors import Actor

    folder = out if out is not None else Path(tempfile.mkdtemp(prefix="seldinger-demo-"))
    renderer = command_context(context).make_renderer()
    try:
        result = run_demo(folder, renderer, Actor.here(), preset=preset, context=_spoken())
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


def _table(target: Console, result: DemoResult) -> None:
    target.print(plain(f"case    {result.case_id}"), soft_wrap=True)
    for path in result.files:
        target.print(plain(f"file    {path}"), soft_wrap=True)
    for lesion in result.lesions:
        overlap = "not compared" if lesion.dice is None else f"Dice {lesion.dice:.2f}"
        clicks = "one click" if lesion.clicks == 1 else f"{lesion.clicks} clicks"
        target.print(plain(f"lesion  {lesion.name}: {clicks}, {overlap} with the truth"), soft_wrap=True)
    target.print("Simulated teaching data, not a patient.")
