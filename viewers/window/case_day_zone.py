"""The zone that is seen after ablation, and the margin that was achieved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from planner.app.margins import MeasuredMargin, achieved, achieved_digest, is_stale, put_margin
from planner.app.marking import new_item, put_item, region_of, store_mask
from planner.app.needle_day import match_of_link
from planner.imaging.rigid_registration import RigidMatch
from planner.imaging.zone_segmentation import ZoneGuess, zone_from_click
from planner.jobs import Context
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, Point, RegionBody
from planner.model.needle_items import ACHIEVED, NEEDLE_PATH
from planner.model.needle_reading import margins_of
from planner.model.session import Session
from planner.planning.margin_findings import GAS
from planner.units import shown
from viewers.state.margins import MarginShown
from viewers.window.case_day_match import COMPLETION, DayMatching
from viewers.window.case_needle_live import NO_SESSION

ZONE, ZONE_COLOUR, TOOL = "ablation_zone", "#40c0d0", "one-click-zone"
NO_TARGET = "Select the target, or an applicator that aims at it, first."
NO_ZONE = "Click the zone on the completion scan first."
NO_MATCH = "The zone lies on another scan than the target: match the completion scan and review the match first."


class AchievedMargins:
    """Clicks the zone, measures the margin achieved, puts it into the plan.

    Attributes
    ----------
    measured, digest
        The margin on show, and what it stands on.
    notes
        Of the last zone that was clicked.
    """

    def __init__(self, matching: DayMatching, changed: Callable[[], object]) -> None:
        self.matching, self.margins = matching, matching.margins
        self.needles, self.desk = matching.needles, matching.desk
        self.measured: MeasuredMargin | None = None
        self.digest: str | None = None
        self.notes: tuple[str, ...] = ()
        self.problem = ""
        self._changed = changed
        self.desk.state.day.zone_clicked.connect(self._clicked)

    def forget(self) -> None:
        self.measured, self.digest, self.notes, self.problem = None, None, (), ""

    def zone(self) -> PlanItem | None:
        """The region of the zone on the completion scan; the newest of several."""
        session, volumes = self.needles.session, self.matching.volumes()
        if session is None or volumes is None:
            return None
        frame = volumes[1].grid.frame_uid
        found = [
            item
            for item in session.items
            if item.type == REGION and item.frame_uid == frame and region_of(item).structure == ZONE
        ]
        return found[-1] if found else None

    def _clicked(self, series: str, point: Point) -> None:
        refusal = self.find_zone(series, point)
        self.problem = refusal or ""
        self.desk.kit.notice.set(self.problem)
        self._changed()

    def find_zone(self, series: str, point: Point) -> str | None:
        """The zone around a click, as a job; a region of the plan, replacing the one clicked before."""
        session, work_now = self.needles.session, self.needles.work
        if session is None or work_now is None:
            return NO_SESSION
        wanted = session.series_roles.get(COMPLETION)
        volume = self.desk.state.images.volume(wanted)
        if wanted is None or volume is None:
            return "Name and load the completion scan first."
        if series != wanted:
            return "Click the zone on the completion scan; this pane shows another one."
        library, actor, target = work_now.opened.library, work_now.opened.actor, self.margins.target
        before = self.zone()
        name = "Zone" if target is None else f"Zone of {target.name}"

        def work(context: Context) -> tuple[ZoneGuess, Edit]:
            guess = zone_from_click(volume, point, context=context)
            body = RegionBody(
                store_mask(library, guess.mask), structure=ZONE, colour=ZONE_COLOUR, volume_ml=guess.mask.volume_ml
            )
            item = new_item(
                REGION, body, name=name, frame_uid=volume.grid.frame_uid, by=actor, tool=TOOL,
                source_uids=(volume.source.series_uid,),
                item_id=before.id if before is not None and before.tool == TOOL else None,
            )  # fmt: skip
            return guess, put_item(session.id, item)

        def done(found: tuple[ZoneGuess, Edit]) -> None:
            guess, edit = found
            amounts = (
                f"{shown(guess.mask.volume_ml, 'mL', digits=1)}, {guess.zone_hu:.0f} HU in {guess.around_hu:.0f} HU"
            )
            self.notes = (amounts, *guess.notes)
            self.needles.apply(f"Mark {name.lower()}", lambda: edit)
            self.desk.tools.escape()
            self._changed()

        self.desk.jobs.submit(
            "Looking for the zone", work, done, still_valid=lambda: self.needles.work is work_now, group="zone"
        )
        return None

    def error_mm(self, session: Session) -> tuple[float | None, str]:
        """The registration's error that stands beside the margin, and where it comes from."""
        link, stage = self.matching.link(), self.matching.stage
        if link is not None and link.residual_mm is not None:
            by = f"reviewed by {link.reviewed_by}"
            return link.residual_mm, f"mean error {shown(link.residual_mm, 'mm')} at {link.landmarks} landmarks; {by}"
        typed = None if stage is None else session.answer(stage.id, "registration_error")
        if isinstance(typed, (int, float)) and not isinstance(typed, bool):
            return float(typed), f"registration error {shown(float(typed), 'mm')}, as typed"
        return None, "no error is known: mark at least four landmarks in both scans, and match again"

    def measure(self) -> str | None:
        """The margin of the target against the zone, as a job; without an error it has no number."""
        session, work_now, target, zone = self.needles.session, self.needles.work, self.margins.target, self.zone()
        if session is None or work_now is None:
            return NO_SESSION
        if target is None or zone is None:
            return NO_TARGET if target is None else NO_ZONE
        link = self.matching.link()
        if link is None and target.frame_uid != zone.frame_uid:
            return NO_MATCH
        settings = self.margins.settings(session, target)
        digest = achieved_digest(session, target.id, zone.id, settings)
        match = None if link is None else RigidMatch(match_of_link(link), None)
        error, note = self.error_mm(session)
        stage, library = self.matching.stage, work_now.opened.library
        edge = GAS if stage is not None and session.answer(stage.id, "edge") == "gas" else None

        def work(context: Context) -> MeasuredMargin:
            found = achieved(
                library, session, target.id, zone.id, settings,
                match=match, registration_error_mm=error, edge=edge, context=context,
            )  # fmt: skip
            return replace(found, body=replace(found.body, registration_note=note))

        def done(found: MeasuredMargin) -> None:
            self.measured, self.digest = found, digest
            self.show()
            if found.drawn is not None:
                self.desk.state.move_cursor(target.frame_uid, found.drawn.minimum_at_lps_mm)
            self._changed()

        self.desk.jobs.submit(
            f"Margin achieved at {target.name}",
            work,
            done,
            still_valid=lambda: self.is_current(digest),
            group="achieved",
        )
        return None

    def is_current(self, digest: str | None) -> bool:
        """Target and zone are what the margin was measured with."""
        session, target, zone = self.needles.session, self.margins.target, self.zone()
        if session is None or target is None or zone is None or digest is None:
            return False
        return achieved_digest(session, target.id, zone.id, self.margins.settings(session, target)) == digest

    def show(self) -> None:
        """The margin achieved on the panes; nothing while it has no number."""
        target, found = self.margins.target, self.measured
        if self.margins.planned_on_show:
            return
        if target is None or found is None or found.drawn is None:
            self.desk.state.margins.shown.set(None)
            return
        stale = "" if self.is_current(self.digest) else "target or zone have changed since: measure again"
        made = MarginShown(target.name, target.frame_uid, found.drawn, found.body, stale=stale)
        self.desk.state.margins.shown.set(made)

    def stored(self, session: Session) -> tuple[PlanItem, bool] | None:
        """The margin of the target in the plan, and whether it is stale."""
        target = self.margins.target
        found = next(
            (item for item, body in margins_of(session.items, ACHIEVED) if target and body.region_id == target.id), None
        )
        if found is None:
            return None
        return found, is_stale(session, found, self.margins.settings(session, target))

    def put(self) -> str | None:
        """The margin achieved becomes the one that is checked and printed."""
        session, work, found = self.needles.session, self.needles.work, self.measured
        if session is None or work is None:
            return NO_SESSION
        if found is None or not self.is_current(self.digest):
            return "Measure the achieved margin first."
        return self.needles.apply(
            "Put the achieved margin into the plan", lambda: put_margin(session, found, work.opened.actor)
        )

    @property
    def has_needles(self) -> bool:
        session = self.needles.session
        return session is not None and any(item.type == NEEDLE_PATH for item in session.items)
