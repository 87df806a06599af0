"""Injections under the hand: what they stand on is prepared in a job, an answer then takes milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from planner.app.injections import PHASE_OF_TREE, LiveInjection, injection_grounds, live_injection
from planner.jobs import Context
from planner.model.items import REGION
from planner.planning.territories import Injection
from viewers.state import theme
from viewers.state.jobs import Job, JobState
from viewers.state.vessels import InjectionShown, TipShown
from viewers.window.case_vessel_base import VesselSession
from viewers.window.case_vessel_content import tip_words

PREPARING = "preparing the territories…"
Stand = tuple[object, ...]


class VesselLive:
    """Keeps a `LiveInjection` for the tree that is injected.

    Parameters
    ----------
    prepared
        Called when one is ready.
    """

    def __init__(self, vessels: VesselSession, prepared: Callable[[], object]) -> None:
        self.vessels, self.desk = vessels, vessels.desk
        self._prepared = prepared
        self._live: LiveInjection | None = None
        self._stand: Stand = ()
        self._preparing: tuple[Job, Stand] | None = None
        self.failed: tuple[Stand, str] | None = None
        """Why it could not be prepared, and for what: it is not begun again by itself."""
        self.desk.jobs.ended.connect(self._ended)

    def forget(self) -> None:
        self._live, self._stand, self._preparing, self.failed = None, (), None, None

    def stand(self, tree_id: str) -> Stand | None:
        """What injections of a tree stand on now: the tree, the regions of its frame, the phases of the images."""
        session, kept, work = self.vessels.session, self.vessels.kept(tree_id), self.vessels.work
        if session is None or kept is None or work is None:
            return None
        frame = kept.item.frame_uid
        regions = tuple(each for each in session.items if each.type == REGION and each.frame_uid == frame)
        return (kept.item, *regions, *(each.phase for each in work.opened.case.studies))

    def ready(self, tree_id: str) -> LiveInjection | None:
        """What is prepared, while it holds."""
        stand = self.stand(tree_id)
        return self._live if self._live is not None and stand is not None and stand == self._stand else None

    def can_inject(self, tree_id: str) -> bool:
        kept = self.vessels.kept(tree_id)
        return kept is not None and kept.body.kind in PHASE_OF_TREE

    def prepare(self, tree_id: str, *, again: bool = False) -> None:
        """In a job, unless it is ready, under way, or has failed on the same."""
        work, session, stand = self.vessels.work, self.vessels.session, self.stand(tree_id)
        if work is None or session is None or stand is None or not self.can_inject(tree_id):
            return
        if self.ready(tree_id) is not None or (self._preparing is not None and self._preparing[1] == stand):
            return
        if self.failed is not None and self.failed[0] == stand and not again:
            return
        library, case = work.opened.library, work.opened.case
        volume = self.vessels.volume_of(tree_id)
        slices = None if volume is None else float(max(volume.grid.spacing_kji_mm))

        def prepare(context: Context) -> LiveInjection:
            return live_injection(injection_grounds(library, case, session, tree_id, slice_mm=slices), context)

        def done(live: LiveInjection) -> None:
            self._live, self._stand, self.failed = live, stand, None
            self._prepared()

        job = self.desk.jobs.submit(
            "Territories of the arteries",
            prepare,
            done,
            still_valid=lambda: self.stand(tree_id) == stand,
            group="territories",
        )
        self._preparing = (job, stand)

    def _ended(self, job: Job) -> None:
        if self._preparing is None or self._preparing[0] is not job:
            return
        stand = self._preparing[1]
        self._preparing = None
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            self.failed = (stand, job.message)
            self._prepared()

    def inject(self, tip: TipShown) -> Injection | None:
        """What is reached from a tip; None while that is not prepared."""
        live = self.ready(tip.place.tree_id)
        kept = self.vessels.kept(tip.place.tree_id)
        if live is None or kept is None or not kept.shown.tree.has(tip.place.segment):
            return None
        return live.at(tip.place.segment, tip.place.along_mm)

    def shown(self, tip: TipShown, names: Mapping[str, str]) -> tuple[InjectionShown | None, Injection | None]:
        """The picture of an injection: at once what is downstream, with its territory when that is prepared."""
        kept = self.vessels.kept(tip.place.tree_id)
        if kept is None or not kept.shown.tree.has(tip.place.segment):
            return None, None
        found = self.inject(tip)
        if found is None:
            lit = frozenset(each.id for each in kept.shown.tree.downstream(tip.place.segment))
            words = ((PREPARING, theme.QUIET),)
            return InjectionShown(tip, kept.item.frame_uid, lit, None, words), None
        picture = InjectionShown(
            tip, kept.item.frame_uid, frozenset(found.lit), found.territory, tip_words(found, names)
        )
        return picture, found
