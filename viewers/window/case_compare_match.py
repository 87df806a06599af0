"""Two studies matched in the window: the job, its review by a named person, landmarks that measure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.app.frame_links import linked_frames, map_of_link, point_map, with_landmarks
from planner.app.needle_day import link_of_match
from planner.app.registered_links import link_of_registration
from planner.app.run_items import add_link, remove_link, review_link
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.displacement import PointMap
from planner.imaging.rigid_registration import landmark_rigid
from planner.jobs import Context
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.links import FrameLink, LinkQuality
from planner.units import shown
from viewers.panes.desk import Desk
from viewers.state.compare import ENOUGH_LANDMARKS, ComparedPair, Linked, SameFrame
from viewers.state.jobs import Job, JobState
from viewers.window.case_compare_inverse import InverseMeasuring, MatchInput, merge_key
from viewers.window.case_work import CaseWork

if TYPE_CHECKING:
    from planner.imaging.registration import Registration

Line = tuple[str, str]
LEAST_PAIRS = 3
BY_LANDMARKS = "landmarks"
TWO_PATIENTS = "Two patients: these images are not compared"
NOT_MEASURED, BEING_MEASURED = "not measured", "being measured …"


@dataclass(frozen=True, slots=True)
class _Way:
    """What the map of a pair is made of: links with their review, so that a change of either makes it anew."""

    pair: ComparedPair
    frames: tuple[str, str]
    links: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Matched:
    """A link that waits for its review, and what it was made of."""

    link: FrameLink
    found: Registration


class CompareMatching:
    """Keeps `CompareDesk.linked` in step with the case, and makes links.

    Parameters
    ----------
    changed
        Called when what the panel shows may be other.
    came
        Called when a match waits for its review.
    """

    def __init__(self, desk: Desk, changed: Callable[[], object], came: Callable[[], object]) -> None:
        self.desk, self.compare = desk, desk.state.compare
        self.work: CaseWork | None = None
        self._changed, self._came = changed, came
        self._way: _Way | None = None
        self._job: Job | None = None
        self.inverse = InverseMeasuring(desk, changed)
        desk.jobs.ended.connect(self._ended)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none; a match that is still computed is not for this one."""
        self.work, self._way = work, None
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self.inverse.follow(work)

    # What links the two

    @property
    def case(self) -> Case | None:
        return None if self.work is None else self.work.opened.case

    def volumes(self) -> tuple[Volume, Volume] | None:
        """The new (fixed) and the earlier (moving) study, when both are loaded."""
        images = self.desk.state.images
        later, earlier = images.volume(self.compare.key("later")), images.volume(self.compare.key("earlier"))
        return None if later is None or earlier is None else (later, earlier)

    @property
    def is_matching(self) -> bool:
        return self._job is not None and self._job.state is JobState.RUNNING

    @property
    def waiting(self) -> FrameLink | None:
        """The newest link between the two frames, while nobody has reviewed it."""
        case, volumes = self.case, self.volumes()
        if case is None or volumes is None:
            return None
        ends = {each.grid.frame_uid for each in volumes}
        between = [each for each in case.links if {each.from_frame_uid, each.to_frame_uid} == ends]
        return between[-1] if between and not between[-1].is_reviewed else None

    def refresh(self) -> None:
        """Bring the link of the two studies up to date; its field is read in the background."""
        pair, volumes, case, work = self.compare.pair.value, self.volumes(), self.case, self.work
        if pair is None or volumes is None or case is None or work is None:
            self._put(None, None, "")
            return
        later, earlier = volumes
        if strangers(later, earlier):
            self._put(None, None, TWO_PATIENTS)
            return
        frames = later.grid.frame_uid, earlier.grid.frame_uid
        if frames[0] == frames[1]:
            way = _Way(pair, frames, ())
            self._put(way, Linked(SameFrame(), True, words="one frame of reference, as acquired"), "")
            return
        waiting = self.waiting
        reviewed = linked_frames(case, *frames)
        if waiting is None and reviewed is None:
            self._put(None, None, "")
        elif waiting is not None:
            way = _Way(pair, frames, ((waiting.id, False),))
            self._read(way, lambda: _preview(work, waiting, frames), waiting.id, "waits for its review")
        elif reviewed is not None:
            way = _Way(pair, frames, tuple((link.id, True) for link, _ in reviewed.links))
            ids = "+".join(link.id for link, _ in reviewed.links)
            self._read(way, lambda: point_map(work.opened.library, case, *frames), ids, reviewed.words)

    def _read(self, way: _Way, read: Callable[[], PointMap | None], link_id: str, words: str) -> None:
        """Make the map of a way, once; until it is there nothing is linked."""
        if way == self._way:
            return
        self._put(way, None, "")
        reviewed = all(each for _, each in way.links)

        def done(found: PointMap | None) -> None:
            if found is not None:
                self._put(way, Linked(found, reviewed, link_id, words), "")
                self._changed()

        self.desk.jobs.submit(
            "Reading the link of the studies",
            lambda context: read(),
            done,
            still_valid=lambda: self._way == way,
            group="compare-link",
        )

    def _put(self, way: _Way | None, linked: Linked | None, refused: str) -> None:
        if way is not None and way == self._way and (linked is None or self.compare.linked.value is not None):
            return
        self._way = way
        self.compare.refused.set(refused)
        self.compare.linked.set(linked)

    # Matching

    def _ended(self, job: Job) -> None:
        """Cancelled or failed too: another one may be asked for."""
        if job is self._job:
            self._changed()

    def match(self, organ: str, model: str) -> str | None:
        """Match the earlier study to the new one, as a job with progress and cancel; the review follows."""
        volumes, pair, work = self.volumes(), self.compare.pair.value, self.work
        if volumes is None or pair is None or work is None:
            return "Choose two studies first; both have to be loaded."
        if self.compare.refused.value:
            return self.compare.refused.value
        if model == BY_LANDMARKS:
            return self._match_landmarks(*volumes)
        given = MatchInput(work.opened.library, work.opened.case, *volumes, organ=organ, model=model)
        self.inverse.cancel()
        self._job = self.desk.jobs.submit(
            f"Matching two studies ({model})",
            lambda context: registered_link(given, context),
            lambda matched: self._take_matched(matched, given),
            still_valid=lambda: self.compare.pair.value == pair and self.work is work,
            group="compare-match",
        )
        self._changed()
        return None

    def _match_landmarks(self, later: Volume, earlier: Volume) -> str | None:
        here, there = self.compare.whole_landmarks()
        frames = later.grid.frame_uid, earlier.grid.frame_uid
        try:
            found = landmark_rigid(here, there, fixed_frame_uid=frames[0], moving_frame_uid=frames[1])
        except OperatorError as refused:
            return refused.message
        link = link_of_match(found)
        error = found.error
        after = None if error is None else (error.mean_mm, error.most_mm)
        self._take(replace(link, quality=LinkQuality(model="rigid", landmark_after_mm=after)))
        return None

    def _take_matched(self, matched: Matched, given: MatchInput) -> None:
        """It can be looked at from now on; there and back is measured meanwhile."""
        self._take(matched.link)
        self.inverse.start(matched.link, given, matched.found)

    def _take(self, link: FrameLink) -> None:
        """Keep a computed link in the case; it links nothing until a person has looked."""
        work = self.work
        if work is not None:
            edit, merge = add_link(link), merge_key(link)
            work.attempt(lambda: work.opened.document.apply("Match two studies", edit, merge=merge))
        self.refresh()
        self._came()
        self._changed()

    # The review

    def accept(self) -> str | None:
        """A named person has looked: the link counts from now on. One step of undo."""
        work, link = self.work, self.waiting
        if work is None or link is None:
            return "There is no match to accept."
        here, there = self.compare.whole_landmarks()
        measured = link
        if len(here) and link.method != BY_LANDMARKS:
            frames = self.volumes()
            turned = frames is not None and link.from_frame_uid != frames[0].grid.frame_uid
            ends = (there, here) if turned else (here, there)
            measured = with_landmarks(work.opened.library, link, *ends)
        edits = [add_link(measured), review_link(link.id, by=work.opened.actor)]
        refusal = work.apply("Accept the match of two studies", lambda: in_turn(edits))
        self.refresh()
        self._changed()
        return refusal

    def reject(self) -> str | None:
        """The match is not good: it goes. One step of undo."""
        work, link = self.work, self.waiting
        if work is None or link is None:
            return "There is no match to reject."
        self.inverse.cancel()
        refusal = work.apply("Reject the match of two studies", lambda: remove_link(link.id))
        self.refresh()
        self._changed()
        return refusal

    def quality(self) -> tuple[Line, ...]:
        """What is known of the match that waits, error first; a surrogate is never called one."""
        link = self.waiting
        if link is None:
            return ()
        return quality_lines(link, self.landmark_error(), measuring=self.inverse.is_measuring(link))

    def landmark_error(self) -> tuple[float, float, float, int] | None:
        """Mean and largest distance at the landmarks by the link that is looked at, the mean before, and how many."""
        linked = self.compare.linked.value
        here, there = self.compare.whole_landmarks()
        if linked is None or not len(here):
            return None
        apart = np.linalg.norm(linked.link_map.points(here) - there, axis=1)
        before = np.linalg.norm(here - there, axis=1)
        return float(apart.mean()), float(apart.max()), float(before.mean()), len(here)

    def landmark_lines(self) -> tuple[str, ...]:
        """One line each, with its distance by the link."""
        linked = self.compare.linked.value
        lines = []
        for number, pair in enumerate(self.compare.landmarks.value, start=1):
            text = f"Landmark {number}"
            if pair.later_lps_mm is None or pair.earlier_lps_mm is None:
                text += ": clicked in one study"
            elif linked is not None:
                apart = np.linalg.norm(linked.link_map.points(pair.later_lps_mm) - np.asarray(pair.earlier_lps_mm))
                text += f": {shown(float(apart), 'mm', digits=1)} apart"
            lines.append(text)
        return tuple(lines)


def registered_link(given: MatchInput, context: Context) -> Matched:
    """Match in a job, one way; drawn ablation zones are left out. Between CT and MR it is judged on the CT's organ.

    Loaded here: little else needs it.
    """
    from planner.imaging.registration import register

    zones = given.zones()
    carried = given.carried_organ(context.part(0.0, 0.25))
    found = register(
        given.later,
        given.earlier,
        model=given.model,
        organ=given.organ,
        fixed_mask=None if carried is None else carried.fixed,
        moving_mask=None if carried is None else carried.moving,
        leave_out_fixed=zones[0],
        leave_out_moving=zones[1],
        context=context.part(0.0 if carried is None else 0.25, 0.98),
    )
    told = found
    if carried is not None:
        # A mask that came out of the other one tells how far the match moved, not how well the organs overlap.
        told = replace(found, organ=carried.organ, organ_dice=None, notes=(*found.notes, carried.note))
    return Matched(link_of_registration(given.library, told, model=given.model, organ=told.organ), found)


def quality_lines(
    link: FrameLink, measured: tuple[float, float, float, int] | None, *, measuring: bool = False
) -> tuple[Line, ...]:
    """Landmark error, inverse consistency (which may still be measured), folding, overlap, what was left out."""
    quality = link.quality
    lines: list[Line] = [_error_line(link, measured)]
    if quality is None:
        return (*lines, (link.note, "")) if link.note else tuple(lines)
    lines.append((f"model: {quality.model}" + (f", organ: {link.organ}" if link.organ else ""), ""))
    consistency = quality.inverse_consistency_mm
    unknown = BEING_MEASURED if measuring else NOT_MEASURED
    told = unknown if consistency is None else f"{shown(consistency, 'mm', digits=2)} there and back (a surrogate)"
    lines.append((f"inverse consistency: {told}", ""))
    lines.append(_folding_line(quality))
    dice = NOT_MEASURED if quality.organ_dice is None else f"{quality.organ_dice:.2f} (a surrogate)"
    lines.append((f"overlap of the organ: {dice}", ""))
    if quality.similarity is not None:
        lines.append((f"likeness of the images: {quality.similarity:.2f}", ""))
    lines.append((f"left out of the match: {', '.join(quality.left_out) or 'nothing'}", ""))
    if quality.seconds is not None:
        lines.append((f"computed in {quality.seconds:.0f} s", ""))
    if link.note:
        lines.append((link.note, ""))
    return tuple(lines)


def _error_line(link: FrameLink, measured: tuple[float, float, float, int] | None) -> Line:
    if measured is not None and link.method != BY_LANDMARKS:
        mean, most, before, count = measured
        text = (
            f"error at {count} landmarks: {shown(mean, 'mm', digits=1)} on the mean, {shown(most, 'mm', digits=1)} at "
            f"most; {shown(before, 'mm', digits=1)} before"
        )
        return text, "" if count >= ENOUGH_LANDMARKS else "warn"
    if link.residual_mm is not None and link.landmarks:
        return f"error {shown(link.residual_mm, 'mm', digits=1)} at {link.landmarks} landmarks", ""
    return f"landmark error: {NOT_MEASURED}; place landmarks in both studies", "warn"


def _folding_line(quality: LinkQuality) -> Line:
    if quality.jacobian_minimum is None and quality.folded_fraction is None:
        rigid = quality.model in ("rigid", "affine")
        return ("folding: none, the map is " + quality.model, "") if rigid else (f"folding: {NOT_MEASURED}", "warn")
    least = NOT_MEASURED if quality.jacobian_minimum is None else f"{quality.jacobian_minimum:.2f}"
    folded = quality.folded_fraction
    if folded is None:
        return f"least volume ratio {least}; folding: {NOT_MEASURED}", ""
    return f"least volume ratio {least}; {100.0 * folded:.2f} % of the organ folds", "warn" if folded > 0.0 else ""


def strangers(later: Volume, earlier: Volume) -> bool:
    """Whether two volumes name two patients; an identifier that is missing tells nothing."""
    one, other = later.source, earlier.source
    if one.patient_id and other.patient_id:
        return one.patient_id != other.patient_id
    born, born_too = one.patient_birth_date, other.patient_birth_date
    return bool(born and born_too and born != born_too)


def _preview(work: CaseWork, link: FrameLink, frames: tuple[str, str]) -> PointMap:
    found = map_of_link(work.opened.library, link, preview=True)
    return found if link.from_frame_uid == frames[0] else found.inverse()


def in_turn(edits: list[Edit]) -> Edit:
    """Several edits as one."""

    def edit(case: Case) -> Case:
        for each in edits:
            case = each(case)
        return case

    return edit
