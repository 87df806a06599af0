"""Meeting, tasks, dossier, referral: what a team does with a case, together, and its entries in the menus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu, QMenuBar

if TYPE_CHECKING:
    from viewers.panels.due_list import DueLine
    from viewers.window.main_window import MainWindow


def add_team_menu(window: MainWindow, bar: QMenuBar) -> None:
    """The menu of the open case. What it shows is loaded when it is first asked for."""
    menu = bar.addMenu("&Team")
    window.add(menu, "&Board meeting", lambda: window.dialogs.team.board.toggle(), "Ctrl+Shift+B")
    window.add(menu, "Board &sheet, 90 seconds", lambda: window.dialogs.team.sheet.toggle(), "Shift+F11")
    window.add(menu, "Alerts, &tasks and diary", lambda: window.dialogs.team.tasks.toggle(), "Ctrl+Shift+T")
    window.add(menu, "&Dossier and summary", lambda: window.dialogs.team.dossier.toggle(), "Ctrl+Shift+D")


def add_library_entries(window: MainWindow, menu: QMenu) -> None:
    """Entries of the library: referrals both ways, and the board's month."""
    window.add(menu, "&Refer this case…", lambda: window.dialogs.team.referral.refer())
    window.add(menu, "&Take a referral in…", lambda: window.dialogs.team.referral.choose_in())
    window.add(menu, "&Board report of a month…", lambda: window.dialogs.team.month.show())
    window.library_page.due.table.opened.connect(lambda line: show_due(window, line))


def show_due(window: MainWindow, line: DueLine) -> None:
    """A line of the list of what is due opened its case: its task or its meeting is shown at once."""
    from planner.workflow.due import DECISION, TASK

    work, subject = window.work, line.due.subject
    if work is None or subject is None or work.opened.case.id != line.summary.case_id:
        return
    if line.due.kind == TASK:
        window.dialogs.team.tasks.show_task(subject)
    elif line.due.kind == DECISION:
        window.dialogs.team.board.show_decision(subject)
