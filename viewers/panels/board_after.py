"""What is looked back on: how the discussion was, whether the decision was carried out, what came of it."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QLineEdit, QVBoxLayout, QWidget

from planner.app.board import discussion_items
from planner.model.disease import BoardDecision
from viewers.panels.board_content import CARRIED_OUT_MARKS, BoardActs
from viewers.panels.board_day import day_editor, typed_day
from viewers.panels.editors import YES_NO_UNKNOWN, ToggleEditor
from viewers.panels.parts import PlainLabel, button, row

HOW = (("yes", "Yes"), ("changed", "Changed"), ("no", "No"))


class DiscussionPart(QWidget):
    """Items of a good discussion, each answered yes, no or unknown; the number is for the month's report only."""

    def __init__(self, acts: BoardActs) -> None:
        super().__init__()
        self._acts = acts
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(0, 1)
        self.answers: dict[str, ToggleEditor] = {}
        for line, (code, words) in enumerate(discussion_items().items()):
            editor = ToggleEditor(YES_NO_UNKNOWN)
            editor.changed.connect(lambda value, code=code: self._acts.answer(code, value))
            for made in editor.buttons.values():
                made.setMaximumWidth(round(self.fontMetrics().horizontalAdvance(f"{made.text()}MM")))
            grid.addWidget(PlainLabel(words, wrap=True), line, 0)
            grid.addWidget(editor, line, 1)
            self.answers[code] = editor

    def show_decision(self, decision: BoardDecision) -> None:
        for code, editor in self.answers.items():
            editor.show_value(decision.discussion.get(code))


class AfterPart(QWidget):
    """Carried out: how, on which day, why not; then what came of it."""

    def __init__(self, acts: BoardActs) -> None:
        super().__init__()
        self._acts = acts
        self._shown: str | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.state = PlainLabel("", wrap=True)
        layout.addWidget(self.state)
        self.how = ToggleEditor(HOW)
        self.how.changed.connect(self._choose)
        self.day = day_editor(None)
        self.why = QLineEdit()
        self.why.setPlaceholderText("Why it was changed or not carried out")
        self.writer = button("Write it down", self._write)
        self.opener = button("Open again", lambda: self._said(self._acts.carry_out(None, None, "")))
        layout.addWidget(row(self.how, PlainLabel("on", role="quiet"), self.day, stretch=False))
        layout.addWidget(self.why)
        layout.addWidget(row(self.writer, self.opener))
        self.outcome = QLineEdit()
        self.outcome.setPlaceholderText("What came of it, for those who decided")
        self.teller = button("Write the outcome", self._tell)
        layout.addWidget(row(self.outcome, self.teller, stretch=False))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self._how: str | None = None

    def show_decision(self, decision: BoardDecision) -> None:
        """Show what is known; another decision empties what was begun."""
        mark = CARRIED_OUT_MARKS.get(decision.carried_out, CARRIED_OUT_MARKS[None])
        on = f" on {decision.carried_out_on.isoformat()}" if decision.carried_out_on else ""
        why = f": {decision.carried_out_why}" if decision.carried_out_why else ""
        came = f"\nOutcome: {decision.outcome}" if decision.outcome else ""
        self.state.setText(f"{mark.shape} {mark.word}{on}{why}{came}")
        self.opener.setVisible(decision.carried_out is not None)
        told = (decision.id, decision.carried_out, decision.carried_out_on, decision.carried_out_why, decision.outcome)
        if str(told) == self._shown:
            return
        self._shown = str(told)
        self._how, day = decision.carried_out, decision.carried_out_on
        self.how.show_value(self._how)
        self.day.show_value(day.isoformat() if day else None)
        self.why.setText(decision.carried_out_why or "")
        self.outcome.setText(decision.outcome or "")
        self.problem.setText("")

    def _choose(self, how: str | None) -> None:
        self._how = how

    def _write(self) -> None:
        if self._how is None:
            self._said("Say whether it was carried out, changed, or not.")
            return
        day = typed_day(self.day)
        self._said(day if isinstance(day, str) else self._acts.carry_out(self._how, day, self.why.text()))

    def _tell(self) -> None:
        self._said(self._acts.outcome(self.outcome.text()))

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
