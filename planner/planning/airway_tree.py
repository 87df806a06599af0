"""The tree of the airway, from the windpipe outwards, without a click.

Air is grown from the windpipe with a rising threshold that stops before it runs out into the lung (explosion control,
after Mori et al., IEEE Trans Med Imaging 2000;19:103). What leaks out is lung, and lung is wide: branches end there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.automatic_structures import automatic_structures
from planner.imaging.masks import Box, Mask, padded_box
from planner.imaging.segmentation import grow_region
from planner.imaging.surfaces import centre_distance_mm
from planner.jobs import Context
from planner.model.vessel_items import LumenMark
from planner.planning.tree_edits import renamed
from planner.planning.tree_extraction import tree_from_mask
from planner.planning.vessel_tree import TreeSegment, VesselTree

Floats = NDArray[np.float64]

TRACHEA, RIGHT_MAIN, LEFT_MAIN = "trachea", "right main bronchus", "left main bronchus"
RIGHT_UPPER, INTERMEDIATE = "right upper lobe bronchus", "bronchus intermedius"
LEFT_UPPER, LEFT_LOWER = "left upper lobe bronchus", "left lower lobe bronchus"
_THRESHOLDS_HU = (
    -985.0,
    -970.0,
    -955.0,
    -940.0,
    -920.0,
    -900.0,
    -880.0,
    -860.0,
    -840.0,
    -820.0,
    -800.0,
    -775.0,
    -750.0,
    -700.0,
    -650.0,
)
_EXPLOSION = 1.35
"""Grown by more than this share from one threshold to the next, the air has run out."""
_EXPLOSION_ML = 3.0
_MOST_ML = 250.0
"""Windpipe and bronchi that CT shows hold 50 to 150 mL; more is lung."""
_WINDPIPE_HU = -700.0
_WINDPIPE_MM2 = (60.0, 700.0)
"""Sections of a windpipe from a child's to a wide one's; lungs are larger, their vessels' gaps smaller."""
_ROUND_SHARE = 0.5
"""A circle fills 79 % of the square around it."""
_SWAY_MM = 5.0
_LEAST_PILE_MM = 25.0
_MAIN_MM = 12.0
"""A main bronchus is longer than this; shorter branches of the windpipe are buds of noise or mucus."""
_APART_MM = 8.0
"""A name by direction needs both branches this far apart."""


def airway_tree(volume: Volume, context: Context | None = None) -> VesselTree:
    """Windpipe and bronchi of a chest CT.

    Names are proposed where they are sure: windpipe, main bronchi, and the first branches of both.

    Raises
    ------
    InputRefused
        When the image is no CT, or shows no body.
    OperatorError
        ``no-trachea`` when no windpipe is found; ``empty-mask``, ``no-vessel`` when it has no length.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    trachea = windpipe(volume, context=steps.part(0.0, 0.2)) or windpipe(volume, cut=True, context=steps)
    if trachea is None:
        # Lying obliquely in the grid, or seen only beside the lungs.
        trachea = automatic_structures(volume, steps.part(0.0, 0.5)).masks.get("trachea")
    if trachea is None or trachea.is_empty:
        raise OperatorError("no-trachea", "No windpipe was found in these images; trace the airway with two clicks.")
    steps.step(0.5, "Growing the airway")
    mask, limit = airway_mask(volume, trachea, steps.part(0.5, 0.8))
    return airway_tree_of_mask(volume, mask, limit, steps.part(0.8, 1.0))


@dataclass(frozen=True, slots=True)
class _Section:
    """A round body of air in one slice: (row, column) of its middle in mm, and its number among the slice's."""

    middle_mm: tuple[float, float]
    number: int


def windpipe(volume: Volume, *, cut: bool = False, context: Context | None = None) -> Mask | None:
    """The upper windpipe: the longest pile of round sections of air in the middle of the body, slice upon slice.

    Parameters
    ----------
    cut
        Also where the image cuts it, or shows one side of the chest alone.

    Returns
    -------
    None where there is none of at least 25 mm.
    """
    from scipy import ndimage

    steps = context or Context()
    axis = int(np.argmax(np.abs(volume.grid.axes_lps[2])))
    upwards = volume.grid.axes_lps[2, axis] > 0.0
    spacing = np.delete(np.asarray(volume.grid.spacing_kji_mm), axis)
    count = volume.grid.size_kji[axis]
    piles: list[list[tuple[int, _Section]]] = []
    order = range(count - 1, -1, -1) if upwards else range(count)
    labels: dict[int, NDArray[np.int32]] = {}
    for turn, index in enumerate(order):
        steps.step(turn / count, "Looking for the windpipe")
        plane = np.take(np.asarray(volume.voxels), index, axis=axis) < _WINDPIPE_HU
        labels[index], _ = ndimage.label(plane)
        for section in _round_sections(labels[index], spacing, cut):
            near = [pile for pile in piles if abs(pile[-1][0] - index) == 1 and _apart(pile[-1][1], section) < _SWAY_MM]
            if near:
                min(near, key=lambda pile: _apart(pile[-1][1], section)).append((index, section))
            else:
                piles.append([(index, section)])
    thickness = volume.grid.spacing_kji_mm[axis]
    long = [pile for pile in piles if len(pile) * thickness >= _LEAST_PILE_MM]
    if not long:
        return None
    found = np.zeros(volume.grid.size_kji, dtype=np.bool_)
    for index, section in max(long, key=len):
        np.moveaxis(found, axis, 0)[index] |= labels[index] == section.number
    return Mask.of(volume.grid, found)


def _apart(first: _Section, second: _Section) -> float:
    return float(np.hypot(first.middle_mm[0] - second.middle_mm[0], first.middle_mm[1] - second.middle_mm[1]))


def _leaves(part: tuple[slice, ...], size: tuple[int, ...]) -> int:
    """How many edges of the picture a part touches: in a corner of it lies the air around the patient."""
    return sum(int(each.start == 0) + int(each.stop == whole) for each, whole in zip(part, size, strict=True))


def _round_sections(labels: NDArray[np.int32], spacing: Floats, cut: bool) -> list[_Section]:
    from scipy import ndimage

    found = []
    middle_band = labels.shape[1] * spacing[1] / 4.0
    for number, part in enumerate(ndimage.find_objects(labels), start=1):
        if part is None or (_leaves(part, labels.shape) > int(cut)):
            continue
        inside = labels[part] == number
        area = float(inside.sum()) * float(np.prod(spacing))
        sides = np.asarray(inside.shape) * spacing
        if not _WINDPIPE_MM2[0] <= area <= _WINDPIPE_MM2[1] or sides.max() > 2.2 * sides.min():
            continue
        if area < _ROUND_SHARE * float(np.prod(sides)):
            continue
        row, column = (
            float((each.start + each.stop - 1) / 2.0 * step) for each, step in zip(part, spacing, strict=True)
        )
        if cut or middle_band < column < 3.0 * middle_band:
            found.append(_Section((row, column), number))
    return found


def airway_tree_of_mask(
    volume: Volume, mask: Mask, limit_hu: float | None = None, context: Context | None = None
) -> VesselTree:
    """The named tree of a mask of the airway, from its highest end; raises as `airway_tree`."""
    dark = Volume(-np.asarray(volume.voxels, dtype=np.float32), volume.grid, volume.source)
    tree = tree_from_mask(mask, root_lps_mm=_top(mask), volume=dark, kind="airway", context=context)
    said: tuple[str, ...] = ("Airways narrower than about two voxels are not seen; the tree is never complete.",)
    if limit_hu is not None:
        said = (f"Air grown up to {limit_hu:.0f} HU, before it ran out into the lung.", *said)
    return renamed_airways(replace(tree, findings=(*said, *tree.findings)))


def airway_mask(volume: Volume, trachea: Mask, context: Context | None = None) -> tuple[Mask, float]:
    """Air joined to the windpipe, and the threshold it was grown to (HU)."""
    from scipy import ndimage

    steps = context or Context()
    box = _lower_box(volume, trachea)
    part = np.asarray(volume.voxels[tuple(slice(a, b) for a, b in zip(*box, strict=True))], dtype=np.float32)
    spread = [min(0.4 / each, 0.6) for each in volume.grid.spacing_kji_mm]
    calm = Volume(ndimage.gaussian_filter(part, spread), volume.grid.cropped(*box), volume.source)
    seed = _deepest(trachea)
    found: Mask | None = None
    limit = _THRESHOLDS_HU[0]
    for number, level in enumerate(_THRESHOLDS_HU):
        steps.step(number / len(_THRESHOLDS_HU), "Growing the airway")
        grown = grow_region(calm, seed, -2000.0, level)
        size = grown.count * volume.grid.voxel_ml
        before = 0.0 if found is None else found.count * volume.grid.voxel_ml
        if size > _MOST_ML or (before > 0.5 and size > max(_EXPLOSION * before, before + _EXPLOSION_ML)):
            break
        if not grown.is_empty:
            found, limit = grown, level
    if found is None:
        raise OperatorError(
            "no-trachea", "The windpipe is not told from the lung here; trace the airway with two clicks."
        )
    return _whole(found, volume, box), limit


def _lower_box(volume: Volume, trachea: Mask) -> Box:
    """Around the windpipe, with room for the bronchi."""
    return padded_box(trachea.box, 90.0, volume.grid)


def _deepest(trachea: Mask) -> Floats:
    """(3,) the point of the windpipe farthest from its wall."""
    padded = np.pad(trachea.voxels, 1)
    depth = centre_distance_mm(~padded, trachea.grid.spacing_kji_mm)[1:-1, 1:-1, 1:-1]
    index = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return trachea.grid.lps_from_kji.points(np.add(index, trachea.box[0]))


def _whole(part: Mask, volume: Volume, box: Box) -> Mask:
    """A mask of a cropped grid on the whole one, its holes and the rough of its wall closed."""
    from scipy import ndimage

    filled = ndimage.binary_fill_holes(np.pad(part.voxels, 1))[1:-1, 1:-1, 1:-1]
    origin = tuple(int(a + b) for a, b in zip(part.box[0], box[0], strict=True))
    return Mask.of(volume.grid, filled, (origin[0], origin[1], origin[2]))


def _top(mask: Mask) -> Floats:
    """(3,) middle of the highest section of the airway: patients lie in any direction of the grid."""
    indices = np.argwhere(mask.voxels)
    places = mask.grid.lps_from_kji.points(indices + np.asarray(mask.box[0]))
    high = places[:, 2] >= places[:, 2].max() - max(1.5, 1.01 * max(mask.grid.spacing_kji_mm))
    return np.asarray(places[high].mean(axis=0), dtype=np.float64)


def carina_of(tree: VesselTree) -> LumenMark | None:
    """Where the windpipe divides, as a mark along it; None when it is not seen."""
    split = _division(tree)
    if split is None:
        return None
    way, _ = split
    x, y, z = (float(value) for value in tree.nodes[way[-1].end])
    return LumenMark("carina", sum(segment.length_mm for segment in way), (x, y, z))


def renamed_airways(tree: VesselTree) -> VesselTree:
    """The tree with the names that are sure, as proposals."""
    split = _division(tree)
    if split is None:
        return tree
    way, (right, left) = split
    names: dict[str, str | None] = {segment.id: TRACHEA for segment in way}
    for first, main, high, low in (
        (right, RIGHT_MAIN, RIGHT_UPPER, INTERMEDIATE),
        (left, LEFT_MAIN, LEFT_UPPER, LEFT_LOWER),
    ):
        names |= _side_names(tree, first, main, high, low)
    return renamed(tree, names, proposed=True)


def _side_names(tree: VesselTree, first: TreeSegment, main: str, high: str, low: str) -> dict[str, str | None]:
    """Of a main bronchus and, where it clearly divides into a higher and a lower branch, of both."""
    names: dict[str, str | None] = {first.id: main}
    last = first
    while True:
        large = [each for each in tree.children(last.id) if _reach(tree, each) >= _MAIN_MM]
        if len(large) != 1:
            break
        last = large[0]
        names[last.id] = main
    if len(large) != 2:
        return names
    upper, lower = sorted(large, key=lambda each: -_middle_z(tree, each))
    if _middle_z(tree, upper) - _middle_z(tree, lower) >= _APART_MM:
        names |= {upper.id: high, lower.id: low}
    return names


def _division(tree: VesselTree) -> tuple[tuple[TreeSegment, ...], tuple[TreeSegment, TreeSegment]] | None:
    """The segments of the windpipe, and the right and left main bronchus that leave its end."""
    way: list[TreeSegment] = []
    here = list(tree.starting_at[tree.root])
    while here:
        large = [each for each in here if _reach(tree, each) >= _MAIN_MM]
        if len(large) >= 2 and way:
            large.sort(key=lambda each: -_reach(tree, each))
            first, second = sorted(large[:2], key=lambda each: _middle_x(tree, each))
            if _middle_x(tree, second) - _middle_x(tree, first) >= 2.0 * _APART_MM:
                return tuple(way), (first, second)
        if not large:
            return None
        way.append(max(large, key=lambda each: _reach(tree, each)))
        here = list(tree.children(way[-1].id))
    return None


def _reach(tree: VesselTree, segment: TreeSegment) -> float:
    """Longest way from the start of a segment to an end beyond it."""
    return segment.length_mm + max((_reach(tree, each) for each in tree.children(segment.id)), default=0.0)


def _points_beyond(tree: VesselTree, segment: TreeSegment) -> Floats:
    return np.concatenate([each.points_lps_mm for each in tree.downstream(segment.id)])


def _middle_x(tree: VesselTree, segment: TreeSegment) -> float:
    return float(_points_beyond(tree, segment)[:, 0].mean())


def _middle_z(tree: VesselTree, segment: TreeSegment) -> float:
    return float(_points_beyond(tree, segment)[:, 2].mean())
