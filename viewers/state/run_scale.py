"""Patient millimetres per pixel of a run, as a pane uses and prints them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunScale:
    """Patient millimetres per pixel, or why there are none.

    Attributes
    ----------
    words
        ``0.284 mm/px isocentre ±8 %`` or ``not calibrated: px``.
    plane
        Where the scale holds, for the scale bar.
    """

    mm_per_px: float | None
    words: str
    plane: str = ""


NOT_CALIBRATED = RunScale(None, "not calibrated: px")
