"""Digital subtraction of a run: the open field, the mask, contrast per frame and its window.

Contrast is positive where contrast medium absorbs, whatever the run's polarity, and lies in the *mask's* pixels: with a
shift (dx, dy) the value at (x, y) comes from (x + dx, y + dy) of the stored frame. Pixels whose sample would lie
outside the stored frame, and frames that the file's mask module leaves unsubtracted, are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.imaging.bands import in_bands
from planner.imaging.densities import DensityTable, Method, computation_for, computation_words, density_table
from planner.imaging.displacement import Displacement, spline_matrix, spline_weights
from planner.imaging.mask_choice import MaskChoice, choose_mask, frame_words, operator_mask
from planner.imaging.open_field import open_field
from planner.jobs import Context

__all__ = [
    "MaskChoice",
    "Masks",
    "Method",
    "background_levels",
    "choose_mask",
    "computation_for",
    "computation_words",
    "default_window",
    "frame_words",
    "grey_frame",
    "mask_image",
    "masks_for",
    "open_field",
    "operator_mask",
    "subtract",
    "subtract_frame",
]

_WINDOW_PERCENTILES = (0.5, 99.9)
"""Of contrast: vessels fill a few per cent of a field, so the upper end lies near the highest."""
_MOST_SAMPLES = 400_000
_LEAST_WINDOW = 1e-3


@dataclass(frozen=True, eq=False)
class Masks:
    """What each frame is subtracted from, ready for use: densities are computed once.

    Attributes
    ----------
    method, table
        How stored values become densities.
    densities
        (m, y, x) float32.
    of_frame
        (n,) index into `densities`, -1 where the frame is not subtracted.
    shift_xy_px
        (n, 2) shift that the file's mask module asks for; used unless a caller gives shifts of its own.
    """

    method: Method
    table: DensityTable
    densities: NDArray[np.float32]
    of_frame: NDArray[np.intp]
    shift_xy_px: NDArray[np.float64]


def mask_image(run: AngioRun, frames: Sequence[int]) -> NDArray[np.float32]:
    """(y, x) mean stored value of frames, counted from 1.

    Raises
    ------
    ValueError
        Without frames, or for a frame the run does not have.
    """
    if not frames or min(frames) < 1 or max(frames) > run.count:
        raise ValueError(f"a mask needs frames between 1 and {run.count}, not {list(frames)}")
    total = np.zeros(run.size_yx, dtype=np.float64)
    for frame in frames:
        total += run.frames[frame - 1]
    return np.asarray(total / len(frames), dtype=np.float32)


def masks_for(run: AngioRun, mask: MaskChoice | NDArray[np.float32], method: Method = "log") -> Masks:
    """Masks of a choice (with its ranges, time interval differencing and shift), or of one image for all frames."""
    table = density_table(run, method)
    if not isinstance(mask, MaskChoice):
        none, nothing = np.zeros(run.count, dtype=np.intp), np.zeros((run.count, 2))
        return Masks(method, table, table.of(mask)[None], none, nothing)
    kinds: dict[tuple[int, ...], int] = {}
    of_frame = np.full(run.count, -1, dtype=np.intp)
    for index, frames in enumerate(mask.per_frame(run.count)):
        if frames:
            of_frame[index] = kinds.setdefault(frames, len(kinds))
    images = [table.of(mask_image(run, frames)) for frames in kinds]
    densities = np.stack(images) if images else np.zeros((0, *run.size_yx), dtype=np.float32)
    return Masks(method, table, densities, of_frame, mask.shifts(run.count))


def subtract(
    run: AngioRun,
    mask: NDArray[np.float32] | MaskChoice | Masks,
    *,
    method: Method = "log",
    shifts_xy_px: NDArray[np.float64] | None = None,
    fields: Sequence[Displacement | None] | None = None,
    levels: NDArray[np.float64] | None = None,
    frames: range | None = None,
    out: NDArray[np.float32] | None = None,
    context: Context | None = None,
) -> NDArray[np.float32]:
    """Contrast of frames.

    Parameters
    ----------
    mask
        Mean stored values from `mask_image`, a choice, or prepared masks (`method` is then theirs).
    shifts_xy_px
        (run.count, 2); None uses the mask module's own.
    fields
        One per frame of the run; where one is given it replaces the frame's shift.
    levels
        (run.count,) subtracted from each frame's contrast (`background_levels`).
    frames
        Which, as indices from 0; all by default.
    out
        (len(frames), y, x) to fill.

    Returns
    -------
    (len(frames), y, x) float32, positive where contrast medium absorbs; in ln units or stored steps.
    """
    context = context or Context()
    masks = mask if isinstance(mask, Masks) else masks_for(run, mask, method)
    chosen = range(run.count) if frames is None else frames
    contrast = np.empty((len(chosen), *run.size_yx), dtype=np.float32) if out is None else out
    for place, index in enumerate(chosen):
        context.step(place / max(1, len(chosen)), f"subtracting frame {index + 1}")
        shift = None if shifts_xy_px is None else shifts_xy_px[index]
        field = None if fields is None else fields[index]
        level = 0.0 if levels is None else float(levels[index])
        subtract_frame(run, masks, index, shift_xy_px=shift, field=field, level=level, out=contrast[place])
    return contrast


def subtract_frame(
    run: AngioRun,
    masks: Masks,
    frame: int,
    *,
    shift_xy_px: Sequence[float] | NDArray[np.float64] | None = None,
    field: Displacement | None = None,
    level: float = 0.0,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """(y, x) contrast of one frame (index from 0); see `subtract`."""
    contrast = np.empty(run.size_yx, dtype=np.float32) if out is None else out
    if masks.of_frame[frame] < 0:
        contrast[:] = np.nan
        return contrast
    shift = masks.shift_xy_px[frame] if shift_xy_px is None else shift_xy_px
    _fill(run, masks, frame, shift, field, level, contrast, _NO_GREY, (0.0, 0.0, 0))
    return contrast


def grey_frame(
    run: AngioRun,
    masks: Masks,
    frame: int,
    *,
    window: tuple[float, float],
    shift_xy_px: Sequence[float] | NDArray[np.float64] | None = None,
    field: Displacement | None = None,
    level: float = 0.0,
    dark_vessels: bool = True,
    background: int = 0,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """(y, x) grey of one subtracted frame, for playback: subtraction, shift and window in one pass.

    Parameters
    ----------
    window
        Centre and width in units of contrast, as DICOM's LINEAR_EXACT.
    dark_vessels
        Contrast is shown dark on bright.
    background
        Grey of pixels without a value.
    """
    centre, width = window
    if not width > 0.0:
        raise ValueError(f"a window needs a width above zero, not {width}")
    grey = np.empty(run.size_yx, dtype=np.uint8) if out is None else out
    if masks.of_frame[frame] < 0:
        grey[:] = background
        return grey
    slope = 255.0 / width
    # Half a grey level rounds to the nearest, as `planner.imaging.window` does.
    tone = (slope, 128.0 - centre * slope, background)
    if dark_vessels:
        tone = (-slope, 128.0 + centre * slope, background)
    shift = masks.shift_xy_px[frame] if shift_xy_px is None else shift_xy_px
    _fill(run, masks, frame, shift, field, level, _NO_CONTRAST, grey, tone)
    return grey


_NO_CONTRAST = np.empty((0, 0), dtype=np.float32)
_NO_GREY = np.empty((0, 0), dtype=np.uint8)


def _fill(
    run: AngioRun,
    masks: Masks,
    frame: int,
    shift_xy_px: Sequence[float] | NDArray[np.float64],
    field: Displacement | None,
    level: float,
    contrast: NDArray[np.float32],
    grey: NDArray[np.uint8],
    tone: tuple[float, float, int],
) -> None:
    from planner.imaging import subtraction_kernels as kernels

    stored, table = run.frames[frame], masks.table
    density = masks.densities[masks.of_frame[frame]]
    height, width = run.size_yx
    if field is None:
        dx, dy = float(shift_xy_px[0]), float(shift_xy_px[1])
        in_bands(
            height,
            lambda a, b: kernels.shifted_band(
                stored, table.values, table.offset, density, dx, dy, level, contrast, grey, tone, a, b
            ),
            least_rows=64,
        )
        return
    _fill_warped(run, masks, frame, field, level, contrast, grey, tone)


def _fill_warped(
    run: AngioRun,
    masks: Masks,
    frame: int,
    field: Displacement,
    level: float,
    contrast: NDArray[np.float32],
    grey: NDArray[np.uint8],
    tone: tuple[float, float, int],
) -> None:
    from planner.imaging import subtraction_kernels as kernels

    stored, table = run.frames[frame], masks.table
    density = masks.densities[masks.of_frame[frame]]
    height, width = run.size_yx
    padded = np.empty((height + 2 * kernels.PAD, width + 2 * kernels.PAD), dtype=np.float32)
    in_bands(
        len(padded),
        lambda a, b: kernels.padded_density(stored, table.values, table.offset, padded, a, b),
        least_rows=64,
    )
    rows, columns = field.controls_xy_px.shape[:2]
    down = spline_matrix(np.arange(height, dtype=np.float64), field.spacing_px, rows)
    cell, weights = spline_weights(np.arange(width, dtype=np.float64), field.spacing_px, columns)
    across = np.ascontiguousarray(weights.T, dtype=np.float32)
    starts = np.searchsorted(cell, np.arange(columns - 2))
    controls = field.controls_xy_px
    in_bands(
        height,
        lambda a, b: kernels.warped_band(
            padded, density, controls, down, starts, across, level, contrast, grey, tone, a, b
        ),
        least_rows=64,
    )


def background_levels(contrast: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) commonest contrast of each frame inside the open field: what exposure changed between mask and frame.

    Hand it to `subtract` to bring every background to zero. The shorter half of the values is followed inwards
    (half-sample mode), which vessels and a blush that covers less than half of the field do not move; 0.0 where a
    frame has no values.
    """
    step = max(1, int(np.sqrt(field.size / 40_000)))
    inside = field[::step, ::step]
    return np.array([_mode(frame[::step, ::step][inside]) for frame in contrast])


def _mode(values: NDArray[np.float32]) -> float:
    ordered = np.sort(values[np.isfinite(values)]).astype(np.float64)
    if not ordered.size:
        return 0.0
    # Down to a fifth of the values: further halving would follow the noise of the histogram.
    least = max(8, len(ordered) // 5)
    while len(ordered) > least:
        half = (len(ordered) + 1) // 2
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        start = int(np.argmin(widths))
        ordered = ordered[start : start + half]
    return float(np.median(ordered))


def default_window(contrast: NDArray[np.float32], field: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """(centre, width) that shows a subtracted frame or run from its background to its vessels.

    Taken from the contrast itself: the window of the unsubtracted frames means nothing for it.
    """
    some = _sampled(contrast, field)
    if not some.size:
        return 0.0, 1.0
    low, high = np.percentile(some, _WINDOW_PERCENTILES)
    width = max(float(high - low), _LEAST_WINDOW)
    return float(low + high) / 2.0, width


def _sampled(contrast: NDArray[np.float32], field: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    frames = contrast.reshape(-1, *contrast.shape[-2:])
    step = max(1, int(np.ceil(np.sqrt(frames.size / _MOST_SAMPLES))))
    some = frames[:, ::step, ::step]
    picked = some.ravel() if field is None else some[:, field[::step, ::step]].ravel()
    found: NDArray[np.float32] = picked[np.isfinite(picked)]
    return found
