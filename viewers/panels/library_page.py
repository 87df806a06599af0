"""The library: cases, or what is due, on the left; the chosen case with its course on the right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSplitter,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from planner import DISCLAIMER
from planner.errors import OperatorError
from planner.model.case import Case
from planner.store.summary import CaseSummary
from planner.workflow.template import Template
from viewers.panels.due_list import DueLine, DueList
from viewers.panels.lesions_panel import lesion_line
from viewers.panels.parts import PlainLabel, button, clear, mark_checked, panel, plain_tip, row
from viewers.panels.timeline import Timeline
from viewers.panels.timeline_content import course_content
from viewers.panels.words import SEXES, state_word
from viewers.panels.worklist import Worklist, counted
from viewers.scene.slice_text import shown_name
from viewers.state.course_lanes import TimelineContent
from viewers.state.jobs import LatestWins, Post
from viewers.state.timeline_memory import TimelineMemory

PREVIEW_AFTER_MS = 60
KEPT_CASES = 12
MOST_LESIONS = 5
"""Lines of the preview; all of them are a click away."""

_FITTED = QHeaderView.ResizeMode.ResizeToContents
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
        head = self.horizontalHeader()
        # Widths are fitted once at the end: after every cell it takes minutes for some hundred cases.
        fitted = [each for each in range(len(COLUMNS)) if head.sectionResizeMode(each) == _FITTED]
        for column in fitted:
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        self.setRowCount(len(cases))
        for line, summary in enumerate(cases):
            for column, text in enumerate(_cells(summary)):
                item = QTableWidgetItem(text)
                item.setToolTip(plain_tip(text if summary.open_elsewhere is None else summary.open_elsewhere))
                item.setData(Qt.ItemDataRole.UserRole, summary.case_id)
                self.setItem(line, column, item)
        for column in fitted:
            head.setSectionResizeMode(column, _FITTED)
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


@dataclass(frozen=True, eq=False, slots=True)
class _Preview:
    """A revision of a case, and its time axis as it stands today."""

    case: Case
    course: TimelineContent


class LibraryPage(QWidget):
    """Search as you type; cases, or what is due; and the chosen case's course.

    Parameters
    ----------
    search
        Called with the text of the search line; answers the cases.
    look
        Reads a revision of a case for the preview on the right.
    open_case, open_session, import_folder, import_file
        What the buttons do.
    templates
        Procedure templates by id, as far as they are read yet: the amounts in records need them.
    memory
        Which curves are switched off.
    cohort
        Shows all treated cases together; without it no button is offered.
    threads
        Where cases are read for the preview, and the way back; without them that is done on the spot.
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
        templates: Callable[[], Mapping[str, Template]] = dict,
        memory: TimelineMemory | None = None,
        cohort: Callable[[], object] | None = None,
        threads: tuple[ThreadPoolExecutor, Post] | None = None,
    ) -> None:
        super().__init__()
        self._reader: LatestWins[tuple[str, int], _Preview] | None = None
        if threads is not None:
            self._reader = LatestWins(*threads, self._read, self._was_read, self._not_read)
        self._search, self._look, self._templates = search, look, templates
        self._open_case, self._open_session = open_case, open_session
        self._memory = memory if memory is not None else TimelineMemory()
        self.search_line = QLineEdit()
        self.search_line.setPlaceholderText("Search name, ID, diagnosis, session state, what is due …")
        self.search_line.setClearButtonEnabled(True)
        self.search_line.textChanged.connect(lambda *_: self.refresh())
        self.table = CaseTable()
        self.table.opened.connect(open_case)
        self.table.itemSelectionChanged.connect(self._preview_soon)
        self.worklist = Worklist(self.refresh)
        self.due = DueList(self.refresh)
        self.due.table.opened.connect(self._open_line)
        self.due.table.chosen.connect(self._preview_soon)
        self.timeline: Timeline | None = None
        self._revisions: dict[str, int] = {}
        self._previewed: tuple[str, int] | None = None
        self._cases: dict[tuple[str, int], Case] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PREVIEW_AFTER_MS)
        self._soon.timeout.connect(self._preview)
        self.cohort_button = button("Cohort…", cohort or (lambda: None), tip="All treated cases together (Alt+3)")
        if cohort is None:
            self.cohort_button.hide()
        self.cohort_button.setShortcut("Alt+3")
        self._build(import_folder, import_file)

    def _build(self, import_folder: Callable[[], object], import_file: Callable[[], object]) -> None:
        left, left_layout = panel()
        self.cases_button = mark_checked(button("Cases", lambda: self.show_due(False), tip="Every case (Alt+1)"))
        self.due_button = mark_checked(button("Due", lambda: self.show_due(True), tip="Who is due for what (Alt+2)"))
        for made, keys in ((self.cases_button, "Alt+1"), (self.due_button, "Alt+2")):
            made.setCheckable(True)
            made.setShortcut(keys)
        self.cases_button.setChecked(True)
        left_layout.addWidget(
            row(PlainLabel("Library", role="title"), self.cases_button, self.due_button, self.cohort_button)
        )
        left_layout.addWidget(self.search_line)
        cases, cases_layout = QWidget(), QVBoxLayout()
        cases_layout.setContentsMargins(0, 0, 0, 0)
        cases_layout.addWidget(self.worklist)
        cases_layout.addWidget(self.table, 1)
        cases.setLayout(cases_layout)
        self.lists = QStackedWidget()
        self.lists.addWidget(cases)
        self.lists.addWidget(self.due)
        left_layout.addWidget(self.lists, 1)
        self.empty = PlainLabel("", role="quiet", wrap=True)
        left_layout.addWidget(self.empty)
        self.folder_button = button("Open a folder…", import_folder, tip="DICOM, NIfTI, NRRD, MHA (Ctrl+O)")
        self.file_button = button("Open a file…", import_file, tip="A slice, a zip, a DICOMDIR, a volume file")
        left_layout.addWidget(row(self.folder_button, self.file_button))
        right, self._detail = panel()
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, share in ((left, 3), (right, 2)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(10, 4, 10, 6)
        foot.addWidget(PlainLabel(DISCLAIMER, role="quiet", wrap=True))
        layout.addLayout(foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Three fifths for the list, the rest for the chosen case."""
        super().resizeEvent(event)
        self.splitter.setSizes([3 * self.width() // 5, 2 * self.width() // 5])

    @property
    def shows_due(self) -> bool:
        return self.lists.currentIndex() == 1

    def show_due(self, due: bool) -> None:
        """The list of what is due, or of the cases."""
        self.lists.setCurrentIndex(int(due))
        self.cases_button.setChecked(not due)
        self.due_button.setChecked(due)
        self.refresh()

    def refresh(self) -> None:
        """Ask the library again, with the present search and list."""
        today = date.today()
        text = self.search_line.text()
        found = self._search(text)
        every = self._search("") if self.shows_due and text.strip() else found
        self._revisions = {each.case_id: each.revision for each in every}
        late = [each.facts.simulated for each in every for due in each.facts.open_due(today) if due.overdue(today)]
        self.due_button.setText(counted("Due: late", late) if late else "Due")
        if self.shows_due:
            some = self.due.show_cases(every, {each.case_id for each in found}, text, today) > 0
        else:
            cases = self.worklist.of(found, today)
            self.table.show_cases(cases)
            some = bool(cases)
        self.empty.setText(self._nothing(bool(found) or self.shows_due))
        self.empty.setVisible(not some)
        self._preview()

    def templates_came(self) -> None:
        """Show the chosen case anew, now that the records of its sessions can be read."""
        self._previewed = None
        self._preview()

    def _nothing(self, others: bool) -> str:
        if others and self.shows_due:
            return "Nothing is due by this search and these filters."
        if others:
            return f"No case in “{self.worklist.name}”; “All” shows the others."
        if self.search_line.text().strip():
            return "No case matches the search. Clear it, or open a folder of images to make a case."
        return "The library is empty. Open a folder of images, or drop one on this window, to make the first case."

    def current_case(self) -> str | None:
        """The case that is chosen in the list on show."""
        if not self.shows_due:
            return self.table.current_case()
        line = self.due.table.current_line()
        return line.summary.case_id if line is not None else None

    def _open_line(self, line: DueLine) -> None:
        if line.due.session_id is not None and any(
            each.id == line.due.session_id for each in line.summary.facts.sessions
        ):
            self._open_session(line.summary.case_id, line.due.session_id)
        else:
            self._open_case(line.summary.case_id)

    def _preview_soon(self) -> None:
        """Reading a long case takes longer than a key: only the line a person stays on is read."""
        self._soon.start()

    @property
    def is_settled(self) -> bool:
        """Whether the preview is that of the chosen line."""
        return not self._soon.isActive() and (self._reader is None or self._reader.is_idle)

    def _read(self, wanted: tuple[str, int]) -> _Preview:
        """A revision with its time axis; may run in a thread."""
        case = self._cases.get(wanted) or self._look(*wanted)
        return _Preview(case, course_content(case, self._templates(), date.today()))

    def _was_read(self, wanted: tuple[str, int], found: _Preview) -> None:
        """A revision never changes, so the last ones that were looked at are kept."""
        self._cases.pop(wanted, None)
        while len(self._cases) >= KEPT_CASES:
            del self._cases[next(iter(self._cases))]
        self._cases[wanted] = found.case
        if wanted == self._previewed:
            clear(self._detail)
            self._show_case(found)

    def _not_read(self, wanted: tuple[str, int], error: Exception) -> None:
        if not isinstance(error, OperatorError):
            raise error
        if wanted == self._previewed:
            # Asked for again, it is read again: the library may be reached by then.
            self._previewed = None
            self._show_words(error.message)

    def _show_words(self, words: str) -> None:
        clear(self._detail)
        self.timeline = None
        self._detail.addWidget(PlainLabel(words, role="quiet", wrap=True))
        self._detail.addStretch(1)

    def _preview(self) -> None:
        self._soon.stop()
        chosen = self.current_case()
        wanted = None if chosen is None or chosen not in self._revisions else (chosen, self._revisions[chosen])
        if wanted is not None and wanted == self._previewed:
            return
        self._previewed = wanted
        if wanted is None:
            self._show_words("Choose a case on the left.")
        elif self._reader is None:
            self._was_read(wanted, self._read(wanted))
        else:
            # The case that was on show stays until this one is read.
            self._reader.ask(wanted)

    def _show_case(self, found: _Preview) -> None:
        case = found.case
        self._detail.addWidget(PlainLabel(shown_name(case.patient.name) or case.patient.patient_id, role="title"))
        for line in describe(case):
            self._detail.addWidget(PlainLabel(line, role="quiet", wrap=True))
        self._detail.addWidget(PlainLabel("Course", role="section"))
        self.timeline = Timeline(self._memory, legend=False)
        self.timeline.menu.title = f"{shown_name(case.patient.name)} · {case.patient.patient_id}"
        self.timeline.menu.simulated = case.simulated
        self.timeline.session_wanted.connect(lambda session: self._open_session(case.id, session))
        line = self.timeline
        for signal in (line.study_wanted, line.reading_wanted, line.step_wanted, line.decision_wanted):
            signal.connect(lambda _: self._open_case(case.id))
        self.timeline.show_content(found.course, keep_view=False)
        self._detail.addWidget(self.timeline, 1)
        self._detail.addWidget(PlainLabel("Lesions", role="section"))
        for lesion in case.lesions[:MOST_LESIONS]:
            self._detail.addWidget(PlainLabel(lesion_line(lesion), wrap=True))
        if len(case.lesions) > MOST_LESIONS:
            self._detail.addWidget(PlainLabel(f"and {len(case.lesions) - MOST_LESIONS} more", role="quiet"))
        if not case.lesions:
            self._detail.addWidget(PlainLabel("none marked (not the same as none present)", role="quiet"))
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
