"""Maps over a new study: differences, Lipiodol, what enhances inside a lesion and what does not, and what has changed.

Viability is never read from Lipiodol-dense voxels on CT: they, and what lies beside them, are not evaluable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import Label, LabelMap, Volume
from planner.imaging.masks import Box, Mask, padded_box, union_box
from planner.imaging.resampling import resampled_mask
from planner.planning.change_settings import setting
from planner.planning.enhancing_edges import Rise, blurred_edge
from planner.planning.lesion_matching import Identity, IdentityKind

UNENHANCED = "non-contrast"
PERCENT = "%"
MR_OR_NOT = "Lipiodol: MR or not evaluable"
NEW, GROWN, SHRUNK, VANISHED, KEPT, UNTOLD = 1, 2, 3, 4, 5, 6
CHANGE_LABELS: Mapping[int, Label] = {
    NEW: Label(NEW, "new", colour="#e0a020"),
    GROWN: Label(GROWN, "grown", colour="#d06030"),
    SHRUNK: Label(SHRUNK, "no longer there", colour="#4090d0"),
    VANISHED: Label(VANISHED, "vanished", colour="#7060c0"),
    KEPT: Label(KEPT, "as before, within the link's error", colour="#909090"),
    UNTOLD: Label(UNTOLD, "ambiguous: a person has to say", colour="#c050a0"),
}
_AROUND_MM = 6.0


def difference(after: Volume, before: Volume) -> Volume:
    """After minus before, voxel by voxel.

    Parameters
    ----------
    before
        On the grid of `after` (`planner.imaging.displacement.warped`), NaN where it shows nothing.

    Returns
    -------
    float32 in the unit of both (HU on CT); NaN stays NaN, which is not no change.

    Raises
    ------
    FrameMismatch
        ``different-grids``.
    InputRefused
        ``other-modality`` for images whose numbers mean different things.
    """
    _one_grid(after, before)
    _one_modality(after, before)
    voxels = np.asarray(after.voxels, dtype=np.float32) - np.asarray(before.voxels, dtype=np.float32)
    step = f"less {before.source.description or before.source.series_uid}"
    source = replace(after.source, provenance=(*after.source.provenance, step), window=(0.0, 200.0))
    return Volume(voxels, after.grid, source)


def enhancement(after: Volume, before: Volume) -> Volume:
    """What contrast medium added: HU on CT, per cent of the signal before it on other modalities.

    Raises as `difference`.
    """
    added = difference(after, before)
    if after.source.unit == "HU":
        return added
    base = np.asarray(before.voxels, dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(base > 0.0, 100.0 * np.asarray(added.voxels) / base, np.nan).astype(np.float32)
    return Volume(share, added.grid, replace(added.source, unit=PERCENT, window=(50.0, 100.0)))


def lipiodol_map(unenhanced: Volume, inside: Mask, *, said_unenhanced: bool = False) -> Mask:
    """Voxels of an organ that are as dense as Lipiodol on unenhanced CT.

    Calcifications, clips and needles are as dense; what is known of them is left out of `inside` by the caller.

    Parameters
    ----------
    inside
        The liver, on any grid of the frame.
    said_unenhanced
        A person says that an image of unknown phase is unenhanced.

    Raises
    ------
    InputRefused
        ``not-ct``, ``not-unenhanced``: contrast medium is as dense.
    FrameMismatch
        ``mixed-frames``.
    """
    source = unenhanced.source
    name = source.description or source.series_uid
    if source.modality not in (None, "CT") or source.unit not in (None, "HU"):
        text = f"“{name}” is no CT in Hounsfield units; Lipiodol is mapped on unenhanced CT only."
        raise InputRefused("not-ct", text, subject=source.series_uid)
    if source.phase != UNENHANCED and not (source.phase is None and said_unenhanced):
        what = "of unknown phase" if source.phase is None else source.phase
        text = f"“{name}” is {what}; take the unenhanced CT, where nothing but oil is that dense."
        raise InputRefused("not-unenhanced", text, subject=source.series_uid)
    organ = inside if inside.grid.same_as(unenhanced.grid) else resampled_mask(inside, unenhanced.grid)
    if organ.is_empty:
        return Mask.empty(unenhanced.grid)
    dense = _cut(unenhanced, organ.box) >= setting("lipiodol_dense")
    return Mask.of(unenhanced.grid, _without_specks(dense & organ.voxels, unenhanced.grid.voxel_ml), organ.box[0])


def _without_specks(dense: NDArray[np.bool_], voxel_ml: float) -> NDArray[np.bool_]:
    from scipy import ndimage

    parts, count = ndimage.label(dense, structure=np.ones((3, 3, 3), dtype=bool))
    sizes = np.bincount(parts.ravel(), minlength=count + 1) * voxel_ml
    kept: NDArray[np.bool_] = dense & (sizes >= setting("lipiodol_speck"))[parts]
    return kept


def not_evaluable_beside(oil: Mask) -> Mask:
    """Oil and what lies so near to it that a voxel holds both, or a streak."""
    if oil.is_empty:
        return oil
    from planner.imaging.surfaces import centre_distance_mm

    reach = setting("lipiodol_spill")
    box = padded_box(oil.box, reach, oil.grid)
    near = centre_distance_mm(oil.within(box), oil.grid.spacing_kji_mm) <= reach
    return Mask.of(oil.grid, near, box[0])


@dataclass(frozen=True, eq=False)
class ViabilityMap:
    """A lesion in parts, on the grid of the enhanced image. The parts do not overlap and fill the lesion.

    Attributes
    ----------
    viable, necrotic
        Enhances; does not.
    unsure
        Rises by less than enhancement and more than none, or by less than half as much as what it borders on (the
        blur of an edge, `planner.planning.enhancing_edges`), or is not shown on one of the images.
    not_evaluable
        Dense with Lipiodol, or beside it.
    unit
        ``HU`` or ``%``: of the rise that was judged.
    notes
        One sentence each.
    """

    lesion: Mask
    viable: Mask
    necrotic: Mask
    unsure: Mask
    not_evaluable: Mask
    unit: str
    notes: tuple[str, ...]

    @property
    def necrotic_share(self) -> float | None:
        """Of the whole lesion; None where any of it could not be evaluated: oil is never taken for necrosis."""
        if self.not_evaluable.count or not self.lesion.count:
            return None
        return self.necrotic.count / self.lesion.count

    def labels(self) -> LabelMap:
        """For drawing: 1 viable, 2 necrotic, 3 cannot be told, 4 not evaluable."""
        voxels = np.zeros(self.lesion.grid.size_kji, dtype=np.uint8)
        named = {}
        parts = (
            ("enhances", "#d04040", self.viable),
            ("does not enhance", "#5080c0", self.necrotic),
            ("cannot be told", "#b0a060", self.unsure),
            (MR_OR_NOT, "#707070", self.not_evaluable),
        )
        for value, (name, colour, mask) in enumerate(parts, start=1):
            if not mask.is_empty:
                (k0, j0, i0), (k1, j1, i1) = mask.box
                voxels[k0:k1, j0:j1, i0:i1][mask.voxels] = value
            named[value] = Label(value, name, colour=colour)
        return LabelMap(voxels, self.lesion.grid, named)


def viability_map(lesion: Mask, rise: Volume, oil: Mask | None = None) -> ViabilityMap:
    """Which parts of a lesion enhance, from a pair of images of one day.

    What enhances ends half-way between its level and that of what does not beside it, where that can be seen.

    Parameters
    ----------
    rise
        `enhancement` of the pair.
    oil
        `lipiodol_map` of the same day's unenhanced CT; None only on other modalities, where oil is not dense.

    Raises
    ------
    InputRefused
        ``oil-not-looked-for`` on CT without `oil`; ``empty-mask``.
    FrameMismatch
        ``mixed-frames``.
    """
    is_ct = rise.source.unit == "HU"
    if is_ct and oil is None:
        text = "On CT it has to be known where Lipiodol lies before viability is read; give the unenhanced CT."
        raise InputRefused("oil-not-looked-for", text, subject=rise.source.series_uid)
    own = lesion if lesion.grid.same_as(rise.grid) else resampled_mask(lesion, rise.grid)
    if own.is_empty:
        raise InputRefused("empty-mask", "The lesion does not lie in these images; mark it on them.")
    box = padded_box(own.box, _AROUND_MM, rise.grid)
    inside, oily = own.within(box), _shadow(oil, rise.grid).within(box)
    values = _cut(rise, box)
    known = inside & ~oily & np.isfinite(values)
    judged = Rise(values, known, ~oily, rise.grid.spacing_kji_mm)
    mean = judged.averaged(setting("smoothing"))
    enhancing, none = (setting(name + ("" if is_ct else "_mr")) for name in ("enhancing", "not_enhancing"))
    rising = known & (mean >= enhancing)
    viable = rising & ~blurred_edge(judged, rising, none)
    dead = known & (mean < none)
    parts = [
        Mask.of(rise.grid, part, box[0]) for part in (viable, dead, inside & ~oily & ~viable & ~dead, inside & oily)
    ]
    unit = "HU" if is_ct else PERCENT
    return ViabilityMap(own, parts[0], parts[1], parts[2], parts[3], unit, _viability_notes(own, parts))


def _viability_notes(lesion: Mask, parts: Sequence[Mask]) -> tuple[str, ...]:
    unsure, oily = parts[2], parts[3]
    notes = []
    if oily.count:
        notes.append(f"{MR_OR_NOT}: {100.0 * oily.count / lesion.count:.0f} % of the lesion.")
    if unsure.count:
        notes.append(f"It cannot be told of {100.0 * unsure.count / lesion.count:.0f} % whether it enhances.")
    return tuple(notes)


def _shadow(oil: Mask | None, grid: Grid) -> Mask:
    if oil is None:
        return Mask.empty(grid)
    near = not_evaluable_beside(oil)
    return near if near.grid.same_as(grid) else resampled_mask(near, grid)


@dataclass(frozen=True, slots=True)
class ChangedStructure:
    """One line of what has changed between two days.

    Attributes
    ----------
    kind
        ``new``, ``grown``, ``shrunk``, ``stable``, ``vanished``, ``split``, ``merged``, ``not-shown``, ``ambiguous``,
        or ``unknown`` where sizes are not known.
    place_lps_mm
        In the new frame; a vanished one where it would lie. None where the new images do not show it.
    gained_ml, lost_ml
        Beyond what the link's error explains.
    """

    kind: str
    earlier: tuple[str, ...]
    later: tuple[str, ...]
    place_lps_mm: tuple[float, float, float] | None
    gained_ml: float
    lost_ml: float


def changed_structures(
    grid: Grid, masks: Mapping[str, Mask], proposals: Sequence[Identity], error_mm: float
) -> tuple[LabelMap, tuple[ChangedStructure, ...]]:
    """What is new, grown, shrunk or vanished, as labels on the new study's grid (`CHANGE_LABELS`) and as a list.

    Parameters
    ----------
    masks
        Of both days' lesions by id, on the grid.
    error_mm
        Of the link: a rim of this width is not called a change.
    """
    voxels = np.zeros(grid.size_kji, dtype=np.uint8)
    rows = []
    for each in proposals:
        before = [masks[name] for name in each.earlier]
        after = [masks[name] for name in each.later]
        rows.append(_changed(voxels, grid, each, before, after, error_mm))
    return LabelMap(voxels, grid, dict(CHANGE_LABELS)), tuple(rows)


def _changed(
    voxels: NDArray[np.uint8],
    grid: Grid,
    identity: Identity,
    before: Sequence[Mask],
    after: Sequence[Mask],
    error_mm: float,
) -> ChangedStructure:
    box = padded_box(union_box([each.box for each in (*before, *after)]), 1.0, grid)
    old, new = _united(before, box), _united(after, box)
    gained, lost = _beyond(new, old, grid, error_mm), _beyond(old, new, grid, error_mm)
    (k0, j0, i0), (k1, j1, i1) = box
    place = voxels[k0:k1, j0:j1, i0:i1]
    if identity.kind is IdentityKind.AMBIGUOUS:
        place[old | new] = UNTOLD
        gained, lost = np.zeros_like(new), np.zeros_like(old)
    elif identity.kind is not IdentityKind.NOT_SHOWN:
        place[old | new] = KEPT
        place[gained] = GROWN if before else NEW
        place[lost] = SHRUNK if after else VANISHED
    where = np.argwhere(new if new.any() else old)
    centre = grid.lps_from_kji.points(where.mean(axis=0) + np.asarray(box[0])) if len(where) else None
    return ChangedStructure(
        _kind(identity),
        identity.earlier,
        identity.later,
        None if centre is None else (float(centre[0]), float(centre[1]), float(centre[2])),
        np.count_nonzero(gained) * grid.voxel_ml,
        np.count_nonzero(lost) * grid.voxel_ml,
    )


def _kind(identity: Identity) -> str:
    if identity.kind is not IdentityKind.SAME:
        return str(identity.kind)
    change = identity.change
    return "unknown" if change is None or change.kind is None else change.kind


def _united(masks: Sequence[Mask], box: Box) -> NDArray[np.bool_]:
    size = tuple(high - low for low, high in zip(*box, strict=True))
    found = np.zeros(size, dtype=np.bool_)
    for each in masks:
        found |= each.within(box)
    return found


def _beyond(one: NDArray[np.bool_], other: NDArray[np.bool_], grid: Grid, error_mm: float) -> NDArray[np.bool_]:
    """Voxels of one that lie farther from the other than the link's error; all of one where there is no other."""
    if not other.any() or not one.any():
        return one.copy()
    from planner.imaging.surfaces import signed_distance_mm

    far: NDArray[np.bool_] = one & (signed_distance_mm(other, grid.spacing_kji_mm) > error_mm)
    return far


def _cut(volume: Volume, box: Box) -> NDArray[np.float32]:
    (k0, j0, i0), (k1, j1, i1) = box
    return np.asarray(volume.voxels[k0:k1, j0:j1, i0:i1], dtype=np.float32)


def _one_grid(one: Volume, other: Volume) -> None:
    if not one.grid.same_as(other.grid):
        text = "The two images lie on different grids; bring the earlier one onto the new one's first."
        raise FrameMismatch("different-grids", text, subject=other.source.series_uid)


def _one_modality(one: Volume, other: Volume) -> None:
    kinds = one.source.modality, other.source.modality
    if None not in kinds and kinds[0] != kinds[1]:
        text = f"{kinds[0]} and {kinds[1]} are not subtracted; take two images of one modality."
        raise InputRefused("other-modality", text, subject=other.source.series_uid)
