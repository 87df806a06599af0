"""Asks how the cohort leaves as CSV: names are left out unless a person ticks them, and is told what that means."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QDialog, QVBoxLayout, QWidget

from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.state import theme

WARNING = (
    "▲ The file will hold names and patient identifiers. It is then a record of patients: keep it where such records "
    "may lie, and do not send it by mail."
)
WITHOUT = "A code stands for each patient. Ages, days and rare diagnoses can still tell who somebody is."


class CohortExportDialog(QDialog):
    """`save` is called with whether names are wanted."""

    def __init__(self, about: str, save: Callable[[bool], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export the cohort")
        self._save = save
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Export the cohort as CSV", role="title"))
        layout.addWidget(PlainLabel(about, wrap=True))
        self.named = QCheckBox("With names and patient identifiers")
        self.named.toggled.connect(self._show)
        self.warning = PlainLabel("", wrap=True)
        layout.addWidget(self.named)
        layout.addWidget(self.warning)
        layout.addStretch(1)
        self.saver = button("Save as…", self._accept)
        layout.addWidget(row(self.saver, button("Cancel", self.reject)))
        self._show(False)
        sized(self, 34, 14)

    def _show(self, named: bool) -> None:
        colour(self.warning, text=theme.WARN if named else theme.QUIET)
        self.warning.setText(WARNING if named else WITHOUT)

    def _accept(self) -> None:
        self.accept()
        self._save(self.named.isChecked())
