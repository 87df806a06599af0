"""A body with structures around a target, and paths judged by brute force: plain numpy, written apart from ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from shapes import FRAME, centres_lps_mm, ellipsoid, grid_of

from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.planning.obstacles import DistanceField, Obstacle

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    body: Mask
    target: Mask
    organ: Mask
    obstacles: tuple[Obstacle, ...]


@cache
def scene() -> Scene:
    """An oval body of 100 x 90 x 100 mm; a target in an organ; a ball, a tube on its own oblique grid and a plate."""
    grid = grid_of((34, 66, 74), (3.0, 1.4, 1.4))
    centre = grid.centre_lps_mm
    points = centres_lps_mm(grid)
    body = Mask.of(grid, ellipsoid(grid, centre, (48.0, 43.0, 60.0)))
    target = Mask.of(grid, ellipsoid(grid, centre + (12.0, 4.0, 2.0), (6.0, 6.0, 7.0)))
    organ = Mask.of(grid, ellipsoid(grid, centre + (8.0, 2.0, 0.0), (24.0, 22.0, 26.0)))
    ball = Mask.of(grid, ellipsoid(grid, centre + (4.0, -24.0, 6.0), (9.0, 9.0, 10.0)))
    plate = Mask.of(grid, (np.abs(points[..., 0] - centre[0] - 33.0) < 3.0) & (np.abs(points[..., 2] - centre[2]) < 20))
    items = (Obstacle("ball", ball, 4.0, 9.0), Obstacle("tube", _tube(centre), 2.0, 6.0))
    return Scene(body, target, organ, (*items, Obstacle("plate", plate, 0.0, 3.0)))


def _tube(centre: Floats) -> Mask:
    """A tube of 6 mm across, on an oblique grid of 1 mm."""
    turn = np.radians(30.0)
    axes = np.array([[0.0, 0.0, 1.0], [np.sin(turn), np.cos(turn), 0.0], [np.cos(turn), -np.sin(turn), 0.0]])
    grid = Grid.of(
        (24, 24, 70), origin_lps_mm=centre + (-40.0, 4.0, -12.0), spacing_kji_mm=(1.0, 1.0, 1.0), axes_lps=axes,
        frame_uid=FRAME,
    )  # fmt: skip
    points = centres_lps_mm(grid)
    middle = grid.lps_from_kji.points((12.0, 12.0, 0.0))
    along = grid.axes_lps[:, 2]
    offset = points - middle
    away = np.linalg.norm(offset - (offset @ along)[..., None] * along, axis=-1)
    return Mask.of(grid, away <= 3.0)


@cache
def open_faces_lps_mm(body: Mask) -> Floats:
    """The middle of the open faces of each voxel at the skin; the edge of the image is no face."""
    bits = np.pad(body.full(), 1, mode="edge")
    steps = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
    found = []
    for index in np.argwhere(body.full()):
        opened = [step for step in steps if not bits[tuple(index + 1 + step)]]
        if opened:
            found.append(index + np.mean(opened, axis=0) / 2.0)
    return body.grid.lps_from_kji.points(np.array(found))


@cache
def surface_points(mask: Mask) -> Floats:
    """Half way between each voxel of a structure and each neighbour along an axis that is not of it."""
    bits = np.pad(mask.voxels, 1).astype(np.int8)
    found = [
        np.argwhere(np.diff(bits, axis=axis)) + 0.5 * np.eye(3)[axis] - 1 + np.asarray(mask.box[0]) for axis in range(3)
    ]
    return mask.grid.lps_from_kji.points(np.concatenate(found))


def signed_to_points(mask: Mask, points_lps_mm: Floats) -> Floats:
    """Distance to the nearest surface point by a k-d tree, negative where the voxel that holds the point is set."""
    from scipy.spatial import cKDTree

    distance = cKDTree(surface_points(mask)).query(points_lps_mm)[0]
    kji = np.rint(mask.grid.kji_from_lps.points(points_lps_mm)).astype(int)
    within = np.all((kji >= 0) & (kji < mask.grid.size_kji), axis=1)
    inside = np.zeros(len(points_lps_mm), dtype=bool)
    inside[within] = mask.full()[tuple(kji[within].T)]
    return np.where(inside, -distance, distance)


def least_by_brute_force(field: DistanceField, entries: Floats, tip: Floats, step_mm: float = 0.2) -> Floats:
    """The least value of a field along segments, read every 0.2 mm by another interpolator."""
    from scipy.ndimage import map_coordinates

    found = np.empty(len(entries))
    for row, entry in enumerate(entries):
        count = int(np.linalg.norm(entry - tip) / step_mm) + 2
        points = entry + np.linspace(0.0, 1.0, count)[:, None] * (tip - entry)
        nodes = points @ field.node_from_lps[:, :3].T + field.node_from_lps[:, 3]
        found[row] = map_coordinates(field.values, nodes.T, order=1, mode="nearest", prefilter=False).min()
    return found
