"""The open case in the window: document, session, images and marks, wired together. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from planner.app import case_images, images
from planner.app.identity import Verdict
from planner.app.marking import add_key_image
from planner.app.open_case import OpenCase
from planner.app.sessions import (
    CourseOverview,
    SessionDesk,
    begin_session,
    course_overview,
    local_now,
    open_session,
)
from planner.app.templates import Installed
from planner.clinical.laboratory_table import LabReading
from planner.errors import OperatorError
from planner.findings import Finding
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import KeyImageBody
from planner.model.session import SessionState
from planner.store.actors import SaveReason
from planner.store.library import SavedElsewhere
from planner.workflow.answers import add_laboratory_value
from viewers.panels.case_editors import LabEntry
from viewers.panels.import_dialog import ImportChoice
from viewers.panels.stage_form import CONFIRM
from viewers.panes.desk import Desk
from viewers.state.document_host import DocumentHost
from viewers.state.signals import Signal
from viewers.window.case_runs import ANGIO, CaseRuns
from viewers.window.case_series import CaseSeries, series_key

SIGNED_NOTE = "Plan signed by {names} on {day}; not a clearance"


class CaseWork:
    """What can be done with the open case. Refusals come back as sentences, never as dialogs.

    Attributes
    ----------
    changed
        Case, session or status may be other values now.
    said
        One sentence for the status line.
    conflict
        Somebody else saved the case meanwhile; both states are kept, and a person chooses.
    """

    def __init__(self, opened: OpenCase, installed: Installed, desk: Desk) -> None:
        self.opened, self.installed, self.desk = opened, installed, desk
        self.changed: Signal[[]] = Signal()
        self.said: Signal[[str]] = Signal()
        self.conflict: Signal[[SavedElsewhere]] = Signal()
        self.session_desk: SessionDesk | None = None
        self.stage_id: str | None = None
        self._host: DocumentHost | None = None
        self._course: tuple[Case, Installed, date, CourseOverview] | None = None
        self.series = CaseSeries(opened, desk, self._volume_came)
        self.runs = CaseRuns(opened, desk, self.series.moved.emit)
        self.changed.connect(self.runs.refresh)
        opened.listeners.append(self._on_change)
        desk.state.simulated.set(opened.case.simulated)

    def close(self) -> str | None:
        """Save, and let the window forget the patient; a sentence when it could not be saved: then it stays open."""
        refusal = self.attempt(self.opened.close)
        if refusal is None:
            self.abandon()
        return refusal

    def abandon(self) -> None:
        """Let the window forget the patient without saving."""
        self.opened.document.listeners.clear()
        self.opened.listeners.clear()
        self.series.close()
        self.runs.close()
        if self._host is not None:
            self._host.release()
        self.desk.marks.open(None)
        self.desk.marks.layer.clear()
        self.desk.state.forget_case()

    @property
    def who(self) -> str:
        return self.opened.actor.user

    @property
    def today(self) -> date:
        return self.session_desk.clock().date() if self.session_desk is not None else date.today()

    def use_session(self, session_id: str) -> None:
        """Open a session of the case at its next stage."""
        self.session_desk = open_session(self.opened.document, self.installed, session_id)
        self._follow_session()

    def follow(self, installed: Installed) -> None:
        """Work by other templates and profiles from now on; the open session stays at its stage."""
        self.installed = installed
        if self.session_desk is not None:
            self.session_desk = open_session(self.opened.document, installed, self.session_desk.session_id)
        self.changed.emit()

    def new_session(self, template_id: str, profile_id: str) -> None:
        """Start a first session from a template."""
        self.session_desk = begin_session(self.opened.document, self.installed, template_id, profile_id)
        self._offer_series()
        self._follow_session()

    def next_session(self) -> str | None:
        """Start a session from the open one."""
        if self.session_desk is None:
            return "Open the session that the next one starts from."
        return self.attempt(self._start_next)

    def _start_next(self) -> None:
        if self.session_desk is not None:
            self.session_desk = self.session_desk.start_next()
            self._follow_session()

    def _follow_session(self) -> None:
        if self.session_desk is None:
            return
        if self._host is not None:
            self._host.release()
        self._host = DocumentHost(
            self.opened.document, self.session_desk.session_id, self.opened.library, self.opened.actor
        )
        self.desk.marks.open(self._host)
        following = self.session_desk.status().next_stage
        self.stage_id = following.stage.id if following else self.session_desk.template.stages[0].id
        self._use_roles()
        self.changed.emit()

    def _offer_series(self) -> None:
        """Give each phase that the images themselves name to the role of that phase; the rest is asked."""
        desk = self.session_desk
        if desk is None:
            return
        for stage in desk.template.stages:
            for field in stage.fields:
                if field.role is None or field.role in desk.session.series_roles:
                    continue
                fitting = [ref for ref in self.opened.case.studies if ref.phase == field.role]
                if len(fitting) == 1:
                    desk.answer(stage.id, field.id, series_key(fitting[0]), by=self.who)

    def go_to_stage(self, stage_id: str) -> None:
        if self.session_desk is not None and stage_id != self.stage_id:
            self.stage_id = stage_id
            self.desk.state.layout.set(self.session_desk.template.stage(stage_id).layout)
            self.changed.emit()

    def step(self, by: int) -> None:
        """The next or previous stage in the template's order."""
        if self.session_desk is None or self.stage_id is None:
            return
        ids = [stage.id for stage in self.session_desk.template.stages]
        self.go_to_stage(ids[min(len(ids) - 1, max(0, ids.index(self.stage_id) + by))])

    def answer(self, stage: str, name: str, value: Any) -> str | None:
        """Fill a field; a sentence when it was refused."""
        desk = self.session_desk
        if desk is None:
            return "Open a session first."
        if value is CONFIRM:
            value = desk.session.answer(stage, name)
        if isinstance(value, LabEntry):
            value = {"value": value.value, "unit": value.unit, "taken_on": value.taken_on.isoformat()}
        field = desk.template.stage(stage).field(name)
        if field is not None and field.kind == "series" and isinstance(value, str):
            self.series.load_keys([value])
        return self.attempt(lambda: desk.answer(stage, name, value, by=self.who))

    def sign(self, role: str, name: str) -> str | None:
        """Sign the stage on show."""
        desk, stage = self.session_desk, self.stage_id
        if desk is None or stage is None:
            return "Open a session first."
        refusal = self.attempt(lambda: desk.sign(stage, role=role, by=name, prepared_by=self.who))
        return refusal or self._save(SaveReason.SIGN)

    def withdraw(self, role: str) -> str | None:
        desk, stage = self.session_desk, self.stage_id
        if desk is None or stage is None:
            return None
        return self.attempt(lambda: desk.withdraw_signature(stage, role=role, by=self.who))

    def override(self, finding: Finding, reason: str) -> str | None:
        desk, stage = self.session_desk, self.stage_id
        if desk is None or stage is None:
            return None
        return self.attempt(lambda: desk.override(stage, finding, by=self.who, reason=reason))

    def time_out(self, names: Sequence[str]) -> str | None:
        desk = self.session_desk
        if desk is None:
            return None
        refusal = self.attempt(lambda: desk.record_time_out(by=tuple(names)))
        return refusal or self._save(SaveReason.TIME_OUT)

    def advance(self, to: SessionState, reason: str | None) -> str | None:
        desk = self.session_desk
        if desk is None:
            return None
        return self.attempt(lambda: desk.advance(to, by=self.who, reason=reason))

    def set_emergency(self, emergency: bool) -> str | None:
        desk = self.session_desk
        if desk is None:
            return None
        return self.attempt(lambda: desk.set_emergency(emergency, by=self.who))

    def add_laboratory(self, readings: Sequence[LabReading]) -> int:
        """Add complete readings as one step of undo; returns how many.

        Raises
        ------
        OperatorError
            When one of them is implausible; then none is added.
        """
        complete = [each for each in readings if each.value is not None and each.unit and each.taken_on is not None]
        now, by = local_now(), self.who

        def edit(case: Case) -> Case:
            for each in complete:
                given = {
                    "value": each.value,
                    "unit": each.unit,
                    "taken_on": each.taken_on,
                    "comparator": each.comparator.replace("=", ""),
                }
                case = add_laboratory_value(case, each.analyte, given, by=by, now=now)
            return case

        self.opened.document.apply(f"Add {len(complete)} laboratory values", edit)
        return len(complete)

    def save(self) -> str | None:
        """Ctrl+S."""
        return self._save(SaveReason.SAVE)

    def _save(self, reason: SaveReason) -> str | None:
        return self.attempt(lambda: self.opened.save(reason))

    def attempt(self, act: Callable[[], object]) -> str | None:
        """Do something that may be refused: the sentence, which is said too, or None."""
        try:
            act()
        except SavedElsewhere as conflict:
            self.conflict.emit(conflict)
            return conflict.message
        except OperatorError as error:
            self.said.emit(error.message)
            return error.message
        return None

    def apply(self, label: str, edit: Callable[[], Edit]) -> str | None:
        """Make an edit of the case as one step of undo; a sentence when it was refused."""
        return self.attempt(lambda: self.opened.document.apply(label, edit()))

    def put_mine_on_top(self, conflict: SavedElsewhere) -> str | None:
        """After a lost race: this work becomes the current state, the other one stays in the history."""
        self.opened.revision = conflict.head_revision
        return self.save()

    def keep_key_image(self) -> str | None:
        """Keep the present view to be printed."""
        volume = self.desk.state.images.primary
        if volume is None or self.session_desk is None:
            return "Load images and open a session first."
        frame = volume.grid.frame_uid
        key = next(key for key, each in self.desk.state.images.volumes.items() if each is volume)
        window = self.desk.state.window(key).window
        body = KeyImageBody(
            layout=self.desk.state.layout.value,
            cursor_lps_mm=self.desk.state.cursor_lps_mm(frame),
            series_uid=volume.source.series_uid,
            window=(window.width, window.centre),
        )
        count = sum(item.type == "key-image" for item in self.session_desk.session.items) + 1
        edit = add_key_image(self.session_desk.session_id, body, frame, name=f"Key image {count}", by=self.opened.actor)
        self.opened.document.apply("Keep key image", edit)
        return None

    def attach(self, choice: ImportChoice, *, confirmed: bool) -> str | None:
        """Add series to the case; a mismatch of patients is refused with both sides.

        Parameters
        ----------
        confirmed
            A person says that these are images of this patient although they lack an identifier.

        """
        for entry, accept in choice.entries:
            refusal = self.attempt(
                lambda entry=entry, accept=accept: self._attach(entry, accept, choice.taken_on, confirmed)
            )
            if refusal is not None:
                return refusal
        refusal = self.save() or self.attempt(self._remember_places)
        if refusal is None and choice.copy:
            self.series.copy([entry for entry, _ in choice.entries], self.save)
        self._offer_series()
        return refusal

    def unconfirmed(self, choice: ImportChoice) -> str | None:
        """Both sides of the first series whose patient lacks an identifier, or None when all match."""
        matches = [case_images.match_patient(self.opened.case, entry) for entry, _ in choice.entries]
        return next((each.side_by_side() for each in matches if each.verdict is Verdict.UNCONFIRMED), None)

    def _attach(
        self, entry: images.SeriesEntry, accept: tuple[str, ...], taken_on: date | None, confirmed: bool
    ) -> None:
        edit, findings = case_images.attach_series(
            self.opened.case, entry, accept=accept, confirmed=confirmed, taken_on=taken_on
        )
        self.opened.document.apply("Attach images", edit)
        for finding in findings:
            self.said.emit(finding.text)

    def _remember_places(self) -> None:
        case_images.remember_places(self.opened.library, self.opened.case, self.opened.actor)

    def load_images(self) -> None:
        """Load the volumes the session uses, else the first of the case; a case of runs alone opens on its runs."""
        keys = list(self.session_desk.session.series_roles.values()) if self.session_desk is not None else []
        volumes = [series_key(ref) for ref in self.opened.case.studies if ref.kind != ANGIO]
        self.series.load_keys(keys or volumes[:1])
        if self.opened.case.studies and not volumes:
            self.desk.state.layout.set("dsa")

    def _use_roles(self) -> None:
        if self.session_desk is None:
            return
        for role, key in self.session_desk.session.series_roles.items():
            if key in self.desk.state.images.volumes:
                self.desk.state.images.set_role(role, key)
        self.desk.state.runs.set_roles(self.session_desk.session.series_roles)

    def _volume_came(self) -> None:
        """The first role of the template that has its images leads: other series are linked to its frame."""
        self._use_roles()
        desk, images_there = self.session_desk, self.desk.state.images
        if desk is None:
            return
        roles = [field.role for stage in desk.template.stages for field in stage.fields if field.role is not None]
        keys = [desk.session.series_roles.get(role) for role in roles]
        lead = next((key for key in keys if key is not None and key in images_there.volumes), None)
        if lead is not None:
            images_there.set_primary(lead)

    def course(self) -> CourseOverview:
        """The course at a glance; kept while case, templates and day stay the same."""
        case, installed, today, known = self.opened.case, self.installed, self.today, self._course
        if known is None or known[0] is not case or known[1] is not installed or known[2] != today:
            known = self._course = (case, installed, today, course_overview(case, installed, today))
        return known[3]

    def signed_note(self) -> str:
        """``Plan signed by … ; not a clearance``, or what is missing."""
        desk = self.session_desk
        if desk is None:
            return ""
        status = desk.status()
        if desk.session.time_out is not None:
            return f"Time-out {desk.session.time_out.at:%Y-%m-%d %H:%M}; the plan is frozen"
        plan = [each for each in status.stages if each.stage.phase in ("decide", "plan")]
        open_count = sum(not each.complete for each in plan)
        if open_count:
            return f"{open_count} of {len(plan)} planning stages open"
        last = max((mark for each in plan for mark in each.signatures), key=lambda mark: mark.at)
        return SIGNED_NOTE.format(names=last.by, day=last.at.date().isoformat())

    def _on_change(self) -> None:
        desk = self.session_desk
        if desk is not None and self.opened.case.session(desk.session_id) is None:
            self.session_desk = None
        self._use_roles()
        self.changed.emit()
