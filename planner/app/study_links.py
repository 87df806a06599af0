"""A link between two studies of one patient, from registration of their images: a job that touches no case."""

from __future__ import annotations

from dataclasses import dataclass

from planner.app.registered_links import link_of_registration
from planner.errors import InputRefused
from planner.imaging import Volume
from planner.imaging.displacement import PointMap
from planner.imaging.masks import Mask
from planner.imaging.registration import Model, register
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


def link_studies(
    library: Library,
    case: Case,
    fixed: Volume,
    moving: Volume,
    *,
    model: Model = "deformable",
    organ: str = "auto",
    leave_out_fixed: Mask | None = None,
    leave_out_moving: Mask | None = None,
    check_inverse: bool = True,
    context: Context | None = None,
) -> SolvedStudyLink:
    """Register an earlier study (moving) to a new one (fixed) of the patient of a case.

    Parameters
    ----------
    organ
        ``auto``, ``liver``, ``lung`` or ``body``: what has to fit.
    leave_out_fixed, leave_out_moving
        What must not pull the match besides what is found by itself: an ablation zone, a tumour that was treated.
    check_inverse
        Register the other way too, which tells how far there and back lie apart and takes as long again.

    Raises
    ------
    InputRefused
        ``same-frame``, ``other-patient``, or what the registration refuses (no organ, hardly any overlap).
    Cancelled
        When the operator cancelled.
    """
    _refuse_pair(case, fixed, moving)
    found = register(
        fixed,
        moving,
        model=model,
        organ=organ,
        leave_out_fixed=leave_out_fixed,
        leave_out_moving=leave_out_moving,
        check_inverse=check_inverse,
        context=context,
    )
    link = link_of_registration(library, found, model=model, organ=found.organ)
    notes = list(found.notes)
    kinds = fixed.source.modality, moving.source.modality
    if None not in kinds and kinds[0] != kinds[1]:
        notes.append(f"{kinds[0]} against {kinds[1]}: measure the match at landmarks before it is used.")
    return SolvedStudyLink(link, found.point_map, tuple(notes))


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
