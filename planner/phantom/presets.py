"""How finely the digital patient is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.errors import UsageError
from planner.geometry import Grid

CENTRE_LPS_MM = (0.0, 0.0, -2.0)
"""Centre of every preset's grid, so that all presets show the same anatomy."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Size and spacing of the image.

    Attributes
    ----------
    size_kji
        Slices, rows, columns.
    spacing_kji_mm
        Distance between voxel centres, mm.
    noise_hu
        Standard deviation of the noise in the middle of the body.
    """

    size_kji: tuple[int, int, int]
    spacing_kji_mm: tuple[float, float, float]
    noise_hu: float

    def grid(self, frame_uid: str) -> Grid:
        spacing = np.asarray(self.spacing_kji_mm)
        half = (np.asarray(self.size_kji) - 1) / 2.0 * spacing
        origin = np.asarray(CENTRE_LPS_MM) - half[::-1]
        return Grid.of(self.size_kji, origin_lps_mm=origin, spacing_kji_mm=spacing, frame_uid=frame_uid)


PRESETS = {
    "tiny": Preset((84, 96, 128), (3.0, 3.0, 3.0), 10.0),
    "demo": Preset((102, 256, 256), (2.5, 1.5, 1.5), 12.0),
    "full": Preset((204, 512, 512), (1.25, 0.75, 0.75), 14.0),
}


def preset_named(name: str) -> Preset:
    """The preset of a name.

    Raises
    ------
    UsageError
        For a name that is none of them.
    """
    if name not in PRESETS:
        raise UsageError(
            "unknown-preset", f"There is no resolution called {name}; choose one of {', '.join(PRESETS)}.", subject=name
        )
    return PRESETS[name]
