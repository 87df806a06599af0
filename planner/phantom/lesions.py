"""The two hepatocellular carcinomas: where they lie, their shape and how they enhance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import BugError
from planner.geometry import Grid
from planner.phantom.anatomy import Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, Frame
from planner.phantom.liver import LIVER_HIGH_MM, LIVER_LOW_MM, liver, segments

COARSE_MM = 4.0
"""Spacing of the lattice on which vessels and tumours are placed; the same for every resolution."""

MAIN_LPS_MM = (-88.0, -34.0, 16.0)
SECOND_LPS_MM = {3: (36.0, -70.0, 34.0), 6: (-112.0, 30.0, -26.0)}


@dataclass(frozen=True, eq=False)
class LiverSpace:
    """The liver on a coarse lattice: depth and Couinaud segment.

    Attributes
    ----------
    places_lps_mm
        (n, 3) lattice points.
    depth_mm
        (n,) distance below the surface, negative outside.
    segment
        (n,) Couinaud segment.
    """

    places_lps_mm: NDArray[np.float64]
    depth_mm: NDArray[np.float64]
    segment: NDArray[np.uint8]


def liver_space(anatomy: Anatomy) -> LiverSpace:
    low, high = np.asarray(LIVER_LOW_MM), np.asarray(LIVER_HIGH_MM)
    k, j, i = (int(size) for size in np.ceil((high - low) / COARSE_MM)[::-1])
    grid = Grid.of((k, j, i), origin_lps_mm=low, spacing_kji_mm=(COARSE_MM,) * 3, frame_uid="coarse")
    box = Frame(grid).whole()
    z, y, x = np.meshgrid(box.z.ravel(), box.y.ravel(), box.x.ravel(), indexing="ij")
    places = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1).astype(float)
    return LiverSpace(places, -liver(box, anatomy).ravel().astype(float), segments(box, anatomy).ravel())


@dataclass(frozen=True, eq=False)
class Tumour:
    """One tumour as it is modelled.

    Attributes
    ----------
    identifier
        ``lesion-1`` or ``lesion-2``.
    centre_lps_mm, radius_mm
        Of the sphere it is a lobulated version of.
    """

    identifier: str
    centre_lps_mm: NDArray[np.float64]
    radius_mm: float
    segment: int
    capsule: bool
    necrosis_mm: float

    def distance(self, box: Box, anatomy: Anatomy) -> Array:
        """Signed distance to the tumour's surface."""
        x, y, z = (box.x - self.centre_lps_mm[0], box.y - self.centre_lps_mm[1], box.z - self.centre_lps_mm[2])
        round_part = np.sqrt(x * x + 1.04 * y * y + 0.98 * z * z) - self.radius_mm
        lobed: Array = (round_part + 0.035 * self.radius_mm * anatomy.noise_12.on(box)).astype(np.float32)
        return lobed

    def box_in(self, frame: Frame, margin_mm: float = 6.0) -> Box | None:
        reach = self.radius_mm * 1.15 + margin_mm
        return frame.box(self.centre_lps_mm - reach, self.centre_lps_mm + reach)


def place_tumours(anatomy: Anatomy, space: LiverSpace) -> tuple[Tumour, Tumour]:
    """The large tumour on the border of segments 8 and 5, the small one in segment 3 or 6."""
    radius = anatomy.main_diameter_mm / 2.0
    wanted = np.asarray(MAIN_LPS_MM) + anatomy.main_offset_mm
    centre, segment = _settle(space, wanted, radius + 4.0, (8, 5))
    main = Tumour("lesion-1", centre, radius, segment, capsule=True, necrosis_mm=0.26 * radius)
    small = anatomy.second_diameter_mm / 2.0
    wanted = np.asarray(SECOND_LPS_MM[anatomy.second_segment]) + anatomy.second_offset_mm
    centre, segment = _settle(space, wanted, small + 3.0, (anatomy.second_segment,))
    return main, Tumour("lesion-2", centre, small, segment, capsule=False, necrosis_mm=0.0)


def place_new_tumour(
    anatomy: Anatomy,
    space: LiverSpace,
    others: tuple[Tumour, ...],
    vessels_lps_mm: NDArray[np.float64],
    diameter_mm: float,
) -> Tumour:
    """A third tumour, in a segment of its own, as far as may be from the others and from the given places of vessels.

    Parameters
    ----------
    vessels_lps_mm
        (n, 3) along the larger veins.
    """
    from scipy.spatial import cKDTree

    taken = [other.segment for other in others]
    radius = diameter_mm / 2.0
    fits = np.flatnonzero((space.depth_mm >= radius + 4.0) & ~np.isin(space.segment, [1, *taken]))
    if not len(fits):
        raise BugError("this liver has no room for a third tumour")
    places = space.places_lps_mm[fits]
    away = np.min([np.linalg.norm(places - other.centre_lps_mm, axis=1) for other in others], axis=0)
    clear, _ = cKDTree(vessels_lps_mm).query(places)
    # Beyond 60 mm it is far enough, and so are 8 mm from its surface to the next vein.
    worth = np.minimum(away, 60.0) / 60.0 + np.minimum(clear - radius, 8.0) / 8.0
    best = fits[int(np.argmax(worth + 0.05 * anatomy.random(31).uniform(size=len(fits))))]
    centre, segment = space.places_lps_mm[best].copy(), int(space.segment[best])
    return Tumour("lesion-3", centre, radius, segment, capsule=False, necrosis_mm=0.0)


def _settle(
    space: LiverSpace, wanted: NDArray[np.float64], depth_mm: float, allowed: tuple[int, ...]
) -> tuple[NDArray[np.float64], int]:
    """The lattice place nearest to the wanted one that lies deep enough in an allowed segment."""
    fits = (space.depth_mm >= depth_mm) & np.isin(space.segment, allowed)
    if not fits.any():
        raise BugError(f"segment {allowed} of this liver has no room {depth_mm:.1f} mm below its surface")
    candidates = np.flatnonzero(fits)
    best = candidates[int(np.argmin(np.linalg.norm(space.places_lps_mm[candidates] - wanted, axis=1)))]
    return space.places_lps_mm[best].copy(), int(space.segment[best])


def paint_tumour(canvas: Canvas, anatomy: Anatomy, tumour: Tumour) -> None:
    """Bright in the arterial phase, washed out in the portal one, where its capsule shows."""
    box = tumour.box_in(canvas.frame)
    if box is None:
        return
    shape = tumour.distance(box, anatomy)
    if tumour.capsule:
        canvas.paint(box, shape, "hcc_capsule")
        inner = shape + 1.9
    else:
        inner = shape
    mosaic = 9.0 * anatomy.noise_6.on(box) + 7.0 * anatomy.noise_12.on(box)
    canvas.paint(box, inner, "hcc", texture=mosaic.astype(np.float32))
    if tumour.necrosis_mm > 0.0:
        core = shape + tumour.radius_mm - tumour.necrosis_mm + 1.5 * anatomy.noise_6.on(box)
        canvas.paint(box, core.astype(np.float32), "hcc_necrosis")


@dataclass(frozen=True, slots=True)
class TumourSize:
    """Measured on the modelled surface itself, not on voxels."""

    longest_axial_mm: float
    volume_ml: float


def measure(tumour: Tumour, anatomy: Anatomy) -> TumourSize:
    """Longest diameter in an axial plane and volume, from the surface sampled at 0.7 mm."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    step = 0.7
    reach = tumour.radius_mm * 1.15 + 2.0
    count = int(np.ceil(2 * reach / step))
    origin = tumour.centre_lps_mm - step * (count - 1) / 2
    grid = Grid.of((count,) * 3, origin_lps_mm=origin, spacing_kji_mm=(step,) * 3, frame_uid="fine")
    inside = tumour.distance(Frame(grid).whole(), anatomy) < 0.0
    longest = 0.0
    for level in inside:
        places = np.argwhere(level)
        if len(places) < 12:
            continue
        hull = places[ConvexHull(places).vertices]
        longest = max(longest, float(pdist(hull * step).max()) + 0.7 * step)
    return TumourSize(longest, float(np.count_nonzero(inside)) * step**3 / 1000.0)
