"""Signing a response: as first or second reader; where both differ, what a third person decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from planner.app.response import Disagreement
from viewers.panels.parts import PlainLabel, button, clear, panel, row
from viewers.panels.response_content import READER_NAMES, ResponseView

WHAT = {
    "overall": "Response",
    "target": "Targets",
    "non_target": "Non-targets",
    "new_lesion": "New lesion",
}


@dataclass(frozen=True, slots=True)
class SignActs:
    """Each answers a sentence when it was refused.

    Attributes
    ----------
    sign
        Name of the reader.
    adjudicate
        Whom it agrees with, the reason, the name.
    """

    sign: Callable[[str], str | None]
    adjudicate: Callable[[str, str, str], str | None]


class SignPanel(QWidget):
    """Below the observation: one line to sign, and the differences of the day."""

    def __init__(self, acts: SignActs) -> None:
        super().__init__()
        self._acts = acts
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, layout = panel()
        outer.addWidget(frame)
        layout.addWidget(PlainLabel("Sign the reading", role="section"))
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of the reader")
        self.sign = button("Sign", self._sign, primary=True)
        layout.addWidget(row(self.name, self.sign, stretch=False))
        self.blind = PlainLabel("", role="quiet", wrap=True)
        layout.addWidget(self.blind)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.differences = QWidget()
        inner = QVBoxLayout(self.differences)
        inner.setContentsMargins(0, 6, 0, 0)
        inner.addWidget(PlainLabel("The two readers differ", role="section"))
        self.lines = QVBoxLayout()
        inner.addLayout(self.lines)
        self.agrees = QComboBox()
        self.agrees.addItem("Agrees with …", None)
        for key, words in READER_NAMES.items():
            self.agrees.addItem(f"Agrees with the {words.lower()}", key)
        self.third, self.reason = QLineEdit(), QLineEdit()
        self.third.setPlaceholderText("Name of the third person")
        self.reason.setPlaceholderText("Reason")
        self.decide = button("Decide", self._decide)
        for widget in (self.agrees, self.reason, row(self.third, self.decide, stretch=False)):
            inner.addWidget(widget)
        layout.addWidget(self.differences)
        self._shown: object = None

    def show_view(self, view: ResponseView, day: date | None) -> None:
        """What can be signed now, and what the readers differ in on the day."""
        state = (view.case.id, view.criteria, view.reader, day)
        if state != self._shown:
            self._shown = state
            self.say(None)
            self.name.setText(view.name if view.reader == "first" else "")
        words = READER_NAMES[view.reader].lower()
        self.sign.setText(f"Sign {day.isoformat()} as {words}" if day is not None else "Choose a day to sign")
        self.sign.setEnabled(day is not None)
        hidden = day in view.hidden
        blind = "The other reader has signed this day; his reading is hidden until you sign." if hidden else ""
        self.blind.setText(blind)
        self.blind.setVisible(hidden)
        found = [each for each in view.differences if each.on == day]
        self.differences.setVisible(bool(found))
        clear(self.lines)
        names = {each.id: each.name for each in view.case.lesions}
        for each in found:
            self.lines.addWidget(PlainLabel(difference_words(each, names), wrap=True))
        open_ = any(each.adjudicated is None for each in found) and day is not None and view.accepted.get(day) is None
        for widget in (self.agrees, self.reason, self.third, self.decide):
            widget.setVisible(open_)

    def say(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))

    def _sign(self) -> None:
        self.say(self._acts.sign(self.name.text().strip()))

    def _decide(self) -> None:
        chosen = self.agrees.currentData()
        if chosen is None:
            self.say("Choose whose reading holds.")
            return
        refusal = self._acts.adjudicate(str(chosen), self.reason.text().strip(), self.third.text().strip())
        if refusal is None:
            self.agrees.setCurrentIndex(0)
            self.reason.clear()
        self.say(refusal)


def difference_words(each: Disagreement, names: dict[str, str]) -> str:
    """``Response: first reader PR, second reader SD; decided: PR``."""
    what = names.get(each.lesion_id or "", "lesion") if each.what == "lesion" else WHAT.get(each.what, each.what)
    decided = f"; decided: {each.adjudicated}" if each.adjudicated is not None else ""
    return f"≠ {what}: first reader {each.first or '–'}, second reader {each.second or '–'}{decided}"
