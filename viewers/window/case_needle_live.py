"""What needles of the open session are measured against, and the numbers that follow the hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from planner.app.needle_live import LiveNeedle, live_needle
from planner.app.needle_paths import (
    TODAY,
    NeedleTask,
    digest_of,
)
from planner.app.needle_structures import (
    StructureStore,
    effective_rules,
)
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.edits import Edit
from planner.model.needle_items import NeedlePathBody
from planner.model.session import Session
from planner.planning.needles import Needle
from planner.workflow.template import Template
from viewers.panes.desk import Desk
from viewers.state.marking import Mark
from viewers.state.needles import (
    NeedleShape,
    Profile,
    Reading,
    needles_of,
    reading_of,
    shape_of,
)
from viewers.state.region_editor import first_free
from viewers.window.case_needle_task import (
    DEFAULT_GAUGE,
    Tool,
    task_for,
    tools_for,
)
from viewers.window.case_work import CaseWork

STALE = "measured before structures or limits changed: measure again"
NO_SESSION = "Open a session of a procedure that plans needles first."


class LiveMeasuring:
    """What needles of the open session are measured against, kept ready for the hand.

    Attributes
    ----------
    device
        Key of `tools` that a person chose for the next needle; None is the first of them.
    live
        Prepared around the needle on show; None until then.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.work: CaseWork | None = None
        self.store: StructureStore | None = None
        self.live: LiveNeedle | None = None
        self.device: str | None = None
        self._digests: tuple[Session | None, dict[tuple[object, ...], str]] = (None, {})
        self._preparing: tuple[str | None, str | None, float | None] = (None, None, None)
        state, needles = desk.state, desk.state.needles
        needles.draft.changed.connect(self.follow_needle)
        needles.target.changed.connect(self._prepare_target)
        state.selected_id.changed.connect(self.follow_needle)
        desk.marks.marks.changed.connect(self.follow_needle)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.work = work
        self.store = None if work is None else StructureStore(work.opened.library)
        self.live, self.device, self._digests = None, None, (None, {})

    @property
    def session(self) -> Session | None:
        desk = self.work.session_desk if self.work is not None else None
        return None if desk is None else desk.session

    @property
    def template(self) -> Template | None:
        """Of the open session, when it plans needles."""
        desk = self.work.session_desk if self.work is not None else None
        return desk.template if desk is not None and desk.template.needle is not None else None

    def tools(self) -> Mapping[str, Tool]:
        template, work = self.template, self.work
        purpose = template.needle.purpose if template is not None and template.needle is not None else ""
        return tools_for(purpose, simulated=work is not None and work.opened.case.simulated)

    @property
    def tool(self) -> Tool:
        """The device chosen, else the first catalogued one, else the usual gauge."""
        tools = self.tools()
        if self.device in tools:
            return tools[self.device or ""]
        first = next(iter(tools.values()))
        return first if first.device is not None else tools[f"gauge:{DEFAULT_GAUGE}"]

    def volume_of(self, frame_uid: str) -> tuple[str, Volume] | None:
        """The images needles of a frame are planned on: today's scan where it is loaded, else the primary volume."""
        images, session = self.desk.state.images, self.session
        today = None if session is None else session.series_roles.get(TODAY)
        for key in (today, images.primary_key, *images.volumes):
            volume = images.volume(key)
            if key is not None and volume is not None and volume.grid.frame_uid == frame_uid:
                return key, volume
        return None

    def task(self, frame_uid: str, region_id: str | None, body: NeedlePathBody | None = None) -> NeedleTask | None:
        """What a needle is measured for: with the device and posture it has, else with those chosen."""
        session, template, work = self.session, self.template, self.work
        if session is None or template is None or work is None:
            return None
        found = self.volume_of(frame_uid)
        key, volume = found if found is not None else (None, None)
        region = self.desk.marks.mark(region_id)
        made = task_for(work.opened.case, session, template, volume, frame_uid, region, self.tool, key)
        if body is None:
            return made
        position = replace(made.position, posture=body.posture)
        return replace(
            made,
            diameter_mm=body.diameter_mm,
            gauge=body.gauge,
            device=body.device,
            usable_length_mm=body.usable_length_mm,
            position=position,
        )

    def task_of(self, shape: NeedleShape) -> NeedleTask | None:
        mark = self.desk.marks.mark(shape.item_id)
        body = mark.body if mark is not None and isinstance(mark.body, NeedlePathBody) else None
        return self.task(shape.frame_uid, shape.region_id, body)

    def digest(self, task: NeedleTask) -> str | None:
        """Of what a measurement for a task would stand on now; known until the session is another value."""
        session, template = self.session, self.template
        if session is None or template is None:
            return None
        if self._digests[0] is not session:
            self._digests = (session, {})
        known = self._digests[1]
        key = (task.frame_uid, task.organ, task.position)
        if key not in known:
            known[key] = digest_of(session, effective_rules(session, template, task.organ), task)
        return known[key]

    def live_for(self, shape: NeedleShape, task: NeedleTask | None) -> LiveNeedle | None:
        """What is prepared, when it holds for a needle."""
        live = self.live
        if live is None or task is None or live.digest != self.digest(task):
            return None
        same = (live.task.region_id, live.task.usable_length_mm) == (task.region_id, task.usable_length_mm)
        return live if same and live.covers(shape.entry_lps_mm, shape.tip_lps_mm) else None

    def follow_needle(self, changed: object = None) -> None:
        """Draft, selection or plan are others now: say what is known along the needle on show."""
        del changed
        needles, marks = self.desk.state.needles, self.desk.marks.marks.value
        shape = needles.shown(marks, self.desk.state.selected_id.value)
        if needles.draft.value is None:
            needles.stale.set(self._stale())
        if shape is None:
            needles.live.set(None)
            needles.profile.set(None)
            return
        task = self.task_of(shape)
        live = self.live_for(shape, task)
        if live is None or task is None:
            needles.live.set(self._stored(shape))
            needles.profile.set(None)
            self.prepare(shape, task)
            return
        try:
            self._show_live(live, task, shape)
        except OperatorError:
            # Entry and tip at the same place: there is nothing to be said of it yet.
            needles.live.set(None)

    def _show_live(self, live: LiveNeedle, task: NeedleTask, shape: NeedleShape) -> None:
        needle = Needle.of(shape.entry_lps_mm, shape.tip_lps_mm, shape.diameter_mm)
        measured = live.measure(needle)
        depths, distances = live.profile_mm(needle)
        self.desk.state.needles.live.set(reading_of(measured, task.usable_length_mm))
        hard = {each.key: each.hard_mm for each in live.setting.obstacles.items}
        profile = Profile(depths, distances, hard, measured.not_checked) if distances else None
        self.desk.state.needles.profile.set(profile)

    def _stored(self, shape: NeedleShape) -> Reading | None:
        """What the plan holds of a needle that is not being moved."""
        mark = self.desk.marks.mark(shape.item_id)
        if mark is None or shape_of(mark) != shape:
            return None
        return self.reading(mark)

    def reading(self, mark: Mark) -> Reading | None:
        body = mark.body
        if not isinstance(body, NeedlePathBody) or body.measured is None:
            return None
        stale = STALE if mark.id in self.desk.state.needles.stale.value else ""
        return reading_of(body.measured, body.usable_length_mm, stale=stale)

    def _stale(self) -> frozenset[str]:
        """Needles whose numbers stand on structures, limits or a setting that are others now."""
        found = set()
        for mark in needles_of(self.desk.marks.marks.value):
            shape, body = shape_of(mark), mark.body
            if shape is None or not isinstance(body, NeedlePathBody) or body.measured is None:
                continue
            task = self.task_of(shape)
            if task is not None and body.measured.structures_digest != self.digest(task):
                found.add(mark.id)
        return frozenset(found)

    def _prepare_target(self, target: object) -> None:
        """A target was clicked: what the next needle is measured against is prepared before the hand moves on."""
        clicked = self.desk.state.needles.target.value
        if target is None or clicked is None:
            return
        task = self.task(clicked.frame_uid, clicked.region_id)
        shape = NeedleShape(clicked.frame_uid, clicked.lps_mm, clicked.lps_mm, self.tool.diameter_mm)
        if self.live_for(shape, task) is None:
            self.prepare(shape, task)

    def prepare(self, shape: NeedleShape, task: NeedleTask | None, then: Callable[[], None] | None = None) -> None:
        """Distances around a needle, as a job; the newest one wins."""
        session, template, store = self.session, self.template, self.store
        if task is None or session is None or template is None or store is None:
            return
        digest = self.digest(task)
        running = next((job for job in self.desk.jobs.running if job.group == "needle distances"), None)
        if running is not None and then is None and self._preparing == (digest, task.region_id, task.usable_length_mm):
            return
        self._preparing = (digest, task.region_id, task.usable_length_mm)
        points = np.array([shape.entry_lps_mm, shape.tip_lps_mm])

        def work(context: Context) -> LiveNeedle:
            return live_needle(store, session, template, task, points, context)

        def done(live: LiveNeedle) -> None:
            self.live = live
            if then is not None:
                then()
            self.follow_needle()

        self.desk.jobs.submit(
            "Distances to the structures",
            work,
            done,
            still_valid=lambda: self.store is store and self.digest(task) == digest,
            group="needle distances",
        )

    def apply(self, label: str, edit: Callable[[], Edit], step: str | None = None) -> str | None:
        work = self.work
        if work is None:
            return NO_SESSION
        return work.attempt(lambda: work.opened.document.apply(label, edit(), merge=step))


def free_name(desk: Desk) -> str:
    """``Needle 1``, or the first number that is free."""
    taken = {mark.item.name for mark in desk.marks.marks.value}
    return first_free("Needle", taken.__contains__)
