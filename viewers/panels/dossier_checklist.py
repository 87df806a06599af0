"""The completeness of a dossier: what is there, what is missing and why, and closing it by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from planner.app.dossier import CHANGED, CLOSED, DossierState
from planner.workflow.dossier import ChecklistRow
from viewers.panels.dossier_content import DossierJudged
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, row
from viewers.state import theme

INDENT = 18
"""Of what belongs to the line above it, in pixels."""


class ChecklistPart(QWidget):
    """Rows of the checklist; a missing one has a line for the reason. Enter closes nothing.

    Parameters
    ----------
    close
        Given reasons by code and the name; a sentence when it was refused.
    """

    def __init__(self, close: Callable[[Mapping[str, str], str], str | None], reopen: Callable[[], str | None]) -> None:
        super().__init__()
        self._close, self._reopen = close, reopen
        self._shown: tuple[object, ...] | None = None
        self.reasons: dict[str, QLineEdit] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.state = PlainLabel("", wrap=True)
        layout.addWidget(self.state)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        layout.addLayout(self._rows)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of who closes the file")
        self.closer = button("Close the dossier", self._go)
        self.closing = row(self.name, self.closer, stretch=False)
        layout.addWidget(self.closing)
        self.reopener = button(
            "Reopen", lambda: self._said(self._reopen()), tip="The earlier closing stays in the history"
        )
        layout.addWidget(row(self.reopener))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)

    def show_judged(self, session_id: str | None, judged: DossierJudged | None) -> None:
        """Show what was judged; reasons that were typed stay while they are asked for."""
        state = judged.state if judged is not None else None
        if judged is None:
            self.state.setText("Looking what is there…")
        elif state is None:
            self.state.setText(judged.problem)
        self.closing.setVisible(state is not None and state.state != CLOSED)
        self.reopener.setVisible(state is not None and state.closure is not None)
        if state is None:
            if judged is not None:
                clear(self._rows)
                self._shown = None
            return
        self.state.setText(state.words)
        colour(self.state, text=theme.SIGNED if state.state == CLOSED else theme.WARN)
        shown = (session_id, state)
        if shown == self._shown:
            return
        same = self._shown is not None and self._shown[0] == session_id
        typed = {code: line.text() for code, line in self.reasons.items()} if same else {}
        self._shown = shown
        self._fill(state, typed)

    def _fill(self, state: DossierState, typed: Mapping[str, str]) -> None:
        clear(self._rows)
        self.reasons = {}
        accepted = {each.code: each.reason for each in state.closure.missing} if state.closure is not None else {}
        for each in state.rows:
            self._rows.addWidget(PlainLabel(f"{'✓' if each.done else '○'} {each.title}", wrap=True))
            why = _indented(PlainLabel(each.why, role="quiet" if each.done else "unverified", wrap=True))
            unread = " · unverified default" if each.tag in ("M", "P") else ""
            why.setToolTip(f"{each.source}{unread}")
            self._rows.addWidget(why)
            if not each.done:
                self._ask(each, state, accepted, typed)

    def _ask(
        self, missing: ChecklistRow, state: DossierState, accepted: Mapping[str, str], typed: Mapping[str, str]
    ) -> None:
        reason = accepted.get(missing.code)
        if state.state == CLOSED:
            words = f"closed without it: {reason or 'no reason given'}"
            self._rows.addWidget(_indented(PlainLabel(words, wrap=True)))
            return
        line = QLineEdit(typed.get(missing.code, reason or ""))
        line.setPlaceholderText("Why it is closed without it")
        self.reasons[missing.code] = line
        holder = row(line, stretch=False)
        holder.setContentsMargins(INDENT, 0, 0, 3)
        self._rows.addWidget(holder)
        if state.state == CHANGED and missing.code not in accepted:
            self._rows.addWidget(_indented(PlainLabel("missing since it was closed", role="unverified")))

    def _go(self) -> None:
        self._said(self._close({code: line.text() for code, line in self.reasons.items()}, self.name.text()))

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
        if refusal is None:
            self.name.clear()


def _indented(label: PlainLabel) -> PlainLabel:
    label.setContentsMargins(INDENT, 0, 0, 0)
    return label
