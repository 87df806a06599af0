"""The worklist: which cases wait for what, from the facts the library keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from planner.model.session import SessionState
from planner.store.summary import CaseSummary, SessionSummary
from viewers.panels.parts import mark_checked

S = SessionState
PREPARING = frozenset({S.DRAFT.value, S.PLANNED.value, S.POSTPONED.value})
READY = frozenset({S.BOOKED.value, S.READY.value, S.IN_ROOM.value})
TO_REVIEW = frozenset({S.DONE.value, S.RECOVERED.value, S.DISCHARGED.value, S.NOTHING_GIVEN.value, S.ABORTED.value})

Belongs = Callable[[CaseSummary, date], bool]


def _newest(summary: CaseSummary) -> SessionSummary | None:
    return summary.facts.sessions[-1] if summary.facts.sessions else None


def in_preparation(summary: CaseSummary, today: date) -> bool:
    """No session yet, or the newest one is still being planned."""
    del today
    newest = _newest(summary)
    return newest is None or newest.state in PREPARING


def ready(summary: CaseSummary, today: date) -> bool:
    del today
    newest = _newest(summary)
    return newest is not None and newest.state in READY


def to_review(summary: CaseSummary, today: date) -> bool:
    """Something was done, and its outcome is not read."""
    del today
    return any(each.state in TO_REVIEW for each in summary.facts.sessions)


def overdue(summary: CaseSummary, today: date) -> bool:
    """The day a session was planned for has passed and it was not done, or anything else of the case is late."""
    waiting = PREPARING | READY
    return any(each.overdue(today) for each in summary.facts.open_due(today)) or any(
        each.state in waiting and each.planned_on is not None and each.planned_on < today
        for each in summary.facts.sessions
    )


WORKLISTS: tuple[tuple[str, Belongs], ...] = (
    ("All", lambda summary, today: True),
    ("In preparation", in_preparation),
    ("Ready", ready),
    ("To review", to_review),
    ("Overdue", overdue),
)


def counted(name: str, simulated: Sequence[bool]) -> str:
    """A name with the count of real ones; simulated ones are never added to it, only named beside it."""
    apart = sum(simulated)
    real = len(simulated) - apart
    return f"{name} ({real} · {apart} sim.)" if apart else f"{name} ({real})"


class Worklist(QWidget):
    """One button per list with its count; one of them is pressed.

    Parameters
    ----------
    chosen
        Called after another list was pressed.
    """

    def __init__(self, chosen: Callable[[], object]) -> None:
        super().__init__()
        self.name = WORKLISTS[0][0]
        self._chosen = chosen
        self.buttons: dict[str, QPushButton] = {}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for number, (name, _) in enumerate(WORKLISTS):
            made = QPushButton(name)
            made.setCheckable(True)
            made.setAutoDefault(False)
            mark_checked(made)
            made.clicked.connect(lambda _=False, name=name: self.choose(name))
            layout.addWidget(made, 0, number)
            self.buttons[name] = made
        self.buttons[self.name].setChecked(True)

    def choose(self, name: str) -> None:
        """Press one of the lists."""
        self.name = name
        for each, made in self.buttons.items():
            made.setChecked(each == name)
        self._chosen()

    def of(self, cases: Sequence[CaseSummary], today: date) -> tuple[CaseSummary, ...]:
        """The cases of the pressed list; the counts of all lists are brought up to date."""
        for name, belongs in WORKLISTS:
            mine = [each.facts.simulated for each in cases if belongs(each, today)]
            self.buttons[name].setText(counted(name, mine))
        belongs = dict(WORKLISTS)[self.name]
        return tuple(each for each in cases if belongs(each, today))
