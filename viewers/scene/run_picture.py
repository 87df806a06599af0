"""The pixels of a DSA pane: a frame, subtracted or not, or a picture over the whole run, at the size of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.imaging.bands import in_bands
from viewers.scene.run_colours import coloured_peak
from viewers.scene.run_view import RunView
from viewers.state.run_playback import has_timing

if TYPE_CHECKING:
    from planner.imaging.displacement import Displacement
    from planner.imaging.opacification import TimeToPeak
    from planner.imaging.subtraction import Masks


@dataclass(frozen=True, eq=False, slots=True)
class RunRequest:
    """One picture.

    Attributes
    ----------
    masks
        For a subtracted frame; None shows the frame as it is stored.
    shift_xy_px
        None: the one that the mask module of the file asks for.
    level
        What exposure changed between mask and frame.
    open_field
        (y, x) what the collimator leaves open; a subtracted frame is black elsewhere.
    whole
        (y, x) contrast over the whole run, or its times to peak, instead of a frame.
    window
        (centre, width).
    bright_is_high
        High values are bright; contrast medium is usually dark on bright, so False for contrast.
    ratio
        Device pixels per logical pixel.
    """

    run: AngioRun
    frame: int
    view: RunView
    window: tuple[float, float]
    bright_is_high: bool
    masks: Masks | None = None
    shift_xy_px: tuple[float, float] | None = None
    field: Displacement | None = None
    level: float = 0.0
    open_field: NDArray[np.bool_] | None = None
    whole: NDArray[np.float32] | TimeToPeak | None = None
    ratio: float = 1.0

    def same_values(self, other: RunRequest) -> bool:
        """Whether window, zoom and size are all that differs."""
        return (
            self.run is other.run
            and self.whole is other.whole
            and (
                self.whole is not None
                or (
                    self.frame == other.frame
                    and self.masks is other.masks
                    and self.level == other.level
                    and self.shift_xy_px == other.shift_xy_px
                    and self.field is other.field
                )
            )
        )


@dataclass(frozen=True, eq=False, slots=True)
class RunPicture:
    """What was drawn.

    Attributes
    ----------
    values
        (y, x) float32 contrast or stored values, or uint32 colours of a time-to-peak map.
    pixels
        (y, x) uint8 grey or uint32 ``0xffRRGGBB`` at the size of the screen, in device pixels.
    """

    request: RunRequest
    values: NDArray[np.float32] | NDArray[np.uint32]
    pixels: NDArray[np.uint8] | NDArray[np.uint32]


def render(request: RunRequest, previous: RunPicture | None = None) -> RunPicture:
    """Compute values unless the previous picture has them, then put them on the screen."""
    same = previous is not None and request.same_values(previous.request)
    values = previous.values if previous is not None and same else _values(request)
    return RunPicture(request, values, _on_screen(request, values))


def _values(request: RunRequest) -> NDArray[np.float32] | NDArray[np.uint32]:
    if isinstance(request.whole, np.ndarray):
        return request.whole
    if request.whole is not None:
        return coloured_peak(request.whole)
    if request.masks is None:
        return request.run.frames[request.frame].astype(np.float32)
    from planner.imaging.subtraction import subtract_frame

    contrast = subtract_frame(
        request.run,
        request.masks,
        request.frame,
        shift_xy_px=request.shift_xy_px,
        field=request.field,
        level=request.level,
    )
    if request.open_field is not None:
        contrast[~request.open_field] = np.nan
    return contrast


def _on_screen(
    request: RunRequest, values: NDArray[np.float32] | NDArray[np.uint32]
) -> NDArray[np.uint8] | NDArray[np.uint32]:
    from viewers.scene.run_kernels import sample_grey, sample_nearest

    view, ratio = request.view, request.ratio
    rows, columns = max(1, round(view.height_px * ratio)), max(1, round(view.width_px * ratio))
    x0, y0 = view.run_of(0.5 / ratio, 0.5 / ratio)
    step = 1.0 / (view.scale * ratio)
    if values.dtype == np.uint32:
        coloured = np.empty((rows, columns), dtype=np.uint32)
        in_bands(rows, lambda first, last: sample_nearest(values, x0, y0, step, coloured, first, last))
        return coloured
    slope, intercept = grey_line(request.window, bright_is_high=request.bright_is_high)
    grey = np.empty((rows, columns), dtype=np.uint8)
    height, width = values.shape
    down, across = taps(rows, y0, step, height), taps(columns, x0, step, width)
    in_bands(rows, lambda first, last: sample_grey(values, down, across, slope, intercept, grey, first, last))
    return grey


def taps(count: int, start: float, step: float, size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Source pixels of screen pixels along one axis: linear between pixels, a wider tent where the screen is coarser.

    Parameters
    ----------
    count
        Pixels of the screen; the first lies at `start`, each next `step` further, in source pixels.
    size
        Of the source.

    Returns
    -------
    (count,) first source pixel, -1 where the screen pixel lies outside, and (count, taps) weights that add up to 1.
    """
    reach = max(1.0, step)
    wide = min(size, int(np.ceil(2.0 * reach)) + 1)
    at = start + np.arange(count) * step
    begin = np.clip(np.ceil(at - reach).astype(np.int64), 0, size - wide)
    # Beyond the outer pixels' centres their own value goes on.
    held = np.clip(at, 0.0, size - 1.0)
    distance = np.abs(begin[:, None] + np.arange(wide) - held[:, None])
    weights = np.maximum(0.0, 1.0 - distance / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    outside = (at < -0.5) | (at >= size - 0.5)
    return np.where(outside, -1, begin), weights.astype(np.float32)


def grey_line(window: tuple[float, float], *, bright_is_high: bool) -> tuple[float, float]:
    """Slope and intercept of grey 0-255 over the value."""
    centre, width = window
    slope = 255.0 / max(width, 1e-6)
    intercept = 127.5 - centre * slope
    return (slope, intercept) if bright_is_high else (-slope, 255.0 - intercept)


def first_window(run: AngioRun | None) -> tuple[float, float]:
    """(centre, width) of stored values before anything is known of the run: the file's, else all of the first frame."""
    if run is None:
        return 0.0, 1.0
    if run.window is not None:
        return run.window
    some = run.frames[0, ::8, ::8]
    low, high = float(some.min()), float(some.max())
    return (low + high) / 2.0, max(1.0, high - low)


def value_text(x: int, y: int, picture: RunPicture) -> str:
    """What lies at a pixel of the run: stored value, contrast or time to peak; empty outside."""
    run, whole = picture.request.run, picture.request.whole
    height, width = run.size_yx
    if not (0 <= x < width and 0 <= y < height):
        return ""
    where = f"x {x} y {y}"
    if whole is not None and not isinstance(whole, np.ndarray):
        seconds = float(whole.seconds[y, x])
        told = f"peak at {seconds:.2f} s" if has_timing(run) else f"peak at frame {seconds + 1.0:.1f}"
        return f"{where} · {told if np.isfinite(seconds) else 'no contrast'}"
    value = float(picture.values[y, x])
    digits = 3 if picture.request.masks is not None or whole is not None else 0
    return f"{where} · {value:.{digits}f}" if np.isfinite(value) else where
