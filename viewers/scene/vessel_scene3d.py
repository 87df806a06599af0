"""Vessel trees, catheter tips and the territory of an injection for the 3D scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viewers.scene.palette import rgb
from viewers.scene.vessel_colours import looks_of, point_colours
from viewers.scene.volume_actors import thinned
from viewers.state.scene3d import Camera, Mesh, Surface
from viewers.state.vessels import INJECTED, TreeShown, VesselDesk, tips_in

SIDES = 8
"""Of a tube."""
THINNEST_MM = 0.45
"""Thinner vessels are drawn with this radius, or they would not be seen."""
GROUND = "#202428"
DASH = 3
"""Of doubtful stretches every so many steps are drawn, and as many left out."""
TERRITORY_OPACITY = 0.28
TIP_MM = 3.0
MOVING_VOXELS = 250_000
"""Of the territory while a tip is dragged: its surface is made many times a second."""
_FAR_ENOUGH = 1.15


class VesselMeshes:
    """Meshes of the trees and catheter tips on show; what has not changed is the same value again."""

    def __init__(self, vessels: VesselDesk) -> None:
        self._vessels = vessels
        self._shapes: dict[str, tuple[TreeShown, NDArray[np.float64], NDArray[np.int32]]] = {}
        self._made: dict[str, Mesh] = {}

    def meshes(self, frame_uid: str, hidden: frozenset[str]) -> tuple[Mesh, ...]:
        """A tube for every segment, in one mesh for each tree; a ball for every tip."""
        vessels = self._vessels
        trees = [each for each in vessels.in_frame(frame_uid, hidden) if len(each.flat.points_lps_mm)]
        known = {each.id for each in trees}
        self._shapes = {key: kept for key, kept in self._shapes.items() if key in known}
        made = [self._tree(shown) for shown in trees]
        injection = vessels.injection.value
        for number, tip in enumerate(tips_in(vessels.tips.value, injection)):
            if tip.place.tree_id in known and tip.item_id not in hidden:
                held = injection is not None and injection.tip == tip
                made.append(_ball(f"tip/{number}", np.asarray(tip.lps_mm), "#ffffff" if held else "#c8ccd2"))
        self._made = {each.key: each for each in made}
        return tuple(made)

    def _tree(self, shown: TreeShown) -> Mesh:
        looks = looks_of(shown, self._vessels)
        colours = point_colours(shown, looks, self._vessels, GROUND)
        for number, segment in enumerate(shown.tree.segments):
            if looks[segment.id].edge:
                mine = shown.flat.number == number
                colours[mine] = ((colours[mine].astype(np.uint16) + 2 * 255) // 3).astype(np.uint8)
        kept = self._shapes.get(shown.id)
        if kept is None or kept[0] is not shown:
            kept = self._shapes[shown.id] = (shown, *_tubes(shown))
        _, vertices, triangles = kept
        every = np.repeat(colours, SIDES, axis=0)
        before = self._made.get(f"tree/{shown.id}")
        if before is not None and before.vertices_lps_mm is vertices and np.array_equal(before.colours, every):
            return before
        return Mesh(f"tree/{shown.id}", vertices, triangles, every)


def surfaces_of_vessels(vessels: VesselDesk, frame_uid: str, *, moving: bool = False) -> tuple[Surface, ...]:
    """The territory, so faint that vessels and tumours inside are seen; of fewer voxels while the hand moves."""
    injection = vessels.injection.value
    if injection is None or injection.frame_uid != frame_uid:
        return ()
    mask = injection.territory
    if mask is None or mask.is_empty:
        return ()
    voxels, grid = mask.voxels, mask.grid.cropped(*mask.box)
    factor = int(np.ceil((voxels.size / MOVING_VOXELS) ** (1.0 / 3.0))) if moving else 1
    if factor > 1:
        few, grid = thinned(voxels, grid, factor)
        voxels = few.astype(np.bool_)
    return (Surface(f"territory/{id(mask)}/{factor}", "Territory", voxels, grid, INJECTED, TERRITORY_OPACITY),)


def camera_on_vessels(vessels: VesselDesk, frame_uid: str) -> Camera | None:
    """From the front on all branches of the tree on show; the trunk it hangs on may leave the picture."""
    shown = vessels.shown
    if shown is None or shown.tree.frame_uid != frame_uid or not len(shown.flat.points_lps_mm):
        return None
    points = shown.flat.points_lps_mm
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = ((low + high) / 2.0).tolist()
    half = _FAR_ENOUGH * float(max(high[2] - low[2], high[0] - low[0])) / 2.0
    return Camera((x, y, z), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), max(half, 10.0))


def _tubes(shown: TreeShown) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices and triangles of a tree; doubtful stretches are dashed."""
    flat = shown.flat
    vertices = _rings(flat.points_lps_mm, np.maximum(flat.radius_mm, THINNEST_MM), flat.number)
    steps = np.arange(len(flat.number) - 1)
    joined = flat.number[:-1] == flat.number[1:]
    unsure = flat.doubtful[:-1] & flat.doubtful[1:]
    drawn = joined & (~unsure | (steps // DASH % 2 == 0))
    return vertices, _quads(np.flatnonzero(drawn))


def _rings(points: NDArray[np.float64], radius: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n * SIDES, 3): a ring about each point, across the way there."""
    along = np.gradient(points, axis=0) if len(points) > 1 else np.ones_like(points)
    # At the ends of a segment the way is its own, not that to a point of the next one.
    first = np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))
    last = np.concatenate([first[1:] - 1, [len(points) - 1]])
    along[first] = points[np.minimum(first + 1, last)] - points[first]
    along[last] = points[last] - points[np.maximum(last - 1, first)]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    helper = np.where(np.abs(along[:, 2:3]) < 0.8, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    across = np.cross(along, helper)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    other = np.cross(along, across)
    turns = np.arange(SIDES) * (2.0 * np.pi / SIDES)
    ring = np.cos(turns)[None, :, None] * across[:, None] + np.sin(turns)[None, :, None] * other[:, None]
    found: NDArray[np.float64] = (points[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    return found


def _quads(steps: NDArray[np.int64]) -> NDArray[np.int32]:
    """(m, 3): the walls between the rings of these points and the next ones."""
    side = np.arange(SIDES)
    beside = (side + 1) % SIDES
    here, there = steps[:, None] * SIDES, (steps[:, None] + 1) * SIDES
    one = np.stack([here + side, here + beside, there + side], axis=-1)
    two = np.stack([here + beside, there + beside, there + side], axis=-1)
    return np.concatenate([one.reshape(-1, 3), two.reshape(-1, 3)]).astype(np.int32)


def _ball(key: str, centre: NDArray[np.float64], colour: str) -> Mesh:
    """A small ball."""
    rows, columns = 6, 10
    lift = np.linspace(-np.pi / 2.0, np.pi / 2.0, rows)[:, None]
    turn = np.arange(columns)[None, :] * (2.0 * np.pi / columns)
    axes = (np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift) + 0.0 * turn)
    vertices = centre + TIP_MM * np.stack(axes, axis=-1).reshape(-1, 3)
    grid = np.arange(rows * columns).reshape(rows, columns)
    low, high = grid[:-1], grid[1:]
    beside_low, beside_high = np.roll(low, -1, axis=1), np.roll(high, -1, axis=1)
    one, two = np.stack([low, beside_low, high], -1), np.stack([beside_low, beside_high, high], -1)
    triangles = np.concatenate([one.reshape(-1, 3), two.reshape(-1, 3)]).astype(np.int32)
    return Mesh(key, vertices, triangles, np.tile(np.asarray(rgb(colour), np.uint8), (len(vertices), 1)))
