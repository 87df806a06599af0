"""What is true of the digital patient on one day of the course: tumours, oil, zone, margins, landmarks, displacement.

Diameters, volumes and margins are measured on the modelled shapes in the space of the baseline, 1 mm apart; the breath
of a day changes them by a few per cent more or less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging import LabelMap
from planner.imaging.displacement import DisplacementField, PointMap
from planner.imaging.masks import Mask
from planner.phantom.ablation_day import BurntZone
from planner.phantom.anatomy import Anatomy
from planner.phantom.course_lesions import lesion_shapes
from planner.phantom.course_motion import DayMap
from planner.phantom.course_story import LesionStory
from planner.phantom.enhancement import structure_value
from planner.phantom.fields import Array, Frame
from planner.phantom.lesions import Tumour
from planner.phantom.liver import liver
from planner.phantom.truth import Landmark, Truth

FINE_MM = 1.0
FIELD_MM = 6.0
"""Spacing of the displacement fields that are handed out."""
LANDMARK_RADIUS_MM = 1.2
"""Vessels at least this wide give landmarks where they branch."""
MOST_LANDMARKS = 60


@dataclass(frozen=True, slots=True)
class LesionSize:
    """A tumour measured on its modelled shape.

    Attributes
    ----------
    diameter_mm, viable_mm
        Longest diameter in an axial plane, of the whole and of its viable part; `viable_mm` None where nothing lives.
    oil_share
        Of the whole tumour's volume.
    """

    diameter_mm: float
    viable_mm: float | None
    volume_ml: float
    viable_ml: float
    oil_share: float


@dataclass(frozen=True, eq=False)
class LesionOnDay:
    """One tumour on one day; `identifier` stays the same over the course.

    Attributes
    ----------
    state
        As `planner.phantom.course_story.LesionStory`.
    label
        Voxel value in the written maps.
    first_seen
        Key of the timepoint on which it is first seen.
    centre_lps_mm
        In the frame of the day.
    mask, viable, lipiodol
        On the grid of the day; of an ablated tumour `mask` is where its dead tissue lies within the zone.
    """

    identifier: str
    label: int
    state: str
    segment: int
    first_seen: str
    centre_lps_mm: tuple[float, float, float]
    size: LesionSize
    mask: Mask
    viable: Mask
    lipiodol: Mask


@dataclass(frozen=True, slots=True)
class AchievedMargin:
    """How far the zone reaches beyond the tumour it was burnt over, mm; negative where tumour was left.

    Attributes
    ----------
    minimum_mm
        To the surface of the whole ellipsoid, also where that lies outside the liver.
    minimum_in_liver_mm
        Where the liver ends, nothing is asked for: its surface does not count as the zone's.
    share_covered
        Of the tumour's volume.
    """

    lesion: str
    minimum_mm: float
    minimum_in_liver_mm: float
    share_covered: float


@dataclass(frozen=True, eq=False)
class DayTruth:
    """What is true in one frame of reference.

    Attributes
    ----------
    modality
        Of the images of that frame: on one day CT and MR each have their own.
    day_map
        Between the baseline CT and this frame, exact in both directions.
    lesions
        Those that are there on that day.
    spilt
        Oil outside the tumours.
    zone
        Coagulated tissue, or None before there is any.
    landmarks
        Branchings of vessels inside the liver and centres of tumours, in this frame; the same names on every day.
    """

    key: str
    modality: str
    grid: Grid
    day_map: DayMap
    structures: LabelMap
    lesions: tuple[LesionOnDay, ...]
    spilt: Mask
    zone: Mask | None
    margin: AchievedMargin | None
    landmarks: tuple[Landmark, ...]

    @property
    def frame_uid(self) -> str:
        return self.grid.frame_uid

    def lesion(self, identifier: str) -> LesionOnDay:
        """KeyError for a tumour that is not there on that day."""
        return {each.identifier: each for each in self.lesions}[identifier]


def measured(tumour: Tumour, anatomy: Anatomy, story: LesionStory) -> LesionSize:
    """Sizes of a tumour of the day (see `planner.phantom.course_lesions.grown`)."""
    grid = _fine_grid(tumour.centre_lps_mm, tumour.radius_mm * 1.15 + 2.0)
    shapes = lesion_shapes(Frame(grid).whole(), anatomy, tumour, story)
    whole, viable, oil = shapes.whole < 0.0, shapes.viable < 0.0, shapes.oil < 0.0
    voxel_ml = FINE_MM**3 / 1000.0
    count = int(np.count_nonzero(whole))
    return LesionSize(
        diameter_mm=longest_axial_mm(whole, FINE_MM),
        viable_mm=longest_axial_mm(viable, FINE_MM) if viable.any() else None,
        volume_ml=count * voxel_ml,
        viable_ml=int(np.count_nonzero(viable)) * voxel_ml,
        oil_share=int(np.count_nonzero(oil & whole)) / max(count, 1),
    )


def longest_axial_mm(inside: NDArray[np.bool_], step_mm: float) -> float:
    """Longest distance within one slice, from outer edge to outer edge; 0 for too few voxels."""
    from scipy.spatial import ConvexHull, QhullError
    from scipy.spatial.distance import pdist

    longest = 0.0
    for level in inside:
        places = np.argwhere(level)
        if len(places) < 4:
            continue
        try:
            edge = places[ConvexHull(places).vertices]
        except QhullError:
            # All voxels on one line: they are their own edge.
            edge = places
        longest = max(longest, float(pdist(edge * step_mm).max()) + 0.7 * step_mm)
    return longest


def achieved_margin(tumour: Tumour, anatomy: Anatomy, zone: BurntZone, lesion: str) -> AchievedMargin:
    """Margin of a zone over a tumour, by distance maps of both shapes."""
    from scipy.ndimage import distance_transform_edt

    box = Frame(_fine_grid(zone.centre_lps_mm, zone.half_long_mm + 12.0)).whole()
    inside = tumour.distance(box, anatomy) < 0.0
    burnt = zone.distance(box) < 0.0
    beyond_liver = liver(box, anatomy) >= 0.0

    def least(covered: NDArray[np.bool_]) -> float:
        # Half a voxel: distances run to the centre of the next voxel, surfaces lie between centres.
        missed = inside & ~covered
        if missed.any():
            return -float(distance_transform_edt(~covered)[missed].max() - 0.5) * FINE_MM
        return float(distance_transform_edt(covered)[inside].min() - 0.5) * FINE_MM - 0.5 * FINE_MM

    share = float(np.count_nonzero(inside & burnt)) / max(int(np.count_nonzero(inside)), 1)
    return AchievedMargin(lesion, least(burnt), least(burnt | beyond_liver), share)


def liver_landmarks(truth: Truth, tumours: tuple[Tumour, ...]) -> tuple[Landmark, ...]:
    """Branchings of the wider vessels inside the liver and the tumours' centres, in the baseline's frame."""
    grid, inside = truth.structures.grid, truth.structures.voxels == structure_value("liver")
    found: list[Landmark] = []
    for kind in ("portal vein", "hepatic vein"):
        tree = truth.trees[kind]
        radii, daughters = tree.radii_mm(), tree.children()
        for node, place in enumerate(tree.positions):
            index = grid.nearest_index(place)
            wide = len(daughters[node]) > 1 and min(radii[child] for child in daughters[node]) >= LANDMARK_RADIUS_MM
            if wide and index is not None and inside[index]:
                found.append(Landmark(f"{kind} branching {node}", _triple(place)))
    found = found[:: max(1, -(-len(found) // MOST_LANDMARKS))]
    centres = (Landmark(f"centre of {each.identifier}", _triple(each.centre_lps_mm)) for each in tumours)
    return (*found, *centres)


def point_map(day_map: DayMap, baseline: Grid) -> PointMap:
    """From the baseline CT to the day, as the program keeps such maps: rigid part and a field every `FIELD_MM`."""
    grid = coarse(baseline)
    places = grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji), 0, -1))
    extra = day_map.points(places) - day_map.day_from_baseline.points(places)
    return PointMap(day_map.day_from_baseline, DisplacementField(grid, extra.astype(np.float32)))


def coarse(grid: Grid, spacing_mm: float = FIELD_MM) -> Grid:
    """An axial grid of that spacing over the same space."""
    low, high = grid.bounds_lps_mm
    k, j, i = (int(count) for count in np.ceil((high - low)[::-1] / spacing_mm).astype(int) + 1)
    return Grid.of((k, j, i), origin_lps_mm=low, spacing_kji_mm=(spacing_mm,) * 3, frame_uid=grid.frame_uid)


def shape_mask(day_map: DayMap, baseline: Grid, slices: tuple[slice, slice, slice], shape: Array, target: Grid) -> Mask:
    """A signed distance on a box of the baseline's grid as a mask on the grid of the day."""
    low, high = (part.start for part in slices), (part.stop for part in slices)
    first, last = tuple(low), tuple(high)
    source = baseline.cropped((first[0], first[1], first[2]), (last[0], last[1], last[2]))
    return day_map.warped_shape(shape, source, target)


def _fine_grid(centre: NDArray[np.float64] | tuple[float, float, float], reach_mm: float) -> Grid:
    count = int(np.ceil(2 * reach_mm / FINE_MM))
    origin = np.asarray(centre) - FINE_MM * (count - 1) / 2
    return Grid.of((count,) * 3, origin_lps_mm=origin, spacing_kji_mm=(FINE_MM,) * 3, frame_uid="fine")


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])
