"""How far there and back lie apart: measured after a match, so that a person can look at the match meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from planner.app.marking import load_mask, region_of
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import REGION
from planner.model.links import FrameLink
from planner.store.library import Library
from viewers.panes.desk import Desk
from viewers.state.jobs import Job, JobState
from viewers.window.case_work import CaseWork

if TYPE_CHECKING:
    from planner.app.study_links import OrganMasks
    from planner.geometry import Grid
    from planner.imaging.registration import Registration

ZONE = "ablation_zone"
WHOLE_BODY = "body"


@dataclass(frozen=True, eq=False, slots=True)
class MatchInput:
    """What a match stands on."""

    library: Library
    case: Case
    later: Volume
    earlier: Volume
    organ: str
    model: Any

    def zones(self) -> tuple[Mask | None, Mask | None]:
        """Drawn ablation zones in the new and in the earlier study: they must not pull the match."""
        return (
            zones_of(self.library, self.case, self.later.grid),
            zones_of(self.library, self.case, self.earlier.grid),
        )

    def carried_organ(self, context: Context) -> OrganMasks | None:
        """In a job: the organ found on the CT of a pair and carried over to the other image.

        None where there is nothing to carry: two CTs, no CT, the bodies asked for, or no such organ on the CT.
        """
        from planner.app.study_links import carried_organ_masks

        if self.organ == WHOLE_BODY:
            return None
        return carried_organ_masks(self.library, self.case, self.later, self.earlier, organ=self.organ, context=context)


class InverseMeasuring:
    """The second job of a match: its number is filled in when it comes. Nothing waits for it.

    Parameters
    ----------
    changed
        Called when a measurement has begun or ended.
    """

    def __init__(self, desk: Desk, changed: Callable[[], object]) -> None:
        self.desk = desk
        self.work: CaseWork | None = None
        self._changed = changed
        self._job: Job | None = None
        self._link_id = ""
        desk.jobs.ended.connect(self._ended)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.cancel()
        self.work = work

    def cancel(self) -> None:
        """The match is gone: its number is wanted no more."""
        if self._job is not None:
            self._job.cancel()
        self._job = None

    def is_measuring(self, link: FrameLink) -> bool:
        """Whether the number of this link is still to come."""
        return self._job is not None and self._job.state is JobState.RUNNING and self._link_id == link.id

    def start(self, link: FrameLink, given: MatchInput, found: Registration) -> None:
        """Measure a match that was found one way."""
        work = self.work
        if work is None:
            return
        self.cancel()
        self._link_id = link.id

        def take(apart_mm: float) -> None:
            edit, merge = with_inverse(link.id, apart_mm), merge_key(link)
            work.attempt(lambda: work.opened.document.apply("Measure there and back", edit, merge=merge))

        self._job = self.desk.jobs.submit(
            "Measuring the match there and back",
            lambda context: measured(given, found, context),
            take,
            still_valid=lambda: self.work is work and any(each.id == link.id for each in work.opened.case.links),
            group="compare-inverse",
        )
        self._changed()

    def _ended(self, job: Job) -> None:
        if job is self._job:
            self._changed()


def merge_key(link: FrameLink) -> str:
    """A match and its measurement are one step of undo, as long as nothing comes between."""
    return f"match/{link.id}"


def measured(given: MatchInput, found: Registration, context: Context) -> float:
    """In a job: mean distance (mm) after going there and back."""
    from planner.imaging.registration import measured_inverse_mm

    zones = given.zones()
    return measured_inverse_mm(
        given.later, given.earlier, found, leave_out_fixed=zones[0], leave_out_moving=zones[1], context=context
    )


def with_inverse(link_id: str, apart_mm: float) -> Edit:
    """The number of a link filled in; its review, if there is one meanwhile, stays."""

    def filled(link: FrameLink) -> FrameLink:
        if link.id != link_id or link.quality is None:
            return link
        return replace(link, quality=replace(link.quality, inverse_consistency_mm=apart_mm))

    return lambda case: replace(case, links=tuple(filled(each) for each in case.links))


def zones_of(library: Library, case: Case, grid: Grid) -> Mask | None:
    """Every ablation zone drawn in a frame of reference, on a grid of it; None without any."""
    full = None
    for session in case.sessions:
        for item in session.items:
            if item.type != REGION or item.frame_uid != grid.frame_uid or region_of(item).structure != ZONE:
                continue
            drawn = resampled_mask(load_mask(library, region_of(item).blob), grid).full()
            full = drawn if full is None else full | drawn
    return None if full is None else Mask.of(grid, full)
