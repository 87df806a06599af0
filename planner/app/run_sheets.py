"""Pictures of record of a run: mask, a frame, its subtraction and its maps on one sheet, with how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner import DISCLAIMER
from planner.app.angio import Processed, RunSettings, choose_run, process
from planner.app.angio_files import made_of
from planner.app.case_images import load_run_of_case
from planner.app.rendering import SheetMark, SheetPanel, SheetRequest
from planner.app.report_words import person_name, series_key
from planner.app.run_items import run_body, run_items, view_of
from planner.app.run_pictures import colour_picture, grey_picture, time_span
from planner.app.run_words import measurement_words
from planner.catalogues import catalogue
from planner.dicom.angio_reading import KIND, load_run
from planner.errors import OperatorError
from planner.geometry.c_arm import angle_words
from planner.imaging.angio import AngioRun
from planner.imaging.run_calibration import Refusal, isocentre_calibration
from planner.imaging.subtraction import default_window
from planner.jobs import Context
from planner.model.case import Case
from planner.model.codec import canonical
from planner.model.disease import SeriesRef
from planner.model.items import PlanItem
from planner.model.run_items import KEY_FRAME, RUN_MEASUREMENT, KeyFrameBody, RunMeasurementBody, RunViewBody
from planner.model.session import Session
from planner.store.library import Library
from planner.units import shown

_CHOSEN = {
    "module": "named by the file",
    "found": "found before contrast",
    "operator": "chosen by hand",
    "first": "first frame, for want of a better one",
}
_SIMULATED = "SIMULATED - teaching data, not a patient"


def settings_of(view: RunViewBody | None) -> RunSettings:
    """How a session shows a run; without a choice, by the rules."""
    if view is None:
        return RunSettings()
    return RunSettings(
        mask_frames=view.mask_frames,
        shift=view.shift,
        manual_shift_xy_px=view.manual_shift_xy_px,
        method="linear" if view.method == "linear" else "log",
    )


def sheet_of_source(
    source: Path,
    size_px: tuple[int, int],
    *,
    series: str | None = None,
    part: int | None = None,
    context: Context | None = None,
) -> SheetRequest:
    """A sheet of a run on disk. Raises as `planner.app.angio.choose_run`, `load_run` and `process`."""
    job = context or Context()
    entry, _ = choose_run(source, series=series, part=part, context=job.part(0.0, 0.1))
    run = load_run(entry, job.part(0.1, 0.3))
    return sheet_of(process(run, RunSettings(), job.part(0.3, 0.9)), size_px)


def roles_of_layout(layout: str) -> tuple[str, ...]:
    """Roles of the runs that a layout shows, in its order; empty for a layout without runs."""
    panes = next((each["pane"] for each in catalogue("layouts.toml")["layout"] if each["key"] == layout), ())
    return tuple(str(pane["role"]) for pane in panes if pane["kind"] == "dsa")


def sheet_of_case(
    library: Library,
    case: Case,
    session: Session,
    size_px: tuple[int, int],
    context: Context | None = None,
    *,
    roles: Sequence[str] = (),
) -> SheetRequest:
    """A sheet of a case's runs with the session's mask and shift.

    Parameters
    ----------
    roles
        Whose runs are shown side by side; without any, one that the session shows, else the first of the case.

    Raises
    ------
    OperatorError
        ``no-run`` when the case has none; and as `planner.app.case_images.find_series`.
    """
    job = context or Context()
    references = _runs_shown(case, session, roles)
    sheets = []
    for number, reference in enumerate(references):
        part = job.part(number / len(references), (number + 1) / len(references))
        run = load_run_of_case(library, case, reference, part.part(0.0, 0.3))
        done = process(run, settings_of(view_of(session, run.key)), part.part(0.3, 0.9))
        sheets.append(sheet_of(done, size_px))
    if len(sheets) == 1:
        panels, caption = sheets[0].panels, sheets[0].caption
    else:
        # Beside each other only what is compared: the subtracted frame and the composite.
        panels = tuple(
            replace(each, title=f"{_name(of)}: {each.title}")
            for sheet, of in zip(sheets, references, strict=True)
            for each in sheet.panels[1:3]
        )
        caption = tuple(dict.fromkeys(line for sheet in sheets for line in sheet.caption))
    if case.simulated:
        caption = (_SIMULATED, *caption)
    return SheetRequest(panels, size_px, caption)


def _runs_shown(case: Case, session: Session, roles: Sequence[str]) -> list[SeriesRef]:
    runs = {series_key(each): each for each in case.studies if each.kind == KIND}
    if not runs:
        raise OperatorError("no-run", "The case has no angiographic run; attach one first.", subject=case.id)
    named = [runs[key] for role in roles if (key := session.series_roles.get(role)) in runs]
    viewed = [run for key, run in runs.items() if view_of(session, key) is not None]
    return named or [*viewed, *runs.values()][:1]


def _name(reference: SeriesRef) -> str:
    return reference.description or f"run {reference.part}"


def key_frame_sheets(
    library: Library, case: Case, session: Session, size_px: tuple[int, int], context: Context | None = None
) -> Iterator[tuple[PlanItem, SheetRequest]]:
    """Each key frame of a session as it was shown when it was kept, with everything marked on that frame.

    Raises
    ------
    OperatorError
        When the run of a key frame is missing or cannot be read.
    """
    job = context or Context()
    references = {series_key(each): each for each in case.studies if each.kind == KIND}
    processed: dict[tuple[str, str], Processed] = {}
    for item in session.items:
        if item.type != KEY_FRAME:
            continue
        body = run_body(item)
        if not isinstance(body, KeyFrameBody) or body.run not in references:
            said = f"The run of the key frame {item.name} is not in the case any more; attach it again."
            raise OperatorError("no-run", said, subject=item.id)
        known = (body.run, canonical(body.view))
        if known not in processed:
            run = load_run_of_case(library, case, references[body.run], job)
            processed[known] = process(run, settings_of(body.view), job)
        done = processed[known]
        index = min(max(body.frame, 1), done.run.count) - 1
        caption = caption_of(done, index)
        panel = replace(_key_panel(done, body, index), marks=marks_of(session, body))
        yield item, SheetRequest((panel,), size_px, (_SIMULATED, *caption) if case.simulated else caption)


def _key_panel(done: Processed, body: KeyFrameBody, index: int) -> SheetPanel:
    moment = "" if done.run.time_s is None else f", {shown(float(done.run.time_s[index]), 's')}"
    title = f"frame {index + 1} of {done.run.count}{moment}"
    if body.picture == "time-to-peak" and done.arrival is not None:
        span = time_span(done.arrival, done.field)
        colours = "" if span is None else f": yellow {shown(span[0], 's')} to blue {shown(span[1], 's')}"
        title = f"time to peak{colours}; a weak measure of the endpoint"
        return SheetPanel(colour_picture(done.arrival, done.field), title)
    if body.picture == "opacified" and done.peak is not None:
        window = body.view.window or default_window(done.peak, done.field)
        return SheetPanel(grey_picture(_inside(done.peak, done), window), "peak opacification, all frames")
    if not body.view.subtracted:
        return SheetPanel(stored_picture(done.run, index), title)
    window = body.view.window or done.window
    picture = grey_picture(_inside(done.contrast[index], done), window, dark_vessels=not body.view.inverted)
    return SheetPanel(picture, f"{title}, subtracted")


def marks_of(session: Session, frame: KeyFrameBody) -> tuple[SheetMark, ...]:
    """What is measured and written on a frame, with the numbers as their calibration gives them now."""
    found = []
    for item in run_items(session, frame.run, RUN_MEASUREMENT):
        body = run_body(item)
        if isinstance(body, RunMeasurementBody) and body.frame == frame.frame:
            words = " · ".join(each for each in (body.text or item.name, *measurement_words(body, session)) if each)
            found.append(SheetMark(_outline(body), words, body.kind == "arrow"))
    return tuple(found)


def _outline(body: RunMeasurementBody) -> tuple[tuple[float, float], ...]:
    """A region is closed; everything else is an open line."""
    points = tuple(body.points_xy)
    return (*points, points[0]) if body.kind == "region" and points else points


def sheet_of(done: Processed, size_px: tuple[int, int], frame: int | None = None) -> SheetRequest:
    """Mask, frame, subtracted frame, composite and time to peak.

    Parameters
    ----------
    frame
        Index from 0; None is the one with the most contrast.
    """
    run = done.run
    index = fullest_frame(done) if frame is None else frame
    moment = "" if run.time_s is None else f", {shown(float(run.time_s[index]), 's')}"
    named = f"frame {index + 1} of {run.count}{moment}"
    panels = [SheetPanel(stored_picture(run, index), named)]
    if run.count > 1:
        panels.append(
            SheetPanel(grey_picture(_inside(done.contrast[index], done), done.window), f"{named}, subtracted")
        )
    if done.peak is not None and run.count > 1:
        window = default_window(done.peak, done.field)
        panels.append(SheetPanel(grey_picture(_inside(done.peak, done), window), "peak opacification, all frames"))
    span = None if done.arrival is None else time_span(done.arrival, done.field)
    if done.arrival is not None and span is not None:
        words = (
            f"time to peak: yellow {shown(span[0], 's')} to blue {shown(span[1], 's')}; a weak measure of the endpoint"
        )
        panels.append(SheetPanel(colour_picture(done.arrival, done.field), words))
    return SheetRequest(tuple(panels), size_px, caption_of(done, index))


def fullest_frame(done: Processed) -> int:
    """Index of the frame in which the most contrast is seen."""
    with np.errstate(invalid="ignore"):
        inside = np.where(done.field, np.nan_to_num(done.contrast, nan=0.0), 0.0)
    return int(np.argmax([np.percentile(each, 99.0) for each in inside]))


def stored_picture(run: AngioRun, frame: int) -> NDArray[np.uint8]:
    """(y, x) greys of a frame as it is stored, by the file's window, else by its values."""
    values = run.frames[frame].astype(np.float64)
    window = run.window
    if window is None:
        low, high = (float(each) for each in np.percentile(values, (0.5, 99.5)))
        window = ((low + high) / 2.0, max(high - low, 1.0))
    return grey_picture(values, window, dark_vessels=run.photometric_inverted)


def _inside(values: NDArray[np.float32], done: Processed) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.where(done.field, values, np.float32(np.nan))
    return found


def caption_of(done: Processed, frame: int) -> tuple[str, ...]:
    """What is burned in: who, which run, mask and shift, angles, calibration, and that this is no medical device."""
    run, source = done.run, done.run.source
    who = person_name(source.patient_name) if source.patient_name else "no patient name"
    words = [source.modality, source.description, source.study_date, run.facts.acquired_at]
    what = " ".join(each for each in words if each) or "run without description"
    c_arm = run.c_arm(frame)
    primary = run.facts.primary_deg if c_arm is None else c_arm.primary_deg
    secondary = run.facts.secondary_deg if c_arm is None else c_arm.secondary_deg
    number = "" if run.facts.instance_number is None else f"run {run.facts.instance_number} · "
    dx, dy = (float(each) for each in done.shifts_xy_px[frame])
    made = f"{made_of(done)}; this frame by {dx:.1f}, {dy:.1f} px"
    lines = [
        f"{who} · ID {source.patient_id or 'none'} · {what}",
        f"{number}{angle_words(primary, secondary)} · {made} · mask: {_CHOSEN[done.mask.source]}",
        f"{calibration_words(run, frame)} · {DISCLAIMER}",
    ]
    simulated = any("SIMULATED" in each.upper() for each in (source.description or "", source.patient_name or ""))
    return (_SIMULATED, *lines) if simulated else tuple(lines)


def calibration_words(run: AngioRun, frame: int) -> str:
    """Millimetres per pixel and the plane they hold in, or that lengths are in pixels."""
    found = isocentre_calibration(run, frame)
    if isinstance(found, Refusal):
        return "Not calibrated: lengths are in px"
    return f"{found.mm_per_px:.4f} ± {found.mm_per_px_sd:.4f} mm/px in the {found.note}"
