"""A vessel tree from a mask: centrelines with radii, from the root outwards, with what was cut, bridged or left out.

Voxels become raw branches (`tree_extraction_voxels`), these sub-voxel lines (`tree_extraction_lines`) measured on the
image or, without one, on the mask (`tree_radii`). A tree is what was seen, never all there is.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.vessel_items import BRIDGED, FOUND
from planner.planning.tree_extraction_bridges import Joined, joined_pieces
from planner.planning.tree_extraction_lines import Lines, lines_of
from planner.planning.tree_extraction_voxels import Loop, VoxelGraph, raw_tree, tree_without_loops
from planner.planning.tree_radii import field_of
from planner.planning.vessel_tree import TreeSegment, VesselTree

if TYPE_CHECKING:
    from planner.imaging.vessel_lumen import VesselLumen

Floats = NDArray[np.float64]

ROOT_REACH_MM = 10.0
"""A root further than this from every vessel of the mask is refused."""


def tree_from_mask(
    mask: Mask,
    *,
    root_lps_mm: ArrayLike | None = None,
    volume: Volume | None = None,
    likelihood: NDArray[np.floating] | None = None,
    kind: str = "artery",
    context: Context | None = None,
) -> VesselTree:
    """The tree of a vessel mask.

    Parameters
    ----------
    root_lps_mm
        Where it begins, within 10 mm of the mask; None takes the thickest end of the largest piece.
    volume
        The image, on the mask's grid: radii are then fitted to it, otherwise to the mask.
    likelihood
        (k, j, i) of the mask's grid, 0 to 1: how much each voxel looks like a vessel, for bridging gaps.

    Returns
    -------
    Points at most 0.5 mm apart. Its findings say which loops were cut, gaps bridged and pieces left out.

    Raises
    ------
    OperatorError
        For an empty mask, a root away from it, an image of another grid, or a mask without a vessel's length.
    """
    steps = context or Context()
    _require_sane(mask, volume)
    steps.step(0.0, "Reading the vessel mask")
    graph, joined = _joined_graph(mask, root_lps_mm, volume, likelihood)
    filled = np.zeros(len(graph.flat), dtype=np.bool_)
    if len(joined.filled_kji):
        filled[graph.numbers_at(graph.grid.lps_from_kji.points(joined.filled_kji))] = True
    steps.step(0.2, "Following the vessels")
    root = _root(graph, root_lps_mm)
    tree, loops = tree_without_loops(graph, root)
    if not tree.count:
        raise OperatorError("no-vessel", "The mask holds no vessel long enough to follow; check the segmentation.")
    steps.step(0.4, "Measuring the vessels")
    # Branches to both sides: the root lies on the way. Only one: the lumen may begin a little before it.
    both_ways = int(np.count_nonzero(tree.voxels[tree.starts[:-1]] == root)) > 1
    lines = lines_of(graph, field_of(graph, volume), tree, keep_root=both_ways, filled=filled)
    steps.step(0.9, "Building the tree")
    findings = (*(_loop_words(graph, loop) for loop in loops), *_joined_words(joined))
    result = _built(lines, kind, mask, findings)
    steps.step(1.0, "Vessel tree found")
    return result


def _require_sane(mask: Mask, volume: Volume | None) -> None:
    if mask.is_empty:
        raise OperatorError("empty-mask", "The vessel mask is empty; segment the vessels first.")
    if volume is not None and not volume.grid.same_as(mask.grid):
        raise OperatorError("different-grids", "The image and the vessel mask lie on different grids; resample one.")


def tree_from_ct(
    volume: Volume, seed_lps_mm: ArrayLike | None, kind: str = "artery", *, context: Context | None = None
) -> VesselTree:
    """The tree of the enhanced vessels joined to a seed.

    Parameters
    ----------
    seed_lps_mm
        (3,) in the vessel's trunk; None looks for one (the aorta, the portal vein, the hepatic veins).
    kind
        ``artery``, ``portal-vein`` or ``hepatic-vein``.

    Raises
    ------
    InputRefused
        When the image is no CT.
    OperatorError
        For another kind, a seed outside the image or in no enhanced vessel, ``no-seed`` where none is found.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    lumen = _lumen(volume, seed_lps_mm, kind, steps.part(0.0, 0.6))
    tree = tree_from_mask(
        lumen.mask, root_lps_mm=lumen.seed_lps_mm, volume=volume, kind=kind, context=steps.part(0.6, 1.0)
    )
    said = tuple(each.text for each in lumen.findings)
    return replace(tree, findings=(*said, *tree.findings), smallest_visible_mm=lumen.smallest_visible_mm)


def _lumen(volume: Volume, seed_lps_mm: ArrayLike | None, kind: str, context: Context) -> VesselLumen:
    from planner.imaging.vessel_lumen import arterial_lumen, find_aorta_seed
    from planner.imaging.vessel_lumen_veins import hepatic_vein_lumen, portal_lumen

    if kind == "artery":
        seed = find_aorta_seed(volume) if seed_lps_mm is None else seed_lps_mm
        if seed is None:
            raise OperatorError("no-seed", "The aorta was not found by itself; click inside it.")
        return arterial_lumen(volume, seed, context)
    if kind == "portal-vein":
        return portal_lumen(volume, seed_lps_mm, context)
    if kind == "hepatic-vein":
        return hepatic_vein_lumen(volume, seed_lps_mm, context)
    raise OperatorError("unknown-kind", f"Vessels of kind {kind} are found from a mask only; segment them first.")


def _joined_graph(
    mask: Mask, root_lps_mm: ArrayLike | None, volume: Volume | None, likelihood: NDArray[np.floating] | None
) -> tuple[VoxelGraph, Joined]:
    """The piece with the root, and what could be joined to it."""
    graph = VoxelGraph.of(mask)
    main = 0
    if root_lps_mm is not None:
        voxel, gap = graph.nearest(np.asarray(root_lps_mm, dtype=np.float64))
        if not gap <= ROOT_REACH_MM:
            raise OperatorError(
                "root-outside", f"The root lies {gap:.0f} mm from the nearest vessel; put it inside the vessel."
            )
        main = int(graph.pieces[voxel])
    joined = joined_pieces(graph, mask, main, volume, likelihood)
    if joined.mask.count == len(graph.flat):
        return graph, joined
    return VoxelGraph.of(joined.mask), joined


def _root(graph: VoxelGraph, root_lps_mm: ArrayLike | None) -> int:
    """The voxel a tree begins at: the middle of the lumen at the given place, or the thickest end."""
    if root_lps_mm is not None:
        return graph.middle(graph.nearest(np.asarray(root_lps_mm, dtype=np.float64))[0])
    # The deepest voxel may lie anywhere; the tip farthest from it is an end for certain, and sees all the others.
    tree = raw_tree(graph, int(np.argmax(graph.depth_mm)))
    if not tree.count:
        return int(np.argmax(graph.depth_mm))
    first = int(tree.branch(0)[-1])
    tree = raw_tree(graph, first)
    best, widest = first, _width(graph, tree.branch(0), tree.along_mm) if tree.count else 0.0
    for number in range(tree.count):
        voxels = tree.branch(number)[::-1]
        width = _width(graph, voxels, tree.along_mm)
        if width > widest:
            best, widest = int(voxels[0]), width
    return graph.middle(best)


def _width(graph: VoxelGraph, voxels: NDArray[np.int64], along_mm: NDArray[np.float32]) -> float:
    """Typical depth within the first centimetre of a row of voxels."""
    near = np.abs(along_mm[voxels] - along_mm[voxels[0]]) <= 10.0
    return float(np.quantile(graph.depth_mm[voxels[near]], 0.75))


def _built(lines: Lines, kind: str, mask: Mask, findings: tuple[str, ...]) -> VesselTree:
    """Segments between the nodes of the lines."""
    leaving = {each[1] for each in lines.mothers if each is not None}
    origin = lines.bridged
    node_at: dict[int, str] = {}
    nodes: dict[str, Floats] = {}
    segments: list[TreeSegment] = []

    def node(at: int) -> str:
        if at not in node_at:
            node_at[at] = f"n{len(nodes)}"
            nodes[node_at[at]] = lines.points_lps_mm[at]
        return node_at[at]

    for number, (low, high) in enumerate(pairwise(int(each) for each in lines.first)):
        mother = lines.mothers[number]
        changes = {at for at in range(low + 1, high - 1) if origin[at] != origin[at - 1]}
        inner = sorted({at for at in leaving if low < at < high - 1} | changes)
        for start, end in pairwise([low, *inner, high - 1]):
            first = node(mother[1]) if start == low and mother is not None else node(start)
            part = slice(start, end + 1)
            across = bool(origin[(start + end) // 2])
            segments.append(
                TreeSegment(
                    f"s{len(segments)}",
                    first,
                    node(end),
                    lines.points_lps_mm[part],
                    lines.radius_mm[part],
                    lines.doubtful[part],
                    origin=BRIDGED if across else FOUND,
                )
            )
    visible = float(np.cbrt(np.prod(mask.grid.spacing_kji_mm)))
    return VesselTree(kind, mask.grid.frame_uid, "n0", nodes, tuple(segments), findings, visible)


def _loop_words(graph: VoxelGraph, loop: Loop) -> str:
    place = graph.lps_mm(np.array([loop.voxel]))[0]
    return f"Two vessels touch or join in a loop near {_spoken(place)}; it was cut there, where it is narrowest."


def _joined_words(joined: Joined) -> list[str]:
    words = [f"A gap of {length:.1f} mm near {_spoken(place)} was bridged." for length, place in joined.bridges]
    words += [
        f"A loose piece of {extent:.0f} mm near {_spoken(place)} was left out: nothing leads to it."
        for extent, place in joined.left_out
    ]
    if joined.crumbs:
        words.append(f"{joined.crumbs} voxels in loose crumbs were left out.")
    return words


def _spoken(place: Floats) -> str:
    return f"({place[0]:.0f}, {place[1]:.0f}, {place[2]:.0f}) mm"
