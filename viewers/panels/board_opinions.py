"""Opinions at the meeting: each discipline is asked in turn, and who disagrees is written down."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from planner.app.board import disciplines
from planner.model.disease import BoardDecision, Opinion
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, row
from viewers.state import theme


class OpinionsPart(QWidget):
    """What was said, and below it who speaks next. Enter writes nothing down; the button does.

    Parameters
    ----------
    say, take_back
        Write an opinion down, take it back; a sentence when it was refused.
    """

    def __init__(self, say: Callable[[Opinion], str | None], take_back: Callable[[Opinion], str | None]) -> None:
        super().__init__()
        self._say, self._take_back = say, take_back
        self._shown: tuple[object, ...] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.rows = QVBoxLayout()
        self.rows.setSpacing(4)
        layout.addLayout(self.rows)
        self.discipline = QComboBox()
        for code, title in disciplines().items():
            self.discipline.addItem(title, code)
        self.person = QLineEdit()
        self.person.setPlaceholderText("Who speaks")
        self.next = button("Next discipline", self._skip, tip="Nothing is written down of this one")
        layout.addWidget(row(PlainLabel("Now speaks", role="quiet"), self.discipline, self.person, self.next))
        self.words = QPlainTextEdit()
        self.words.setPlaceholderText("What this discipline says")
        self.words.setTabChangesFocus(True)
        self.words.setMaximumHeight(round(self.fontMetrics().lineSpacing() * 3.2))
        layout.addWidget(self.words)
        self.dissent = QCheckBox("Disagrees with the decision")
        self.writer = button("Write it down", self._write)
        layout.addWidget(row(self.writer, self.dissent))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)

    def show_opinions(self, decision: BoardDecision) -> None:
        """Show what was said; who speaks next is the first who has not spoken."""
        state = (decision.id, decision.opinions)
        if state == self._shown:
            return
        another = self._shown is None or self._shown[0] != decision.id
        self._shown = state
        clear(self.rows)
        for each in decision.opinions:
            self.rows.addWidget(self._line(each))
        if not decision.opinions:
            self.rows.addWidget(PlainLabel("No discipline has been heard yet.", role="quiet"))
        if another:
            self._empty()
        if not self.words.toPlainText().strip():
            self._to_next({each.discipline for each in decision.opinions})

    def _line(self, opinion: Opinion) -> QWidget:
        title = disciplines().get(opinion.discipline, opinion.discipline)
        who = f"{title}, {opinion.person}" if opinion.person else title
        mark = "▲ disagrees · " if opinion.dissent else ""
        label = PlainLabel(f"{mark}{who}: {opinion.opinion}", wrap=True)
        if opinion.dissent:
            colour(label, text=theme.WARN)
        back = button("×", lambda: self._said(self._take_back(opinion)), tip="Take this opinion back")
        back.setFixedWidth(round(self.fontMetrics().height() * 1.8))
        return row(label, back, stretch=False)

    def _to_next(self, heard: set[str]) -> None:
        codes = [self.discipline.itemData(number) for number in range(self.discipline.count())]
        following = next((number for number, code in enumerate(codes) if code not in heard), 0)
        self.discipline.setCurrentIndex(following)

    def _skip(self) -> None:
        self._empty()
        self.discipline.setCurrentIndex((self.discipline.currentIndex() + 1) % self.discipline.count())

    def _empty(self) -> None:
        self.words.clear()
        self.person.clear()
        self.dissent.setChecked(False)
        self.problem.setText("")

    def _write(self) -> None:
        opinion = Opinion(
            str(self.discipline.currentData()),
            self.person.text().strip() or None,
            self.words.toPlainText().strip(),
            self.dissent.isChecked(),
        )
        typed = self.words.toPlainText()
        self.words.clear()
        refusal = self._say(opinion)
        if refusal is None:
            self._empty()
        else:
            self.words.setPlainText(typed)
            self._said(refusal)

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
