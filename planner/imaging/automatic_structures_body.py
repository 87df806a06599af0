"""The body of a coarse CT: without table, clothes and cables, arms beside it apart, lungs and gas filled.

Works on an axial patient grid (k to the head, j to the back, i to the left) of about 2 mm; the full resolution follows
from it in `planner.imaging.automatic_structures`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.imaging.surfaces import centre_distance_mm
from planner.jobs import Context

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]
Spacing = tuple[float, float, float]

SOLID_HU = -300.0
"""Tissue, while deciding what belongs together: fat is about -100 HU, foam, cloth and lung lie below -400 HU."""
AIR_HU = -500.0
"""Half way between air (-1000 HU) and water (0 HU, the definition of the scale): where a surface to air lies."""
ROOM_AIR_HU = -950.0
"""Air of the room is -1000 HU give or take noise; inflated lung averages -900 to -700 HU."""

_IN_SLICE = np.array([[[0, 0, 0]] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0, 0, 0]] * 3], dtype=np.bool_)
_BESIDE_SHARE = 0.4
"""A part of a section smaller than this share of the largest one is no trunk and no second leg."""
_FOLLOWED_MM = 20.0
"""A small part is followed this far along the body from where it joins it: a breast, a fold, a stump of the arm."""
_LEAST_SECTION_CM2 = 5.0
_LEAST_BODY_SHARE = 0.2
_LUNG_POCKET_ML = 50.0
"""A pocket of air that reaches the skin and is larger and darker than room air is lung behind a thin wall."""
_REGAINED_MM = 6.0


@dataclass(frozen=True, eq=False)
class CoarseBody:
    """What the coarse image says of the body.

    Attributes
    ----------
    inside
        (k, j, i) the body with lungs and gas.
    beside
        Parts of sections that lie beside it: arms, as a rule.
    cut
        Whether the body reaches the sides of the image.
    """

    inside: Bools
    beside: Bools
    cut: bool


def coarse_body(hu: Array, spacing: Spacing, context: Context) -> CoarseBody:
    """Find the body.

    Parameters
    ----------
    hu
        (k, j, i) of an axial patient grid; room air where the image has no values.
    """
    context.step(0.0, "Looking for the body")
    inside = np.zeros(hu.shape, dtype=np.bool_)
    trunk, beside = _parts(_without_sheets(hu > SOLID_HU), spacing)
    if trunk.any():
        context.step(0.4, "Filling lungs and gas")
        box = _around(trunk, round(_REGAINED_MM / spacing[1]))
        near, trunk = hu[box], trunk[box]
        trunk = _regained(trunk, (near > SOLID_HU) & ~beside[box], spacing)
        filled = ~_room(trunk, near, box, hu.shape)
        context.step(0.8, "Opening folds of the skin")
        inside[box] = _without_pockets(filled, trunk, near, float(np.prod(spacing)) / 1000.0)
        beside &= ~inside
    rim = [inside[:, 0], inside[:, -1], inside[:, :, 0], inside[:, :, -1]]
    return CoarseBody(inside, beside, any(bool(side.any()) for side in rim))


def _without_sheets(solid: Bools) -> Bools:
    """Opened in each slice by 3 x 3 voxels: what is thinner (6 mm) is a table top, a cable or a fold of cloth."""
    thick = np.zeros_like(solid)
    core = solid[:, 1:-1] & solid[:, :-2] & solid[:, 2:]
    core = core[:, :, 1:-1] & core[:, :, :-2] & core[:, :, 2:]
    for row in range(3):
        for column in range(3):
            rows = slice(row, thick.shape[1] - 2 + row)
            thick[:, rows, column : thick.shape[2] - 2 + column] |= core
    return thick


def _around(mask: Bools, margin: int) -> tuple[slice, slice, slice]:
    """The rows and columns a mask fills, with a margin, of all slices."""
    rows, columns = np.flatnonzero(mask.any(axis=(0, 2))), np.flatnonzero(mask.any(axis=(0, 1)))
    return (
        slice(0, mask.shape[0]),
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )


def _parts(thick: Bools, spacing: Spacing) -> tuple[Bools, Bools]:
    """Trunk (and legs), and what lies beside it, from the parts of each section."""
    from scipy import ndimage

    sections, count = ndimage.label(thick, structure=_IN_SLICE)
    if not count:
        return thick, thick.copy()
    areas = np.bincount(sections.reshape(-1), minlength=count + 1) * spacing[1] * spacing[2] / 100.0
    areas[0] = 0.0
    first = _first_voxels(sections, count)
    slice_of = first // (thick.shape[1] * thick.shape[2])
    largest = np.zeros(thick.shape[0])
    np.maximum.at(largest, slice_of[1:], areas[1:])
    kept = (areas >= _BESIDE_SHARE * largest[slice_of]) & (areas >= _LEAST_SECTION_CM2)
    kept[0] = False
    trunk = _large_bodies(kept[sections])
    kept = np.zeros(count + 1, dtype=np.bool_)
    kept[np.unique(sections[trunk])] = True
    kept[0] = False
    steps = max(1, round(_FOLLOWED_MM / spacing[0]))
    for direction in (1, -1):
        kept = _followed(sections, kept, steps, direction)
    beside = ~kept & (areas >= _LEAST_SECTION_CM2)
    beside[0] = False
    return kept[sections], beside[sections]


def _first_voxels(sections: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Flat index of a voxel of each part; 0 for the background."""
    flat = sections.reshape(-1)
    found = np.zeros(count + 1, dtype=np.int64)
    set_at = np.flatnonzero(flat)
    found[flat[set_at]] = set_at
    return found


def _large_bodies(kept: Bools) -> Bools:
    """Without bodies much smaller than the largest one: a bottle, a head rest."""
    from scipy import ndimage

    bodies, count = ndimage.label(kept)
    if count < 2:
        return kept
    sizes = np.bincount(bodies.reshape(-1))
    sizes[0] = 0
    large: Bools = (sizes >= _LEAST_BODY_SHARE * sizes.max())[bodies]
    return large & kept


def _followed(sections: NDArray[np.int32], kept: Bools, steps: int, direction: int) -> Bools:
    """Parts most of which lie over a kept part of the slice before, a few slices far, in one direction."""
    reach = np.where(kept, steps, 0)
    order = range(len(sections)) if direction > 0 else range(len(sections) - 1, -1, -1)
    before: NDArray[np.int32] | None = None
    for k in order:
        here = sections[k]
        if before is not None:
            parts = np.flatnonzero(np.bincount(here[here > 0]))
            for part in parts[~kept[parts]]:
                below = before[here == part]
                left = int(reach[below].max(initial=0)) - 1
                if left > 0 and float(np.mean(reach[below] > 0)) >= 0.5:
                    reach[part] = left
        before = here
    return np.asarray(reach > 0)


def _regained(trunk: Bools, solid: Bools, spacing: Spacing) -> Bools:
    """What the opening took from the surface: solid within a few mm of it."""
    near = centre_distance_mm(trunk, spacing) <= _REGAINED_MM / 2.0
    return trunk | (solid & near)


def _room(trunk: Bools, hu: Array, box: tuple[slice, slice, slice], whole: tuple[int, ...]) -> Bools:
    """The room around the body, slice by slice; lung that the side of the image cuts off belongs to the body.

    Such lung holds no corner of the image and is brighter than air.
    """
    from scipy import ndimage

    around, count = ndimage.label(~trunk, structure=_IN_SLICE)
    room = np.zeros(count + 1, dtype=np.bool_)
    cut = np.zeros(count + 1, dtype=np.bool_)
    sides = ((1, 0, box[1].start > 0), (1, -1, box[1].stop < whole[1]), (2, 0, box[2].start > 0))
    for axis, at, clear in (*sides, (2, -1, box[2].stop < whole[2])):
        (room if clear else cut)[np.take(around, at, axis=axis)] = True
    for row in (0, -1):
        for column in (0, -1):
            room[around[:, row, column]] = True
    total = np.bincount(around.reshape(-1), minlength=count + 1)
    dark = np.bincount(around[hu < ROOM_AIR_HU], minlength=count + 1)
    room |= cut & (dark > 0.5 * total)
    room[0] = False
    found: Bools = room[around]
    return found


def _without_pockets(inside: Bools, trunk: Bools, hu: Array, voxel_ml: float) -> Bools:
    """Folds of skin and gaps over the table, which a section encloses, are no part of the body."""
    from scipy import ndimage

    air = ~trunk & (hu < SOLID_HU)
    joined, count = ndimage.label(air | ~inside)
    outside = np.zeros(count + 1, dtype=np.bool_)
    outside[np.unique(joined[~inside])] = True
    outside[0] = False
    pockets, count = ndimage.label(outside[joined] & inside)
    if not count:
        return inside
    total = np.bincount(pockets.reshape(-1), minlength=count + 1)
    dark = np.bincount(pockets[hu < ROOM_AIR_HU], minlength=count + 1)
    room = (dark > 0.5 * total) | (total * voxel_ml < _LUNG_POCKET_ML)
    room[0] = False
    found: Bools = inside & ~room[pockets]
    return found
