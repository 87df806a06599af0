"""Zones and margins of the open case in the window: shown live, planned, put into the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from planner.app.device_rows import remove_row, save_device, save_row
from planner.errors import OperatorError
from planner.model.needle_items import PLANNED, AblationMarginBody
from planner.model.needle_reading import margins_of
from planner.model.session import Session
from planner.workflow.template import Stage
from viewers.panels.device_dialog import DeviceActs, DeviceDialog
from viewers.panels.margin_panel import Line, MarginActs, MarginContent, MarginPanel
from viewers.panes.desk import Desk
from viewers.window.case_margin_acts import MarginActing
from viewers.window.case_margin_content import (
    chart_lines,
    device_choices,
    number_lines,
    plan_lines,
    setting_lines,
)
from viewers.window.case_margin_live import LiveMargins
from viewers.window.case_needle_live import LiveMeasuring
from viewers.window.case_work import CaseWork

MOVING = "moving: not in the plan"
TOOL = "zone"
"""Of a template's stage that deals with zones."""


class CaseMargins:
    """Keeps panes and panel in step with zones and margins of the open session.

    Attributes
    ----------
    live
        What is shown of the margin.
    acts
        What changes applicators and margins.
    dialog
        For device rows, while it is open, or the last one.
    """

    def __init__(self, desk: Desk, needles: LiveMeasuring) -> None:
        self.desk, self.needles = desk, needles
        self.live = LiveMargins(needles, self.refresh)
        self.acts = MarginActing(self.live, self.refresh)
        self.dialog: DeviceDialog | None = None
        self.panel = MarginPanel(
            MarginActs(
                put=self.acts.put,
                set_device=self.acts.set_device,
                set_setting=self.acts.set_setting,
                plan=self.acts.plan,
                edit_devices=self.edit_devices,
            )
        )
        state = desk.state
        state.margins.shown.changed.connect(self._shown_changed)
        state.selected_id.changed.connect(self._shown_changed)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.live.follow()
        self.acts.forget()
        if work is not None:
            self.live.refresh()

    def show_stage(self, stage: Stage) -> None:
        """The panel stands in stages of planning that deal with zones."""
        wanted = self.live.plans_ablation and TOOL in stage.tools and stage.phase != "record"
        self.panel.setVisible(wanted)
        self.live.refresh()
        if wanted:
            self.refresh()

    def _shown_changed(self, changed: object) -> None:
        del changed
        if not self.panel.isVisible():
            return
        shown = self.desk.state.margins.shown.value
        if shown is not None and shown.moving:
            # Under the hand only the numbers change.
            moving = replace(self.panel.content, numbers=number_lines(shown.body), state=(MOVING, ""), can_put=False)
            self.panel.show_content(moving)
        else:
            self.refresh()

    def refresh(self) -> None:
        """Show everything anew."""
        session, work = self.needles.session, self.needles.work
        if session is None or work is None or not self.live.plans_ablation:
            self.panel.show_content(MarginContent())
            return
        device, setting = self.acts.chosen()
        selected = self.acts.selected()
        shown = self.desk.state.margins.shown.value
        body = shown.body if shown is not None and shown.body.kind == PLANNED else None
        resting = self.live.resting
        state, can_put = self._state_of_plan(session, body)
        content = MarginContent(
            target="" if self.live.target is None else self.live.target.name,
            numbers=number_lines(body),
            state=state,
            can_put=can_put,
            problem=self.live.problem,
            applicator="" if selected is None else selected[0].name,
            locked=selected is not None and selected[1].locked,
            devices=device_choices(work.opened.case, self.live.devices),
            device=None if device is None else device.id,
            settings=setting_lines(device),
            setting=setting,
            chart=(*self._catalogue_lines(), *chart_lines(device, setting)),
            plan=() if self.acts.planned is None else plan_lines(self.acts.planned),
            findings=() if resting is None else resting.findings,
        )
        self.panel.show_content(content)

    def _catalogue_lines(self) -> tuple[Line, ...]:
        problem = self.live.devices_problem
        return ((f"■ {problem}", "block"),) if problem else ()

    def _state_of_plan(self, session: Session, body: AblationMarginBody | None) -> tuple[Line, bool]:
        """How the margin that is stored stands to the applicators as they lie."""
        target, resting = self.live.target, self.live.resting
        if target is None:
            return ("", ""), False
        stored = next((each for _, each in margins_of(session.items, PLANNED) if each.region_id == target.id), None)
        if stored is None:
            return ("○ not in the plan yet" if body is not None else "", "info"), resting is not None
        if stored.digest != self.live.digest(session, target):
            text = "↻ the margin in the plan no longer holds: an applicator, the target or the chart has changed since"
            return (text, "warn"), resting is not None
        return ("✓ this margin is in the plan", "info"), False

    # Rows of the catalogue

    def edit_devices(self) -> None:
        """Rows of one's own, beside the panes."""
        device, _ = self.acts.chosen()
        acts = DeviceActs(lambda: self.live.devices, self._save_row, self._save_device, self._remove_row)
        self.dialog = DeviceDialog(acts, None if device is None else device.id, self.panel.window())
        self.dialog.open()

    def _save_row(self, device: str, entry: Mapping[str, Any]) -> str | None:
        work = self.needles.work
        if work is None:
            return None
        return self._changing(lambda: save_row(device, entry, by=work.who, on=work.today))

    def _save_device(self, device: Mapping[str, Any]) -> str | None:
        work = self.needles.work
        if work is None:
            return None
        seen = f"{work.who}, {work.today.isoformat()}"
        rows = [{**each, "seen_by": seen} for each in device["row"]]
        return self._changing(lambda: save_device({**device, "row": rows}))

    def _remove_row(self, device: str, row: str) -> str | None:
        return self._changing(lambda: remove_row(device, row))

    def _changing(self, act: Callable[[], object]) -> str | None:
        try:
            act()
        except OperatorError as refused:
            return refused.message
        self.live.read_devices()
        self.live.refresh()
        self.refresh()
        return None
