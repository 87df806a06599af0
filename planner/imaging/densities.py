"""What stored values of a run mean for subtraction: a table from stored value to density.

Density rises where more is absorbed, whatever the run's polarity, and the difference of two densities is the contrast:
``-ln(intensity)`` for logarithmic subtraction of values linear in X-ray intensity, the value itself with its sign
turned as needed for every plain difference. A constant never matters, it goes away in the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import LINEAR, LOGARITHMIC, AngioRun

Method = Literal["log", "linear"]
Computation = Literal["logarithm", "difference"]

_LEAST_INTENSITY = 1.0
"""Stored steps: the logarithm of zero does not exist, and one step is the least a detector can tell from nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class DensityTable:
    """Density of every stored value of a run.

    Attributes
    ----------
    values
        float32; density of the stored value ``v`` at ``v + offset``.
    offset
        Turns the lowest value of the run's type into index 0.
    computation
        ``logarithm`` or ``difference``: what subtraction of these densities amounts to.
    """

    values: NDArray[np.float32]
    offset: int
    computation: Computation
    _top: float
    _dense_is_high: bool

    def of(self, intensities: NDArray[np.floating]) -> NDArray[np.float32]:
        """Density of values between the stored steps, such as those of an averaged mask."""
        return _density(intensities, self.computation, self._top, self._dense_is_high)


def computation_for(run: AngioRun, method: Method) -> Computation:
    """What a method means for the values this run stores.

    The logarithm is taken of values linear in intensity (LIN, or nothing said) alone. Values stored as a logarithm
    (LOG) are subtracted as they are, which *is* logarithmic subtraction; values prepared for a display (DISP, DRM and
    other) have no known relation to intensity, so that their plain difference is shown.
    """
    return "logarithm" if method == "log" and run.relation in (LINEAR, None) else "difference"


def computation_words(run: AngioRun, method: Method) -> str:
    """One sentence for the operator: how this run is subtracted and what the numbers are."""
    if run.relation == LOGARITHMIC:
        return "Stored values are logarithms of intensity (LOG): their plain difference is a logarithmic subtraction."
    if run.relation not in (LINEAR, None):
        return (
            f"Stored values are prepared for display ({run.relation}): their plain difference is shown, "
            "and it is not proportional to iodine."
        )
    said = (
        "linear in intensity (LIN)" if run.relation == LINEAR else "taken as linear in intensity (the file is silent)"
    )
    if method == "log":
        return f"Stored values are {said}: logarithms are subtracted, contrast is proportional to iodine."
    return f"Stored values are {said}: plain difference, contrast depends on what lies before and behind the vessel."


def density_table(run: AngioRun, method: Method) -> DensityTable:
    """The table for a run.

    Raises
    ------
    ValueError
        When the frames are not 8- or 16-bit whole numbers.
    """
    kind = run.frames.dtype
    if kind not in (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int16)):
        raise ValueError(f"frames of a run are uint8, uint16 or int16, not {kind}")
    limits = np.iinfo(np.uint8 if kind == np.uint8 else np.uint16 if kind == np.uint16 else np.int16)
    stored = np.arange(limits.min, limits.max + 1, dtype=np.float64)
    top = float(2 ** min(run.bits_stored, limits.bits) - 1)
    computation = computation_for(run, method)
    values = _density(stored, computation, top, run.bright_is_dense)
    return DensityTable(values, -int(limits.min), computation, top, run.bright_is_dense)


def _density(
    stored: NDArray[np.floating], computation: Computation, top: float, dense_is_high: bool
) -> NDArray[np.float32]:
    if computation == "difference":
        return np.asarray(stored if dense_is_high else -stored, dtype=np.float32)
    intensity = top - stored if dense_is_high else stored
    return np.asarray(-np.log(np.maximum(intensity, _LEAST_INTENSITY)), dtype=np.float32)
