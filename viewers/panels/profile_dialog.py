"""The institution profile a session follows: every limit with its value, source and how far it was verified."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDialog, QHeaderView, QLineEdit, QVBoxLayout, QWidget

from planner.units import shown
from planner.workflow.template import Limit, Profile
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import colour_row, text_table
from viewers.panels.words import TAGS
from viewers.state.theme import WARN


def limit_text(limit: Limit) -> str:
    """The value with its unit, as it is compared."""
    value: Any = limit.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return shown(value, limit.unit)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    return str(value)


def how_sure(tag: str) -> str:
    """The evidence tag in words, without its explanation."""
    return TAGS.get(tag, tag).split(" (")[0]


class ProfileDialog(QDialog):
    """Search as you type; unverified defaults are written in the colour of a warning and say so."""

    def __init__(self, profile: Profile, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Institution profile")
        self.profile = profile
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"{profile.title}, version {profile.version}", role="title"))
        unverified = sum(each.tag in ("M", "P") for each in profile.limits.values())
        note = (
            f"{len(profile.limits)} limits, {unverified} of them unverified defaults: check those against your own "
            "practice. An institution changes them in its profile file; a session remembers which version it follows."
        )
        layout.addWidget(PlainLabel(note, role="quiet", wrap=True))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a limit …")
        self.search.textChanged.connect(self._filter)
        layout.addWidget(self.search)
        limits = list(profile.limits.items())
        self.table = text_table(
            ("Limit", "Value", "How sure", "Source"),
            [
                (
                    each.label or name.replace("_", " "),
                    limit_text(each),
                    TAGS.get(each.tag, each.tag).split(" (")[0],
                    each.source,
                )
                for name, each in limits
            ],
        )
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.resizeSection(0, self.fontMetrics().averageCharWidth() * 44)
        for line, (_, each) in enumerate(limits):
            if each.tag in ("M", "P"):
                colour_row(self.table, line, WARN)
        layout.addWidget(self.table, 1)
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 72, 43)

    def _filter(self, text: str) -> None:
        wanted = text.casefold().split()
        for line in range(self.table.rowCount()):
            cells = " ".join(self.table.item(line, column).text() for column in range(self.table.columnCount()))
            self.table.setRowHidden(line, not all(word in cells.casefold() for word in wanted))
