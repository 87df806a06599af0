"""The page of an open case: banner above, course and stages left, images in the middle, the stage right."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from planner.app.sessions import CourseOverview
from planner.model.case import Case
from planner.units import shown
from planner.workflow.status import SessionStatus, StageStatus
from planner.workflow.template import FieldKind
from planner.workflow.values import Circumstances, field_applies, value_of
from viewers.panels.banner import BannerText, PatientBanner
from viewers.panels.case_editors import series_name
from viewers.panels.findings_panel import numbers_of
from viewers.panels.items_panel import ItemsPanel
from viewers.panels.parts import PlainLabel, panel
from viewers.panels.sign_bar import SignBar
from viewers.panels.stage_form import FormContent, FormField, StageForm, computed_of
from viewers.panels.stage_list import CourseLine, StageLine, StageList
from viewers.panels.stage_panel import StageContent, StagePanel
from viewers.panes.desk import Desk
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.tools.operations import RegionOperations
from viewers.panes.volume_frame import volume_frame
from viewers.scene.slice_text import shown_name
from viewers.window.case_work import CaseWork

TOOLS_OF = {
    "lesion": ("lesion", "brush", "grow"),
    "structure": ("grow", "threshold", "brush"),
    "vessel-path": ("path",),
    "measure": ("distance", "angle", "ellipse"),
    "key-image": ("key-image",),
}
"""What a template calls a tool -> the tools of the tool box that do it."""

OPERATIONS = (
    ("smooth", "Smooth"),
    ("fill", "Fill holes"),
    ("largest", "Keep largest"),
    ("grow", "Grow 1 mm"),
    ("shrink", "Shrink 1 mm"),
    ("union", "Join all"),
)

MARGIN_STEP_MM = 1.0
SMOOTH_MM = 2.0


class CasePage(QWidget):
    """Shows a `CaseWork`; every change of it is shown at once, and nothing is kept here that it knows."""

    def __init__(self, desk: Desk, *, home: Callable[[], object]) -> None:
        super().__init__()
        self.desk = desk
        self.work: CaseWork | None = None
        self.banner = PatientBanner(self._undo, self._redo, home)
        self.stage_list = StageList(self._open_session, self._open_stage)
        self.grid = PaneGrid(desk, {"3d": volume_frame})
        self.operations = RegionOperations(desk.kit)
        self.form = StageForm(self._answer)
        self.items = ItemsPanel(
            pick_tool=self._pick_tool,
            select=desk.state.selected_id.set,
            remove=self._remove,
            show_item=desk.state.set_visible,
            operate=self._operate,
        )
        self.items.show_operations(OPERATIONS)
        self.signing = SignBar(sign=self._sign, withdraw=self._withdraw, time_out=self._time_out, step=self._step)
        self.stage_panel = StagePanel(self.form, self.items, self.signing, self._override)
        self.hint = PlainLabel(role="quiet")
        self._build()
        self._listen()

    def _build(self) -> None:
        middle, middle_layout = panel()
        middle_layout.setContentsMargins(0, 0, 0, 0)
        middle_layout.setSpacing(0)
        middle_layout.addWidget(self.grid, 1)
        line = QHBoxLayout()
        line.setContentsMargins(8, 2, 8, 2)
        line.addWidget(self.hint)
        middle_layout.addLayout(line)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.stage_list, middle, self.stage_panel):
            self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setCollapsible(1, False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self.splitter, 1)

    def fit(self, width: int, scale: float) -> None:
        """Sizes of the side panels for a window width; the images get the rest."""
        left, right = round(min(240 * scale, width * 0.17)), round(min(370 * scale, width * 0.29))
        self.splitter.setSizes([left, max(200, width - left - right), right])

    def _listen(self) -> None:
        marks, state = self.desk.marks, self.desk.state
        marks.marks.changed.connect(self._show_marks)
        state.selected_id.changed.connect(self._show_marks)
        state.hidden_ids.changed.connect(self._show_marks)
        state.active_tool.changed.connect(self.items.show_active_tool)
        self.desk.kit.hint.changed.connect(self._show_hint)
        self.desk.kit.notice.changed.connect(self._show_hint)

    def show_work(self, work: CaseWork | None) -> None:
        """Follow another open case."""
        self.work = work
        if work is not None:
            work.changed.connect(self.refresh)
            self.refresh()

    def refresh(self) -> None:
        """Show everything anew; panels rebuild only what differs."""
        work = self.work
        if work is None:
            return
        document = work.opened.document
        self.banner.show_text(banner_text(work))
        self.banner.show_steps(document.undo_label, document.redo_label)
        self.stage_list.show_course(course_lines(work))
        if work.session_desk is None or work.stage_id is None:
            self.stage_list.show_stages((), None)
            self.stage_panel.setVisible(False)
            return
        self.stage_panel.setVisible(True)
        status = work.session_desk.status()
        self.stage_list.show_stages(stage_lines(status), work.stage_id)
        stage = status.stage(work.stage_id)
        self._show_tools(stage)
        self.stage_panel.show_content(stage_content(work, status, stage))
        self._show_marks(None)

    def _show_tools(self, status: StageStatus) -> None:
        wanted = dict.fromkeys(tool for name in status.stage.tools for tool in TOOLS_OF.get(name, ()))
        box = self.desk.tools.tools
        offered = [
            (tool, box[tool].name, box[tool].shortcut) if tool in box else (tool, "Key image", "K") for tool in wanted
        ]
        self.items.show_tools(offered)
        self.items.show_active_tool(self.desk.state.active_tool.value)

    def _show_marks(self, changed: object) -> None:
        del changed
        state = self.desk.state
        self.items.show_marks(self.desk.marks.marks.value, state.selected_id.value, state.hidden_ids.value)

    def _show_hint(self, text: str) -> None:
        del text
        notice = self.desk.kit.notice.value
        self.hint.setText(f"⚠ {notice}" if notice else self.desk.kit.hint.value)

    def _pick_tool(self, tool: str) -> None:
        if tool == "key-image":
            if self.work is not None:
                self.work.keep_key_image()
            self.items.show_active_tool(self.desk.state.active_tool.value)
            return
        self.desk.tools.pick(tool)

    def _remove(self, item_id: str) -> None:
        self.desk.state.selected_id.set(item_id)
        self.operations.delete()

    def _operate(self, operation: str) -> None:
        acts = {
            "smooth": lambda: self.operations.smooth(SMOOTH_MM),
            "fill": self.operations.fill,
            "largest": self.operations.keep_largest,
            "grow": lambda: self.operations.grow(MARGIN_STEP_MM),
            "shrink": lambda: self.operations.grow(-MARGIN_STEP_MM),
            "union": self._join,
        }
        acts[operation]()

    def _join(self) -> object:
        """The selected region takes in the region before it in the list."""
        chosen = self.desk.state.selected_id.value
        others = [region for region in self.desk.marks.layer.regions if region != chosen]
        return self.operations.combine("union", others[-1]) if others else None

    def _answer(self, stage: str, name: str, value: object) -> str | None:
        return self.work.answer(stage, name, value) if self.work is not None else None

    def _sign(self, role: str, name: str) -> str | None:
        return self.work.sign(role, name) if self.work is not None else None

    def _withdraw(self, role: str) -> str | None:
        return self.work.withdraw(role) if self.work is not None else None

    def _time_out(self, names: object) -> str | None:
        return self.work.time_out(list(names)) if self.work is not None else None

    def _override(self, finding: object, reason: str) -> None:
        if self.work is not None:
            self.work.override(finding, reason)

    def _step(self, by: int) -> None:
        if self.work is not None:
            self.work.step(by)

    def _open_session(self, session_id: str) -> None:
        if self.work is not None:
            self.work.use_session(session_id)
            self.work.load_images()

    def _open_stage(self, stage_id: str) -> None:
        if self.work is not None:
            self.work.go_to_stage(stage_id)

    def _undo(self) -> None:
        if self.work is not None:
            self.work.opened.document.undo()

    def _redo(self) -> None:
        if self.work is not None:
            self.work.opened.document.redo()


def banner_text(work: CaseWork) -> BannerText:
    """The patient in one line; numbers with their dates, unknowns said."""
    case, today = work.opened.case, work.today
    patient = case.patient
    age = patient.age_on(today)
    born = f"born {patient.birth_date.isoformat()} ({age} y)" if patient.birth_date else "birth date unknown"
    weight = "weight unknown"
    if patient.weight_kg is not None:
        on = f" ({patient.weight_on.isoformat()})" if patient.weight_on else " (no date)"
        weight = shown(patient.weight_kg, "kg") + on
    labs = [lab_fact(case, key, name) for key, name in (("egfr", "eGFR"), ("inr", "INR"))]
    session = work.session_desk.session if work.session_desk else None
    state = f"{session.title} · {session.state.value}" if session else "no session open"
    if session is not None and session.emergency:
        state = f"EMERGENCY · {state}"
    facts = (f"ID {patient.patient_id}", born, patient.sex.value if patient.sex else "sex unknown", weight)
    return BannerText(
        name=shown_name(patient.name) or "(no name)",
        facts=(*facts, allergy_fact(case), *labs, anticoagulant_fact(case)),
        session=f"{state} · {work.signed_note()}" if session else state,
        alarm=alarm_of(work),
        simulated=case.simulated,
    )


def alarm_of(work: CaseWork) -> str:
    """Loud when images of another patient are on the screen."""
    ours = work.opened.case.patient.patient_id
    for volume in work.desk.state.images.volumes.values():
        if volume.source.patient_id is not None and volume.source.patient_id != ours:
            return f"An image on the screen belongs to patient {volume.source.patient_id}"
    return ""


def lab_fact(case: Case, analyte: str, name: str) -> str:
    value = case.latest_lab(analyte)
    if value is None or value.value is None:
        return f"{name} unknown"
    return f"{name} {shown(value.value, value.unit)} ({value.taken_on.isoformat()})"


def allergy_fact(case: Case) -> str:
    if case.allergies:
        return "allergies: " + ", ".join(each.substance for each in case.allergies)
    return "no allergies (asked)" if case.allergies_asked == "yes" else "allergies not asked"


def anticoagulant_fact(case: Case) -> str:
    kinds = [each.name for each in case.medication if each.kind in ("anticoagulant", "antiplatelet")]
    return "on " + ", ".join(kinds) if kinds else ""


def course_lines(work: CaseWork) -> tuple[CourseLine, ...]:
    """Sessions and studies by date, the open session marked."""
    case = work.opened.case
    current = work.session_desk.session_id if work.session_desk else None
    dated = []
    for number, session in enumerate(case.sessions):
        day = session.performed_on or session.planned_on
        when = day.isoformat() if day else "no date yet"
        line = CourseLine(session.id, session.title, f"{session.state.value} · {when}", session.id == current, True)
        dated.append((when if day else "9999", number, line))
    for number, study in enumerate(case.studies):
        when = study.study_date.isoformat() if study.study_date else "0000"
        dated.append((when, number - 1000, CourseLine(study.series_uid, series_name(study), "", False, False)))
    return tuple(line for _, _, line in sorted(dated, key=lambda each: each[:2]))


def stage_lines(status: SessionStatus) -> tuple[StageLine, ...]:
    return tuple(
        StageLine(
            each.stage.id,
            each.stage.title,
            each.stage.phase.value,
            each.status.value,
            sum(finding.blocks for finding in each.findings),
        )
        for each in status.stages
    )


def stage_content(work: CaseWork, status: SessionStatus, stage: StageStatus) -> StageContent:
    """What the right panel shows of one stage."""
    desk = work.session_desk
    if desk is None:
        raise ValueError("no session is open")
    case, session = desk.case, desk.session
    around = Circumstances(case, session, desk.template, stage.stage.id, desk.profile.id)
    computed = computed_of(stage.stage.fields, stage.computed)
    titles = {each.id: each.title for each in case.sessions}
    fields = []
    for field in stage.stage.fields:
        if not field_applies(around, field):
            continue
        if field.kind is FieldKind.COMPUTED:
            fields.append(FormField(field, computed.get(field.id, [])))
            continue
        answer = session.answers.get(stage.stage.id, {}).get(field.id)
        origin = titles.get(answer.inherited_from or "") if answer is not None else None
        fields.append(FormField(field, value_of(case, session, stage.stage.id, field), origin))
    form = FormContent(stage.stage.id, tuple(fields), case, session, work.today, read_only=stage.frozen)
    time_out = None
    if stage.stage.freezes:
        done = session.time_out
        time_out = f"Time-out {done.at:%Y-%m-%d %H:%M}: {', '.join(done.by)}" if done else ""
    return StageContent(stage, status, form, cards(work, stage), time_out)


def cards(work: CaseWork, stage: StageStatus) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Cards above the form: the last time where a plan is made, what remains and the ledger where the course is."""
    desk = work.session_desk
    found: list[tuple[str, tuple[str, ...]]] = []
    card = desk.last_time() if desk is not None and not stage.stage.phase.is_record else None
    if card is not None:
        when = card.performed_on.isoformat() if card.performed_on else "no date"
        lines = tuple(f"{line.label}: {' | '.join(line.values)}" for line in card.lines)
        reason = f" ({card.state_reason})" if card.state_reason else ""
        found.append((f"Last time: {card.title}, {when}, {card.state}{reason}", lines))
    if stage.stage.id in ("next_step", "referral") and work.opened.case.sessions:
        found += course_cards(work.course())
    return tuple(found)


def course_cards(course: CourseOverview) -> list[tuple[str, tuple[str, ...]]]:
    remains = tuple(
        f"{each.name}: {each.state.value}" + (f" ({each.why})" if each.why else "") for each in course.remains
    )
    totals = tuple(
        f"{each.substance}: {shown(each.amount, each.unit)}"
        + (f" = {shown(each.per_m2, 'mg/m2')}" if each.per_m2 is not None else "")
        for each in course.ledger.totals
    )
    found = [("What remains", remains)] if remains else []
    found.append(("Ledger", (*totals, course.ledger.note)))
    notes = tuple(" · ".join(part for part in (each.text, numbers_of(each)) if part) for each in course.findings)
    return [*found, ("Course", notes)] if notes else found
