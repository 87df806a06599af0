"""The institution profile a session follows: every limit with its value, source and how far it was verified."""

from __future__ import annotations

from collections.abc import Callable
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


def parsed(text: str, like: Any) -> Any:
    """A typed value of the kind of another one.

    Raises
    ------
    ValueError
        With a sentence, when it is of another kind.
    """
    plain = text.strip()
    if isinstance(like, bool):
        if plain.casefold() not in ("yes", "no"):
            raise ValueError("Write yes or no.")
        return plain.casefold() == "yes"
    if isinstance(like, (int, float)):
        try:
            number = float(plain.replace(",", "."))
        except ValueError:
            raise ValueError(f"“{plain}” is no number.") from None
        return int(number) if isinstance(like, int) and number.is_integer() else number
    if isinstance(like, (list, tuple)):
        return [each.strip() for each in plain.split(",") if each.strip()]
    return plain


class ProfileDialog(QDialog):
    """Search as you type; unverified defaults are written in the colour of a warning and say so.

    Parameters
    ----------
    change
        (limit name, new value, person) -> a sentence why not, or None when the institution's profile was changed.
    """

    def __init__(
        self, profile: Profile, change: Callable[[str, Any, str], str | None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._change = change
        self.setWindowTitle("Institution profile")
        self.profile = profile
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"{profile.title}, version {profile.version}", role="title"))
        unverified = sum(each.tag in ("M", "P") for each in profile.limits.values())
        note = (
            f"{len(profile.limits)} limits, {unverified} of them unverified defaults: check those against your own "
            "practice and change them below. A changed profile is another version: what was signed under the old "
            "one is stale until somebody looks at it again."
        )
        layout.addWidget(PlainLabel(note, role="quiet", wrap=True))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a limit …")
        self.search.textChanged.connect(self._filter)
        layout.addWidget(self.search)
        limits = list(profile.limits.items())
        self.names = [name for name, _ in limits]
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
        self.value, self.person = QLineEdit(), QLineEdit()
        self.value.setPlaceholderText("New value")
        self.person.setPlaceholderText("Who decides this for the institution")
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.go = button("Change the chosen limit", self._go)
        layout.addWidget(row(self.value, self.person, self.go, button("Close", self.accept), stretch=False))
        layout.addWidget(self.problem)
        self.table.itemSelectionChanged.connect(self._chosen)
        sized(self, 72, 43)

    def _name(self) -> str | None:
        lines = self.table.selectionModel().selectedRows()
        return self.names[lines[0].row()] if lines else None

    def _chosen(self) -> None:
        name = self._name()
        if name is not None:
            held = self.profile.limits[name].value
            listed = isinstance(held, (list, tuple, bool))
            self.value.setText(limit_text(self.profile.limits[name]) if listed else str(held))
            self.problem.setText("")

    def _go(self) -> None:
        name = self._name()
        if name is None:
            self.problem.setText("Choose a limit in the table first.")
            return
        try:
            value = parsed(self.value.text(), self.profile.limits[name].value)
        except ValueError as problem:
            self.problem.setText(str(problem))
            return
        refusal = self._change(name, value, self.person.text())
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)

    def _filter(self, text: str) -> None:
        wanted = text.casefold().split()
        for line in range(self.table.rowCount()):
            cells = " ".join(self.table.item(line, column).text() for column in range(self.table.columnCount()))
            self.table.setRowHidden(line, not all(word in cells.casefold() for word in wanted))
