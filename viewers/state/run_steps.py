"""The steps of `RunAnalysis`: values in, values out, each in a job. Heavy modules load when a step first runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.jobs import Context
from viewers.state.run_settings import RunSettings
from viewers.state.run_state import RunRegion

if TYPE_CHECKING:
    from planner.imaging.displacement import Displacement
    from planner.imaging.opacification import TimeDensityCurve, TimeToPeak
    from planner.imaging.run_phases import PhaseSplit
    from planner.imaging.subtraction import MaskChoice, Masks

THUMB_PX = 128
"""Longest side of a frame on the strip."""
WINDOW_PERCENTILES = (0.5, 99.5)
"""A window of the unsubtracted frames when the file gives none."""
WINDOW_FRAMES = 12
"""So many frames, spread over the run, tell the window of the subtracted picture."""


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """What can be told before subtraction.

    Attributes
    ----------
    field
        (y, x) what the collimator leaves open.
    thumbs
        (frame, y, x) uint8, as the unsubtracted frames are shown.
    native_window
        (centre, width).
    """

    field: NDArray[np.bool_]
    thumbs: NDArray[np.uint8]
    native_window: tuple[float, float]


@dataclass(frozen=True, eq=False, slots=True)
class MaskFound:
    """The mask, and why it is this one.

    Attributes
    ----------
    choice
        Frames, from 1, with the reason.
    image
        (y, x) mean stored value of its frames, which motion is measured against.
    masks
        Ready for use, frame by frame.
    contrast_window
        (centre, width) of the subtracted picture.
    """

    choice: MaskChoice
    image: NDArray[np.float32]
    masks: Masks
    contrast_window: tuple[float, float]

    @property
    def is_useful(self) -> bool:
        """Subtracted from the start: the file says so, a person chose, or frames before contrast were found.

        A run that looks subtracted already is shown as it is.
        """
        return self.choice.source in ("module", "operator") or (
            self.choice.source == "found" and not self.choice.looks_subtracted
        )

    @property
    def text(self) -> str:
        """``mask 1-4 (found: before contrast)``."""
        words = {"module": "from the file", "found": "found: before contrast", "operator": "chosen by hand"}
        return f"mask {frames_text(self.choice.frames)} ({words.get(self.choice.source, 'first frame')})"


@dataclass(frozen=True, eq=False, slots=True)
class Motion:
    """Shifts of every frame and the residual before and after them.

    Attributes
    ----------
    shifts_xy_px
        (frame, 2), or None without any.
    fields
        One displacement per frame, or None.
    levels
        (frame,) what exposure changed between mask and frame.
    before, after
        Residual of the background; None when it could not be told.
    """

    shifts_xy_px: NDArray[np.float64] | None
    fields: tuple[Displacement | None, ...] | None
    levels: NDArray[np.float64]
    before: float | None
    after: float | None


@dataclass(frozen=True, eq=False, slots=True)
class Maps:
    """Pictures over the whole run.

    Attributes
    ----------
    opacified
        (y, x) peak opacification.
    thumbs
        (frame, y, x) float32 contrast, small.
    course
        Contrast of everything that fills, over the frames.
    unit
        Of all times: ``s``, or ``frames`` when the file tells no timing.
    """

    opacified: NDArray[np.float32]
    time_to_peak: TimeToPeak
    phases: PhaseSplit
    thumbs: NDArray[np.float32]
    course: TimeDensityCurve | None
    unit: str

    @property
    def fullest_frame(self) -> int:
        """Index of the frame with the most contrast; the first frame of a subtracted run is empty."""
        return 0 if self.course is None else int(np.nanargmax(self.course.values))


@dataclass(frozen=True, eq=False, slots=True)
class Curves:
    """Curves of regions by id."""

    by_region: Mapping[str, TimeDensityCurve]
    time: NDArray[np.float64]
    unit: str


def frames_text(frames: Sequence[int]) -> str:
    """``1-4, 7``."""
    parts: list[str] = []
    for frame in sorted(frames):
        first, _, last = parts[-1].partition("-") if parts else ("", "", "")
        if parts and frame == int(last or first) + 1:
            parts[-1] = f"{first}-{frame}"
        else:
            parts.append(str(frame))
    return ", ".join(parts)


def times_of(run: AngioRun) -> tuple[NDArray[np.float64], str]:
    """(frames,) and their unit: seconds, or frame numbers when the file tells no timing."""
    if run.time_s is not None and np.isfinite(run.time_s).all() and (np.diff(run.time_s) > 0).all():
        return run.time_s, "s"
    if run.facts.rate_hz is not None and run.facts.rate_hz > 0:
        return np.arange(run.count) / run.facts.rate_hz, "s"
    return np.arange(run.count, dtype=np.float64), "frames"


def phase_frames(split: PhaseSplit) -> dict[str, tuple[int, int]]:
    """The phases that were found: name -> (first, last), counted from 1."""
    named = {"arterial": split.arterial, "parenchymal": split.parenchymal, "venous": split.venous}
    return {name: frames for name, frames in named.items() if frames is not None}


def prepare(run: AngioRun, context: Context) -> Prepared:
    """Open field, small frames, window."""
    from planner.imaging.subtraction import open_field

    context.step(0.1, "collimator borders")
    field = open_field(run)
    context.step(0.5, "frame strip")
    small = np.stack([shrunk(frame) for frame in run.frames])
    window = run.window
    if window is None:
        open_part = small[:, shrunk(field.astype(np.float32)) > 0.99] if field.any() else small
        low, high = np.percentile(open_part if open_part.size else small, WINDOW_PERCENTILES)
        window = (float(low + high) / 2.0, float(max(high - low, 1.0)))
    grey = np.clip((small - window[0]) / window[1] + 0.5, 0.0, 1.0) * 255.0
    thumbs = (255.0 - grey if run.photometric_inverted else grey).astype(np.uint8)
    return Prepared(field, thumbs, window)


def shrunk(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """(y, x) averaged in blocks until it is no larger than `THUMB_PX`."""
    step = max(1, -(-max(image.shape) // THUMB_PX))
    height, width = (size // step * step for size in image.shape)
    blocks = image[:height, :width].reshape(height // step, step, width // step, step)
    mean: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def find_mask(run: AngioRun, prepared: Prepared, settings: RunSettings, context: Context) -> MaskFound:
    """Choose and average the mask; find the window of what it leaves."""
    from planner.imaging.subtraction import default_window, mask_image, masks_for, subtract

    context.step(0.1, "choosing the mask")
    choice = mask_choice(run, prepared.field, settings)
    masks = masks_for(run, choice, settings.method)
    context.step(0.5, "window")
    every = max(1, run.count // WINDOW_FRAMES)
    contrast = subtract(run, masks, frames=range(0, run.count, every))
    return MaskFound(choice, mask_image(run, choice.frames), masks, default_window(contrast, prepared.field))


def mask_choice(run: AngioRun, field: NDArray[np.bool_], settings: RunSettings) -> MaskChoice:
    """The mask as asked for; what the file or the rule cannot give falls back to what it can."""
    from planner.imaging.subtraction import choose_mask, operator_mask

    if settings.mask == "operator" and settings.mask_frames:
        inside = tuple(frame for frame in settings.mask_frames if 1 <= frame <= run.count)
        if inside:
            return operator_mask(inside, run.count)
    if settings.mask == "first":
        return operator_mask((1,), run.count)
    if settings.mask == "found":
        return choose_mask(replace(run, masks=()), field)
    return choose_mask(run, field)


def find_motion(run: AngioRun, prepared: Prepared, mask: MaskFound, settings: RunSettings, context: Context) -> Motion:
    """Shifts as asked for, what they are worth, and what exposure changed."""
    shifts: NDArray[np.float64] | None = np.zeros((run.count, 2))
    fields: tuple[Displacement | None, ...] | None = None
    if settings.shift == "manual":
        shifts = settings.manual_shifts(run.count)
    elif settings.shift == "rigid":
        from planner.imaging.motion import rigid_shifts

        shifts = rigid_shifts(run, mask.image, prepared.field, context=context.part(0.0, 0.7))
    elif settings.shift == "flexible":
        from planner.imaging.flexible_motion import flexible_shifts

        shifts = None
        fields = tuple(flexible_shifts(run, mask.image, prepared.field, context=context.part(0.0, 0.7)))
    levels = _levels(run, mask, prepared, shifts, fields, context.part(0.7, 0.85))
    before, after = _residuals(run, mask, prepared, settings, shifts, fields, context.part(0.85, 1.0))
    return Motion(shifts, fields, levels, before, after)


def _levels(
    run: AngioRun,
    mask: MaskFound,
    prepared: Prepared,
    shifts: NDArray[np.float64] | None,
    fields: Sequence[Displacement | None] | None,
    context: Context,
) -> NDArray[np.float64]:
    """(frame,) what exposure changed, frame by frame, so that no second copy of the run is made."""
    from planner.imaging.subtraction import background_levels, subtract_frame

    levels = np.zeros(run.count)
    contrast = np.empty(run.size_yx, dtype=np.float32)
    for frame in range(run.count):
        context.step(frame / run.count, "exposure")
        shift, field = None if shifts is None else shifts[frame], None if fields is None else fields[frame]
        subtract_frame(run, mask.masks, frame, shift_xy_px=shift, field=field, out=contrast)
        levels[frame] = background_levels(contrast[None], prepared.field)[0]
    return levels


def _residuals(
    run: AngioRun,
    mask: MaskFound,
    prepared: Prepared,
    settings: RunSettings,
    shifts: NDArray[np.float64] | None,
    fields: Sequence[Displacement | None] | None,
    context: Context,
) -> tuple[float | None, float | None]:
    """Of the background, without and with the shifts."""
    from planner.imaging.motion import residual

    context.step(0.0, "residual")
    still = np.zeros((run.count, 2))
    before = residual(run, mask.image, prepared.field, settings.method, shifts=still)
    context.step(0.5, "residual")
    if fields is None and not np.any(shifts):
        return before, before
    return before, residual(run, mask.image, prepared.field, settings.method, shifts=shifts, fields=fields)


def make_maps(run: AngioRun, prepared: Prepared, mask: MaskFound, motion: Motion, context: Context) -> Maps:
    """Opacified picture, time to peak, phases, and the small subtracted frames of the strip."""
    from planner.imaging.opacification import curve, opacified, time_to_peak
    from planner.imaging.run_phases import phases
    from planner.imaging.subtraction import subtract

    time, unit = times_of(run)
    contrast = subtract(
        run,
        mask.masks,
        shifts_xy_px=motion.shifts_xy_px,
        fields=motion.fields,
        levels=motion.levels,
        context=context.part(0.0, 0.4),
    )
    context.step(0.4, "peak opacification")
    brightest = opacified(contrast)
    context.step(0.5, "time to peak")
    peak = time_to_peak(contrast, time)
    context.step(0.8, "phases")
    split = phases(contrast, time, prepared.field)
    # Beyond the collimator there are only its edges, which move with every shift.
    closed = ~prepared.field
    brightest[closed] = np.nan
    peak.seconds[closed] = np.nan
    filled = peak.valid & prepared.field
    course = curve(contrast, time, filled) if filled.any() else None
    context.step(0.95, "frame strip")
    thumbs = np.stack([shrunk(frame) for frame in contrast])
    return Maps(brightest, peak, split, thumbs, course, unit)


def make_curves(
    run: AngioRun, mask: MaskFound, motion: Motion, regions: Sequence[RunRegion], context: Context
) -> Curves:
    """Time-density curves; each frame is subtracted once, whatever the number of regions."""
    from planner.imaging.opacification import curve_of_values
    from planner.imaging.subtraction import subtract_frame

    time, unit = times_of(run)
    inside = {region.id: region.mask(run.size_yx) for region in regions}
    values = {key: np.full(run.count, np.nan) for key, pixels in inside.items() if pixels.any()}
    contrast = np.empty(run.size_yx, dtype=np.float32)
    for frame in range(run.count) if values else ():
        context.step(frame / run.count, "curves")
        shift = None if motion.shifts_xy_px is None else motion.shifts_xy_px[frame]
        field = None if motion.fields is None else motion.fields[frame]
        level = float(motion.levels[frame])
        subtract_frame(run, mask.masks, frame, shift_xy_px=shift, field=field, level=level, out=contrast)
        for key, course in values.items():
            seen = contrast[inside[key]]
            seen = seen[np.isfinite(seen)]
            course[frame] = float(seen.mean()) if seen.size else np.nan
    return Curves({key: curve_of_values(course, time) for key, course in values.items()}, time, unit)
