"""Compiles what vessels compute with, ahead of their first use (see `viewers.window.warming`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.imaging import Volume
    from planner.imaging.masks import Mask
    from planner.planning.vessel_tree import VesselTree

_SIDE, _SPACING_MM = 64, 1.5
_BLOOD_HU, _TISSUE_HU = 320, 60


def vessels() -> None:
    """Arteries and veins in their image, trees, feeders, an injection, a working view and its projections."""
    from planner.imaging.vessel_warming import warm_up_vessels
    from planner.planning.feeders import find_feeders
    from planner.planning.territories import Territories
    from planner.planning.tree_extraction import tree_from_mask
    from planner.planning.tree_warming import warm_up_trees
    from planner.planning.working_view import view_map
    from viewers.scene.working_view_pictures import Projector

    warm_up_vessels()
    warm_up_trees()
    volume, lumen, organ, lesion = _scene()
    tree = tree_from_mask(lumen, volume=volume)
    find_feeders(tree, lesion, volume=volume, organ=organ)
    last = _thinnest(tree)
    Territories.of(tree, organ, {"lesion": lesion}).inject(last, 0.0)
    view_map(tree, last)
    projector = Projector(volume, tree.segment(last).at(0.0))
    for fine in (False, True):
        projector.picture((0.0, 0.0), tree, fine=fine)


def lumens() -> None:
    """A lumen followed between two clicks, and the pictures along it."""
    from planner.imaging import reformat
    from planner.planning.lumens import trace_lumen

    volume, *_ = _scene()
    trace_lumen(volume, [(0.0, 0.0, -36.0), (0.0, 0.0, -4.0)], "artery")
    reformat.warm_up()


def _thinnest(tree: VesselTree) -> str:
    return min(tree.segments, key=lambda each: each.mean_radius_mm or 0.0).id


def _scene() -> tuple[Volume, Mask, Mask, Mask]:
    """A trunk that forks into two branches in a ball of tissue, and a lesion at the end of one of them."""
    import numpy as np

    from planner.geometry import Grid
    from planner.imaging import ImageSource, Volume
    from planner.imaging.masks import Mask

    origin = (-(_SIDE - 1) / 2.0 * _SPACING_MM,) * 3
    grid = Grid.of((_SIDE,) * 3, origin_lps_mm=origin, spacing_kji_mm=(_SPACING_MM,) * 3, frame_uid="warm-up")
    kji = np.stack(np.meshgrid(*(np.arange(size) for size in grid.size_kji), indexing="ij"), axis=-1)
    points = grid.lps_from_kji.points(kji)
    lumen = np.zeros(grid.size_kji, dtype=np.bool_)
    for start, end, radius in (
        ((0.0, 0.0, -40.0), (0.0, 0.0, 0.0), 5.0),
        ((0.0, 0.0, 0.0), (25.0, 0.0, 25.0), 3.0),
        ((0.0, 0.0, 0.0), (-25.0, 0.0, 25.0), 3.0),
    ):
        for share in np.linspace(0.0, 1.0, 40):
            place = (1.0 - share) * np.asarray(start) + share * np.asarray(end)
            lumen |= np.linalg.norm(points - place, axis=-1) <= radius
    voxels = np.where(lumen, _BLOOD_HU, _TISSUE_HU).astype(np.int16)
    noise = np.random.default_rng(1).normal(0.0, 5.0, voxels.shape).astype(np.int16)
    volume = Volume(voxels + noise, grid, ImageSource("warm-up", modality="CT", unit="HU", phase="arterial"))
    ball = np.linalg.norm(points, axis=-1) <= 42.0
    lesion = np.linalg.norm(points - (25.0, 0.0, 25.0), axis=-1) <= 8.0
    return volume, Mask.of(grid, lumen), Mask.of(grid, ball), Mask.of(grid, lesion)
