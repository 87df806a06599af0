"""What is judged over a course, at one place: identity, response, next step, doses, the next session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewers.window.case_response import CaseResponse
from viewers.window.case_response_identity import CaseIdentity
from viewers.window.case_response_plan import CaseNextPlan
from viewers.window.case_response_stage import CaseLedgers, CaseNextStep

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

OTHER_READER = frozenset({"response", "observation", "lipiodol"})
"""Kinds of a lesion's history that a second reader may not see before he has signed."""


class CaseJudging:
    """Holds the five; each opens in the window of the case."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.identity = CaseIdentity(window)
        self.response = CaseResponse(window, self.history)
        self.ledgers = CaseLedgers(window)
        self.plan = CaseNextPlan(window)
        self.next_step = CaseNextStep(window, self.plan.ask, self.ledgers.show)

    def follow(self, work: CaseWork) -> None:
        """Listen to another open case."""
        for each in (self.identity, self.response, self.ledgers, self.next_step):
            each.follow(work)
        self.window.dialogs.course.reading_opener = self.response.show_reading

    def history(self, lesion_id: str) -> None:
        """Of a lesion on the response page: what would unblind a second reader is left out."""
        blind = self.response.reader == "second"
        self.identity.open_history(lesion_id, OTHER_READER if blind else frozenset())
