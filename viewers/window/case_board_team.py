"""What a team does with a case beside the plan, as one part of the window's dialogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewers.window.case_board import CaseBoard
from viewers.window.case_board_month import BoardMonth
from viewers.window.case_board_sheet import CaseBoardSheet
from viewers.window.case_dossier import CaseDossier
from viewers.window.case_dossier_papers import CasePapers
from viewers.window.case_dossier_referral import CaseReferral
from viewers.window.case_tasks import CaseTasks

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow


class CaseTeam:
    """The meeting, its sheet and its month, tasks and diary, dossier and papers, referrals."""

    def __init__(self, window: MainWindow) -> None:
        self.board, self.sheet, self.month = CaseBoard(window), CaseBoardSheet(window), BoardMonth(window)
        self.tasks, self.dossier = CaseTasks(window), CaseDossier(window)
        self.papers, self.referral = CasePapers(window), CaseReferral(window)

    def follow(self, work: CaseWork) -> None:
        """Listen to another open case."""
        for part in (self.board, self.sheet, self.tasks, self.dossier):
            part.follow(work)
