"""Runs and the CT in one window: links of the case, landmarks being marked, rays of clicks, the point two of them mean.

Nothing is published over a link that a person has not reviewed: rays, points and the cursor wait for it. A link that is
being judged is only drawn over the runs, as what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.geometry.c_arm import CArm, TwoViewPoint, XrayRay, angle_words
from planner.imaging.angio import AngioRun
from planner.model.items import Point
from planner.model.links import FrameLink
from planner.model.run_items import Pixel
from planner.planning.frame_linking import (
    Landmark,
    NotLinked,
    SolvedLink,
    linked_point,
    linked_ray,
    solve_link,
)
from viewers.state.images import ImageSet
from viewers.state.signals import Signal, Value

if TYPE_CHECKING:
    from collections.abc import Callable

Tool = Literal["none", "landmark", "ray"]
RAY_COLOURS = ("#56b4e9", "#f0e442")
MOST_RAYS = 2
NOT_LINKED = "not linked with the CT"
NO_GEOMETRY = "not linked with the CT: no C-arm geometry in the file"


@dataclass(frozen=True, slots=True)
class Shadow:
    """Where a landmark is seen in a run; `frame` is an index from 0."""

    run: str
    frame: int
    xy: Pixel
    c_arm: CArm


@dataclass(frozen=True, slots=True)
class CtLandmark:
    """A place in the CT and its shadows, one for each run."""

    id: str
    name: str
    lps_mm: Point
    frame_uid: str
    shadows: tuple[Shadow, ...] = ()

    def shadow(self, run: str | None) -> Shadow | None:
        return next((each for each in self.shadows if each.run == run), None)


@dataclass(frozen=True, slots=True)
class ShownRay:
    """The ray of one click.

    Attributes
    ----------
    words
        Angles of its view.
    link_id
        The reviewed link it stands on.
    """

    run: str
    frame: int
    xy: Pixel
    words: str
    ray: XrayRay
    link_id: str
    colour: str


@dataclass(frozen=True, slots=True)
class LesionPlace:
    """A lesion without a painted region: its name and middle."""

    name: str
    centre_lps_mm: Point
    frame_uid: str


@dataclass(frozen=True, slots=True)
class LinkInUse:
    """The link a run is shown over; `preview` while nobody has reviewed it."""

    link: FrameLink
    preview: bool


class RunCtLink:
    """Shared by the panes of a window.

    Attributes
    ----------
    changed
        Something that is drawn on runs or on the CT is another one.
    said
        A sentence for the person.
    asked
        An act of the window was asked for in a pane: ``link``, ``open-state`` or ``save-state``, and the pane's id.
    links
        Of the open case.
    landmarks
        Marked so far; kept while the case is open.
    chosen
        Landmark whose shadow the next click on a run is.
    solved
        From the landmarks as they are.
    candidate
        Unreviewed link drawn over the runs for judgement.
    seen
        Runs over which the candidate has been shown.
    projected
        Vessel paths and lesions of the plan are drawn over linked runs.
    rays
        At most two, of different runs.
    """

    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self.changed: Signal[[]] = Signal()
        self.said: Signal[[str]] = Signal()
        self.asked: Signal[[str, str]] = Signal()
        self.links: Value[tuple[FrameLink, ...]] = Value(())
        self.landmarks: Value[tuple[CtLandmark, ...]] = Value(())
        self.chosen: Value[str | None] = Value(None)
        self.solved: Value[SolvedLink | NotLinked | None] = Value(None)
        self.candidate: Value[FrameLink | None] = Value(None)
        self.seen: Value[frozenset[str]] = Value(frozenset())
        self.tool: Value[Tool] = Value("none")
        self.projected: Value[bool] = Value(True)
        self.rays: Value[tuple[ShownRay, ...]] = Value(())
        self.lesions: Value[tuple[LesionPlace, ...]] = Value(())
        self._numbered = 0
        self.landmarks.changed.connect(self._landmarks_changed)
        self.candidate.changed.connect(self._candidate_changed)
        self.links.changed.connect(self._links_changed)
        for value in (self.chosen, self.projected, self.rays, self.lesions, self.tool):
            self._pass_on(value.changed.connect)

    def _pass_on(self, connect: Callable[..., object]) -> None:
        connect(self._changed)

    def _changed(self, value: object) -> None:
        del value
        self.changed.emit()

    def clear(self) -> None:
        """Another patient."""
        self._numbered = 0
        self.tool.set("none")
        self.chosen.set(None)
        self.landmarks.set(())
        self.candidate.set(None)
        self.rays.set(())
        self.links.set(())
        self.lesions.set(())
        self.projected.set(True)

    # The CT

    @property
    def ct_frame(self) -> str | None:
        """Frame of reference of the CT that leads in this window."""
        return None if self._images.primary is None else self._images.primary.grid.frame_uid

    @property
    def ct_words(self) -> str:
        """``CT of 2025-06-03``."""
        source = None if self._images.primary is None else self._images.primary.source
        if source is None:
            return "CT"
        day = (source.study_date or "").replace("-", "")
        when = f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 else "an unknown day"
        return f"{source.modality or 'images'} of {when}"

    # Which link holds

    def in_use(self, run: AngioRun | None, frame: int) -> LinkInUse | NotLinked:
        """The link a run's frame is shown over: one under judgement, else the newest reviewed one to the CT on show."""
        arm = None if run is None else run.c_arm(frame)
        if run is None or arm is None:
            return NotLinked("no-geometry", NO_GEOMETRY)
        candidate = self.candidate.value
        if candidate is not None and self._joins(candidate, arm):
            return LinkInUse(candidate, preview=True)
        reviewed = self.reviewed(arm)
        if reviewed is not None:
            return LinkInUse(reviewed, preview=False)
        missing = linked_ray(run, frame, (0.0, 0.0), None)
        return missing if isinstance(missing, NotLinked) else NotLinked("no-link", NOT_LINKED)

    def reviewed(self, arm: CArm) -> FrameLink | None:
        """The newest reviewed link of a C-arm's space to the CT on show."""
        fitting = [each for each in self.links.value if each.is_reviewed and self._joins(each, arm)]
        return fitting[-1] if fitting else None

    def _joins(self, link: FrameLink, arm: CArm) -> bool:
        return link.from_frame_uid == arm.frame_uid and self.ct_frame in (None, link.to_frame_uid)

    def residual_words(self, run: AngioRun, frame: int, link: FrameLink) -> str:
        """``residual 0.31 mm (0.4 px)``, at the isocentre."""
        arm = run.c_arm(frame)
        if link.residual_mm is None or arm is None:
            return "residual unknown"
        per_px = float(np.sqrt(arm.spacing.down_mm * arm.spacing.right_mm)) / arm.isocentre_magnification
        return f"residual {link.residual_mm:.2f} mm ({link.residual_mm / per_px:.2f} px)"

    def corner_words(self, run: AngioRun | None, frame: int) -> tuple[str, ...]:
        """What a pane says of the link; empty without a run."""
        if run is None:
            return ()
        found = self.in_use(run, frame)
        if isinstance(found, NotLinked):
            waiting = any(not each.is_reviewed and self._belongs(each, run, frame) for each in self.links.value)
            if found.code == "no-geometry":
                return (NO_GEOMETRY,)
            return (f"{NOT_LINKED}: its link is not reviewed" if waiting else NOT_LINKED,)
        residual = self.residual_words(run, frame, found.link)
        if found.preview:
            return ("PREVIEW of a link: not linked yet", f"from {self.ct_words}, {residual}")
        if not self.projected.value:
            return (f"linked with the {self.ct_words}, {residual}",)
        return (f"projected from {self.ct_words},", f"breathing not corrected, {residual}")

    def _belongs(self, link: FrameLink, run: AngioRun, frame: int) -> bool:
        arm = run.c_arm(frame)
        return arm is not None and self._joins(link, arm)

    # Landmarks

    def mark_place(self, frame_uid: str, lps_mm: Point) -> CtLandmark:
        """A new landmark in the CT; the next click on a run is its shadow."""
        self._numbered += 1
        made = CtLandmark(f"landmark-{self._numbered}", f"Landmark {self._numbered}", lps_mm, frame_uid)
        self.landmarks.set((*self.landmarks.value, made))
        self.choose(made.id)
        return made

    def choose(self, landmark_id: str | None) -> None:
        """Which landmark the next click on a run belongs to."""
        self.chosen.set(landmark_id)
        self.tool.set("none" if landmark_id is None else "landmark")

    def put_shadow(self, run: AngioRun, frame: int, xy: Pixel) -> NotLinked | None:
        """The shadow of the chosen landmark; a sentence where the run cannot have one."""
        arm = run.c_arm(frame)
        chosen = self.landmark(self.chosen.value)
        if arm is None:
            refused = NotLinked("no-geometry", "This file does not tell the C-arm's geometry; it cannot be linked.")
            self.said.emit(refused.text)
            return refused
        if chosen is None:
            refused = NotLinked("no-landmark", "Mark a place in the CT first: put the crosshair on it, then Add.")
            self.said.emit(refused.text)
            return refused
        others = tuple(each for each in chosen.shadows if each.run != run.key)
        self._put(replace(chosen, shadows=(*others, Shadow(run.key, frame, xy, arm))))
        return None

    def landmark(self, landmark_id: str | None) -> CtLandmark | None:
        return next((each for each in self.landmarks.value if each.id == landmark_id), None)

    def rename(self, landmark_id: str, name: str) -> None:
        """Another name; an empty one changes nothing."""
        found, plain = self.landmark(landmark_id), " ".join(name.split())
        if found is not None and plain:
            self._put(replace(found, name=plain[:60]))

    def move_landmark(self, landmark_id: str, frame_uid: str, lps_mm: Point) -> None:
        """Another place in the CT; its shadows stay."""
        found = self.landmark(landmark_id)
        if found is not None:
            self._put(replace(found, frame_uid=frame_uid, lps_mm=lps_mm))

    def remove_landmark(self, landmark_id: str) -> None:
        self.landmarks.set(tuple(each for each in self.landmarks.value if each.id != landmark_id))
        if self.chosen.value == landmark_id:
            self.choose(None)

    def restore(self, landmarks: Sequence[CtLandmark]) -> None:
        """Landmarks as they were (undo of an act of the list)."""
        self.landmarks.set(tuple(landmarks))
        if self.landmark(self.chosen.value) is None:
            self.choose(None)

    def _put(self, landmark: CtLandmark) -> None:
        self.landmarks.set(tuple(landmark if each.id == landmark.id else each for each in self.landmarks.value))

    def clicks(self) -> tuple[tuple[CtLandmark, Shadow], ...]:
        """Every shadow with its landmark, in the order in which the solution counts them."""
        return tuple((each, shadow) for each in self.landmarks.value for shadow in each.shadows)

    def residual_px(self, landmark: CtLandmark, shadow: Shadow) -> float | None:
        """Distance of one click from where the solution projects its landmark."""
        solved = self.solved.value
        if not isinstance(solved, SolvedLink) or solved.residual_px is None:
            return None
        pairs = [(one.id, other.run) for one, other in self.clicks()]
        return float(solved.landmark_residual_px[pairs.index((landmark.id, shadow.run))])

    def _landmarks_changed(self, landmarks: tuple[CtLandmark, ...]) -> None:
        """Solved anew at once: a wrong click is seen where it was made."""
        clicks = [
            Landmark(each.lps_mm, shadow.xy, shadow.c_arm, each.name) for each in landmarks for shadow in each.shadows
        ]
        frames = {each.frame_uid for each in landmarks if each.shadows}
        found: SolvedLink | NotLinked | None = None
        if len(frames) > 1:
            text = "not linked: the landmarks lie in different CT studies; mark them all in one."
            found = NotLinked("several-studies", text)
        elif clicks:
            found = solve_link(clicks, frames.pop())
        self.solved.set(found)
        self.candidate.set(found.link if isinstance(found, SolvedLink) else None)
        self.changed.emit()

    # Judgement

    def _candidate_changed(self, candidate: FrameLink | None) -> None:
        self.seen.set(frozenset())
        self.changed.emit()

    def note_seen(self, run: str) -> None:
        """The candidate has been painted over a run."""
        if self.candidate.value is not None:
            self.seen.set(self.seen.value | {run})

    @property
    def unseen(self) -> tuple[str, ...]:
        """Runs with clicks over which the candidate has not been shown yet."""
        solved, candidate = self.solved.value, self.candidate.value
        if not isinstance(solved, SolvedLink) or solved.link != candidate:
            return ()
        return tuple(dict.fromkeys(shadow.run for _, shadow in self.clicks() if shadow.run not in self.seen.value))

    @property
    def may_review(self) -> bool:
        """The candidate has been shown over every run it was solved from, at least over one."""
        return self.candidate.value is not None and bool(self.seen.value) and not self.unseen

    def preview(self, link: FrameLink | None) -> None:
        """Draw a link over the runs for judgement; None draws the reviewed ones again."""
        self.candidate.set(link)

    def _links_changed(self, links: tuple[FrameLink, ...]) -> None:
        """Rays that stood on a link which is gone, or reviewed no more, go with it."""
        standing = {each.id for each in links if each.is_reviewed}
        self.rays.set(tuple(each for each in self.rays.value if each.link_id in standing))
        candidate = self.candidate.value
        if candidate is not None and candidate.id in standing:
            self.candidate.set(None)
        self.changed.emit()

    # Rays

    def click(self, run: AngioRun, frame: int, xy: Pixel) -> NotLinked | None:
        """The ray of a click, shown in the CT; a second one in another run gives the point. A sentence when there is
        no reviewed link: then nothing is shown."""
        arm = run.c_arm(frame)
        link = None if arm is None else self.reviewed(arm)
        found = linked_ray(run, frame, xy, link)
        if isinstance(found, NotLinked) or arm is None or link is None:
            refused = found if isinstance(found, NotLinked) else NotLinked("no-link", NOT_LINKED)
            self.said.emit(refused.text[:1].upper() + refused.text[1:])
            return refused
        others = [each for each in self.rays.value if each.run != run.key][-(MOST_RAYS - 1) :]
        colour = next(each for each in RAY_COLOURS if each not in {other.colour for other in others})
        words = angle_words(arm.primary_deg, arm.secondary_deg)
        self.rays.set((*others, ShownRay(run.key, frame, xy, words, found, link.id, colour)))
        return None

    def rays_in(self, frame_uid: str) -> tuple[ShownRay, ...]:
        """Rays in the space of a CT."""
        return tuple(each for each in self.rays.value if each.ray.frame_uid == frame_uid)

    def point(self) -> TwoViewPoint | NotLinked | None:
        """What two rays mean; None while there are fewer."""
        rays = self.rays.value
        return linked_point(rays[0].ray, rays[1].ray) if len(rays) == MOST_RAYS else None
