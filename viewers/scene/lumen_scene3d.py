"""Lumens and stents for the 3D scene: the lumen as a faint tube, a stent as a mesh of its wires at its place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.scene.palette import rgb
from viewers.state.lumen_shapes import SIDES, LumenShown, StentShown
from viewers.state.lumens import COLOUR, DOUBTFUL, STENT, LumenDesk
from viewers.state.scene3d import Camera, Mesh

RING_MM = 3.0
"""Between the crossings of a drawn stent's wires: a picture of a stent, no product's cells."""
LUMEN_OPACITY = 0.35
WIRE_MM = 0.5
RING_WIDER = 1.15
_FAR_ENOUGH = 0.75


class LumenMeshes:
    """Meshes of the lumens and stents on show; what has not changed is the same value again."""

    def __init__(self, desk: LumenDesk) -> None:
        self._desk = desk
        self._lumens: dict[str, tuple[LumenShown, Mesh]] = {}
        self._stents: dict[str, tuple[StentShown, Mesh]] = {}
        self._ring: tuple[LumenShown, float, Mesh] | None = None

    def meshes(self, frame_uid: str, hidden: frozenset[str]) -> tuple[Mesh, ...]:
        """A tube for every lumen, and for every stent a cylinder of wires as it lies in its lumen."""
        made = []
        for lumen in self._desk.in_frame(frame_uid, hidden):
            kept = self._lumens.get(lumen.id)
            if kept is None or kept[0] is not lumen:
                kept = self._lumens[lumen.id] = (lumen, lumen_mesh(lumen))
            made.append(kept[1])
            for stent in self._desk.stents_in(lumen.id, hidden):
                mesh = self._stent(stent)
                if mesh is not None:
                    made.append(mesh)
            if lumen is self._desk.shown:
                made.append(self._line(lumen))
        return tuple(made)

    def _line(self, lumen: LumenShown) -> Mesh:
        along = self._desk.along_mm.value
        if self._ring is None or self._ring[0] is not lumen or self._ring[1] != along:
            self._ring = (lumen, along, ring_mesh(lumen, along))
        return self._ring[2]

    def _stent(self, stent: StentShown) -> Mesh | None:
        kept = self._stents.get(stent.id)
        if kept is None or kept[0] is not stent:
            mesh = stent_mesh(stent)
            if mesh is None:
                return None
            kept = self._stents[stent.id] = (stent, mesh)
        return kept[1]


def lumen_mesh(lumen: LumenShown) -> Mesh:
    """The wall, paler where it is doubtful."""
    vertices, triangles, doubtful = lumen.wall
    colours = np.where(doubtful[:, None], np.asarray(rgb(DOUBTFUL)), np.asarray(rgb(COLOUR))).astype(np.uint8)
    return Mesh(f"lumen/{lumen.id}", vertices, triangles.astype(np.int32), colours, LUMEN_OPACITY)


def ring_mesh(lumen: LumenShown, along_mm: float) -> Mesh:
    """The line of the panes: a ring around the lumen."""
    plane = lumen.course.plane(along_mm)
    turn = np.arange(2 * SIDES) * (np.pi / SIDES)
    radius = 0.5 * lumen.widest_mm * RING_WIDER
    outward = np.cos(turn)[:, None] * plane.right_lps + np.sin(turn)[:, None] * plane.down_lps
    points = plane.point_lps_mm + radius * outward
    ribbons, triangles = _ribbons(points, np.roll(points, -1, axis=0), outward)
    return Mesh("lumen-line", ribbons, triangles, np.full((len(ribbons), 3), 255, np.uint8))


def stent_mesh(stent: StentShown) -> Mesh | None:
    """Its wires, crossing on the tube that the deployment gives; None for one that lies outside its lumen."""
    made = stent.deployment
    if made is None:
        return None
    rings = stent.walls[0].reshape(-1, SIDES, 3)
    step = float(made.along_mm[1] - made.along_mm[0])
    every = max(1, round(RING_MM / 2.0 / step))
    chosen = np.unique(np.append(np.arange(0, len(rings), every), len(rings) - 1))
    kept = rings[chosen]
    middles = stent.rings[0][chosen][:, None]
    begin, end = _wires(len(chosen))
    points, axis = kept.reshape(-1, 3), np.broadcast_to(middles, kept.shape).reshape(-1, 3)
    ribbons, triangles = _ribbons(points[begin], points[end], points[begin] - axis[begin])
    colours = np.tile(np.asarray(rgb(STENT), np.uint8), (len(ribbons), 1))
    return Mesh(f"stent/{stent.id}", ribbons, triangles, colours)


def _wires(rings: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ends of the wires between points of rings: the turn changes from ring to ring, so that they cross."""
    side = np.arange(SIDES)
    begin, end = [], []
    for ring in range(rings - 1):
        here, there = ring * SIDES, (ring + 1) * SIDES
        even = (side + ring) % 2 == 0
        begin.append(np.where(even, here + side, there + side))
        end.append(np.where(even, there + (side + 1) % SIDES, here + (side + 1) % SIDES))
    return np.concatenate(begin), np.concatenate(end)


def _ribbons(
    begin: NDArray[np.float64], end: NDArray[np.float64], outward: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A flat strip along each wire, tangential to the tube: vertices (4 m, 3) and triangles (2 m, 3)."""
    across = np.cross(end - begin, outward)
    across *= WIRE_MM / 2.0 / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    vertices = np.stack([begin - across, begin + across, end - across, end + across], axis=1).reshape(-1, 3)
    corner = 4 * np.arange(len(begin))[:, None]
    triangles = np.concatenate([corner + [0, 1, 2], corner + [1, 3, 2]]).astype(np.int32)
    return vertices, triangles


def camera_on_lumen(desk: LumenDesk, frame_uid: str) -> Camera | None:
    """From the front on the whole lumen on show."""
    shown = desk.shown
    if shown is None or shown.frame_uid != frame_uid:
        return None
    points = shown.lumen.centreline.points_lps_mm
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = ((low + high) / 2.0).tolist()
    half = _FAR_ENOUGH * max(float(high[2] - low[2]), float(high[0] - low[0]), shown.widest_mm * 2.0)
    return Camera((x, y, z), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), max(half, 10.0))
