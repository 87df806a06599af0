"""Presentation states of runs as use cases: what one puts into a session, and saving one without touching a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from planner.app.angio import StateWords, write_presentation_state
from planner.app.run_items import RunBody, add_run_measurement, put_run_view, run_body, run_items
from planner.dicom import tags
from planner.dicom.presentation_states import PresentationState, is_presentation_state
from planner.dicom.scanner import scan_file
from planner.dicom.series import SeriesEntry
from planner.errors import OperatorError, UsageError
from planner.imaging.angio import AngioRun
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.run_items import RUN_MEASUREMENT, RunMeasurementBody, RunViewBody
from planner.model.session import Session
from planner.store.actors import Actor

NAMES = {
    "distance": "Distance",
    "diameter": "Line",
    "stenosis": "Stenosis",
    "region": "Region",
    "arrow": "Arrow",
    "text": "Note",
}


def state_edit(session_id: str, run: AngioRun, frame_uid: str, state: PresentationState, *, by: Actor) -> Edit:
    """Put the view and the annotations of a presentation state into a session; annotations already there stay once."""
    view = put_run_view(session_id, run, frame_uid, state.view, by=by)
    named = [(body, f"{NAMES.get(body.kind, 'Mark')} {number}") for number, body in enumerate(state.annotations, 1)]
    adding = [(body, add_run_measurement(session_id, run, frame_uid, body, name=name, by=by)) for body, name in named]

    def edit(case: Case) -> Case:
        case = view(case)
        session = case.session(session_id)
        there = annotations_of(session, run.key) if session is not None else ()
        for body, add in adding:
            if not any(_same(body, each) for each in there):
                case = add(case)
        return case

    return edit


def _same(one: RunMeasurementBody, other: RunMeasurementBody) -> bool:
    """Drawn at the same place of the same frame: coordinates in a file have single precision."""
    if (one.frame, one.kind, len(one.points_xy)) != (other.frame, other.kind, len(other.points_xy)):
        return False
    pairs = zip(one.points_xy, other.points_xy, strict=True)
    return all(abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01 for a, b in pairs)


def annotations_of(session: Session, run_key: str) -> tuple[RunMeasurementBody, ...]:
    """What is measured and written on a run; a damaged body is left out."""
    found: list[RunMeasurementBody] = []
    for item in run_items(session, run_key, RUN_MEASUREMENT):
        try:
            body: RunBody = run_body(item)
        except OperatorError:
            continue
        if isinstance(body, RunMeasurementBody):
            found.append(body)
    return tuple(found)


def save_presentation_state(
    entry: SeriesEntry,
    run: AngioRun,
    view: RunViewBody,
    annotations: Sequence[RunMeasurementBody],
    out: Path,
    *,
    words: StateWords | None = None,
) -> Path:
    """Write how a run is shown. Only another presentation state is ever replaced.

    Raises
    ------
    UsageError
        ``would-overwrite`` when something else lies there; ``cannot-write``.
    InputRefused
        As `planner.app.angio.write_presentation_state`.
    """
    if out.exists() and not _is_state(out):
        said = f"{out.name} is there already and is no presentation state; nothing was written. Choose another name."
        raise UsageError("would-overwrite", said, subject=str(out))
    return write_presentation_state(entry, run, view, annotations, out, words=words)


def _is_state(file: Path) -> bool:
    try:
        return is_presentation_state(scan_file(file).elements.text(tags.SOP_CLASS))
    except OperatorError:
        return False
