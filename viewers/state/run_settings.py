"""How a pane shows a run: subtraction, mask, pixel shift, window, picture. A frozen value, one per run and pane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from planner.model.run_items import Pixel, RunViewBody

Method = Literal["log", "linear"]
Shift = Literal["none", "manual", "rigid", "flexible"]
MaskSource = Literal["auto", "module", "found", "first", "operator"]
Picture = Literal["frame", "opacified", "time-to-peak"]

SHIFT_NAMES: dict[Shift, str] = {
    "none": "No shift",
    "manual": "By hand",
    "rigid": "Automatic",
    "flexible": "Automatic, flexible",
}
PICTURE_NAMES: dict[Picture, str] = {"frame": "Frame", "opacified": "Opacified", "time-to-peak": "Time to peak"}
METHOD_NAMES: dict[Method, str] = {"log": "logarithmic", "linear": "linear"}
MASK_NAMES: dict[MaskSource, str] = {
    "auto": "From the file, else found",
    "module": "From the file",
    "found": "Found: before contrast",
    "first": "First frame",
    "operator": "Chosen by hand",
}

ALL_FRAMES = 0
"""Stands for every frame that has no shift of its own."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a person chose.

    Attributes
    ----------
    subtracted
        None: subtracted when frames before the contrast medium were found.
    mask_frames
        For `mask` ``operator``: averaged to the mask, counted from 1.
    manual_px
        (frame from 1 or `ALL_FRAMES`, (dx, dy)): displacement of the frame's background from the mask's.
    native_window, contrast_window
        (centre, width); None: what the run asks for.
    """

    subtracted: bool | None = None
    mask: MaskSource = "auto"
    mask_frames: tuple[int, ...] = ()
    method: Method = "log"
    shift: Shift = "rigid"
    manual_px: tuple[tuple[int, Pixel], ...] = ()
    native_window: tuple[float, float] | None = None
    contrast_window: tuple[float, float] | None = None
    inverted: bool = False
    picture: Picture = "frame"

    def manual_of(self, frame: int) -> Pixel:
        """(dx, dy) of a frame (from 1) set by hand."""
        own = dict(self.manual_px)
        return own.get(frame, own.get(ALL_FRAMES, (0.0, 0.0)))

    def manual_shifts(self, count: int) -> NDArray[np.float64]:
        """(count, 2) set by hand."""
        return np.array([self.manual_of(frame) for frame in range(1, count + 1)], dtype=np.float64).reshape(-1, 2)

    def nudged(self, by: Pixel, standing_on: NDArray[np.float64] | None, only_frame: int | None = None) -> RunSettings:
        """Moved by hand, from what is shown now.

        Parameters
        ----------
        standing_on
            (frames, 2) shifts shown now when they are automatic ones: they are kept and moved.
        only_frame
            Counted from 1; None moves every frame.
        """
        shifts = dict(self.manual_px) if self.shift == "manual" else {}
        if self.shift != "manual" and standing_on is not None:
            shifts = {frame: (float(x), float(y)) for frame, (x, y) in enumerate(standing_on, start=1)}
        shifts.setdefault(ALL_FRAMES, (0.0, 0.0))
        moved = shifts if only_frame is None else {only_frame: shifts.get(only_frame, shifts[ALL_FRAMES])}
        shifts |= {frame: (round(x + by[0], 6), round(y + by[1], 6)) for frame, (x, y) in moved.items()}
        return replace(self, shift="manual", manual_px=tuple(sorted(shifts.items())))

    def body(self, run: str, *, subtracted: bool, mask_frames: tuple[int, ...]) -> RunViewBody:
        """As a plan item keeps it; `subtracted` and `mask_frames` as they are shown."""
        return RunViewBody(
            run=run,
            subtracted=subtracted,
            mask_frames=mask_frames,
            method=self.method,
            shift=self.shift,
            manual_shift_xy_px={str(frame): shift for frame, shift in self.manual_px},
            window=self.contrast_window,
            inverted=self.inverted,
        )


def settings_of(body: RunViewBody) -> RunSettings:
    """How a plan item says that a run is to be shown; names of a later release fall back to the usual ones."""
    shifts = {int(frame): (float(x), float(y)) for frame, (x, y) in body.manual_shift_xy_px.items() if frame.isdigit()}
    method: Method = "linear" if body.method == "linear" else "log"
    shift: Shift = next((each for each in get_args(Shift) if each == body.shift), "rigid")
    return RunSettings(
        subtracted=body.subtracted,
        mask="operator" if body.mask_frames else "auto",
        mask_frames=tuple(body.mask_frames),
        method=method,
        shift=shift,
        manual_px=tuple(sorted(shifts.items())),
        contrast_window=None if body.window is None else (float(body.window[0]), float(body.window[1])),
        inverted=body.inverted,
    )
