"""From masks, items and planes to what the 3D scene draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from planner.geometry import SlicePlane
from planner.imaging import LabelMap, Volume
from planner.imaging.slicing import slice_volume
from planner.imaging.window import Window, apply_window
from planner.model.items import PlanItem, VesselPathBody
from planner.model.needle_items import NeedlePathBody
from viewers.scene.palette import NEEDLE, PATH, PLANE_COLOURS
from viewers.state.marking import Mark, mark_of
from viewers.state.mask_layer import RegionShape
from viewers.state.scene3d import PlanePicture, Surface, Tube
from viewers.state.view_state import PlaneKind

PLANE_PIXELS = 256
THIN_VESSEL_MM = 1.0
"""Radius drawn where the radius of a path is not known."""
THIN_NEEDLE_MM = 0.6
"""Thinner needles are drawn with this radius in 3D, or they would not be seen."""

SEE_THROUGH = frozenset({"liver", "body", "skin", "lung_left", "lung_right", "spleen"})
"""Structures drawn faint, so that what lies inside is seen."""
SEE_THROUGH_OPACITY = 0.25


def surfaces_of(overlays: Sequence[LabelMap]) -> tuple[Surface, ...]:
    """One surface for every label that is on its map."""
    made = []
    for number, overlay in enumerate(overlays):
        for value, label in overlay.labels.items():
            opacity = SEE_THROUGH_OPACITY if label.structure in SEE_THROUGH else 0.9
            key = f"{number}/{value}/{id(overlay.voxels)}"
            made.append(Surface(key, label.name, overlay.mask(value), overlay.grid, label.colour, opacity))
    return tuple(made)


def surfaces_of_regions(regions: Iterable[RegionShape], hidden: frozenset[str]) -> tuple[Surface, ...]:
    """One surface for every painted region on show; a mask that was edited is another value, so it is drawn anew."""
    return tuple(
        Surface(
            f"{region.id}/{id(region.mask)}",
            region.label,
            region.mask.voxels,
            region.mask.grid.cropped(*region.mask.box),
            region.colour,
            SEE_THROUGH_OPACITY if region.structure in SEE_THROUGH else 0.9,
        )
        for region in regions
        if region.id not in hidden and not region.mask.is_empty
    )


def tubes_of(items: Iterable[PlanItem], frame_uid: str) -> tuple[Tube, ...]:
    """Vessel paths and needles of one frame of reference as tubes."""
    return tubes_of_marks((mark_of(item) for item in items), frame_uid)


def tubes_of_marks(marks: Iterable[Mark], frame_uid: str) -> tuple[Tube, ...]:
    return tuple(_tubes(marks, frame_uid))


def _tubes(marks: Iterable[Mark], frame_uid: str) -> Iterator[Tube]:
    for mark in marks:
        body = mark.body
        if mark.item.frame_uid != frame_uid or not mark.item.visible:
            continue
        if isinstance(body, NeedlePathBody):
            yield needle_tube(mark.id, body)
        if not isinstance(body, VesselPathBody):
            continue
        points = np.asarray(body.points_lps_mm, dtype=np.float64)
        if len(points) < 2:
            continue
        known = body.radius_mm if len(body.radius_mm) == len(points) else (None,) * len(points)
        radius = np.array([THIN_VESSEL_MM if each is None else each for each in known], dtype=np.float64)
        yield Tube(f"{mark.id}/{hash(body.points_lps_mm)}", points, radius, PATH)


def needle_tube(item_id: str, body: NeedlePathBody) -> Tube:
    """A needle as thick as it is, from the skin to its tip."""
    ends = (body.entry_lps_mm, body.tip_lps_mm)
    radius = max(body.diameter_mm / 2.0, THIN_NEEDLE_MM)
    key = f"{item_id}/{hash((ends, radius))}"
    return Tube(key, np.asarray(ends, dtype=np.float64), np.array([radius, radius]), NEEDLE)


def plane_picture(volume: Volume, kind: PlaneKind, plane: SlicePlane, window: Window) -> PlanePicture:
    """An MPR plane, as wide as the volume and about its middle, for the 3D scene."""
    low, high = volume.grid.bounds_lps_mm
    extent = float(np.max(high - low))
    centre = volume.grid.centre_lps_mm
    centred = plane.through(centre - float(plane.distance_mm(centre)) * plane.normal_lps)
    values = slice_volume(volume, centred, (PLANE_PIXELS, PLANE_PIXELS), extent / PLANE_PIXELS)
    grey = apply_window(values, centre=window.centre, width=window.width, function=window.function)
    return PlanePicture(centred, grey, extent, extent, PLANE_COLOURS[kind])
