"""The library: worklist and cases on the left, the chosen case with its course on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner import DISCLAIMER
from planner.model.case import Case
from planner.store.summary import CaseSummary
from viewers.panels.lesions_panel import lesion_line
from viewers.panels.parts import PlainLabel, button, clear, panel, plain_tip, row
from viewers.panels.timeline import Timeline, TimelineMark
from viewers.panels.words import SEXES, state_word
from viewers.panels.worklist import Worklist
from viewers.scene.slice_text import shown_name

COLUMNS = ("Patient", "ID", "Diagnosis", "Last session", "State", "Changed")


class CaseTable(QTableWidget):
    """The list of cases; Enter or a double-click opens."""

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.verticalHeader().setVisible(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (0, 2):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.itemDoubleClicked.connect(lambda item: self.opened.emit(self.case_at(item.row())))

    def case_at(self, line: int) -> str:
        return str(self.item(line, 0).data(Qt.ItemDataRole.UserRole))

    def current_case(self) -> str | None:
        lines = self.selectionModel().selectedRows()
        return self.case_at(lines[0].row()) if lines else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        chosen = self.current_case()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and chosen is not None:
            self.opened.emit(chosen)
            return
        super().keyPressEvent(event)

    def show_cases(self, cases: Sequence[CaseSummary]) -> None:
        keep = self.current_case()
        self.setRowCount(len(cases))
        for line, summary in enumerate(cases):
            for column, text in enumerate(_cells(summary)):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(text if summary.open_elsewhere is None else summary.open_elsewhere))
                item.setData(Qt.ItemDataRole.UserRole, summary.case_id)
                self.setItem(line, column, item)
        wanted = next((line for line, each in enumerate(cases) if each.case_id == keep), 0)
        if cases:
            self.selectRow(wanted)


def _cells(summary: CaseSummary) -> tuple[str, ...]:
    facts = summary.facts
    last = facts.sessions[-1] if facts.sessions else None
    name = shown_name(facts.patient_name) or "(no name)"
    return (
        f"{name}  · SIMULATED" if facts.simulated else name,
        facts.patient_id,
        facts.diagnosis or facts.title or "–",
        last.title if last else "no session",
        state_word(last.state) if last else "–",
        datetime.fromisoformat(summary.updated_at).astimezone().strftime("%Y-%m-%d %H:%M"),
    )


class LibraryPage(QWidget):
    """Search as you type, cases, and the chosen case's course.

    Parameters
    ----------
    search
        Called with the text of the search line; answers the cases.
    look
        Reads a revision of a case for the preview on the right.
    open_case, open_session, import_folder, import_file
        What the buttons do.
    """

    def __init__(
        self,
        *,
        search: Callable[[str], Sequence[CaseSummary]],
        look: Callable[[str, int], Case],
        open_case: Callable[[str], object],
        open_session: Callable[[str, str], object],
        import_folder: Callable[[], object],
        import_file: Callable[[], object],
    ) -> None:
        super().__init__()
        self._search, self._look = search, look
        self._open_case, self._open_session = open_case, open_session
        self.search_line = QLineEdit()
        self.search_line.setPlaceholderText("Search name, ID, diagnosis, session state …")
        self.search_line.setClearButtonEnabled(True)
        self.search_line.textChanged.connect(lambda *_: self.refresh())
        self.table = CaseTable()
        self.table.opened.connect(open_case)
        self.table.itemSelectionChanged.connect(self._preview)
        self.worklist = Worklist(self.refresh)
        self.empty = PlainLabel("", role="quiet", wrap=True)
        left, left_layout = panel()
        left_layout.addWidget(PlainLabel("Library", role="title"))
        left_layout.addWidget(self.search_line)
        left_layout.addWidget(self.worklist)
        left_layout.addWidget(self.table, 1)
        left_layout.addWidget(self.empty)
        self.folder_button = button("Open a folder…", import_folder, tip="DICOM, NIfTI, NRRD, MHA (Ctrl+O)")
        self.file_button = button("Open a file…", import_file, tip="A slice, a zip, a DICOMDIR, a volume file")
        left_layout.addWidget(row(self.folder_button, self.file_button))
        right, self._detail = panel()
        self.splitter = splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(10, 4, 10, 6)
        foot.addWidget(PlainLabel(DISCLAIMER, role="quiet", wrap=True))
        layout.addLayout(foot)
        self.timeline: Timeline | None = None
        self._revisions: dict[str, int] = {}
        self._previewed: tuple[str, int] | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Three fifths for the list, the rest for the chosen case."""
        super().resizeEvent(event)
        self.splitter.setSizes([3 * self.width() // 5, 2 * self.width() // 5])

    def refresh(self) -> None:
        """Ask the library again, with the present search and list."""
        found = self._search(self.search_line.text())
        cases = self.worklist.of(found, date.today())
        self._revisions = {each.case_id: each.revision for each in cases}
        self.table.show_cases(cases)
        self.empty.setText(self._nothing(bool(found)))
        self.empty.setVisible(not cases)
        self._preview()

    def _nothing(self, others: bool) -> str:
        if others:
            return f"No case in “{self.worklist.name}”; “All” shows the others."
        if self.search_line.text().strip():
            return "No case matches the search. Clear it, or open a folder of images to make a case."
        return "The library is empty. Open a folder of images, or drop one on this window, to make the first case."

    def _preview(self) -> None:
        chosen = self.table.current_case()
        wanted = None if chosen is None or chosen not in self._revisions else (chosen, self._revisions[chosen])
        if wanted is not None and wanted == self._previewed:
            return
        self._previewed = wanted
        clear(self._detail)
        self.timeline = None
        if wanted is None or chosen is None:
            self._detail.addWidget(PlainLabel("Choose a case on the left.", role="quiet"))
            self._detail.addStretch(1)
            return
        case = self._look(*wanted)
        self._detail.addWidget(PlainLabel(shown_name(case.patient.name) or case.patient.patient_id, role="title"))
        for line in describe(case):
            self._detail.addWidget(PlainLabel(line, role="quiet", wrap=True))
        self._detail.addWidget(PlainLabel("Course", role="section"))
        self.timeline = Timeline(lambda session: self._open_session(case.id, session))
        self.timeline.show_marks(course_marks(case), date.today())
        self._detail.addWidget(self.timeline)
        self._detail.addWidget(PlainLabel("Lesions", role="section"))
        for lesion in case.lesions:
            self._detail.addWidget(PlainLabel(lesion_line(lesion), wrap=True))
        if not case.lesions:
            self._detail.addWidget(PlainLabel("none marked (not the same as none present)", role="quiet"))
        self._detail.addStretch(1)
        self._detail.addWidget(row(button("Open case", lambda: self._open_case(case.id), primary=True)))


def describe(case: Case) -> tuple[str, ...]:
    """A few lines about a case for the preview."""
    patient = case.patient
    born = f"born {patient.birth_date.isoformat()}" if patient.birth_date else "birth date unknown"
    who = f"ID {patient.patient_id} · {born} · {SEXES[patient.sex] if patient.sex else 'sex unknown'}"
    diagnosis = " · ".join(part for part in (case.diagnosis.text, case.diagnosis.histology, case.disease_stage) if part)
    doctor = f"Responsible: {case.responsible_physician}" if case.responsible_physician else "Responsible: not named"
    lines = [who, diagnosis or "no diagnosis entered", doctor]
    if case.simulated:
        lines.insert(0, "SIMULATED: teaching data, not a patient")
    return tuple(lines)


def course_marks(case: Case) -> tuple[TimelineMark, ...]:
    """Sessions, studies and outside treatments of a case on the time axis."""
    marks = []
    for session in case.sessions:
        day = session.performed_on or session.planned_on
        if day is not None:
            text = f"{session.title} · {state_word(session.state.value)}"
            marks.append(TimelineMark(session.id, "session", day, text, session.performed_on is None))
    days = {}
    for study in case.studies:
        if study.study_date is not None:
            days.setdefault((study.study_date, study.modality or "image"), study.series_uid)
    marks += [TimelineMark(uid, "imaging", day, modality) for (day, modality), uid in days.items()]
    for number, treatment in enumerate(case.prior_treatments):
        if treatment.on is not None:
            marks.append(TimelineMark(f"prior-{number}", "outside", treatment.on, treatment.kind))
    for course in case.courses:
        for step in course.steps:
            day = step.done_on or step.planned_on
            if step.session_id is None and day is not None:
                kind = "imaging" if step.kind == "imaging" else "outside"
                marks.append(TimelineMark(step.id, kind, day, step.title, step.done_on is None))
    return tuple(marks)
