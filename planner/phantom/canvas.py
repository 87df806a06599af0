"""Where the anatomy is painted: one HU image per contrast phase and a map of structures, painter's order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.phantom.enhancement import PHASES, level, structure_value
from planner.phantom.fields import Array, Box, Frame


@dataclass(eq=False)
class Canvas:
    """Paints signed distances with partial volume.

    Parameters
    ----------
    grid
        An axial grid.
    phases
        One image is painted for each.

    Attributes
    ----------
    hu
        One (k, j, i) float32 image per phase, in the order of `phases`.
    structures
        (k, j, i) uint8 values of `enhancement.STRUCTURES`.
    vessels
        (k, j, i) uint8 values of `enhancement.VESSELS`.
    """

    grid: Grid
    phases: tuple[str, ...] = PHASES
    frame: Frame = field(init=False)
    hu: list[Array] = field(init=False)
    structures: NDArray[np.uint8] = field(init=False)
    vessels: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        self.frame = Frame(self.grid)
        self.hu = [np.full(self.grid.size_kji, level("air", phase), dtype=np.float32) for phase in self.phases]
        self.structures = np.zeros(self.grid.size_kji, dtype=np.uint8)
        self.vessels = np.zeros(self.grid.size_kji, dtype=np.uint8)

    def coverage(self, distance: Array) -> Array:
        """Share of each voxel inside a surface of given signed distance."""
        share: Array = np.clip(0.5 - distance / np.float32(self.frame.width_mm), 0.0, 1.0).astype(np.float32)
        return share

    def paint(
        self, box: Box, distance: Array, tissue: str, *, structure: str | None = None, texture: Array | None = None
    ) -> None:
        """Paint a tissue where the distance is negative.

        Parameters
        ----------
        texture
            HU added to the tissue's own in every phase, broadcastable to the box.
        """
        self.blend(box, self.coverage(distance), tissue, texture=texture)
        if structure is not None:
            self.structures[box.slices][distance < 0.0] = structure_value(structure)

    def blend(self, box: Box, share: Array, tissue: str, *, texture: Array | None = None) -> None:
        """Mix a tissue in by its share of each voxel (0..1)."""
        for image, phase in zip(self.hu, self.phases, strict=True):
            part = image[box.slices]
            plain = np.float32(level(tissue, phase))
            wanted = plain if texture is None else plain + texture
            part += share * (wanted - part)
