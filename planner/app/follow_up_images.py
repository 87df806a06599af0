"""Images of two days on the new study's grid: the earlier one brought over, differences, Lipiodol, necrosis, changes.

Everything across frames of reference goes through a reviewed link (`planner.app.frame_links.point_map`). What is made
here is looked at and is not stored; the numbers that count are measured on masks that a person confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from planner.app.frame_links import point_map
from planner.app.lesion_identity import IdentityProposals
from planner.errors import FrameMismatch, InputRefused
from planner.imaging import Label, LabelMap, Volume
from planner.imaging.displacement import PointMap, warped
from planner.imaging.masks import Mask, box_size, padded_box
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model.case import Case
from planner.planning.change_maps import (
    ChangedStructure,
    ViabilityMap,
    changed_structures,
    enhancement,
    lipiodol_map,
    viability_map,
)
from planner.planning.change_settings import setting, source_and_tag
from planner.store.library import Library
from planner.units import shown

_NOWHERE = -32768.0
"""Marks what an image does not show while it is warped; no image holds it."""
OIL_COLOUR = "#f0e060"
_AROUND_MM = 6.0


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of the list of changes.

    Attributes
    ----------
    kind
        As `planner.planning.change_maps.ChangedStructure`.
    name
        Of the lesion, or of the region where it has none yet.
    words
        Sizes before and after with units, and what is doubtful.
    place_lps_mm
        In the new frame; None where the new images do not show it.
    settled
        A person has confirmed who it is.
    """

    kind: str
    name: str
    words: str
    place_lps_mm: tuple[float, float, float] | None
    lesion_ids: tuple[str, ...]
    region_ids: tuple[str, ...]
    settled: bool


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed between two days. `note` says what link it stands on and how far that may be off."""

    labels: LabelMap
    rows: tuple[ChangeRow, ...]
    note: str


def earlier_on_new(
    library: Library, case: Case, new: Volume, earlier: Volume, context: Context | None = None
) -> Volume:
    """The earlier image on the new one's grid, NaN where it shows nothing.

    Raises
    ------
    FrameMismatch
        ``not-linked`` without a reviewed link.
    """
    job = context or Context()
    job.step(0.0, "Bringing the earlier images over")
    image = warped(earlier, new.grid, _map(library, case, new, earlier), _NOWHERE)
    voxels = np.array(image.voxels, dtype=np.float32)
    voxels[voxels == _NOWHERE] = np.nan
    job.step(1.0, "Brought over")
    return Volume(voxels, image.grid, image.source)


def _map(library: Library, case: Case, new: Volume, earlier: Volume) -> PointMap:
    found = point_map(library, case, new.grid.frame_uid, earlier.grid.frame_uid)
    if found is None:
        text = "The two studies are not linked by a reviewed link; register them and review the link first."
        raise FrameMismatch("not-linked", text, subject=new.source.series_uid)
    return found


def enhancement_of_day(library: Library, case: Case, after: Volume, before: Volume) -> Volume:
    """What contrast medium added on one day: HU on CT, per cent on MR; on the grid of the enhanced image.

    Raises
    ------
    InputRefused
        ``other-day`` for images of two days, ``other-modality``, ``not-unenhanced`` on CT.
    FrameMismatch
        ``not-linked``.
    """
    pair = (after, before)
    days = [None if each.source.study_date is None else date.fromisoformat(each.source.study_date) for each in pair]
    if None in days or days[0] != days[1]:
        text = "Enhancement is read from two images of one day; these are of different days, or a day is not known."
        raise InputRefused("other-day", text, subject=before.source.series_uid)
    if before.source.unit == "HU" and before.source.phase not in (None, "non-contrast"):
        text = f"“{before.source.description or before.source.series_uid}” is enhanced; take the unenhanced CT."
        raise InputRefused("not-unenhanced", text, subject=before.source.series_uid)
    return enhancement(after, earlier_on_new(library, case, after, before))


def lipiodol_of_day(unenhanced: Volume, liver: Mask, *, said_unenhanced: bool = False) -> tuple[LabelMap, Mask, str]:
    """The Lipiodol map of a day: labels to draw, the voxels, and the line beside it with limit, source and tag.

    Raises as `planner.planning.change_maps.lipiodol_map`.
    """
    oil = lipiodol_map(unenhanced, liver, said_unenhanced=said_unenhanced)
    voxels = oil.full().astype(np.uint8)
    _, tag = source_and_tag("lipiodol_dense")
    limit = shown(setting("lipiodol_dense"), "HU")
    unverified = " (unverified default)" if tag in ("M", "P") else ""
    words = f"Lipiodol {shown(oil.volume_ml, 'mL')}: {limit} and denser{unverified}; calcification is as dense."
    label = Label(1, "Lipiodol: viability not evaluable on CT", colour=OIL_COLOUR)
    return LabelMap(voxels, unenhanced.grid, {1: label}), oil, words


def necrosis_of_day(
    library: Library,
    case: Case,
    lesion: Mask,
    after: Volume,
    before: Volume,
    *,
    said_unenhanced: bool = False,
) -> ViabilityMap:
    """What of a lesion enhances, and what does not, from the images before and after contrast medium of one day.

    On CT Lipiodol is looked for in the unenhanced image of the pair: what it covers is not evaluable.

    Parameters
    ----------
    lesion
        Drawn on this day's images, in either frame of the pair.
    after, before
        With and without contrast medium.

    Raises as `enhancement_of_day`, `lipiodol_map` and `viability_map`.
    """
    rise = enhancement_of_day(library, case, after, before)
    if rise.source.unit != "HU":
        return viability_map(lesion, rise)
    plain = earlier_on_new(library, case, after, before)
    oil = lipiodol_map(plain, _around(lesion, plain), said_unenhanced=said_unenhanced)
    return viability_map(lesion, rise, oil)


def _around(lesion: Mask, image: Volume) -> Mask:
    """The block around a lesion: oil beside it spoils what the lesion shows as well."""
    own = lesion if lesion.grid.same_as(image.grid) else resampled_mask(lesion, image.grid)
    box = padded_box(own.box, _AROUND_MM, image.grid)
    return Mask(image.grid, box, np.ones(box_size(box), dtype=np.bool_))


def changes_between(proposals: IdentityProposals) -> Changes:
    """What is new, grown, shrunk or vanished between the days of identity proposals."""
    identities = [each.identity for each in proposals.rows]
    labels, found = changed_structures(proposals.grid, proposals.masks, identities, proposals.error.mm)
    rows = []
    for row, changed in zip(proposals.rows, found, strict=True):
        name = " + ".join(row.lesion_names or row.region_names)
        words = "; ".join((row.words, *_sizes(changed), *row.identity.reasons))
        rows.append(
            ChangeRow(changed.kind, name, words, changed.place_lps_mm, changed.earlier, changed.later, row.settled)
        )
    return Changes(labels, tuple(rows), f"Studies {proposals.way.words}.")


def _sizes(changed: ChangedStructure) -> tuple[str, ...]:
    least = setting("speck")
    parts = []
    if changed.gained_ml >= least and changed.earlier:
        parts.append(f"{shown(changed.gained_ml, 'mL')} grown beyond the link's error")
    if changed.lost_ml >= least and changed.later:
        parts.append(f"{shown(changed.lost_ml, 'mL')} no longer there")
    return tuple(parts)
