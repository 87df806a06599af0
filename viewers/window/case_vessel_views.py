"""The working view of the open session: its map made in a job, its projections drawn while the C-arm is turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planner.app.working_views import stretch_of
from planner.geometry.patient_positions import POSTURES, SUPINE, PatientPosition, position_from_dicom
from planner.imaging import Volume
from planner.jobs import Context
from planner.planning.vessel_tree import VesselTree
from planner.planning.working_view import ViewMap, view_map
from viewers.scene.working_view_pictures import Projector
from viewers.state.jobs import Job, JobState, LatestWins
from viewers.state.layouts import layout
from viewers.state.vessel_words import segment_name
from viewers.state.vessels import VesselPlace
from viewers.state.working_view import NO_VIEW, Angles, NamedView, ProjectionShown, ViewMapShown, wrapped
from viewers.window.case_needle_task import POSITION_FIELD
from viewers.window.case_vessel_base import VesselSession

NO_IMAGES = "Load the images that the vessels were found in; the projection is simulated from them."
MAKING = "Computing the working view…"
PANE = "working-view"
NEAR_MM = 40.0
"""A projector is used again for places this near to the one it was made for."""


@dataclass(frozen=True, eq=False, slots=True)
class _Wanted:
    """A projection that is asked for."""

    projector: Projector
    tree: VesselTree
    angles: Angles
    fine: bool


@dataclass(frozen=True, eq=False, slots=True)
class MadeView:
    """A map with what it stands on."""

    place: VesselPlace
    tree: VesselTree
    found: ViewMap
    projector: Projector


class VesselViews:
    """Makes and turns the working view. A `ViewKeeper`; `keep` stores the view in a position."""

    def __init__(self, vessels: VesselSession, keep: Callable[[ViewMap, Angles], str | None]) -> None:
        self.vessels, self.desk = vessels, vessels.desk
        self.made: MadeView | None = None
        self._keep = keep
        self._asked: tuple[VesselTree, str, str] | None = None
        self._job: Job | None = None
        self._latest: LatestWins[_Wanted, ProjectionShown] = LatestWins(
            self.desk.renderers, self.desk.post, _project, self._projected, self._not_projected
        )
        self.desk.jobs.ended.connect(self._ended)

    def forget(self) -> None:
        """Another case."""
        self.made, self._asked = None, None
        self._latest.drop()
        self.desk.state.vessels.view.forget()
        self.desk.state.vessels.view.keeper = self

    @property
    def is_idle(self) -> bool:
        """Nothing is being projected."""
        return self._latest.is_idle

    @property
    def is_on_show(self) -> bool:
        return any(pane.kind == PANE for pane in layout(self.desk.state.layout.value).panes)

    def position(self, volume: Volume | None) -> PatientPosition:
        """As the session says the patient lies, else supine; which end first as it was scanned."""
        scanned = position_from_dicom(None if volume is None else volume.source.patient_position)
        head_first = True if scanned is None else scanned.head_first
        session = self.vessels.session
        for fields in () if session is None else session.answers.values():
            said = fields.get(POSITION_FIELD)
            if said is not None and said.value in POSTURES:
                return PatientPosition(str(said.value), head_first)
        return PatientPosition(SUPINE, head_first)

    def show(self, place: VesselPlace | None, stored: Angles | None = None) -> str | None:
        """The map of the segment of a place, made when it is another one than before; a sentence when it cannot be."""
        view = self.desk.state.vessels.view
        view.stored.set(stored)
        kept = self.vessels.kept(None if place is None else place.tree_id)
        if place is None or kept is None or not kept.shown.tree.has(place.segment):
            self.made, self._asked = None, None
            view.map.set(None)
            view.projection.set(None)
            view.message.set(NO_VIEW)
            return None
        volume, tree = self.vessels.volume_of(place.tree_id), kept.shown.tree
        if volume is None:
            view.message.set(NO_IMAGES)
            return NO_IMAGES
        position = self.position(volume)
        asked = (tree, place.segment, position.words)
        if asked == self._asked:
            if stored is not None and view.map.value is not None:
                self.turn(view.map.value.on_map(stored), moving=False)
            return None
        self._asked = asked
        view.map.set(None)
        view.projection.set(None)
        view.message.set(MAKING)
        self._submit(place, tree, volume, position, stored)
        return None

    def _submit(
        self, place: VesselPlace, tree: VesselTree, volume: Volume, position: PatientPosition, stored: Angles | None
    ) -> None:
        before, asked = self.made, self._asked
        segment = tree.segment(place.segment)
        middle = segment.at(segment.length_mm / 2.0)

        def work(context: Context) -> MadeView:
            stretch = stretch_of(tree, place.segment)
            found = view_map(tree, place.segment, points_lps_mm=stretch, position=position, context=context)
            known = None if before is None else before.projector
            near = known is not None and known.volume is volume
            if known is None or not near or float(np.linalg.norm(known.centre_lps_mm - middle)) > NEAR_MM:
                known = Projector(volume, middle)
            return MadeView(place, tree, found, known)

        self._job = self.desk.jobs.submit(
            "Working view",
            work,
            lambda made: self._take(made, stored),
            still_valid=lambda: self._asked == asked,
            group="working view",
        )

    def _take(self, made: MadeView, stored: Angles | None) -> None:
        self.made = made
        found, view = made.found, self.desk.state.vessels.view
        usual = tuple(NamedView(each.title, each.primary_deg, each.secondary_deg) for each in found.usual)
        gains = "any usual view is about as good" if found.flat else ""
        words = " · ".join(part for part in (segment_name(made.tree, made.place.segment), gains) if part)
        view.map.set(
            ViewMapShown(
                made.tree.frame_uid,
                made.place.tree_id,
                made.place.segment,
                found.primary_deg,
                found.secondary_deg,
                found.foreshortening,
                found.overlap,
                found.allowed,
                found.best,
                usual,
                words,
                f"limits: {found.limits.title} [{found.limits.tag}]",
                found.position.posture.replace("-", " "),
            )
        )
        shown = view.map.value
        start = found.best if stored is None or shown is None else shown.on_map(stored)
        if start is None and found.usual:
            start = (found.usual[0].primary_deg, found.usual[0].secondary_deg)
        if start is not None:
            self.turn(start, moving=False)

    def _ended(self, job: Job) -> None:
        """A map that was not made is not waited for."""
        if job is not self._job or job.state not in (JobState.FAILED, JobState.CANCELLED):
            return
        self._job, self._asked = None, None
        self.desk.state.vessels.view.message.set(f"No working view: {job.message}")

    # The C-arm under the hand

    def turn(self, angles: Angles, *, moving: bool) -> None:
        """To a direction: coarse while moving, fine at rest; the newest wins."""
        made = self.made
        if made is None:
            return
        self.desk.state.vessels.view.angles.set(angles)
        self._latest.ask(_Wanted(made.projector, made.tree, angles, not moving))

    def keep_view(self) -> str | None:
        """The view on show goes into the plan."""
        made, angles = self.made, self.desk.state.vessels.view.angles.value
        if made is None or angles is None:
            return "Choose a vessel or a catheter position first; its working view is computed then."
        return self._keep(made.found, (wrapped(angles[0]), angles[1]))

    def _projected(self, wanted: _Wanted, picture: ProjectionShown) -> None:
        if self.made is not None and self.made.projector is wanted.projector and self.made.tree is wanted.tree:
            self.desk.state.vessels.view.projection.set(picture)

    def _not_projected(self, wanted: _Wanted, error: Exception) -> None:
        del wanted
        self.desk.kit.notice.set(f"The projection could not be simulated: {error}")


def _project(wanted: _Wanted) -> ProjectionShown:
    return wanted.projector.picture(wanted.angles, wanted.tree, fine=wanted.fine)
