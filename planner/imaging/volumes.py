"""Volumes and label maps: an array, its grid, and what is known about where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid


@dataclass(frozen=True, slots=True)
class ImageSource:
    """What a viewer prints beside an image. None is unknown.

    Attributes
    ----------
    series_uid, part
        DICOM SeriesInstanceUID (a private UID for other files) and the number of the volume inside the series, from 1.
    unit
        ``HU`` for CT with a rescale to Hounsfield units, ``SUV`` or None when the numbers have no unit.
    phase
        ``non-contrast``, ``arterial``, ``portal-venous``, ``delayed`` or None when it cannot be told.
    phase_from
        ``image`` when it was told from the picture, ``operator`` when a person set it, None when the file says it.
    phase_confidence
        0 to 1, of a phase told from the picture.
    provenance
        Repairs accepted by the operator and other steps between the file and this array.
    """

    series_uid: str
    part: int = 1
    modality: str | None = None
    description: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    patient_birth_date: str | None = None
    patient_sex: str | None = None
    study_uid: str | None = None
    study_date: str | None = None
    series_number: int | None = None
    unit: str | None = None
    phase: str | None = None
    patient_position: str | None = None
    window: tuple[float, float] | None = None
    provenance: tuple[str, ...] = ()
    phase_from: str | None = None
    phase_confidence: float | None = None

    @property
    def phase_basis(self) -> str:
        """``from the image, 82 %`` or ``set by hand``; empty for a phase that the file says, or that is not known."""
        if self.phase_from == "operator":
            return "set by hand"
        if self.phase is None or self.phase_from != "image" or self.phase_confidence is None:
            return ""
        return f"from the image, {100.0 * self.phase_confidence:.0f} %"

    @property
    def phase_text(self) -> str:
        """The phase with how it is known: ``arterial (from the image, 82 %)``; empty when it is not known."""
        if not self.phase_basis:
            return self.phase or ""
        return f"{self.phase or 'phase unknown'} ({self.phase_basis})"


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3D image.

    Parameters
    ----------
    voxels
        (k, j, i) int16, int32, float32 or float64: Hounsfield units for CT, otherwise rescaled stored values.
    grid
        Where it lies.
    source
        Where it came from.
    """

    voxels: NDArray[np.generic]
    grid: Grid
    source: ImageSource

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.size_kji:
            raise ValueError(f"voxels {self.voxels.shape} do not fit the grid {self.grid.size_kji}")

    def nearest(self, lps_mm: ArrayLike) -> float | None:
        """The value of the voxel at an LPS point, or None outside."""
        index = self.grid.nearest_index(lps_mm)
        return None if index is None else float(np.asarray(self.voxels[index], dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Label:
    """One structure of a label map.

    Attributes
    ----------
    value
        The voxel value that stands for it.
    structure
        Our coded structure (a key of ``resources/structures.toml``), or None when it is not known.
    name
        The name as the file gives it, or the structure's own.
    colour
        ``#rrggbb``.
    """

    value: int
    name: str
    structure: str | None = None
    colour: str = "#d0a030"


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Structures painted on a grid; 0 is none of them.

    Parameters
    ----------
    voxels
        (k, j, i) unsigned or signed integers.
    labels
        By voxel value.
    """

    voxels: NDArray[np.generic]
    grid: Grid
    labels: Mapping[int, Label] = field(default_factory=dict)
    source: ImageSource | None = None

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.size_kji:
            raise ValueError(f"labels {self.voxels.shape} do not fit the grid {self.grid.size_kji}")

    def mask(self, value: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.voxels == value
        return found

    def volume_ml(self, value: int) -> float:
        return float(np.count_nonzero(self.mask(value))) * self.grid.voxel_ml
