"""Patient millimetres per pixel of a run, as a pane uses and prints them."""

from __future__ import annotations

from dataclasses import dataclass

from planner.imaging.angio import AngioRun


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


def scale_of(run: AngioRun) -> RunScale:
    """The scale the file itself gives: in the plane of the isocentre, when the geometry is known."""
    from planner.imaging.run_calibration import Refusal, isocentre_calibration

    found = isocentre_calibration(run, 0)
    if isinstance(found, Refusal):
        return NOT_CALIBRATED
    share = 100.0 * found.mm_per_px_sd / found.mm_per_px
    return RunScale(found.mm_per_px, f"{found.mm_per_px:.3f} mm/px {found.kind} ±{share:.0f} %", f"at the {found.kind}")
