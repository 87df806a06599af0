"""What one pane remembers: its series, zoom, pan and slab."""

from __future__ import annotations

from dataclasses import dataclass

from planner.imaging.slicing import SLAB_MODES, SlabMode
from viewers.state.signals import Value

SLAB_STEPS_MM = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)
"""Thicknesses Shift+wheel walks through; 0 is a plain slice. Steps of a display, not clinical limits."""

SLAB_NAMES: dict[SlabMode, str] = {"mean": "Mean", "mip": "MIP", "minip": "MinIP"}
"""What a person reads."""

SMALLEST_ZOOM, LARGEST_ZOOM = 0.2, 40.0


@dataclass(frozen=True, slots=True)
class Slab:
    """Thickness around the plane in mm (0 is a plain slice) and how it is projected."""

    thickness_mm: float = 0.0
    mode: SlabMode = "mean"

    def thicker(self, steps: int) -> Slab:
        """Some steps up or down the list of thicknesses."""
        nearest = min(range(len(SLAB_STEPS_MM)), key=lambda n: abs(SLAB_STEPS_MM[n] - self.thickness_mm))
        wanted = min(max(nearest + steps, 0), len(SLAB_STEPS_MM) - 1)
        return Slab(SLAB_STEPS_MM[wanted], self.mode)

    def next_mode(self) -> Slab:
        following = SLAB_MODES[(SLAB_MODES.index(self.mode) + 1) % len(SLAB_MODES)]
        return Slab(self.thickness_mm, following)

    @property
    def text(self) -> str:
        """``MIP 10 mm``, or empty for a plain slice."""
        return f"{SLAB_NAMES[self.mode]} {self.thickness_mm:g} mm" if self.thickness_mm > 0.0 else ""


class PaneState:
    """One pane, kept while layouts change.

    Attributes
    ----------
    series
        Key of the volume chosen for this pane; None follows the role of its layout.
    zoom
        1 fits the volume into the pane.
    pan_mm
        How far the middle of the pane lies from the volume's centre, to the right and down on the screen.
    slab
        Thickness and projection.
    """

    def __init__(self) -> None:
        self.series: Value[str | None] = Value(None)
        self.zoom: Value[float] = Value(1.0)
        self.pan_mm: Value[tuple[float, float]] = Value((0.0, 0.0))
        self.slab: Value[Slab] = Value(Slab())

    def zoom_by(self, factor: float) -> None:
        self.zoom.set(min(max(self.zoom.value * factor, SMALLEST_ZOOM), LARGEST_ZOOM))

    def reset(self) -> None:
        """As at first: the role's volume, fitted, a plain slice."""
        self.series.set(None)
        self.slab.set(Slab())
        self.fit()

    def fit(self) -> None:
        """The whole volume in the pane."""
        self.zoom.set(1.0)
        self.pan_mm.set((0.0, 0.0))
