"""Which frames a run is subtracted from, and why: the file's mask module, or the frames before contrast arrives.

The rule when the file names no mask: every frame is compared with the first one on a coarse grid, after differences
of exposure and of slow shading are taken out. Contrast medium makes places denser only, while motion and noise make as
many places brighter as darker; so the course over time is the change of the darkest hundredth *less* that of the
brightest. Where it leaves its noise for good, contrast has arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun, MaskModule
from planner.imaging.densities import density_table

MaskSource = Literal["module", "found", "operator", "first"]

_GRID = 192
"""Blocks across: a small artery still darkens its block, and noise is averaged."""
_SHADING_BLOCKS = 10.0
_TAIL = 0.01
_NOISE_TIMES = 4.0
_PEAK_SHARE = 0.05
_PIXEL_NOISE_SHARE = 0.25
_PEAK_PIXEL_NOISE = 1.0
_FADE_PIXEL_NOISE = 0.5
_MOST_MASK_FRAMES = 8
_SETTLED_LN = 0.03
_STILL_TIMES = 1.6
_FLAT_SHARE = 0.12
_FLAT_BLOCKS = 12


@dataclass(frozen=True, slots=True)
class MaskChoice:
    """Frames to subtract from.

    Attributes
    ----------
    frames
        Counted from 1, averaged. For time interval differencing the mask of the first subtracted frame.
    contrast_frames
        First and last frame with contrast, or None when no arrival is seen.
    reason
        A sentence for the operator.
    source
        ``module``: the file says so; ``found``: before contrast; ``operator``; ``first``: nothing better is known.
    looks_subtracted
        The background is as flat as after a subtraction; subtracting again shows only what changes.
    modules
        The items of the mask module followed, for `source` module.
    """

    frames: tuple[int, ...]
    contrast_frames: tuple[int, int] | None
    reason: str
    source: MaskSource
    looks_subtracted: bool = False
    modules: tuple[MaskModule, ...] = ()

    def per_frame(self, count: int) -> tuple[tuple[int, ...], ...]:
        """Mask frames (from 1) for each of `count` frames; empty where the frame is not subtracted."""
        if not self.modules:
            return (self.frames,) * count
        of_frame: list[tuple[int, ...]] = [()] * count
        for module in self.modules:
            for frame in _applicable(module, count):
                of_frame[frame - 1] = _module_frames(module, frame, count) or of_frame[frame - 1]
        return tuple(of_frame)

    def shifts(self, count: int) -> NDArray[np.float64]:
        """(count, 2) shift x, y in pixels that the mask module asks for."""
        shifts = np.zeros((count, 2))
        for module in self.modules:
            for frame in _applicable(module, count):
                shifts[frame - 1] = module.shift_xy_px
        return shifts


def choose_mask(run: AngioRun, field: NDArray[np.bool_]) -> MaskChoice:
    """The mask of a run, with its reason. The file's mask module comes first where it names usable frames."""
    course = contrast_course(run, field)
    modules = tuple(module for module in run.masks if _usable(module, run.count))
    if modules:
        return _from_module(modules, course, run.count)
    flat = _looks_subtracted(run, field)
    if course.arrival is None:
        return MaskChoice((1,), None, _no_arrival_words(run, course, flat), "first", flat)
    frames, left_out = course.settled_frames()
    arrival = course.arrival + 1
    words = f"{frame_words(frames)} {'is' if len(frames) == 1 else 'are'} before contrast (arrives in frame {arrival})"
    words += "; averaged" if len(frames) > 1 else ""
    if left_out:
        words += f"; {frame_words(left_out)} left out: exposure or patient differs from the frames nearer to contrast"
    if course.washes_out:
        words += "; something dense in frame 1 fades later: check for contrast left from an earlier injection"
    if flat:
        words = f"this run looks already subtracted, its background is flat; {words}"
    return MaskChoice(frames, (arrival, course.last + 1), words, "found", flat)


def operator_mask(frames: Sequence[int], count: int, contrast_frames: tuple[int, int] | None = None) -> MaskChoice:
    """Frames an operator chose, counted from 1.

    Raises
    ------
    ValueError
        For none, or for frames the run does not have.
    """
    chosen = tuple(sorted(set(frames)))
    if not chosen or chosen[0] < 1 or chosen[-1] > count:
        raise ValueError(f"a mask needs frames between 1 and {count}")
    averaged = "; averaged" if len(chosen) > 1 else ""
    return MaskChoice(chosen, contrast_frames, f"{frame_words(chosen)} chosen by hand{averaged}", "operator")


def frame_words(frames: Sequence[int]) -> str:
    """``frame 3``, ``frames 1-4, 7``."""
    ordered = sorted(frames)
    spans: list[list[int]] = []
    for frame in ordered:
        if spans and frame == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], frame]
        else:
            spans.append([frame, frame])
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
    return f"frame{'' if len(ordered) == 1 else 's'} {text}"


@dataclass(frozen=True, eq=False)
class ContrastCourse:
    """How much darker than the first frame the run becomes.

    Attributes
    ----------
    change
        (n,) density, 0 at the first frame.
    threshold
        What counts as more than noise.
    arrival
        Index of the first frame with contrast, or None.
    last
        Index of the last frame with contrast (that of the last frame when none arrives).
    washes_out
        Something dense in the first frame fades later.
    level
        (n,) median density inside the field: exposure.
    likeness
        (n,) spread of the difference to the frame before contrast; small where the patient lay the same.
    """

    change: NDArray[np.float64]
    threshold: float
    arrival: int | None
    last: int
    washes_out: bool
    level: NDArray[np.float64]
    likeness: NDArray[np.float64]

    def settled_frames(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Frames (from 1) before contrast that are alike, at most eight and nearest to contrast; and those unlike."""
        if self.arrival is None:
            return (1,), ()
        before = list(range(max(0, self.arrival - _MOST_MASK_FRAMES), self.arrival))
        if len(before) > 2:
            # The first trace of contrast is fainter than what is called its arrival, and would stay in every frame.
            before.pop()
        nearest = before[-1]
        usual = max(float(np.median(self.likeness[before[:-1]])), 1e-9) if len(before) > 1 else 1.0
        alike = [
            index
            for index in before
            if abs(self.level[index] - self.level[nearest]) <= _SETTLED_LN * self._unit
            and (index == nearest or self.likeness[index] <= _STILL_TIMES * usual)
        ]
        unlike = [index for index in before if index not in alike]
        return tuple(index + 1 for index in alike), tuple(index + 1 for index in unlike)

    @property
    def _unit(self) -> float:
        """Densities of plain differences are in stored steps: then a share of the level itself."""
        middle = float(np.median(np.abs(self.level)))
        return 1.0 if middle < 20.0 else middle


def contrast_course(run: AngioRun, field: NDArray[np.bool_]) -> ContrastCourse:
    """Time course of the dark-side change against the first frame."""
    coarse, inside = _coarse(run, field)
    level = np.array([float(np.median(frame[inside])) for frame in coarse])
    flattened = np.stack([_flattened(frame, inside) for frame in coarse])
    change = np.array([_dark_change(frame, flattened[0], inside) for frame in flattened])
    pixel_noise = _pixel_noise(flattened, inside)
    steps = np.sort(np.abs(np.diff(change)))
    # Contrast flows through most of a run; its quietest quarter of steps is what noise alone does.
    jitter = float(steps[len(steps) // 4]) / 0.3186 / np.sqrt(2.0) if len(steps) >= 4 else 0.0
    peak = float(change.max())
    threshold = max(_NOISE_TIMES * min(jitter, 0.1 * peak), _PEAK_SHARE * peak, _PIXEL_NOISE_SHARE * pixel_noise)
    seen = peak > max(_PEAK_PIXEL_NOISE * pixel_noise, threshold)
    arrival = _arrival(change, threshold) if seen else None
    fades = -change > max(_NOISE_TIMES * min(jitter, 0.1 * peak), _FADE_PIXEL_NOISE * pixel_noise)
    washes_out = bool(np.any(fades[:-1] & fades[1:]))
    above = np.flatnonzero(change > threshold)
    last = int(above[-1]) if arrival is not None else run.count - 1
    before = max(0, (arrival or 1) - 1)
    likeness = np.array([_spread((frame - flattened[before])[inside]) for frame in flattened])
    return ContrastCourse(change, threshold, arrival, last, washes_out, level, likeness)


def _arrival(change: NDArray[np.float64], threshold: float) -> int | None:
    above = change > threshold
    for index in range(1, len(change)):
        if above[index] and (index + 1 == len(change) or above[index + 1]):
            return index
    return None


def _coarse(run: AngioRun, field: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n, rows, columns) density of block means, and which blocks are open throughout."""
    height, width = run.size_yx
    block = max(1, max(height, width) // _GRID)
    rows, columns = height // block, width // block
    table = density_table(run, "log")
    shape = (rows, block, columns, block)
    coarse = np.empty((run.count, rows, columns), dtype=np.float32)
    for index, frame in enumerate(run.frames):
        cut = frame[: rows * block, : columns * block].reshape(shape)
        coarse[index] = table.of(cut.mean(axis=(1, 3), dtype=np.float32))
    inside = np.asarray(field[: rows * block, : columns * block].reshape(shape).all(axis=(1, 3)))
    return coarse, inside if inside.any() else np.ones_like(inside)


def _flattened(density: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Density less its slow shading, 0 outside the field."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(inside.astype(np.float32), _SHADING_BLOCKS)
    filled = np.where(inside, density - np.median(density[inside]), np.float32(0.0))
    slow = ndimage.gaussian_filter(filled, _SHADING_BLOCKS) / np.maximum(weight, 1e-3)
    found: NDArray[np.float32] = np.where(inside, filled - slow, np.float32(0.0)).astype(np.float32)
    return found


def _dark_change(frame: NDArray[np.float32], reference: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Mean gain of the densest hundredth less mean loss of the faintest, beyond what one block's step could explain."""
    from scipy import ndimage

    gain = frame - ndimage.maximum_filter(reference, 3)
    loss = ndimage.minimum_filter(reference, 3) - frame
    count = max(1, int(_TAIL * inside.sum()))
    densest = np.partition(np.maximum(gain[inside], 0.0), -count)[-count:]
    faintest = np.partition(np.maximum(loss[inside], 0.0), -count)[-count:]
    return float(np.mean(densest)) - float(np.mean(faintest))


def _pixel_noise(flattened: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Spread of one block between neighbouring frames."""
    if len(flattened) < 2:
        return 0.0
    spreads = [_spread((later - sooner)[inside]) for sooner, later in zip(flattened[:-1], flattened[1:], strict=True)]
    return float(np.median(spreads) / np.sqrt(2.0))


def _spread(values: NDArray[np.float32]) -> float:
    middle = float(np.median(values))
    return 1.4826 * float(np.median(np.abs(values - middle)))


def _looks_subtracted(run: AngioRun, field: NDArray[np.bool_]) -> bool:
    """The first frame's background is flat against the range of its values: anatomy never is."""
    first = run.frames[0].astype(np.float32)
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    if not rows.size or not columns.size:
        return False
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    medians = []
    for line, open_line in zip(
        np.array_split(first[box], _FLAT_BLOCKS), np.array_split(field[box], _FLAT_BLOCKS), strict=True
    ):
        for block, open_block in zip(
            np.array_split(line, _FLAT_BLOCKS, axis=1), np.array_split(open_line, _FLAT_BLOCKS, axis=1), strict=True
        ):
            if block.size and open_block.mean() > 0.9:
                medians.append(float(np.median(block)))
    values = first[field]
    reach = float(np.percentile(values, 99.9) - np.percentile(values, 0.1))
    if len(medians) < 8 or reach <= 0.0:
        return False
    low, high = np.percentile(medians, (10.0, 90.0))
    return float(high - low) < _FLAT_SHARE * reach


def _no_arrival_words(run: AngioRun, course: ContrastCourse, flat: bool) -> str:
    if run.count == 1:
        return "a single frame: there is nothing to subtract it from"
    if course.washes_out:
        return (
            "no frame before contrast: what is dense in frame 1 fades later, so contrast is there from the first "
            "frame; frame 1 is the mask until one is chosen by hand"
        )
    if flat:
        return (
            "this run looks already subtracted, its background is flat; no contrast arrives, or it is there from the "
            "first frame; frame 1 is the mask, subtracting it shows only what changes"
        )
    return (
        "no arrival of contrast is seen: it is there from the first frame, or none is given; frame 1 is the mask "
        "until one is chosen by hand"
    )


def _usable(module: MaskModule, count: int) -> bool:
    if module.operation == "AVG_SUB":
        return bool(module.mask_frames) and all(1 <= frame <= count for frame in module.mask_frames)
    if module.operation == "REV_TID":
        return bool(module.applies_to)
    return module.operation == "TID"


def _from_module(modules: tuple[MaskModule, ...], course: ContrastCourse, count: int) -> MaskChoice:
    words = "; ".join(_module_words(module) for module in modules)
    contrast = None if course.arrival is None else (course.arrival + 1, course.last + 1)
    choice = MaskChoice((), contrast, f"the file's mask module: {words}", "module", False, modules)
    frames = next((masks for masks in choice.per_frame(count) if masks), (1,))
    return MaskChoice(frames, contrast, choice.reason, "module", False, modules)


def _module_words(module: MaskModule) -> str:
    spans = ", ".join(f"{first}-{last}" for first, last in module.applies_to)
    where = f" for frames {spans}" if spans else ""
    moved = ""
    if module.shift_xy_px != (0.0, 0.0):
        moved = f", mask moved by {module.shift_xy_px[0]:.2f}, {module.shift_xy_px[1]:.2f} px"
    if module.operation == "AVG_SUB":
        averaged = " averaged" if len(module.mask_frames) > 1 else ""
        return f"{frame_words(module.mask_frames)}{averaged}{where}{moved}"
    kind = "time interval difference" if module.operation == "TID" else "reversed time interval difference"
    return f"{kind}, offset {_tid_offset(module)}{where}{moved}"


def _tid_offset(module: MaskModule) -> int:
    return 1 if module.tid_offset is None else module.tid_offset


def _applicable(module: MaskModule, count: int) -> list[int]:
    """Frames (from 1) that a module item speaks of."""
    if not module.applies_to:
        return list(range(1, count + 1))
    return [frame for first, last in module.applies_to for frame in range(max(1, first), min(count, last) + 1)]


def _module_frames(module: MaskModule, frame: int, count: int) -> tuple[int, ...]:
    """Mask of a frame by DICOM PS3.3 C.7.6.10.1.1; empty where the standard's number is no frame of the run."""
    if module.operation == "AVG_SUB":
        return module.mask_frames
    mask = frame - _tid_offset(module)
    if module.operation == "REV_TID":
        first = module.applies_to[0][0]
        mask = (first - _tid_offset(module)) - (frame - first)
    return (mask,) if 1 <= mask <= count else ()
