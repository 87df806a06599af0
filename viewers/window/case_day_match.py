"""Today's scan, or the one after ablation, matched with the scan the plan lies on; reviewed before it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from planner.app.margins import organ_region
from planner.app.needle_day import METHOD_IMAGES, link_of_match, match_of_link, move_plan, reviewed_link
from planner.app.run_items import add_link, review_link
from planner.errors import OperatorError
from planner.geometry import SpaceMap
from planner.imaging import Volume
from planner.imaging.rigid_registration import MatchError, RigidMatch, image_rigid, landmark_rigid
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit, new_id
from planner.model.links import FrameLink
from planner.model.needle_items import NEEDLE_PATH
from planner.workflow.answers import answer_field
from planner.workflow.template import Stage
from viewers.state.day import ENOUGH_FOR_ERROR, LANDMARK_TOOL
from viewers.window.case_margin_acts import MarginActing
from viewers.window.case_margin_live import LiveMargins
from viewers.window.case_needle_live import NO_SESSION

TODAY, COMPLETION, PLANNING = "today", "completion", "planning"
BESIDE = "margin_achieved"
"""Layout with two scans beside each other, and its panes."""
LEFT_PANE, RIGHT_PANE = "axial", "axial_completion"
LEAST_PAIRS = 3
METHODS = {METHOD_IMAGES: "images"}


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A match that nobody has reviewed yet."""

    match: RigidMatch
    fixed: Volume
    moving: Volume
    keys: tuple[str, str]

    def moved(self) -> Volume:
        """The moving scan laid over the fixed one: its voxels as they are, on a turned grid."""
        return laid_over(self.moving, self.match.moving_lps_from_fixed, self.fixed)


def laid_over(moving: Volume, moving_lps_from_fixed: SpaceMap, fixed: Volume) -> Volume:
    """A volume as it lies in another one's frame of reference."""
    placed = moving_lps_from_fixed.inverse().after(moving.grid.lps_from_kji)
    return Volume(
        moving.voxels, replace(moving.grid, lps_from_kji=placed, frame_uid=fixed.grid.frame_uid), moving.source
    )


class DayMatching:
    """Matches the scan of a stage with the plan's; the review, and the plan moved over.

    Attributes
    ----------
    role
        Of the scan of the stage on show: ``today`` or ``completion``.
    candidate
        Waits for its review.
    """

    def __init__(self, margins: LiveMargins, acts: MarginActing, changed: Callable[[], object]) -> None:
        self.margins, self.needles, self.desk, self.acts = margins, margins.needles, margins.desk, acts
        self.role = TODAY
        self.stage: Stage | None = None
        self.candidate: Candidate | None = None
        self.reviewing: Callable[[], object] = lambda: None
        self._changed = changed
        self._mirroring = False
        self.desk.state.day.pairs.changed.connect(self._measured_anew)
        self.desk.state.cursor_changed.connect(self._mirror)

    def forget(self) -> None:
        self.candidate, self.stage = None, None

    def show(self, stage: Stage, role: str) -> None:
        """Another stage; a match of another scan is no candidate here."""
        self.stage, self.role = stage, role
        scans = self.scans()
        if scans is not None:
            self.desk.state.day.match(*scans)
        if self.candidate is not None and self.candidate.keys != scans:
            self.candidate = None

    def scans(self) -> tuple[str, str] | None:
        """Keys of the scan the plan lies on and of the stage's scan; None while one is not named or not loaded."""
        session, images = self.needles.session, self.desk.state.images
        if session is None:
            return None
        moving = session.series_roles.get(self.role)
        volume = images.volume(moving)
        if moving is None or volume is None:
            return None
        fixed = session.series_roles.get(PLANNING)
        today, target = session.series_roles.get(TODAY), self.margins.target
        on_day = images.volume(today)
        if self.role == COMPLETION and on_day is not None and target is not None:
            fixed = today if on_day.grid.frame_uid == target.frame_uid else fixed
        if fixed is None or images.volume(fixed) is None:
            fixed = images.primary_key
        return None if fixed is None or fixed == moving else (fixed, moving)

    def volumes(self) -> tuple[Volume, Volume] | None:
        scans, images = self.scans(), self.desk.state.images
        found = None if scans is None else (images.volume(scans[0]), images.volume(scans[1]))
        return None if found is None or found[0] is None or found[1] is None else (found[0], found[1])

    def link(self) -> FrameLink | None:
        """The reviewed link between the two scans' frames."""
        volumes, work = self.volumes(), self.needles.work
        if volumes is None or work is None:
            return None
        return reviewed_link(work.opened.case, volumes[0].grid.frame_uid, volumes[1].grid.frame_uid)

    # Landmarks

    def mark_landmarks(self) -> str | None:
        """Both scans beside each other, and the tool that clicks places in them."""
        scans = self.scans()
        if scans is None:
            return "Name and load both scans first."
        state = self.desk.state
        state.day.match(*scans)
        state.layout.set(BESIDE)
        for pane, key in zip((LEFT_PANE, RIGHT_PANE), scans, strict=True):
            state.pane(pane).series.set(key)
        self.desk.tools.pick(LANDMARK_TOOL)
        return None

    def leave_landmarks(self) -> None:
        """Panes show again what their layout says."""
        for pane in (LEFT_PANE, RIGHT_PANE):
            self.desk.state.pane(pane).series.set(None)

    def look_at(self, number: int) -> None:
        """Both scans at a landmark."""
        pairs, volumes = self.desk.state.day.pairs.value, self.volumes()
        if volumes is None or not 0 <= number < len(pairs):
            return
        self._mirroring = True
        places = (pairs[number].fixed_lps_mm, pairs[number].moving_lps_mm)
        for volume, place in zip(volumes, places, strict=True):
            if place is not None:
                self.desk.state.move_cursor(volume.grid.frame_uid, place)
        self._mirroring = False

    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        found = np.array(self.desk.state.day.whole_pairs, dtype=np.float64).reshape(-1, 2, 3)
        return found[:, 0], found[:, 1]

    def _measured_anew(self, pairs: object) -> None:
        """Landmarks that were not used by a match measure its error."""
        del pairs
        candidate = self.candidate
        if candidate is not None and candidate.match.likeness is not None:
            self.candidate = replace(candidate, match=self._with_error(candidate.match))
        self._changed()

    def _with_error(self, match: RigidMatch) -> RigidMatch:
        fixed, moving = self._pairs()
        if len(fixed) < ENOUGH_FOR_ERROR:
            return replace(match, error=None)
        apart = np.linalg.norm(match.moving_lps_from_fixed.points(fixed) - moving, axis=1)
        return replace(match, error=MatchError(apart, apart, "independent landmarks"))

    # Matching

    def match_images(self) -> str | None:
        """By what the images show of the organ, as a job; the review follows."""
        scans, volumes, session, store = self.scans(), self.volumes(), self.needles.session, self.needles.store
        if scans is None or volumes is None or session is None or store is None:
            return "Name and load both scans first."
        fixed, moving = volumes
        target = self.margins.target
        regions = (None, None)
        if target is not None:
            organ = self.margins.settings(session, target).organ
            here, there = (replace(target, frame_uid=each.grid.frame_uid) for each in volumes)
            regions = (organ_region(session, here, organ), organ_region(session, there, organ))
        blobs = [None if each is None else each[1].blob for each in regions]
        same = fixed.grid.frame_uid == moving.grid.frame_uid

        def work(context: Context) -> RigidMatch:
            masks = [None if each is None else store.mask(each) for each in blobs]
            other = None if same else masks[1]
            return image_rigid(fixed, moving, masks[0], context=context, moving_mask=other, same_frame_too=True)

        def done(match: RigidMatch) -> None:
            self._take(Candidate(self._with_error(match), fixed, moving, scans))

        self.desk.jobs.submit(
            f"Matching {self.words}", work, done, still_valid=lambda: self.scans() == scans, group="match"
        )
        return None

    def match_landmarks(self) -> str | None:
        """By the landmarks alone."""
        scans, volumes = self.scans(), self.volumes()
        if scans is None or volumes is None:
            return "Name and load both scans first."
        fixed, moving = self._pairs()
        try:
            match = landmark_rigid(
                fixed, moving, fixed_frame_uid=volumes[0].grid.frame_uid, moving_frame_uid=volumes[1].grid.frame_uid
            )
        except OperatorError as refused:
            return refused.message
        self._take(Candidate(match, *volumes, scans))
        return None

    def _take(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._changed()
        self.reviewing()

    @property
    def words(self) -> str:
        return "today's scan" if self.role == TODAY else "the completion scan"

    def use(self) -> str | None:
        """A person has looked at the candidate: it links the two scans, with name and time. One step of undo."""
        candidate, work = self.candidate, self.needles.work
        if candidate is None or work is None:
            return "There is no match to use."
        link = link_of_match(candidate.match)
        answers = self._answers(link)
        refusal = work.apply(f"Use the match of {self.words}", lambda: _in_turn(self._edits(link, answers)))
        if refusal is None:
            self.candidate = None
            self.leave_landmarks()
            if self.stage is not None:
                self.desk.state.layout.set(self.stage.layout)
            self.desk.tools.escape()
            self._changed()
        return refusal

    def _edits(self, link: FrameLink, answers: dict[str, object]) -> list[Edit]:
        work = self.needles.work
        if work is None or work.session_desk is None:
            return []
        desk, who = work.session_desk, work.who
        stage, template, session_id, now = self.stage, desk.template, desk.session_id, desk.clock()
        edits: list[Edit] = [add_link(link), review_link(link.id, by=work.opened.actor)]
        for name, value in answers.items() if stage is not None else ():
            edits.append(
                lambda case, name=name, value=value: answer_field(
                    case, session_id, template, stage.id, name, value, by=who, now=now
                )
            )
        return edits

    def _answers(self, link: FrameLink) -> dict[str, object]:
        """What the stage asks about the match, answered by it."""
        if self.stage is None:
            return {}
        told: dict[str, object] = {
            "registration": METHODS.get(link.method, "landmarks"), "registration_error": link.residual_mm,
        }  # fmt: skip
        return {name: value for name, value in told.items() if self.stage.field(name) is not None}

    # The plan on today's scan

    def can_move(self) -> bool:
        """Needles lie on the planning CT, and a reviewed link leads to today's scan."""
        session, volumes = self.needles.session, self.volumes()
        if session is None or volumes is None or self.role != TODAY or self.link() is None:
            return False
        frame = volumes[0].grid.frame_uid
        return frame != volumes[1].grid.frame_uid and any(item.frame_uid == frame for item in session.items)

    def is_moved(self) -> bool:
        """Every needle lies on the stage's scan."""
        session, volumes = self.needles.session, self.volumes()
        needles = [] if session is None else [item for item in session.items if item.type == NEEDLE_PATH]
        return (
            volumes is not None
            and bool(needles)
            and all(item.frame_uid == volumes[1].grid.frame_uid for item in needles)
        )

    def move(self) -> str | None:
        """The plan comes over to today's scan, and needles are measured on it: one step of undo."""
        session, work, link, scans = self.needles.session, self.needles.work, self.link(), self.scans()
        if session is None or work is None or scans is None:
            return NO_SESSION
        if link is None:
            return "Match today's scan and review the match first."
        step = new_id("move")
        refusal = self.needles.apply(
            "Move the plan to today's scan",
            lambda: move_plan(session, link, series=scans[1], by=work.opened.actor),
            step,
        )
        after = self.needles.session
        if refusal is None and after is not None:
            self.desk.state.images.set_primary(scans[1])
            made = tuple(item.id for item in after.items if item.type == NEEDLE_PATH)
            self.acts.measure_all(step, made)
            if made:
                self.desk.state.selected_id.set(made[0])
        self._changed()
        return refusal

    # Both scans at the same place

    def _mirror(self, frame_uid: str) -> None:
        """The crosshair of one scan goes with that of the other, by the match that is looked at or was reviewed."""
        if self._mirroring or self.stage is None:
            return
        placed = self._placed()
        volumes = self.volumes()
        if placed is None or volumes is None:
            return
        fixed, moving = (each.grid.frame_uid for each in volumes)
        if fixed == moving or frame_uid not in (fixed, moving):
            return
        there = placed if frame_uid == fixed else placed.inverse()
        self._mirroring = True
        state = self.desk.state
        state.move_cursor(moving if frame_uid == fixed else fixed, there.points(state.cursor_lps_mm(frame_uid)))
        self._mirroring = False

    def _placed(self) -> SpaceMap | None:
        if self.candidate is not None:
            return self.candidate.match.moving_lps_from_fixed
        link = self.link()
        return None if link is None else match_of_link(link)


def _in_turn(edits: list[Edit]) -> Edit:
    def edit(case: Case) -> Case:
        for each in edits:
            case = each(case)
        return case

    return edit
