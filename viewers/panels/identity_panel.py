"""Who is who on two linked days: a table under the images, with what a person can say of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from viewers.panels.identity_content import HEADINGS, IdentityLine
from viewers.panels.parts import PlainLabel, button, panel, plain_tip, row

KEY = "Ctrl+Shift+I"
ANSWER = HEADINGS.index("Answer")
SIZES = HEADINGS.index("Sizes")
ROWS_SEEN = 5
"""So many rows are seen before the table scrolls: the images above stay the largest."""


@dataclass(frozen=True, slots=True)
class IdentityActs:
    """What the panel asks for, by number of the row; each answers a sentence when it was refused."""

    look: Callable[[int], object]
    confirm: Callable[[int], str | None]
    joined: Callable[[int], str | None]
    other: Callable[[int], str | None]
    new: Callable[[int], str | None]
    not_evaluable: Callable[[int], str | None]
    history: Callable[[int], object]
    again: Callable[[], str | None]
    close: Callable[[], object]


@dataclass(frozen=True, slots=True)
class IdentityContent:
    """What the panel shows.

    Attributes
    ----------
    title
        The two days.
    link
        How they are joined, and how far that may be off.
    stale
        Something was drawn, or another link reviewed, since the proposals were made.
    busy
        They are being made.
    """

    title: str = ""
    link: str = ""
    lines: tuple[IdentityLine, ...] = ()
    stale: bool = False
    busy: bool = False
    empty: str = ""


class IdentityOffer(QWidget):
    """One line under two linked studies: which lesion is which has not been asked yet."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__()
        frame, layout = panel()
        layout.setContentsMargins(10, 3, 10, 3)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        self.ask = button("Which lesion is which…", ask, tip=KEY)
        words = PlainLabel("Both studies are linked: proposals wait for a person to confirm them.", role="quiet")
        layout.addWidget(row(self.ask, words))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


class IdentityPanel(QWidget):
    """A click on a row shows both places; its buttons say what it is. Nothing is preselected."""

    def __init__(self, acts: IdentityActs) -> None:
        super().__init__()
        self._acts = acts
        self.content = IdentityContent()
        frame, layout = panel()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        layout.setSpacing(3)
        self.title = PlainLabel("", role="section")
        self.link = PlainLabel("", role="quiet", wrap=True)
        self.again = button("Propose again", lambda: self.say(acts.again()))
        self.close_button = button("Close", acts.close, tip=KEY)
        layout.addWidget(row(self.title, self.again, self.close_button))
        layout.addWidget(self.link)
        self.table = QTableWidget()
        self.table.setColumnCount(len(HEADINGS))
        self.table.setHorizontalHeaderLabels(list(HEADINGS))
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.cellClicked.connect(lambda line, column: self._look(line))
        self.table.currentCellChanged.connect(lambda line, *_: self._look(line))
        layout.addWidget(self.table, 1)
        self.why = PlainLabel("", role="quiet", wrap=True)
        layout.addWidget(self.why)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._showing = False
        self.say(None)

    def show_content(self, content: IdentityContent) -> None:
        """Show proposals; the chosen row stays chosen."""
        if content == self.content:
            return
        line = self.table.currentRow()
        self.content, self._showing = content, True
        self.title.setText(content.title)
        words = "making proposals …" if content.busy else content.empty or content.link
        if content.stale:
            words = f"↻ Something was drawn or linked since: propose again. {words}"
        self.link.setText(words)
        self.again.setEnabled(not content.busy)
        self.table.setRowCount(len(content.lines))
        for number, each in enumerate(content.lines):
            self._put(number, each)
        self._fit()
        if 0 <= line < len(content.lines):
            self.table.setCurrentCell(line, 0)
        self._showing = False
        self._explain(self.table.currentRow())

    def _put(self, number: int, line: IdentityLine) -> None:
        for column, text in enumerate((line.kind, line.earlier, line.later, line.sizes)):
            item = QTableWidgetItem(text)
            item.setToolTip(plain_tip(line.why))
            if column == 0:
                item.setForeground(QBrush(QColor(line.mark.colour)))
            self.table.setItem(number, column, item)
        self.table.setItem(number, ANSWER, QTableWidgetItem(""))
        self.table.setCellWidget(number, ANSWER, self._answers(number, line))

    def _answers(self, number: int, line: IdentityLine) -> QWidget:
        """Buttons of a row, or what was said of it with the way to say something else."""
        acts = self._acts
        made: list[QWidget] = []
        if line.answer is not None:
            made.append(PlainLabel(line.answer))
        else:
            if line.confirm is not None:
                made.append(button(line.confirm, lambda: self.say(acts.confirm(number)), primary=True))
            if line.joined is not None:
                made.append(button(line.joined[0], lambda: self.say(acts.joined(number))))
            if line.may_be_other:
                words = "Another lesion…" if line.proposed.identity.earlier else "A known lesion…"
                made.append(button(words, lambda: self.say(acts.other(number))))
            if line.may_be_new:
                made.append(button("New lesion…", lambda: self.say(acts.new(number)), tip="Asked twice"))
            if line.may_be_not_evaluable:
                made.append(button("Not evaluable", lambda: self.say(acts.not_evaluable(number))))
        if line.proposed.identity.earlier:
            made.append(button("History…", lambda: acts.history(number)))
        holder = row(*made, spacing=4)
        holder.setContentsMargins(4, 1, 4, 1)
        return holder

    def _fit(self) -> None:
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(SIZES, QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()
        widths = [self.table.cellWidget(line, ANSWER).sizeHint().width() for line in range(self.table.rowCount())]
        header.setSectionResizeMode(ANSWER, QHeaderView.ResizeMode.Interactive)
        self.table.setColumnWidth(ANSWER, max([*widths, 120]) + 8)
        seen = min(ROWS_SEEN, max(2, self.table.rowCount()))
        height = max([self.table.rowHeight(line) for line in range(self.table.rowCount())], default=28)
        self.table.setFixedHeight(header.height() + seen * height + 4)

    def _look(self, line: int) -> None:
        if self._showing or not 0 <= line < len(self.content.lines):
            return
        self._explain(line)
        self._acts.look(line)

    def _explain(self, line: int) -> None:
        known = 0 <= line < len(self.content.lines)
        self.why.setText(self.content.lines[line].why if known else "Click a row: both places are shown above.")
        self.why.setVisible(bool(self.content.lines))

    def say(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))

    def button_of(self, line: int, text: str) -> QWidget | None:
        """The button of a row that begins so; None where it is not offered."""
        holder = self.table.cellWidget(line, ANSWER)
        found: Sequence[QPushButton] = holder.findChildren(QPushButton) if holder is not None else ()
        return next((each for each in found if each.text().startswith(text)), None)
