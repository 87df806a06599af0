"""Needle paths beside VTK, in one run: ``python benchmarks/needle_paths.py [--ct FOLDER] [--paths 40]``.

Eight structures at the full resolution of an abdominal CT. Ours measures every candidate entry of the skin in full
(clearance of the whole shaft to each structure, lengths, angles, the body walked through). Beside it the clearance of
some of the same paths, sampled every 2 mm with vtkImplicitPolyDataDistance on marching-cubes surfaces. Printed are
paths per second, their ratio, how far the clearances differ, seconds of a whole search (fields computed and kept), and
updates per second of a dragged needle. Without ``--ct`` the structures are those of a made-up trunk.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.masks import Mask, ball_box
from planner.model.needle_rules import NeedleRules
from planner.planning.needles import Needle
from planner.planning.obstacles import Obstacle
from planner.planning.path_limits import measured
from planner.planning.path_search import Aim, PathSearch, search
from planner.planning.path_target import target_point

SIZE, SPACING = (134, 512, 512), (3.0, 0.8, 0.8)
STEP_MM, DIAMETER_MM, LENGTH_MM = 2.0, 1.8, 150.0
STRUCTURES = 8


def _ball(grid: Grid, centre: NDArray[np.float64], radii: tuple[float, float, float]) -> Mask:
    box = ball_box(grid, centre, max(radii))
    kji = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(*box, strict=True)), indexing="ij"), axis=-1)
    offset = (grid.lps_from_kji.points(kji) - centre) / np.asarray(radii)
    return Mask.of(grid, np.einsum("...c,...c->...", offset, offset) <= 1.0, box[0])


def _trunk() -> tuple[Mask, NDArray[np.float64], list[Obstacle]]:
    """A trunk of 330 x 230 mm with tubes, balls and ribs in it."""
    grid = Grid.of(SIZE, spacing_kji_mm=SPACING, frame_uid="benchmark")
    centre = grid.centre_lps_mm
    body = _column(grid, centre)
    target = centre + (-60.0, 0.0, 5.0)
    rng = np.random.default_rng(4)
    sizes = [(28.0, 22.0, 60.0), (12.0, 12.0, 150.0), (25.0, 25.0, 40.0), (8.0, 8.0, 120.0)]
    items: list[Obstacle] = []
    while len(items) < STRUCTURES:
        place = rng.uniform(-1.0, 1.0, 3) * (120.0, 80.0, 70.0)
        size = sizes[len(items) % len(sizes)]
        if np.hypot(*(centre + place - target)[:2]) > size[0] + 15.0:
            items.append(Obstacle(f"structure {len(items) + 1}", _ball(grid, centre + place, size), 3.0, 8.0))
    return body, target, items


def _column(grid: Grid, centre: NDArray[np.float64]) -> Mask:
    j, i = np.meshgrid(np.arange(SIZE[1]), np.arange(SIZE[2]), indexing="ij")
    points = grid.lps_from_kji.points(np.stack([np.zeros_like(j), j, i], axis=-1)) - centre
    inside = np.hypot(points[..., 0] / 165.0, points[..., 1] / 115.0) <= 1.0
    return Mask.of(grid, np.broadcast_to(inside, SIZE))


def _real(folder: Path) -> tuple[Mask, NDArray[np.float64], list[Obstacle]]:
    """What the CT itself shows, cut into eight structures by side where it is one."""
    from planner.app.images import open_image
    from planner.imaging.automatic_structures import automatic_structures

    masks = automatic_structures(open_image(folder)).masks
    body = masks["skin"]
    centre = body.centroid_lps_mm()
    if centre is None:
        raise SystemExit("no body was found on this CT")
    items = []
    for key in ("bone", "lung", "gas", "vessels"):
        for side in ("left", "right"):
            half = _half(masks[key], float(centre[0]), left=side == "left")
            if not half.is_empty:
                items.append(Obstacle(f"{key} {side}", half, 2.0, 5.0))
    return body, centre + (-60.0, -10.0, 10.0), items


def _half(mask: Mask, middle_x_mm: float, *, left: bool) -> Mask:
    k, j, i = (np.arange(size) for size in mask.voxels.shape)
    x = mask.grid.lps_from_kji.points(
        np.stack(np.meshgrid(k[:1], j[:1], i, indexing="ij"), axis=-1) + np.asarray(mask.box[0])
    )[..., 0]
    return Mask.of(mask.grid, mask.voxels & ((x >= middle_x_mm) == left), mask.box[0])


def _peer(items: list[Obstacle]) -> Callable[[Needle], list[float]]:
    """Clearance of a needle to every structure by vtkImplicitPolyDataDistance."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkImplicitPolyDataDistance

    distances = []
    for item in items:
        mask = item.mask
        bits = np.pad(mask.voxels, 1).astype(np.uint8)
        image = vtkImageData()
        image.SetDimensions(bits.shape[::-1])
        image.SetSpacing(mask.grid.spacing_kji_mm[::-1])
        image.SetOrigin(*mask.grid.lps_from_kji.points(np.asarray(mask.box[0]) - 1.0))
        image.GetPointData().SetScalars(numpy_to_vtk(bits.ravel(), deep=True))
        surface = vtkFlyingEdges3D()
        surface.SetInputData(image)
        surface.SetValue(0, 0.5)
        surface.Update()
        distance = vtkImplicitPolyDataDistance()
        distance.SetInput(surface.GetOutput())
        distances.append(distance)

    def clearances(needle: Needle) -> list[float]:
        depths = np.append(np.arange(0.0, needle.length_mm, STEP_MM), needle.length_mm)
        points = needle.entry_lps_mm - depths[:, None] * needle.hub_lps
        return [min(each.EvaluateFunction(point) for point in points) - needle.diameter_mm / 2.0 for each in distances]

    return clearances


def _search_seconds(aim: Aim, items: list[Obstacle]) -> tuple[PathSearch, float, float]:
    first = search(aim, items)
    kept = {str(each.digest): field for each, field in zip(items, first.setting.obstacles.fields, strict=True)}
    again = search(aim, items, kept=kept)
    return first, first.seconds, again.seconds


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--ct", type=Path, help="folder of an abdominal CT with contrast")
    options.add_argument("--paths", type=int, default=40, help="paths that VTK measures")
    given = options.parse_args()
    body, target, made = _real(given.ct) if given.ct else _trunk()
    items = [
        Obstacle(each.key, each.mask, each.hard_mm, each.desired_mm, digest=each.key) for each in made[:STRUCTURES]
    ]
    aim = Aim(target_point(target), body, NeedleRules("ablation"), DIAMETER_MM, LENGTH_MM)
    search(aim, items[:1])  # compiles
    found, whole, kept = _search_seconds(aim, items)
    print(f"{len(items)} structures, CT {body.grid.size_kji}, {found.candidates} entries, {found.feasible} kept")
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"whole search {whole:.2f} s, with kept fields {kept:.2f} s")
    ours, peers, differences = [], [], []
    clearances = _peer(items)
    rows = np.random.default_rng(1).choice(found.candidates, given.paths, replace=False)
    for part in np.array_split(rows, 4):
        began = time.perf_counter()
        measured(found.setting, found.skin.lps_mm)
        ours.append(found.candidates / (time.perf_counter() - began))
        began = time.perf_counter()
        theirs = [clearances(found.path(int(row)).needle) for row in part]
        peers.append(len(part) / (time.perf_counter() - began))
        differences.append(found.measured.clearance_mm[part] - np.array(theirs))
    _print(ours, peers, np.concatenate(differences), body.grid.spacing_kji_mm)
    needle = found.path(int(found.ranked[0]) if found.feasible else 0).needle
    began = time.perf_counter()
    for _ in range(500):
        found.setting.obstacles.clearance(needle)
    print(f"dragging: {500 / (time.perf_counter() - began):.0f} updates/s of all clearances")
    return 0


def _print(
    ours: list[float], peers: list[float], differences: NDArray[np.float64], spacing: tuple[float, float, float]
) -> None:
    outside = differences[np.isfinite(differences)]
    mine, theirs = float(np.median(ours)), float(np.median(peers))
    print(f"ours {min(ours):.0f} / {mine:.0f} / {max(ours):.0f} fully evaluated paths/s")
    print(f"VTK sampled at {STEP_MM:g} mm {min(peers):.1f} / {theirs:.1f} / {max(peers):.1f} paths/s")
    print(f"ratio of medians {mine / theirs:.0f}")
    print(
        f"clearance, ours less VTK's: mean {outside.mean():+.2f} mm, largest {np.abs(outside).max():.2f} mm = "
        f"{np.abs(outside).max() / max(spacing):.2f} of the longest voxel edge"
    )


if __name__ == "__main__":
    sys.exit(main())
