"""What people do with the images of the digital patient's course: link, review, draw, say who is who, measure.

Every number that is kept comes from the images through the use cases of the program. What a person sees and a program
does not (where a treated tumour ends, who is who) is taken from what is true, and named as drawn by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from planner.app.demo_course_images import CourseDay, CourseImages, overlap
from planner.app.demo_course_truth import IdentitySeen, LinkSeen, link_seen
from planner.app.demo_marking import REACH_MM, ROMAN
from planner.app.digital_case import Clock
from planner.app.follow_up_images import necrosis_of_day
from planner.app.frame_links import map_of_link, point_map, with_landmarks
from planner.app.lesion_identity import StudyDay, confirm_identity, propose_identities
from planner.app.lesion_shapes import LESION
from planner.app.marking import change_lesion, load_mask, new_item, put_item, region_of, store_mask
from planner.app.next_plan import put_residual
from planner.app.open_case import OpenCase
from planner.app.rehearse_steps import clicked_points
from planner.app.response import add_observation
from planner.app.response_measuring import measured_region
from planner.app.run_items import add_link, review_link
from planner.app.study_links import link_studies
from planner.app.templates import Installed
from planner.errors import BugError, OperatorError
from planner.imaging import Volume
from planner.imaging.displacement import warped_mask
from planner.imaging.lesion import lesion_from_click
from planner.imaging.masks import Mask
from planner.imaging.measure import longest_axial_diameter
from planner.imaging.registration import Model
from planner.jobs import Context
from planner.model.disease import Observation
from planner.model.edits import Edit, new_id
from planner.model.items import REGION, PlanItem, RegionBody
from planner.phantom.course_truth import LesionOnDay
from planner.planning.enhancement import lipiodol_retention
from planner.planning.lesion_matching import IdentityKind
from planner.store.actors import Actor
from planner.store.library import Library

BASELINE = "baseline"
HAND, CLICK, BROUGHT = "by-hand", "one-click", "brought-over"
FITS = 0.75
"""Overlap with the tumour from which a person keeps what a click found instead of drawing it."""
LANDMARKS_CLICKED = 8
READER, CONSULTANT = "Dr K. Weiss", "Dr M. Keller"


@dataclass(eq=False)
class CourseHands:
    """The people of the course at their screens.

    Attributes
    ----------
    lesions
        Tumour of the digital patient -> id of the lesion in the case.
    links, identities
        What was found, beside what is true.
    """

    opened: OpenCase
    images: CourseImages
    available: Installed
    clock: Clock
    by: Actor
    context: Context
    lesions: dict[str, str] = field(default_factory=dict)
    links: list[LinkSeen] = field(default_factory=list)
    identities: list[IdentitySeen] = field(default_factory=list)
    _volumes: dict[tuple[str, str], Volume] = field(default_factory=dict)

    @property
    def library(self) -> Library:
        return self.opened.library

    def apply(self, label: str, edit: Edit) -> None:
        self.opened.document.apply(label, edit)

    def volume(self, day: CourseDay, role: str) -> Volume:
        """An image of a day; those of the baseline and of the newest day asked for stay in memory."""
        kept = {each: volume for each, volume in self._volumes.items() if each[0] in (BASELINE, day.key)}
        if (day.key, role) not in kept:
            kept[day.key, role] = day.volume(role)
        self._volumes = kept
        return kept[day.key, role]

    # Two studies are linked

    def link(self, day: CourseDay, role: str, *, model: Model, moving: str = "arterial") -> None:
        """Register a study to the baseline, measure the match at clicked landmarks, review it."""
        base = self.images.days[BASELINE]
        fixed, earlier = self.volume(day, role), self.volume(base, moving)
        found = link_studies(
            self.library, self.opened.case, fixed, earlier, model=model, check_inverse=False, context=self.context
        )
        link = found.link
        true = day.truth_of(role)
        seen = [each for each in true.landmarks if fixed.grid.nearest_index(each.lps_mm) is not None]
        chosen = seen[:: max(1, len(seen) // LANDMARKS_CLICKED)][:LANDMARKS_CLICKED]
        if chosen:
            here = np.array([each.lps_mm for each in chosen])
            there = true.day_map.inverse_points(here)
            clicks = clicked_points(here), clicked_points(there, first=len(here))
            link = with_landmarks(self.library, link, *clicks)
        self.apply(f"Match {day.title}", add_link(link))
        self.apply(
            f"Review the match of {day.title}",
            review_link(link.id, by=replace(self.by, user=CONSULTANT), at=self.clock()),
        )
        self.links.append(link_seen(day, role, link, map_of_link(self.library, link, preview=True)))

    # Tumours are drawn

    def draw(self, day: CourseDay, role: str, session_id: str) -> dict[str, PlanItem]:
        """Every tumour that is there, as regions that are nobody's yet; tumour -> item."""
        volume = self.volume(day, role)
        made = {}
        for number, lesion in enumerate(day.truth_of(role).lesions, start=1):
            if lesion.mask.is_empty:
                continue
            mask, tool = self._drawn(volume, lesion)
            diameter = longest_axial_diameter(mask)
            body = RegionBody(
                store_mask(self.library, mask),
                structure=LESION,
                volume_ml=mask.volume_ml,
                longest_mm=None if diameter is None else diameter.length_mm,
            )
            item = self._item(f"{day.on.isoformat()} region {number}", body, volume, tool)
            self.apply(f"Draw {item.name}", put_item(session_id, item))
            made[lesion.identifier] = item
        return made

    def draw_target(self, day: CourseDay, role: str, tumour: str, session_id: str) -> PlanItem:
        """A tumour that is known, marked on the images of a session as its target."""
        volume = self.volume(day, role)
        mask, tool = self._drawn(volume, day.truth_of(role).lesion(tumour))
        diameter = longest_axial_diameter(mask)
        body = RegionBody(
            store_mask(self.library, mask),
            lesion_id=self.lesions[tumour],
            volume_ml=mask.volume_ml,
            longest_mm=None if diameter is None else diameter.length_mm,
        )
        lesion = self.opened.case.lesion(self.lesions[tumour])
        name = tumour if lesion is None else lesion.name
        item = self._item(f"{name} on {day.on.isoformat()}", body, volume, tool)
        self.apply(f"Mark {item.name}", put_item(session_id, item))
        return item

    def _drawn(self, volume: Volume, lesion: LesionOnDay) -> tuple[Mask, str]:
        """A click where it fits; else, as most treated tumours need, a line around it."""
        if lesion.state in ("viable", "new"):
            try:
                mask = lesion_from_click(volume, np.asarray(lesion.centre_lps_mm), limit_mm=REACH_MM)
            except OperatorError:
                return lesion.mask, HAND
            if overlap(mask, lesion.mask) >= FITS:
                return mask, CLICK
        return lesion.mask, HAND

    def _item(self, name: str, body: RegionBody, volume: Volume, tool: str) -> PlanItem:
        uid = (volume.source.series_uid,)
        return new_item(
            REGION,
            body,
            name=name,
            frame_uid=volume.grid.frame_uid,
            by=self.by,
            tool=tool,
            source_uids=uid,
            item_id=new_id("item"),
            now=self.clock(),
        )

    # Who is who

    def identify(self, day: CourseDay, role: str, drawn: Mapping[str, PlanItem]) -> None:
        """Identity is proposed through the link; a reader confirms each lesion."""
        base = self.images.days[BASELINE]
        volume = self.volume(day, role)
        proposals = propose_identities(
            self.library,
            self.opened.case,
            StudyDay(base.frames["arterial"], base.on),
            StudyDay(volume.grid.frame_uid, day.on),
            grid=volume.grid,
            templates=self.available.templates,
            context=self.context,
        )
        reader, on = replace(self.by, user=READER), self.clock().date()
        for tumour, item in drawn.items():
            known = self.lesions.get(tumour)
            kind = IdentityKind.NEW if known is None else IdentityKind.SAME
            row = next((each for each in proposals.rows if item.id in each.identity.later), None)
            right = (
                row is not None
                and row.identity.kind is kind
                and row.identity.earlier == tuple(() if known is None else (known,))
            )
            self.identities.append(IdentitySeen(day.key, tumour, None if row is None else row.words, right))
            before = {each.id for each in self.opened.case.lesions}
            edit = confirm_identity(
                self.opened.case,
                kind,
                lesion_ids=() if known is None else (known,),
                region_ids=(item.id,),
                seen_on=day.on,
                by=reader,
                on=on,
            )
            self.apply(f"Confirm {item.name}", edit)
            if known is None:
                fresh = next(each.id for each in self.opened.case.lesions if each.id not in before)
                self.lesions[tumour] = fresh
                segment = ROMAN[day.truth_of(role).lesion(tumour).segment]
                self.apply("Name it", change_lesion(fresh, name=f"L{len(self.lesions)}", segment=segment))

    # What a reader measures

    def observe(self, day: CourseDay, roles: Sequence[str], drawn: Mapping[str, PlanItem]) -> None:
        """Sizes and, where the day has the images for it, what enhances; kept as the first reader's."""
        volumes = {day.series[role]: self.volume(day, role) for role in roles}
        for tumour, item in drawn.items():
            lesion_id = self.lesions[tumour]
            found = measured_region(
                self.library, self.opened.case, lesion_id, day.on, "first", volumes=volumes, context=self.context
            )
            seen = replace(found.observation, region_item_id=item.id)
            self.apply("Keep what was measured", add_observation(lesion_id, seen, by=READER))

    def mark_residual(self, day: CourseDay, pair: tuple[str, str], tumour: str, session_id: str) -> PlanItem:
        """The viable part of a lesion, from the images before and after contrast medium, as a region of its own."""
        before, after = (self.volume(day, role) for role in pair)
        lesion = self.region_of(tumour, after.grid.frame_uid)
        mask = load_mask(self.library, region_of(lesion).blob)
        found = necrosis_of_day(self.library, self.opened.case, mask, after, before)
        item_id = new_id("item")
        edit, _ = put_residual(
            self.library, session_id, self.lesions[tumour], found, after.source, by=self.by, item_id=item_id
        )
        self.apply("Mark what is viable", edit)
        return self._found(item_id)

    def retention(self, day: CourseDay, role: str) -> dict[str, str]:
        """Grade of the Lipiodol kept in each lesion as marked on the baseline and brought over: an observation."""
        volume = self.volume(day, role)
        base = self.images.days[BASELINE].frames["arterial"]
        there = point_map(self.library, self.opened.case, volume.grid.frame_uid, base)
        if there is None:
            raise BugError("the CT after chemoembolisation is linked and reviewed")
        grades = {}
        for tumour, lesion_id in self.lesions.items():
            drawn = load_mask(self.library, region_of(self.region_of(tumour, base)).blob)
            grade = lipiodol_retention(volume, warped_mask(drawn, volume.grid, there))
            words = f"Lipiodol in {grade.percent:.0f} % of it"
            seen = Observation(day.on, volume.source.series_uid, modality="CT", lipiodol=grade.code, note=words)
            self.apply("Grade the retention", add_observation(lesion_id, seen, by=READER))
            grades[tumour] = grade.code
        return grades

    def bring_over(self, item: PlanItem, day: CourseDay, role: str, session_id: str) -> PlanItem:
        """A lesion drawn on other images as a target on those of a session, through the reviewed links."""
        volume, body = self.volume(day, role), region_of(item)
        there = point_map(self.library, self.opened.case, volume.grid.frame_uid, item.frame_uid)
        if there is None:
            raise BugError("both studies are linked and reviewed")
        mask = warped_mask(load_mask(self.library, body.blob), volume.grid, there)
        diameter = longest_axial_diameter(mask)
        copied = RegionBody(
            store_mask(self.library, mask),
            lesion_id=body.lesion_id,
            volume_ml=mask.volume_ml,
            longest_mm=None if diameter is None else diameter.length_mm,
            copy_of=item.id,
        )
        made = self._item(item.name, copied, volume, BROUGHT)
        self.apply(f"Bring {item.name} over", put_item(session_id, made))
        return made

    def region_of(self, tumour: str, frame_uid: str) -> PlanItem:
        """The region drawn as a lesion in a frame."""
        wanted = self.lesions[tumour]
        for session in self.opened.case.sessions:
            for item in session.items:
                here = item.type == REGION and item.frame_uid == frame_uid
                if here and region_of(item).lesion_id == wanted and region_of(item).copy_of is None:
                    return item
        raise BugError(f"{tumour} is not drawn in this frame")

    def _found(self, item_id: str) -> PlanItem:
        return next(item for each in self.opened.case.sessions for item in each.items if item.id == item_id)


def observed_on(lesion_id: str, day: date, opened: OpenCase) -> Observation | None:
    """What the first reader kept of a lesion on a day."""
    lesion = opened.case.lesion(lesion_id)
    rows = () if lesion is None else lesion.observations
    return next((each for each in rows if each.study_date == day and each.read_as == "first"), None)
