"""A link between two studies of one patient, from registration of their images: a job that touches no case."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.app.frame_links import point_map
from planner.app.registered_links import link_of_registration
from planner.errors import InputRefused
from planner.geometry import Grid, lps
from planner.imaging import Volume
from planner.imaging.displacement import PointMap, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.registration import Model, Registration, register
from planner.imaging.registration_organs import FoundOrgan, found_organ, is_like_ct
from planner.jobs import Context
from planner.model.case import Case
from planner.model.links import FrameLink
from planner.store.library import Library


@dataclass(frozen=True, eq=False)
class SolvedStudyLink:
    """A link as registration found it; a person has yet to look at it.

    Attributes
    ----------
    link
        Unreviewed; put it into the case with `planner.app.run_items.add_link`.
    point_map
        Fixed to moving; for the pictures of the review only.
    notes
        One sentence each.
    """

    link: FrameLink
    point_map: PointMap
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class OrganMasks:
    """An organ in both images of a pair, one of them carried over from the other.

    Attributes
    ----------
    organ
        ``liver`` or ``lung``.
    fixed, moving
        On the grids of their images.
    note
        How it was carried over, for the person who reviews the link.
    """

    organ: str
    fixed: Mask
    moving: Mask
    note: str


def link_studies(
    library: Library,
    case: Case,
    fixed: Volume,
    moving: Volume,
    *,
    model: Model = "deformable",
    organ: str = "auto",
    fixed_mask: Mask | None = None,
    moving_mask: Mask | None = None,
    leave_out_fixed: Mask | None = None,
    leave_out_moving: Mask | None = None,
    check_inverse: bool = True,
    context: Context | None = None,
) -> SolvedStudyLink:
    """Register an earlier study (moving) to a new one (fixed) of the patient of a case.

    Parameters
    ----------
    organ
        ``auto``, ``liver``, ``lung`` or ``body``: what has to fit. Between CT and another modality it is found on the
        CT and carried over to the other image (`carried_organ_masks`), so that the link is made and judged on it.
    fixed_mask, moving_mask
        The organ as drawn, on any grid of its image's frame; both or one. None: found automatically, or carried over.
    leave_out_fixed, leave_out_moving
        What must not pull the match besides what is found by itself: an ablation zone, a tumour that was treated.
    check_inverse
        Register the other way too, which tells how far there and back lie apart and takes as long again.

    Raises
    ------
    InputRefused
        ``same-frame``, ``other-patient``, or what the registration refuses (no organ, hardly any overlap).
    FrameMismatch
        ``mixed-frames`` for a mask of another frame than its image's.
    Cancelled
        When the operator cancelled.
    """
    _refuse_pair(case, fixed, moving)
    images = _Pair(fixed, moving, model, leave_out_fixed, leave_out_moving)
    job = context or Context()
    drawn = fixed_mask is not None or moving_mask is not None
    across = not drawn and is_like_ct(fixed) != is_like_ct(moving)
    if across and organ != "body":
        found = _matched_on_carried(library, case, images, organ, check_inverse, job)
    else:
        found = images.registered(organ, fixed_mask, moving_mask, check_inverse, job)
    link = link_of_registration(library, found, model=model, organ=found.organ)
    notes = list(found.notes)
    kinds = fixed.source.modality, moving.source.modality
    if None not in kinds and kinds[0] != kinds[1]:
        notes.append(f"{kinds[0]} against {kinds[1]}: measure the match at landmarks before it is used.")
    return SolvedStudyLink(link, found.point_map, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two images and how they are matched."""

    fixed: Volume
    moving: Volume
    model: Model
    leave_out_fixed: Mask | None
    leave_out_moving: Mask | None

    def registered(
        self,
        organ: str,
        fixed_mask: Mask | None,
        moving_mask: Mask | None,
        check_inverse: bool,
        context: Context,
    ) -> Registration:
        return register(
            self.fixed,
            self.moving,
            model=self.model,
            organ=organ,
            fixed_mask=fixed_mask,
            moving_mask=moving_mask,
            leave_out_fixed=self.leave_out_fixed,
            leave_out_moving=self.leave_out_moving,
            check_inverse=check_inverse,
            context=context,
        )


def _matched_on_carried(
    library: Library, case: Case, images: _Pair, organ: str, check_inverse: bool, context: Context
) -> Registration:
    first = context.part(0.0, 0.25)
    carried = carried_organ_masks(library, case, images.fixed, images.moving, organ=organ, context=first)
    if carried is None:
        return images.registered(organ, None, None, check_inverse, context)
    found = images.registered(organ, carried.fixed, carried.moving, check_inverse, context.part(0.25, 1.0))
    # A mask that came out of the other one tells how far the match moved, not how well the organs overlap.
    return replace(found, organ=carried.organ, organ_dice=None, notes=(*found.notes, carried.note))


def carried_organ_masks(
    library: Library,
    case: Case,
    fixed: Volume,
    moving: Volume,
    *,
    organ: str = "auto",
    context: Context | None = None,
) -> OrganMasks | None:
    """The organ found on the CT of a pair and carried over to the other image, where it is not found by itself.

    It goes through the reviewed link of the two frames, else through a rigid match of the bodies made here. Good enough
    to say what has to fit, and no segmentation: nothing is measured on it.

    Parameters
    ----------
    organ
        ``auto``, ``liver`` or ``lung``.

    Returns
    -------
    None where there is nothing to carry: two CTs, no CT, or a CT that shows no such organ.

    Raises
    ------
    InputRefused
        ``no-overlap``, ``no-body`` where the bodies do not match.
    """
    if is_like_ct(fixed) == is_like_ct(moving):
        return None
    job = context or Context()
    ct = fixed if is_like_ct(fixed) else moving
    own = _organ_of_ct(ct, organ, job.part(0.0, 0.3))
    if own is None:
        return None
    way = point_map(library, case, fixed.grid.frame_uid, moving.grid.frame_uid)
    by = "the reviewed link" if way is not None else "a rigid match of the bodies"
    if way is None:
        way = register(fixed, moving, model="rigid", organ="body", context=job.part(0.3, 0.95)).point_map
    other = moving.grid if ct is fixed else fixed.grid
    mask = carried_mask(own.mask, other, way)
    if mask.is_empty:
        return None
    note = f"The {own.organ} was found on the CT and carried over by {by}: the overlap of the organ is not measured."
    masks = (own.mask, mask) if ct is fixed else (mask, own.mask)
    job.step(1.0, f"The {own.organ} carried over")
    return OrganMasks(own.organ, *masks, note)


def _organ_of_ct(ct: Volume, organ: str, context: Context) -> FoundOrgan | None:
    try:
        own = found_organ(ct, organ, context)
    except InputRefused as refused:
        if refused.code != "no-organ":
            raise
        return None
    return None if own.organ == "body" else own


def carried_mask(mask: Mask, grid: Grid, fixed_to_moving: PointMap) -> Mask:
    """A mask of either frame of a map on a grid of the other frame; raises FrameMismatch where neither fits."""
    joined = fixed_to_moving.moving_from_fixed
    turned = joined.source == lps(mask.grid.frame_uid)
    return warped_mask(mask, grid, fixed_to_moving.inverse() if turned else fixed_to_moving)


def _refuse_pair(case: Case, fixed: Volume, moving: Volume) -> None:
    if fixed.grid.frame_uid == moving.grid.frame_uid:
        text = "Both images share one frame of reference and lie as acquired; no link is needed between them."
        raise InputRefused("same-frame", text, subject=fixed.source.series_uid)
    for each in (fixed, moving):
        theirs = each.source.patient_id
        if theirs and case.patient.patient_id and theirs != case.patient.patient_id:
            name = each.source.description or each.source.series_uid
            text = f"The images “{name}” name another patient ID than the case; open the right images."
            raise InputRefused("other-patient", text, subject=each.source.series_uid)
