"""A margin painted on its target, and the zones around it, for the 3D scene."""

from __future__ import annotations

from viewers.scene.margin_painter import colours_of
from viewers.scene.zone_painter import zone_meshes
from viewers.state.margins import MarginDesk
from viewers.state.scene3d import Mesh


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


def painted_region(margins: MarginDesk, frame_uid: str) -> str | None:
    """Id of the region that is drawn with its margin, or None."""
    shown = margins.shown.value
    return shown.body.region_id if shown is not None and shown.frame_uid == frame_uid else None
