"""Applicators of the open session: device and setting, cover planned into needles, the margin put into the plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from planner.app.applicators import CoverTask, assign_device, plan_session_cover, put_cover
from planner.app.margins import put_margin
from planner.app.marking import region_of
from planner.app.needle_live import live_needle
from planner.app.needle_paths import measure_needle
from planner.app.zone_planning import PlannedCover
from planner.errors import OperatorError
from planner.jobs import Context
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem
from planner.model.needle_items import NEEDLE_PATH, NeedleMeasures, NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.planning.devices import Device, drawable_settings, zone_for
from planner.planning.kill_zones import kill_chart
from planner.planning.needles import Needle
from viewers.window.case_margin_live import LiveMargins
from viewers.window.case_needle_live import NO_SESSION

NO_TARGET = "Mark the target and select it first: applicators are planned for it."
NO_DEVICE = "Choose a device first."
NOT_MEASURED = "There is no whole margin yet; wait until it is measured."
MARGIN_STAGE, MARGIN_FIELD = "zone_margin", "required_margin"


def in_turn(edits: Sequence[Edit]) -> Edit:
    """Several edits as one."""
    return lambda case: reduce(lambda made, each: each(made), edits, case)


class MarginActing:
    """Edits around applicators and margins; each is one step of undo.

    Attributes
    ----------
    device, setting
        Of the next applicators.
    planned
        The last plan of applicators that was put.
    """

    def __init__(self, margins: LiveMargins, changed: Callable[[], object]) -> None:
        self.margins, self.needles, self.desk = margins, margins.needles, margins.desk
        self.device: str | None = None
        self.setting: str | None = None
        self.planned: PlannedCover | None = None
        self._changed = changed

    def forget(self) -> None:
        self.device, self.setting, self.planned = None, None, None

    def selected(self) -> tuple[PlanItem, NeedlePathBody] | None:
        """The applicator that is selected."""
        session = self.needles.session
        item = None if session is None else session.item(self.desk.state.selected_id.value or "")
        if item is None or item.type != NEEDLE_PATH:
            return None
        return item, needle_of(item)

    def chosen(self) -> tuple[Device | None, str | None]:
        """Device and setting of the selected applicator, else of the next ones."""
        found = self.selected()
        name, setting = (self.device, self.setting) if found is None else (found[1].device, found[1].setting)
        if name is None and found is None:
            name = self.needles.tool.device if self.margins.plans_ablation else None
        return (None if name is None else self.margins.devices.get(name)), setting

    def set_device(self, name: str) -> str | None:
        device = self.margins.devices.get(name)
        if device is None:
            return NO_DEVICE
        settings = drawable_settings(device)
        return self._assign(device, settings[0] if len(settings) == 1 else None)

    def set_setting(self, setting: str) -> str | None:
        device, _ = self.chosen()
        return NO_DEVICE if device is None else self._assign(device, setting)

    def _assign(self, device: Device, setting: str | None) -> str | None:
        found, work = self.selected(), self.needles.work
        if work is None:
            return NO_SESSION
        if found is None:
            try:
                if setting is not None:
                    kill_chart(zone_for(device, setting))
            except OperatorError as refused:
                return refused.message
            self.device, self.setting = device.id, setting
            self.needles.device = device.id
            self._changed()
            return None
        return self._assign_to(found[0], device, setting)

    def _assign_to(self, item: PlanItem, device: Device, setting: str | None) -> str | None:
        work, session = self.needles.work, self.needles.session
        if work is None or session is None:
            return NO_SESSION
        step = new_id("device")
        refusal = self.needles.apply(
            f"Set the device of {item.name}",
            lambda: assign_device(work.opened.case, session.id, item, device, setting),
            step,
        )
        after = None if self.needles.session is None else self.needles.session.item(item.id)
        if refusal is None and after is not None and needle_of(after).measured is None:
            self.measure_all(step, (item.id,))
        return refusal

    # Planning of applicators

    def plan(self) -> str | None:
        """The fewest applicators found for the target, as a job; put into the plan with their distances, one step."""
        session, template, store, work_now = (
            self.needles.session, self.needles.template, self.needles.store, self.needles.work,
        )  # fmt: skip
        target = self.margins.target or self._selected_lesion()
        if session is None or template is None or store is None or work_now is None:
            return NO_SESSION
        if target is None:
            return NO_TARGET
        device, setting = self.chosen()
        needle = self.needles.task(target.frame_uid, target.id)
        if device is None or needle is None:
            return NO_DEVICE
        body, settings = region_of(target), self.margins.settings(session, target)
        needle = replace(
            needle,
            lesion_ids=(body.lesion_id,) if body.lesion_id is not None else (),
            diameter_mm=device.outer_diameter_mm or needle.diameter_mm,
            gauge=device.gauge,
            device=device.id,
            usable_length_mm=device.usable_length_mm,
        )
        wanted = session.answer(MARGIN_STAGE, MARGIN_FIELD)
        margin = float(wanted) if isinstance(wanted, (int, float)) else settings.required_mm
        task = CoverTask(needle, device, margin, setting, vessels=settings.vessels)
        case = work_now.opened.case

        def work(context: Context) -> PlannedCover:
            return plan_session_cover(store, case, session, template, task, context)

        def done(planned: PlannedCover) -> None:
            self._put(task, planned)

        self.desk.jobs.submit(
            f"Planning applicators for {target.name}",
            work,
            done,
            still_valid=lambda: self.needles.session is session,
            group="cover",
        )
        return None

    def _selected_lesion(self) -> PlanItem | None:
        """The lesion that is selected, else the only one that is marked."""
        session, marks = self.needles.session, self.desk.marks
        lesions = [mark.item for mark in marks.marks.value if marks.is_lesion(mark.id)]
        chosen = next((each for each in lesions if each.id == self.desk.state.selected_id.value), None)
        if session is None:
            return None
        return chosen or (lesions[0] if len(lesions) == 1 else None)

    def _put(self, task: CoverTask, planned: PlannedCover) -> None:
        session, work = self.needles.session, self.needles.work
        if session is None or work is None:
            return
        before, step = {each.id for each in session.items}, new_id("cover")
        self.planned = planned
        refusal = self.needles.apply(
            "Plan applicators", lambda: put_cover(session, task, planned, by=work.opened.actor), step
        )
        after = self.needles.session
        if refusal is None and after is not None:
            made = tuple(each.id for each in after.items if each.id not in before)
            if made:
                self.desk.state.selected_id.set(made[0])
                self.measure_all(step, made)
        self._changed()

    def measure_all(self, step: str | None, item_ids: tuple[str, ...]) -> None:
        """Measure needles on the structures as they are, as one job; joins the step of undo that made them."""
        session, template, store = self.needles.session, self.needles.template, self.needles.store
        if session is None or template is None or store is None:
            return
        wanted = []
        for item_id in item_ids:
            item = session.item(item_id)
            if item is not None:
                body = needle_of(item)
                task = self.needles.task(item.frame_uid, body.region_id, body)
                wanted += [(item, body, task)] if task is not None else []

        def work(context: Context) -> list[tuple[PlanItem, NeedleMeasures]]:
            found = []
            for number, (item, body, task) in enumerate(wanted):
                part = context.part(number / len(wanted), (number + 1) / len(wanted))
                ends = np.array([body.entry_lps_mm, body.tip_lps_mm])
                live = live_needle(store, session, template, task, ends, part)
                needle = Needle.of(body.entry_lps_mm, body.tip_lps_mm, body.diameter_mm)
                found.append((item, live.measure(needle)))
            return found

        def done(found: list[tuple[PlanItem, NeedleMeasures]]) -> None:
            now = self.needles.session
            # Moved or undone meanwhile: the act that did so measures for itself.
            held = [(item, told) for item, told in found if now is not None and now.item(item.id) == item]
            edits: list[Edit] = [measure_needle(session.id, item, told) for item, told in held]
            if edits:
                self.needles.apply("Measure needles", lambda: in_turn(edits), step)

        if wanted:
            self.desk.jobs.submit("Measuring needles", work, done, still_valid=lambda: self.needles.store is store)

    # The margin

    def put(self) -> str | None:
        """The margin on the screen becomes the one that is checked and printed."""
        session, work, resting = self.needles.session, self.needles.work, self.margins.resting
        if session is None or work is None:
            return NO_SESSION
        if resting is None:
            return NOT_MEASURED
        return self.needles.apply(
            "Put the margin into the plan", lambda: put_margin(session, resting.measured, work.opened.actor)
        )
