"""Where a run lies in its pane: pixels of the run and of the screen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunView:
    """A run fitted into a pane, zoomed and moved.

    Attributes
    ----------
    width_px, height_px
        Of the pane, in logical pixels.
    size_yx
        Of the run.
    pan_px
        How far the middle of the pane lies from the middle of the run, in pixels of the run.
    """

    width_px: int
    height_px: int
    size_yx: tuple[int, int]
    zoom: float = 1.0
    pan_px: tuple[float, float] = (0.0, 0.0)

    @property
    def scale(self) -> float:
        """Logical pixels of the screen per pixel of the run."""
        height, width = self.size_yx
        return self.zoom * min(self.width_px / width, self.height_px / height)

    @property
    def _centre_xy(self) -> tuple[float, float]:
        height, width = self.size_yx
        return (width - 1) / 2.0 + self.pan_px[0], (height - 1) / 2.0 + self.pan_px[1]

    def run_of(self, x: float, y: float) -> tuple[float, float]:
        """Pixel (x, y) of the run under a place on the screen."""
        centre = self._centre_xy
        return (
            centre[0] + (x - self.width_px / 2.0) / self.scale,
            centre[1] + (y - self.height_px / 2.0) / self.scale,
        )

    def screen_of(self, x: float, y: float) -> tuple[float, float]:
        """Place on the screen of a pixel of the run."""
        centre = self._centre_xy
        return (
            self.width_px / 2.0 + (x - centre[0]) * self.scale,
            self.height_px / 2.0 + (y - centre[1]) * self.scale,
        )
