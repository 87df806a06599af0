"""Angiographic runs: open, subtract, measure the whole, and write what the command line's ``dsa`` promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.app.images import scan
from planner.dicom.angio_reading import KIND, header_of, load_run, run_facts
from planner.dicom.memory import require_memory
from planner.dicom.presentation_states import PresentationState, read_presentation_state
from planner.dicom.presentation_writing import StateWords, write_presentation_state
from planner.dicom.series import SeriesEntry
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging.angio import AngioRun, RunFacts
from planner.imaging.motion import Displacement, residual, rigid_shifts
from planner.imaging.opacification import PhaseSplit, TimeToPeak, opacified, phases, time_to_peak
from planner.imaging.subtraction import (
    MaskChoice,
    Method,
    background_levels,
    choose_mask,
    default_window,
    frame_words,
    mask_image,
    open_field,
    operator_mask,
    subtract,
)
from planner.jobs import Context

__all__ = [
    "PresentationState",
    "Processed",
    "RunFacts",
    "RunSettings",
    "StateWords",
    "choose_run",
    "header_of",
    "load_run",
    "open_run",
    "process",
    "read_presentation_state",
    "run_facts",
    "settings_from_words",
    "write_presentation_state",
]

NONE, MANUAL, RIGID, FLEXIBLE = "none", "manual", "rigid", "flexible"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run is subtracted; the same words as `planner.model.run_items.RunViewBody`.

    Attributes
    ----------
    mask_frames
        From 1; empty: chosen by the rule.
    shift
        `NONE`, `MANUAL`, `RIGID` (automatic, per frame) or `FLEXIBLE`.
    manual_shift_xy_px
        Frame number -> displacement of its background from the mask's; key ``"0"`` holds for all other frames.
    maps
        Composite, time to peak and phases as well.
    """

    mask_frames: tuple[int, ...] = ()
    shift: str = RIGID
    manual_shift_xy_px: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    method: Method = "log"
    maps: bool = True


@dataclass(frozen=True, eq=False, slots=True)
class Processed:
    """A subtracted run.

    Attributes
    ----------
    field
        (y, x) open part of the image.
    shifts_xy_px
        (frame, 2) displacement of each frame's background from the mask's.
    fields
        Per frame, where the shift differs from place to place; None otherwise.
    contrast
        (frame, y, x) float32, positive where contrast medium absorbs, background near 0; see
        `planner.imaging.subtraction`.
    window
        (centre, width) of `contrast`.
    residual_before, residual_after
        Background that subtraction leaves without and with the shift, in units of contrast; None where no single
        mask holds for the run.
    peak, arrival
        Composite of peak opacification; time to peak, None without frame times.
    findings
        What a person should know of mask, shift and run.
    """

    run: AngioRun
    settings: RunSettings
    field: NDArray[np.bool_]
    mask: MaskChoice
    shifts_xy_px: NDArray[np.float64]
    fields: tuple[Displacement | None, ...] | None
    contrast: NDArray[np.float32]
    window: tuple[float, float]
    residual_before: float | None
    residual_after: float | None
    peak: NDArray[np.float32] | None
    arrival: TimeToPeak | None
    phases: PhaseSplit | None
    findings: tuple[Finding, ...]


def choose_run(
    source: Path, *, series: str | None = None, part: int | None = None, context: Context | None = None
) -> tuple[SeriesEntry, tuple[Finding, ...]]:
    """The run that a request means: the named one, or the one with the most frames, and what to say about that.

    Raises
    ------
    UsageError
        When the path or the named series does not exist.
    InputRefused
        ``not-a-run`` when the source holds images and no run, or why nothing in it could be read.
    """
    found = scan([source], context)
    named = [each for each in found.series if series in (None, each.uid) and part in (None, each.part)]
    runs = [each for each in named if each.kind == KIND]
    if not runs:
        if found.series and not named:
            raise UsageError("no-such-series", f"{source} holds no such series or part.", subject=series)
        if found.skipped and not found.series:
            raise InputRefused(found.skipped[0].code, found.skipped[0].text, subject=str(source))
        text = f"{source.name} holds no angiographic run (XA or RF); name a folder or file that does."
        raise InputRefused("not-a-run", text, subject=str(source))
    chosen = max(runs, key=lambda each: (each.loadable, each.frames or 0, -each.part))
    if len(runs) == 1:
        return chosen, ()
    text = (
        f"{len(runs)} runs were found; part {chosen.part} of series {chosen.uid} ({chosen.label or 'no angles'}) has "
        "the most frames and was taken; name another one to change that."
    )
    return chosen, (Finding("series-chosen", Severity.INFO, text, subject=chosen.uid),)


def open_run(
    source: Path, *, series: str | None = None, part: int | None = None, context: Context | None = None
) -> AngioRun:
    """Scan and load; without `series` the run with the most frames. Raises as `choose_run` and `load_run`."""
    job = context or Context()
    entry, _ = choose_run(source, series=series, part=part, context=job.part(0.0, 0.2))
    return load_run(entry, job.part(0.2, 1.0))


def process(run: AngioRun, settings: RunSettings, context: Context | None = None) -> Processed:
    """Mask, shift, contrast and maps of a run.

    Raises
    ------
    UsageError
        ``no-such-frame`` for mask frames or shifts of frames the run does not have.
    InputRefused
        ``too-large``.
    Cancelled
        When the operator cancelled.
    """
    job = context or Context()
    require_memory(4 * run.frames.size, f"The subtracted run of {run.count} frames", run.source.series_uid)
    job.step(0.0, "Looking for the mask")
    inside = open_field(run)
    mask = _mask(run, settings, inside)
    shifts, fields = _shifts(run, settings, mask, inside, job.part(0.1, 0.5))
    before, after = _residuals(run, settings, mask, inside, shifts, fields, job.part(0.5, 0.7))
    contrast = subtract(
        run, mask, method=settings.method, shifts_xy_px=shifts, fields=fields, context=job.part(0.7, 0.9)
    )
    contrast -= background_levels(contrast, inside).astype(np.float32)[:, None, None]
    wanted = settings.maps
    job.step(0.9, "Composite and time to peak")
    return Processed(
        run=run,
        settings=settings,
        field=inside,
        mask=mask,
        shifts_xy_px=shifts,
        fields=fields,
        contrast=contrast,
        window=default_window(contrast, inside),
        residual_before=before,
        residual_after=after,
        peak=opacified(contrast) if wanted else None,
        arrival=time_to_peak(contrast, run.time_s) if wanted and run.time_s is not None and run.count > 2 else None,
        phases=phases(contrast, run.time_s, inside) if wanted and run.count > 1 else None,
        findings=tuple(_remarks(run, mask, before, after)),
    )


def _mask(run: AngioRun, settings: RunSettings, inside: NDArray[np.bool_]) -> MaskChoice:
    if run.count == 1:
        return MaskChoice((1,), None, "the run has a single frame: there is nothing to subtract", "first")
    wrong = [each for each in settings.mask_frames if not 1 <= each <= run.count]
    if wrong:
        said = f"The run has frames 1 to {run.count}; the mask cannot be {frame_words(wrong)}."
        raise UsageError("no-such-frame", said, subject=run.source.series_uid)
    found = choose_mask(run, inside)
    return operator_mask(settings.mask_frames, run.count, found.contrast_frames) if settings.mask_frames else found


def _single_mask(run: AngioRun, mask: MaskChoice) -> NDArray[np.float32] | None:
    """The one mask of all subtracted frames; None for time interval differencing and masks that change."""
    kinds = {frames for frames in mask.per_frame(run.count) if frames}
    return mask_image(run, next(iter(kinds))) if len(kinds) == 1 else None


def _shifts(
    run: AngioRun, settings: RunSettings, mask: MaskChoice, inside: NDArray[np.bool_], job: Context
) -> tuple[NDArray[np.float64], tuple[Displacement | None, ...] | None]:
    if settings.shift == MANUAL:
        return _manual(run, settings), None
    image = _single_mask(run, mask)
    if settings.shift == NONE or run.count == 1:
        return np.zeros((run.count, 2)), None
    if image is None:
        return mask.shifts(run.count), None
    if settings.shift == FLEXIBLE:
        from planner.imaging.flexible_motion import flexible_shifts

        fields = flexible_shifts(run, image, inside, context=job)
        means = [(0.0, 0.0) if each is None else each.dense(16).mean(axis=(0, 1)) for each in fields]
        return np.asarray(means, dtype=np.float64), fields
    return rigid_shifts(run, image, inside, context=job), None


def _manual(run: AngioRun, settings: RunSettings) -> NDArray[np.float64]:
    given = settings.manual_shift_xy_px
    wrong = [each for each in given if not each.isdecimal() or int(each) > run.count]
    if wrong:
        said = f"The run has frames 1 to {run.count}; there is no frame {wrong[0]} to shift."
        raise UsageError("no-such-frame", said, subject=run.source.series_uid)
    everywhere = given.get("0", (0.0, 0.0))
    return np.array([given.get(str(number), everywhere) for number in range(1, run.count + 1)], dtype=np.float64)


def _residuals(
    run: AngioRun,
    settings: RunSettings,
    mask: MaskChoice,
    inside: NDArray[np.bool_],
    shifts: NDArray[np.float64],
    fields: tuple[Displacement | None, ...] | None,
    job: Context,
) -> tuple[float | None, float | None]:
    image = _single_mask(run, mask) if run.count > 1 else None
    if image is None:
        return None, None
    before = residual(run, image, inside, settings.method, context=job.part(0.0, 0.5))
    if not shifts.any() and fields is None:
        return before, before
    return before, residual(run, image, inside, settings.method, shifts, fields, context=job.part(0.5, 1.0))


def _remarks(run: AngioRun, mask: MaskChoice, before: float | None, after: float | None) -> list[Finding]:
    uid = run.source.series_uid
    found = [Finding("mask-chosen", Severity.INFO, f"Mask: {mask.reason}.", subject=uid)]
    if run.count == 1:
        text = "The run has a single frame, so nothing was subtracted."
        return [Finding("single-frame", Severity.WARN, text, subject=uid)]
    if mask.looks_subtracted:
        text = "The run looks as if it had been subtracted before; what is shown is only what changes."
        found.append(Finding("already-subtracted", Severity.WARN, text, subject=uid))
    if mask.contrast_frames is None:
        text = "No arrival of contrast was found in the run; check the mask by eye."
        found.append(Finding("no-contrast", Severity.WARN, text, subject=uid))
    if before is not None and after is not None and after > before:
        text = (
            "The shift leaves more background than none; look at the edges of bone and bowel, or subtract without it."
        )
        found.append(Finding("shift-not-better", Severity.WARN, text, subject=uid, measured=after, limit=before))
    return found


def settings_from_words(mask: str, shift: str, method: str) -> RunSettings:
    """``auto``, ``N`` or ``N-M``; ``auto``, ``none`` or ``DX,DY``; ``log`` or ``linear``.

    Raises
    ------
    UsageError
        ``usage`` for other words.
    """
    if method not in ("log", "linear"):
        raise UsageError("usage", f"{method!r} is no method; use log or linear.")
    chosen: Method = "log" if method == "log" else "linear"
    frames = () if mask == "auto" else _frames_of(mask)
    if shift in ("auto", NONE):
        return RunSettings(frames, RIGID if shift == "auto" else NONE, method=chosen)
    moved = _pair(shift)
    return RunSettings(frames, MANUAL, {"0": moved}, chosen)


def _frames_of(text: str) -> tuple[int, ...]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()) or len(text) > 12:
        raise UsageError("usage", f"{text!r} names no mask; use auto, a frame N, or frames N-M, counted from 1.")
    low, high = int(first), int(last) if dash else int(first)
    if not 1 <= low <= high or high > 10_000:
        raise UsageError("usage", f"{text!r} names no mask; frames count from 1 and rise.")
    return tuple(range(low, high + 1))


def _pair(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        moved = float(parts[0]), float(parts[1])
    except (ValueError, IndexError):
        moved = (np.nan, np.nan)
    if len(parts) != 2 or not np.all(np.isfinite(moved)):
        raise UsageError("usage", f"{text!r} is no shift; use auto, none, or DX,DY in pixels.")
    return moved
