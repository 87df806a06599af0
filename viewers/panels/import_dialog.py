"""What was found in a folder or file: every series with its findings, everything that was skipped and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from planner.app.cases import day_from_text, patient_from_text
from planner.app.phases import needs_telling
from planner.dicom.series import SeriesEntry, Skipped
from planner.errors import OperatorError
from planner.model.people import Patient
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.scene.slice_text import shown_name

COLUMNS = ("Use", "Patient", "Date", "Series", "Kind", "Phase", "Size", "State")


@dataclass(frozen=True, eq=False, slots=True)
class ImportChoice:
    """What a person chose: series with the repairs accepted for each, and whether to take copies.

    Attributes
    ----------
    patient, taken_on
        As typed, for files that do not say whose they are or when they were taken.
    """

    entries: tuple[tuple[SeriesEntry, tuple[str, ...]], ...]
    copy: bool
    patient: Patient | None = None
    taken_on: date | None = None


def state_text(entry: SeriesEntry) -> str:
    """In one line whether a series can be planned on."""
    if entry.loadable:
        notes = len(entry.findings)
        return "ready" if not notes else f"ready, {notes} note{'s' if notes > 1 else ''}"
    if entry.kind == "volume" and entry.repairs:
        return "repair offered: " + ", ".join(entry.repairs)
    if entry.kind in ("volume", "refused"):
        return "refused"
    return f"{entry.kind}: not a volume"


def phase_text(entry: SeriesEntry) -> str:
    """The phase with how it is known; what tags do not say is told from the image once it is loaded."""
    if entry.source.phase_text:
        return entry.source.phase_text
    return "told when loaded" if entry.kind == "volume" and needs_telling(entry.source) else "not told"


def size_text(entry: SeriesEntry) -> str:
    if entry.grid is None:
        return f"{entry.frames or 0} frames"
    k, j, i = entry.grid.size_kji
    spacing = " × ".join(f"{mm:.2f}" for mm in reversed(entry.grid.spacing_kji_mm))
    return f"{i} × {j} × {k} · {spacing} mm"


class ImportDialog(QDialog):
    """Choose series; Enter chooses nothing by itself: no button is a default button.

    Parameters
    ----------
    into
        Title of the open case the images may be added to, or None.
    chosen
        Called with ``"new"`` or ``"add"`` and the choice.
    """

    def __init__(
        self,
        entries: Sequence[SeriesEntry],
        skipped: Sequence[Skipped],
        *,
        into: str | None,
        chosen: Callable[[str, ImportChoice], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Images found")
        self.entries, self.skipped, self._chosen = tuple(entries), tuple(skipped), chosen
        layout = QVBoxLayout(self)
        people = {(each.source.patient_id, each.source.patient_birth_date) for each in self.entries}
        heading = f"{len(self.entries)} series found, {len(self.skipped)} files skipped"
        layout.addWidget(PlainLabel(heading, role="title"))
        if len(people) > 1:
            warning = f"These are images of {len(people)} patients. Choose those of one."
            layout.addWidget(PlainLabel(warning, role="unverified", wrap=True))
        self.table = self._series_table()
        self.notes = PlainLabel("", wrap=True, role="quiet")
        tabs = QTabWidget()
        tabs.addTab(self._series_page(), f"Series ({len(self.entries)})")
        tabs.addTab(self._skipped_page(), f"Skipped ({len(self.skipped)})")
        layout.addWidget(tabs, 1)
        self.copy_box = QCheckBox("Keep a copy in the library (otherwise only where the files lie is remembered)")
        layout.addWidget(self.copy_box)
        if any(entry.workspace is not None for entry in self.entries):
            # An unpacked archive is gone when the program ends; a mere reference would lead nowhere tomorrow.
            self.copy_box.setChecked(True)
            self.copy_box.setEnabled(False)
        self.identity = self._identity_lines(layout)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        buttons: list[QWidget] = [button("New case from these", lambda: self._finish("new"), primary=into is None)]
        if into is not None:
            buttons.append(button(f"Add to {into}", lambda: self._finish("add"), primary=True))
        buttons.append(button("Cancel", self.reject))
        layout.addWidget(row(*buttons))
        sized(self, 76, 38)
        if self.entries:
            self.table.selectRow(0)
            self.table.setFocus()

    def _series_table(self) -> QTableWidget:
        table = QTableWidget(len(self.entries), len(COLUMNS))
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.verticalHeader().setVisible(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for line, entry in enumerate(self.entries):
            source = entry.source
            texts = (
                "",
                shown_name(source.patient_name) or source.patient_id or "unknown",
                source.study_date or "–",
                f"{source.modality or ''} {entry.description or ''} {entry.label or ''}".strip(),
                entry.kind,
                phase_text(entry),
                size_text(entry),
                state_text(entry),
            )
            for column, text in enumerate(texts):
                table.setItem(line, column, QTableWidgetItem(text))
            use = table.item(line, 0)
            usable = entry.loadable or bool(entry.repairs)
            use.setFlags(
                Qt.ItemFlag.ItemIsSelectable | (Qt.ItemFlag.ItemIsEnabled if usable else Qt.ItemFlag.NoItemFlags)
            )
            if usable:
                use.setFlags(use.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                use.setCheckState(Qt.CheckState.Checked if entry.loadable else Qt.CheckState.Unchecked)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        table.itemSelectionChanged.connect(self._show_notes)
        return table

    def _identity_lines(self, layout: QVBoxLayout) -> dict[str, QLineEdit]:
        """Lines for what the files do not say: whose they are, and when they were taken."""
        wanted: list[tuple[str, str]] = []
        if any(not entry.source.patient_id for entry in self.entries):
            wanted += [("patient_id", "Patient ID"), ("name", "Name"), ("birth_date", "Born (YYYY-MM-DD)")]
        if any(entry.source.study_date is None for entry in self.entries):
            wanted.append(("taken_on", "Images taken on (YYYY-MM-DD)"))
        if not wanted:
            return {}
        layout.addWidget(PlainLabel("These files do not say whose they are or when they were taken:", wrap=True))
        lines = {key: QLineEdit() for key, _ in wanted}
        for key, hint in wanted:
            lines[key].setPlaceholderText(hint)
        layout.addWidget(row(*lines.values(), stretch=False))
        return lines

    def _typed(self, how: str) -> tuple[Patient | None, date | None]:
        """What was typed into the identity lines.

        Raises
        ------
        OperatorError
            For a missing ID of a new case, or something that is no date.
        """
        typed = {key: line.text().strip() for key, line in self.identity.items()}
        patient = None
        if how == "new" and "patient_id" in typed:
            patient = patient_from_text(
                typed["patient_id"], typed["name"], birth_date=typed["birth_date"] or None, sex=None
            )
        return patient, day_from_text(typed["taken_on"]) if typed.get("taken_on") else None

    def _series_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.notes)
        return page

    def _skipped_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        table = QTableWidget(len(self.skipped), 3)
        table.setHorizontalHeaderLabels(["File", "Code", "Why"])
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for line, each in enumerate(self.skipped):
            for column, text in enumerate((str(each.file), each.code, each.text)):
                table.setItem(line, column, QTableWidgetItem(text))
        table.horizontalHeader().setStretchLastSection(True)
        layout.addWidget(table, 1)
        layout.addWidget(row(button("Save this list…", self._save_skipped)))
        return page

    def _show_notes(self) -> None:
        lines = self.table.selectionModel().selectedRows()
        entry = self.entries[lines[0].row()] if lines else None
        texts = [f"{each.severity.value}: {each.text}" for each in entry.findings] if entry else []
        self.notes.setText("\n".join(texts) or "No findings about this series.")

    def checked(self) -> tuple[tuple[SeriesEntry, tuple[str, ...]], ...]:
        """The chosen series; choosing one that offers a repair accepts it."""
        lines = range(len(self.entries))
        chosen = [self.entries[n] for n in lines if self.table.item(n, 0).checkState() == Qt.CheckState.Checked]
        return tuple((entry, () if entry.loadable else entry.repairs) for entry in chosen)

    def _finish(self, how: str) -> None:
        chosen = self.checked()
        people = {(entry.source.patient_id, entry.source.patient_birth_date) for entry, _ in chosen}
        if not chosen:
            self.problem.setText("Tick at least one series.")
            return
        if len(people) > 1:
            self.problem.setText("The ticked series belong to different patients; leave those of one ticked.")
            return
        try:
            patient, taken_on = self._typed(how)
        except OperatorError as error:
            self.problem.setText(error.message)
            return
        self._chosen(how, ImportChoice(chosen, self.copy_box.isChecked(), patient, taken_on))
        self.accept()

    def _save_skipped(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the list of skipped files", "skipped.txt")
        if name:
            lines = [f"{each.code}\t{each.file}\t{each.text}" for each in self.skipped]
            Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
