"""A margin painted on its target, and the zones around it, for the 3D scene."""

from __future__ import annotations

from viewers.scene.margin_painter import colours_of
from viewers.scene.zone_painter import zone_meshes
from viewers.state.margins import MarginDesk
from viewers.state.scene3d import Camera, Mesh

FAR_ENOUGH = 2.4
"""Half heights of the target that the picture shows: zones lie around it."""


def meshes_of_margins(margins: MarginDesk, frame_uid: str) -> tuple[Mesh, ...]:
    """What is drawn in a frame of reference."""
    made: list[Mesh] = []
    shown, zones = margins.shown.value, margins.zones.value
    if shown is not None and shown.frame_uid == frame_uid:
        found = shown.map
        colours = colours_of(found.values_mm, found.bin_edges_mm)
        made.append(Mesh("margin", found.vertices_lps_mm, found.triangles, colours))
    if zones is not None and zones.frame_uid == frame_uid:
        made += zone_meshes(zones)
    return tuple(made)


def camera_on_margin(margins: MarginDesk) -> Camera | None:
    """On the painted target, from the front, a little from the right and above."""
    shown = margins.shown.value
    if shown is None:
        return None
    low, high = shown.map.vertices_lps_mm.min(axis=0), shown.map.vertices_lps_mm.max(axis=0)
    x, y, z = ((low + high) / 2.0).tolist()
    half = FAR_ENOUGH * float((high - low).max()) / 2.0
    return Camera((x, y, z), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), half).turned(-18.0, 12.0)


def painted_region(margins: MarginDesk, frame_uid: str) -> str | None:
    """Id of the region that is drawn with its margin, or None."""
    shown = margins.shown.value
    return shown.body.region_id if shown is not None and shown.frame_uid == frame_uid else None
