"""The day of an ablation: the digital patient lies a little differently, is scanned, ablated, and scanned again.

What is not modelled: breathing between both scans of the day, swelling and shrinking of the tissue, the needles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled
from planner.jobs import Context
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, Frame, ellipsoid, turned_ellipsoid
from planner.phantom.patient import painted, uid_of
from planner.phantom.presets import preset_named
from planner.phantom.scanner import scan

if TYPE_CHECKING:
    from planner.phantom.patient import DigitalPatient

PHASE = "portal-venous"
TURN_DEG = 2.5
"""About the patient's long axis: nobody lies twice in the same way."""
SHIFT_LPS_MM = (5.0, -3.0, 8.0)
RIM_MM = 2.0
CORE_SHARE = 0.45
AIR_HU = -1000.0
ABLATED_LESION = "lesion-2"
ZONE_HALF_MM = (20.0, 17.5)
ZONE_AXIS_LPS = (0.5, -0.85, 0.15)
ZONE_OFFSET_LPS_MM = (2.0, 1.0, 0.0)
"""The simulated zone of the digital patient: not what any device does. It lies a little beside the tumour's middle,
so that the margin differs from side to side."""


@dataclass(frozen=True, slots=True)
class BurntZone:
    """An ellipsoid of coagulated tissue, in the frame of the planning CT.

    Attributes
    ----------
    axis_lps
        Unit direction of the long axis: along the applicator.
    half_long_mm, half_short_mm
        Half axes.
    """

    centre_lps_mm: tuple[float, float, float]
    axis_lps: tuple[float, float, float]
    half_long_mm: float
    half_short_mm: float

    def distance(self, box: Box) -> Array:
        """Signed distance to its surface, first order."""
        half = (self.half_long_mm, self.half_short_mm, self.half_short_mm)
        return turned_ellipsoid(box, self.centre_lps_mm, half, _axes_along(self.axis_lps))


@dataclass(frozen=True, eq=False)
class AblationDay:
    """Both scans of the day, in one frame of their own, and what is true of them.

    Attributes
    ----------
    zone
        The coagulated tissue, on the grid of `completion`.
    today_from_planning
        Where a point of the planning CT lies on that day.
    """

    today: Volume
    completion: Volume
    zone: Mask
    today_from_planning: SpaceMap


def usual_zone(tumour_lps_mm: ArrayLike, share: float = 1.0) -> BurntZone:
    """The zone that is burnt over a tumour at a place; `share` of its half axes is left later on."""
    centre = _point(np.asarray(tumour_lps_mm, dtype=np.float64) + ZONE_OFFSET_LPS_MM)
    return BurntZone(centre, ZONE_AXIS_LPS, ZONE_HALF_MM[0] * share, ZONE_HALF_MM[1] * share)


def ablate(patient: DigitalPatient, zone: BurntZone, *, study_date: str, context: Context | None = None) -> AblationDay:
    """Scan the patient in the position of the day before and after the zone was burnt.

    Parameters
    ----------
    study_date
        YYYYMMDD of the day of treatment.
    """
    given = context or Context()
    scene = painted(patient.preset, patient.seed, patient.case, (PHASE,), given.part(0.0, 0.6))
    identity = (patient.preset, patient.seed, patient.case, "ablation-day")
    moved = repositioned(scene.canvas.grid, uid_of("frame", *identity))
    before = scene.canvas.hu[0].copy()
    given.step(0.65, "Ablating")
    _burn(scene.canvas, zone)
    volumes = []
    for number, (name, image) in enumerate((("Before ablation", before), ("After ablation", scene.canvas.hu[0]))):
        given.step(0.7 + 0.12 * number, name)
        uid = uid_of("series", *identity, number)
        source = _source(patient.portal.source, uid, identity, study_date, name, 10 + number)
        still = _as_scanned_today(Volume(image, scene.canvas.grid, source), moved)
        noise = preset_named(patient.preset).noise_hu
        voxels = scan(still, Frame(_upright(moved, scene.canvas.grid)), patient.seed * 31 + 11 + number, noise)
        volumes.append(Volume(voxels, _upright(moved, scene.canvas.grid), source))
    burnt = _true_zone(zone, volumes[1].grid, moved)
    given.step(1.0, "The day of the ablation is made")
    return AblationDay(volumes[0], volumes[1], burnt, moved)


def repositioned(grid: Grid, today_frame_uid: str) -> SpaceMap:
    """Where a point of the planning CT, whose grid is given, lies in the frame of that day."""
    turn = np.deg2rad(TURN_DEG)
    homogeneous = np.eye(4)
    homogeneous[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    centre = grid.centre_lps_mm
    homogeneous[:3, 3] = centre + np.asarray(SHIFT_LPS_MM) - homogeneous[:3, :3] @ centre
    return SpaceMap(lps(today_frame_uid), lps(grid.frame_uid), homogeneous)


def _upright(moved: SpaceMap, grid: Grid) -> Grid:
    """The scanner's own axial grid on that day: the table stands where it stood."""
    uid = moved.destination.removeprefix("lps:")
    homogeneous = grid.lps_from_kji.homogeneous
    return Grid(grid.size_kji, SpaceMap(moved.destination, grid.lps_from_kji.source, homogeneous), uid)


def _as_scanned_today(volume: Volume, moved: SpaceMap) -> Array:
    """Noise-free HU on the scanner's grid of the day."""
    target = _upright(moved, volume.grid)
    turned = Grid(volume.grid.size_kji, moved.after(volume.grid.lps_from_kji), target.frame_uid)
    image: Array = resampled(Volume(volume.voxels, turned, volume.source), target, outside=AIR_HU).voxels.astype(
        np.float32
    )
    return image


def _burn(canvas: Canvas, zone: BurntZone) -> None:
    reach = zone.half_long_mm + 6.0
    box = canvas.frame.box(np.asarray(zone.centre_lps_mm) - reach, np.asarray(zone.centre_lps_mm) + reach)
    if box is None:
        return
    shape = zone.distance(box)
    canvas.paint(box, shape - np.float32(RIM_MM), "ablation_rim")
    canvas.paint(box, shape, "ablated")
    core = (CORE_SHARE * zone.half_short_mm,) * 3
    canvas.paint(box, ellipsoid(box, zone.centre_lps_mm, core), "ablated_core")


def _true_zone(zone: BurntZone, grid: Grid, moved: SpaceMap) -> Mask:
    """The zone on the grid of the day, by voxel centres."""
    centre = moved.points(zone.centre_lps_mm)
    axis = moved.vectors(zone.axis_lps)
    turned = replace(zone, centre_lps_mm=_point(centre), axis_lps=_point(axis))
    frame = Frame(grid)
    reach = zone.half_long_mm + 2.0
    box = frame.box(centre - reach, centre + reach)
    if box is None:
        return Mask.empty(grid)
    k, j, i = (part.start for part in box.slices)
    return Mask.of(grid, turned.distance(box) < 0.0, (k, j, i))


def _source(
    planning: ImageSource, uid: str, identity: tuple[object, ...], study_date: str, name: str, number: int
) -> ImageSource:
    return replace(
        planning,
        series_uid=uid,
        description=f"{name}, {PHASE} phase",
        study_uid=uid_of("study", *identity),
        study_date=study_date,
        series_number=number,
    )


def _axes_along(axis_lps: tuple[float, float, float]) -> NDArray[np.float64]:
    """A rotation whose first column is the axis."""
    first = np.asarray(axis_lps, dtype=np.float64)
    first = first / np.linalg.norm(first)
    other = np.eye(3)[int(np.argmin(np.abs(first)))]
    second = np.cross(first, other)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
