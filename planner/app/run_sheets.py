"""Pictures of record of a run: mask, a frame, its subtraction and its maps on one sheet, with how they came about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner import DISCLAIMER
from planner.app.angio import Processed, RunSettings, choose_run, process
from planner.app.angio_files import made_of
from planner.app.case_images import load_run_of_case
from planner.app.rendering import SheetPanel, SheetRequest
from planner.app.report_words import person_name
from planner.app.run_items import view_of
from planner.app.run_pictures import colour_picture, grey_picture, time_span
from planner.dicom.angio_reading import KIND, load_run
from planner.errors import OperatorError
from planner.geometry.c_arm import angle_words
from planner.imaging.angio import AngioRun
from planner.imaging.run_calibration import Refusal, isocentre_calibration
from planner.imaging.subtraction import default_window
from planner.jobs import Context
from planner.model.case import Case
from planner.model.run_items import RunViewBody
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


def sheet_of_case(
    library: Library, case: Case, session: Session, size_px: tuple[int, int], context: Context | None = None
) -> SheetRequest:
    """A sheet of a case's run: one that the session shows, else the first, with the session's mask and shift.

    Raises
    ------
    OperatorError
        ``no-run`` when the case has none; and as `planner.app.case_images.find_series`.
    """
    runs = [each for each in case.studies if each.kind == KIND]
    if not runs:
        raise OperatorError("no-run", "The case has no angiographic run; attach one first.", subject=case.id)
    shown_first = [each for each in runs if view_of(session, f"{each.series_uid}#{each.part}") is not None]
    reference = (shown_first or runs)[0]
    job = context or Context()
    run = load_run_of_case(library, case, reference, job.part(0.0, 0.3))
    view = view_of(session, run.key)
    sheet = sheet_of(process(run, settings_of(view), job.part(0.3, 0.9)), size_px)
    return replace(sheet, caption=(_SIMULATED, *sheet.caption)) if case.simulated else sheet


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
            f"time to peak: red {shown(span[0], 's')} to violet {shown(span[1], 's')}; a weak measure of the endpoint"
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
