"""The margin of the open session's target: live while an applicator is dragged, whole once it rests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from planner.app.applicators import isotherms_of_session, session_applicators, session_findings
from planner.app.device_rows import all_devices
from planner.app.margins import (
    COOLING_VESSELS,
    MarginSettings,
    MeasuredMargin,
    TargetMargins,
    needles_for,
    planned_digest,
    planned_margin,
)
from planner.app.marking import region_of
from planner.app.needle_structures import effective_rules
from planner.errors import OperatorError
from planner.findings import Finding
from planner.jobs import Context
from planner.model import codec
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.needle_items import PLANNED, AblationMarginBody, NeedlePathBody
from planner.model.session import Session
from planner.planning.devices import Device, shipped_devices
from planner.planning.zones import Applicator, Zone, zones_of
from viewers.state.margins import MarginShown, ZonesShown
from viewers.state.needles import NeedleShape
from viewers.window.case_needle_live import LiveMeasuring
from viewers.window.case_needle_task import organ_for

PURPOSE = "ablation"
MEASURING = "being measured: cover and vessels follow"
GROUP = "margin"


@dataclass(frozen=True, eq=False)
class RestingMargin:
    """A planned margin with all that is said, of the session as `digest` describes it."""

    digest: str
    measured: MeasuredMargin
    findings: tuple[Finding, ...]


class LiveMargins:
    """Fills `MarginDesk` from the open session; nothing here changes the plan.

    Attributes
    ----------
    target
        Of the region whose margin is on show.
    resting
        The whole margin of the plan as it is; None until it was measured.
    problem
        Why there is no margin; empty when there is one.
    planned_on_show
        False while the margin achieved is looked at instead.
    """

    def __init__(self, needles: LiveMeasuring, changed: Callable[[], object]) -> None:
        self.needles, self.desk = needles, needles.desk
        self.devices: dict[str, Device] = dict(shipped_devices())
        self.devices_problem = ""
        self.target: PlanItem | None = None
        self.prepared: TargetMargins | None = None
        self.resting: RestingMargin | None = None
        self.problem = ""
        self.planned_on_show = True
        self._changed = changed
        self._prepared_of: str | None = None
        self._measuring = ""
        self._digests: tuple[Session | None, str, str] = (None, "", "")
        self._own: tuple[Session | None, str, frozenset[str]] = (None, "", frozenset())
        self._applicators: tuple[Session | None, tuple[Applicator, ...]] = (None, ())
        self._settings: tuple[Session | None, str | None, MarginSettings | None] = (None, None, None)
        state = self.desk.state
        self.desk.marks.marks.changed.connect(self._plan_changed)
        state.selected_id.changed.connect(self._plan_changed)
        state.needles.draft.changed.connect(self._dragged)

    def follow(self) -> None:
        """Another open case, or none; the catalogue is read anew."""
        self.target, self.prepared, self.resting, self.problem = None, None, None, ""
        self._prepared_of = None
        self._own = (None, "", frozenset())
        self.planned_on_show = True
        self.desk.state.margins.clear()
        self.read_devices()

    def read_devices(self) -> None:
        """The catalogue with the user's rows; a damaged file of theirs is said, and theirs are left out."""
        try:
            self.devices, self.devices_problem = all_devices(), ""
        except OperatorError as refused:
            self.devices, self.devices_problem = dict(shipped_devices()), refused.message
        self._applicators, self._settings = (None, ()), (None, None, None)
        self._digests = (None, "", "")

    @property
    def plans_ablation(self) -> bool:
        """Whether the open session's template plans applicators."""
        template = self.needles.template
        return template is not None and template.needle is not None and template.needle.purpose == PURPOSE

    # What stands in the plan

    def refresh(self) -> None:
        """Session, selection or catalogue are others now: zones at once, the margin as far as it is known."""
        session = self.needles.session
        if session is None or not self.plans_ablation:
            self.target, self.resting = None, None
            self.desk.state.margins.clear()
            return
        self.target = self.find_target(session)
        self._show_zones(session, self.desk.state.needles.draft.value)
        if self.target is None:
            self.resting = None
            self._show_nothing("")
            return
        if self._prepare(session, self.target):
            self._measure(session, self.target)

    def find_target(self, session: Session) -> PlanItem | None:
        """The region aimed at by the selected needle, else the selected lesion, else the only lesion with an
        applicator; always the one in the frame that its needles lie in."""
        selected = session.item(self.desk.state.selected_id.value or "")
        mark = None if selected is None else self.desk.marks.mark(selected.id)
        lesions = _lesions(session)
        found: PlanItem | None = None
        if mark is not None and isinstance(mark.body, NeedlePathBody):
            found = _aimed_at(session, mark.body, lesions)
        elif mark is not None and isinstance(mark.body, RegionBody) and mark.body.lesion_id is not None:
            found = selected
        elif mark is not None and isinstance(mark.body, AblationMarginBody):
            found = session.item(mark.body.region_id)
        if found is None:
            served = [item for item, _ in lesions if _served(session, item)]
            names = {body.lesion_id for item, body in lesions if item in served}
            found = served[-1] if len(names) == 1 else None
        return None if found is None else _beside_needles(session, found, lesions)

    def settings(self, session: Session, target: PlanItem | None) -> MarginSettings:
        """What margins of the session are measured with."""
        wanted = None if target is None else target.id
        if self._settings[0] is session and self._settings[1] == wanted and self._settings[2] is not None:
            return self._settings[2]
        work, template = self.needles.work, self.needles.template
        mark = None if target is None else self.desk.marks.mark(target.id)
        organ = None if work is None else organ_for(work.opened.case, session, mark)
        rules = None if template is None else effective_rules(session, template, organ)
        made = MarginSettings(self.devices, rules, organ, COOLING_VESSELS)
        self._settings = (session, wanted, made)
        return made

    def applicators(self, session: Session) -> tuple[Applicator, ...]:
        """Every applicator of the session that makes a zone."""
        if self._applicators[0] is not session:
            self._applicators = (session, session_applicators(session, self.devices)[0])
        return self._applicators[1]

    def _prepare(self, session: Session, target: PlanItem) -> bool:
        """Whether the target is ready; else a job makes it so."""
        library = None if self.needles.work is None else self.needles.work.opened.library
        settings = self.settings(session, target)
        organ = [body.blob for _, body in _structure(session, settings.organ, target.frame_uid)]
        key = codec.digest(
            [target.id, codec.to_json(region_of(target).blob), codec.to_json(organ), settings.exclusion_mm]
        )
        if self.prepared is not None and self._prepared_of == key:
            return True
        if library is None or self._prepared_of == key:
            return False
        self._prepared_of, self.prepared = key, None
        self._show_nothing("")

        def work(context: Context) -> TargetMargins:
            return TargetMargins(library, session, target.id, settings, context)

        def done(made: TargetMargins) -> None:
            self.prepared = made
            self.refresh()

        self.desk.jobs.submit(
            f"Preparing the margin of {target.name}",
            work,
            done,
            still_valid=lambda: self._prepared_of == key,
            group=GROUP,
        )
        return False

    def _measure(self, session: Session, target: PlanItem) -> None:
        prepared, work_now = self.prepared, self.needles.work
        if prepared is None or work_now is None:
            return
        settings = self.settings(session, target)
        digest = self.digest(session, target)
        if self.resting is not None and self.resting.digest == digest:
            self._show_resting()
            return
        self.resting = None
        if not self._show_live(session, None) or self._is_running(digest):
            return
        self._measuring = digest
        library, store = work_now.opened.library, self.needles.store

        def work(context: Context) -> RestingMargin:
            found = planned_margin(library, session, target.id, settings, target=prepared, context=context)
            said = found.findings
            if store is not None:
                about = session_findings(store, session, settings.devices, target.id, vessels=settings.vessels)
                texts = {each.text for each in said}
                said = (*said, *(each for each in about if each.text not in texts))
            return RestingMargin(digest, found, said)

        def done(found: RestingMargin) -> None:
            self.resting = found
            self._show_resting()
            self._changed()

        self.desk.jobs.submit(
            f"Margin of {target.name}", work, done, still_valid=lambda: self._is_current(target.id, digest), group=GROUP
        )

    def digest(self, session: Session, target: PlanItem) -> str:
        """Of all that the planned margin of a target stands on; read once for each state of the session."""
        if self._digests[0] is not session or self._digests[1] != target.id:
            found = planned_digest(session, target.id, self.settings(session, target))
            self._digests = (session, target.id, found)
        return self._digests[2]

    def _applicators_for(self, session: Session, target: PlanItem) -> frozenset[str]:
        """Ids of the needles that are meant for a target."""
        if self._own[0] is not session or self._own[1] != target.id:
            self._own = (session, target.id, frozenset(item.id for item, _ in needles_for(session, target.id)))
        return self._own[2]

    def _is_running(self, digest: str) -> bool:
        return self._measuring == digest and any(job.group == GROUP for job in self.desk.jobs.running)

    def _is_current(self, region_id: str, digest: str) -> bool:
        session = self.needles.session
        if session is None or self.target is None or self.target.id != region_id or session.item(region_id) is None:
            return False
        return self.digest(session, self.target) == digest

    # What is shown

    def _show_resting(self) -> None:
        found, target = self.resting, self.target
        if found is None or target is None or found.measured.drawn is None:
            return
        self.problem = ""
        shown = MarginShown(target.name, target.frame_uid, found.measured.drawn, found.measured.body)
        now = self.desk.state.margins.shown.value
        if self.planned_on_show and (now is None or now.body is not shown.body or now.map is not shown.map):
            self.desk.state.margins.shown.set(shown)

    def _show_nothing(self, problem: str) -> None:
        told, self.problem = self.problem, problem
        if self.planned_on_show:
            self.desk.state.margins.shown.set(None)
        if told != problem:
            self._changed()

    def _show_live(self, session: Session, draft: NeedleShape | None) -> bool:
        """The margin of the applicators as they lie now; False while there is none."""
        prepared, target = self.prepared, self.target
        if prepared is None or target is None:
            return False
        own = self._applicators_for(session, target)
        placed = tuple(each for each in self._placed(session, draft) if each.id in own)
        zones, smaller = zones_of(placed), zones_of(placed, -1)
        if not zones:
            self._show_nothing(f"No applicator for {target.name} has a device and a setting that give a zone.")
            return False
        self.problem = ""
        shown = live_margin(prepared, target, placed, zones, smaller, moving=draft is not None)
        if self.planned_on_show:
            self.desk.state.margins.shown.set(shown)
        return True

    def _placed(self, session: Session, draft: NeedleShape | None) -> tuple[Applicator, ...]:
        """The applicators, with the one under the hand where it is now."""
        found = self.applicators(session)
        if draft is None or draft.item_id is None or draft.length_mm < 1e-3:
            return found
        moved = {"entry_lps_mm": draft.entry_lps_mm, "tip_lps_mm": draft.tip_lps_mm}
        return tuple(replace(each, **moved) if each.id == draft.item_id else each for each in found)

    def _show_zones(self, session: Session, draft: NeedleShape | None) -> None:
        frame = self._frame(session, draft)
        here = {item.id for item in session.items if item.frame_uid == frame}
        placed = tuple(each for each in self._placed(session, draft) if each.id in here)
        work = self.needles.work
        simulated = work is not None and work.opened.case.simulated
        shown = ZonesShown(frame, zones_of(placed) or (), zones_of(placed, -1), zones_of(placed, 1), simulated)
        if shown != self.desk.state.margins.zones.value:
            self.desk.state.margins.zones.set(shown if shown.mean else None)

    def _frame(self, session: Session, draft: NeedleShape | None) -> str:
        if draft is not None:
            return draft.frame_uid
        if self.target is not None:
            return self.target.frame_uid
        primary = self.desk.state.images.primary
        return "" if primary is None else primary.grid.frame_uid

    def isotherms(self, session: Session) -> dict[float, tuple[Zone, ...]]:
        """Of frozen zones, the warmest first."""
        return isotherms_of_session(session, self.devices, None if self.target is None else self.target.id)

    # Events

    def _plan_changed(self, changed: object) -> None:
        del changed
        if self.needles.work is not None:
            self.refresh()

    def _dragged(self, draft: NeedleShape | None) -> None:
        """Every step of a drag: cheap enough to be done at once."""
        session = self.needles.session
        if session is None or not self.plans_ablation:
            return
        if draft is None:
            self.refresh()
            return
        if draft.item_id is None:
            return
        self._show_zones(session, draft)
        if self.target is not None and self.target.frame_uid == draft.frame_uid:
            self._show_live(session, draft)


def live_margin(
    prepared: TargetMargins,
    target: PlanItem,
    placed: tuple[Applicator, ...],
    zones: tuple[Zone, ...],
    smaller: tuple[Zone, ...] | None,
    *,
    moving: bool,
) -> MarginShown:
    """A margin from zones alone: no cover and no vessels, which the whole one has."""
    mean = prepared.margins.update(zones)
    minus = prepared.margins.update(smaller) if smaller else None
    judged = minus or mean
    near = judged.subcapsular
    body = AblationMarginBody(
        kind=PLANNED,
        region_id=target.id,
        lesion_id=prepared.region.lesion_id,
        mean=mean.numbers,
        minus_sd=None if minus is None else minus.numbers,
        without_capsule=None if near is None else near.numbers,
        excluded_fraction=None if near is None else near.excluded_fraction,
        needle_ids=tuple(each.id for each in placed),
        required_mm=prepared.settings.required_mm,
        target_ml=mean.target_ml,
        tissues=tuple(dict.fromkeys(each.chart.tissue for each in placed)),
    )
    stale = "" if moving else MEASURING
    return MarginShown(target.name, target.frame_uid, prepared.maps.map(judged), body, moving=moving, stale=stale)


def _lesions(session: Session) -> list[tuple[PlanItem, RegionBody]]:
    regions = [(item, region_of(item)) for item in session.items if item.type == REGION]
    return [(item, body) for item, body in regions if body.lesion_id is not None]


def _structure(session: Session, key: str | None, frame_uid: str) -> list[tuple[PlanItem, RegionBody]]:
    regions = [(item, region_of(item)) for item in session.items if item.type == REGION and item.frame_uid == frame_uid]
    return [(item, body) for item, body in regions if key is not None and body.structure == key]


def _aimed_at(session: Session, body: NeedlePathBody, lesions: list[tuple[PlanItem, RegionBody]]) -> PlanItem | None:
    named = session.item(body.region_id) if body.region_id is not None else None
    if named is not None:
        return named
    found = [item for item, region in lesions if region.lesion_id in body.lesion_ids]
    return found[-1] if found else None


def _served(session: Session, region: PlanItem) -> bool:
    """Whether an applicator in the frame of a region is meant for it."""
    return any(needle.frame_uid == region.frame_uid for needle, _ in needles_for(session, region.id))


def _beside_needles(session: Session, region: PlanItem, lesions: list[tuple[PlanItem, RegionBody]]) -> PlanItem:
    """The region of the same lesion in the frame that its needles lie in: the plan may have moved to another scan."""
    needles = needles_for(session, region.id)
    if not needles or any(item.frame_uid == region.frame_uid for item, _ in needles):
        return region
    lesion = region_of(region).lesion_id
    frames = {item.frame_uid for item, _ in needles}
    beside = [item for item, body in lesions if body.lesion_id == lesion and item.frame_uid in frames]
    return beside[-1] if beside and lesion is not None else region
