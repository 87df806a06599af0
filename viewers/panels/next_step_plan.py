"""The next session from this one: targets that a person chooses, what is carried over for review, what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from planner.app.next_plan import ChangedRow
from planner.workflow.carry_over import CarriedRow, carry_kinds
from planner.workflow.template import Choice
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, plain_tip, row, sized
from viewers.panels.review_page import scrolled
from viewers.panels.tables import text_table
from viewers.state import theme

REVIEWED = {True: "✓ reviewed", False: "○ to review", None: "for your notice"}


@dataclass(frozen=True, slots=True)
class TargetOffer:
    """A region on newer images that may be treated next.

    Attributes
    ----------
    words
        Lesion, day, size, and whether it is the viable part.
    refused
        Why it cannot be taken; None where it can.
    """

    item_id: str
    words: str
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class NextPlanOffer:
    """What the dialog shows.

    Attributes
    ----------
    no_targets
        Said where no region can be chosen.
    """

    earlier: str
    title: str
    templates: tuple[Choice, ...]
    template_id: str
    targets: tuple[TargetOffer, ...]
    no_targets: str


@dataclass(frozen=True, slots=True)
class NextPlanActs:
    """What the dialog asks for.

    Attributes
    ----------
    preview
        Carried rows and changes of a session of a template with these targets; a sentence where it is refused.
    start
        Template, targets, title; answers a sentence when it was refused.
    """

    preview: Callable[[str, tuple[str, ...]], tuple[tuple[CarriedRow, ...], tuple[ChangedRow, ...]] | str]
    start: Callable[[str, tuple[str, ...], str], str | None]


class NextPlanDialog(QDialog):
    """Starts session n+1. Nothing is chosen by itself."""

    def __init__(self, offer: NextPlanOffer, acts: NextPlanActs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Plan the next session")
        self._acts, self.offer = acts, offer
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"Next session after {offer.earlier}", role="title"))
        self.template, self.name = QComboBox(), QLineEdit(offer.title)
        for each in offer.templates:
            self.template.addItem(each.label, each.code)
        self.template.setCurrentIndex(max(0, self.template.findData(offer.template_id)))
        self.template.activated.connect(lambda _: self.show_preview())
        form = QFormLayout()
        form.addRow(PlainLabel("Procedure"), self.template)
        form.addRow(PlainLabel("Title"), self.name)
        layout.addLayout(form)
        layout.addWidget(PlainLabel("Targets on newer images: choose what is to be treated", role="section"))
        self.boxes: dict[str, QCheckBox] = {}
        layout.addWidget(self._targets())
        self.tabs = QTabWidget()
        layout.addWidget(self.tabs, 1)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.go = button("Start this session", self._go)
        layout.addWidget(row(self.go, button("Cancel", self.reject)))
        sized(self, 66, 42)
        self.show_preview()

    def _targets(self) -> QWidget:
        holder = QWidget()
        lines = QVBoxLayout(holder)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(2)
        for each in self.offer.targets:
            box = QCheckBox(each.words if each.refused is None else f"{each.words} — {each.refused}")
            box.setEnabled(each.refused is None)
            box.toggled.connect(lambda _: self.show_preview())
            self.boxes[each.item_id] = box
            lines.addWidget(box)
        if not self.offer.targets:
            lines.addWidget(PlainLabel(self.offer.no_targets, role="quiet", wrap=True))
        if len(self.offer.targets) <= 4:
            return holder
        place = scrolled(holder)
        place.setFixedHeight(round(9 * self.fontMetrics().height()))
        return place

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(name for name, box in self.boxes.items() if box.isChecked())

    def show_preview(self) -> None:
        """What the new session would be told, with the targets chosen so far."""
        found = self._acts.preview(str(self.template.currentData()), self.chosen)
        at = self.tabs.currentIndex()
        while self.tabs.count():
            self.tabs.removeTab(0)
        if isinstance(found, str):
            self.problem.setText(found)
            self.go.setEnabled(False)
            return
        self.problem.setText("")
        self.go.setEnabled(True)
        carried, changed = found
        self.tabs.addTab(carried_table(carried), f"Carried over for review ({len(carried)})")
        self.tabs.addTab(changed_table(changed), f"What changed ({len(changed)})")
        self.tabs.setCurrentIndex(max(0, at))

    def _go(self) -> None:
        refusal = self._acts.start(str(self.template.currentData()), self.chosen, self.name.text().strip())
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)


def carried_table(rows: Sequence[CarriedRow]) -> QTableWidget:
    """What earlier sessions say, by kind; the loud ones stand out by a mark and a colour."""
    kinds = carry_kinds()
    cells = [
        (
            f"{'▲ ' if each.loud else ''}{kinds[each.kind].title}",
            each.text,
            each.on.isoformat() if each.on else each.title or "the case",
            REVIEWED[each.reviewed],
        )
        for each in rows
    ]
    table = text_table(("Kind", "What", "From", "Here"), cells or [("", "Nothing is carried over.", "", "")], wide=1)
    for line, each in enumerate(rows):
        first = table.item(line, 0)
        if each.loud and first is not None:
            first.setForeground(QColor(theme.WARN))
    header = table.horizontalHeader()
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
    table.setColumnWidth(0, 15 * table.fontMetrics().height())
    for line, each in enumerate(rows):
        origin = table.item(line, 2)
        if origin is not None:
            origin.setToolTip(plain_tip(each.title or "the case"))
    return table


def changed_table(rows: Sequence[ChangedRow]) -> QTableWidget:
    """What is not as it was."""
    cells = [(each.kind.capitalize(), each.what, each.before, each.now) for each in rows]
    return text_table(("Kind", "What", "Before", "Now"), cells or [("", "Nothing has changed.", "", "")], wide=3)


class CarriedDialog(QDialog):
    """What earlier sessions say to the open one, and what changed since the last."""

    def __init__(
        self, title: str, carried: Sequence[CarriedRow], changed: Sequence[ChangedRow], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("What earlier sessions say")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(f"What earlier sessions say to {title}", role="title"))
        note = PlainLabel("For review: none of it counts here before a person has looked at it.", wrap=True)
        colour(note, text=theme.QUIET)
        layout.addWidget(note)
        tabs = QTabWidget()
        tabs.addTab(carried_table(carried), f"Carried over for review ({len(carried)})")
        tabs.addTab(changed_table(changed), f"What changed ({len(changed)})")
        layout.addWidget(tabs, 1)
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 66, 34)
