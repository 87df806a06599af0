"""What carries a decision out: steps of the course and sessions, ticked by a person."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from planner.model.case import Case
from planner.model.disease import BoardDecision
from viewers.panels.parts import PlainLabel, clear

Lead = Callable[[tuple[str, ...], tuple[str, ...]], str | None]


class LeadsPart(QWidget):
    """A tick per step that stands and per session that no step has; each is a step of undo.

    Parameters
    ----------
    lead
        Given ids of steps and of sessions; a sentence when it was refused.
    """

    def __init__(self, lead: Lead) -> None:
        super().__init__()
        self._lead = lead
        self._shown: tuple[object, ...] | None = None
        self.steps: dict[str, QCheckBox] = {}
        self.sessions: dict[str, QCheckBox] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)

    def show_decision(self, case: Case, decision: BoardDecision) -> None:
        """Offer what may carry it out: nothing that was done before the meeting, unless it is ticked."""
        held = decision.held_on
        steps = [
            (step.id, step.title)
            for course in case.courses
            for step in course.steps
            if step.id in decision.step_ids
            or (step.dropped is None and (step.done_on is None or held is None or step.done_on >= held))
        ]
        named = {step.session_id for course in case.courses for step in course.steps}
        sessions = [
            (each.id, each.title)
            for each in case.sessions
            if each.id in decision.session_ids
            or (each.id not in named and (each.performed_on is None or held is None or each.performed_on >= held))
        ]
        shown = (decision.id, tuple(steps), tuple(sessions))
        if shown != self._shown:
            self._shown = shown
            clear(self._layout)
            self.steps = {identifier: self._box(title) for identifier, title in steps}
            self.sessions = {identifier: self._box(f"Session {title}") for identifier, title in sessions}
            if not steps and not sessions:
                self._layout.addWidget(PlainLabel("No step or session waits for it.", role="quiet"))
        for boxes, ticked in ((self.steps, decision.step_ids), (self.sessions, decision.session_ids)):
            for identifier, box in boxes.items():
                box.setChecked(identifier in ticked)

    def _box(self, title: str) -> QCheckBox:
        box = QCheckBox(title.replace("&", "&&"))
        # `clicked` and not `toggled`: showing a decision writes nothing.
        box.clicked.connect(self._take)
        self._layout.addWidget(box)
        return box

    def _take(self) -> None:
        ticked = [
            tuple(identifier for identifier, box in boxes.items() if box.isChecked())
            for boxes in (self.steps, self.sessions)
        ]
        self._lead(ticked[0], ticked[1])
