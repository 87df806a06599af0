"""The next-step card: what rule sets say of this course, on what it stands, what is unknown. It orders nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from planner.workflow.next_step import JudgedCriterion, JudgedSet, NextStepCard
from planner.workflow.next_step_judges import Met
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, card, clear, panel, row
from viewers.panels.review_page import ReviewPage, scrolled
from viewers.panels.words import TAGS
from viewers.state import theme
from viewers.state.theme import StateMark

MET_MARKS = {
    Met.MET: StateMark("✓", "met", theme.TEXT),
    Met.NOT_MET: StateMark("–", "not met", theme.TEXT),
    Met.UNKNOWN: StateMark("?", "unknown", theme.TEXT),
}
"""One colour for all three: a criterion that is met is no alarm and no permission."""
KEY = "Ctrl+Shift+X"


def source_line(source: str, tag: str) -> str:
    """``R8: Kudo 2014 · unverified default (…)``: where it comes from, and whether anybody has verified it."""
    return f"{source} · {TAGS.get(tag, tag)}"


class CriterionLines(QWidget):
    """One criterion: its mark and text, what it stands on, where it comes from."""

    def __init__(self, judged: JudgedCriterion) -> None:
        super().__init__()
        self.judged = judged
        mark = MET_MARKS[judged.state]
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(8)
        self.mark = PlainLabel(f"{mark.shape} {mark.word}")
        self.mark.setFixedWidth(self.mark.fontMetrics().horizontalAdvance("? unknown") + 8)
        layout.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignTop)
        lines = QVBoxLayout()
        lines.setSpacing(1)
        lines.addWidget(PlainLabel(judged.criterion.text, wrap=True))
        below = (*judged.evidence, source_line(judged.criterion.source, judged.criterion.tag))
        lines.addWidget(PlainLabel("\n".join(below), role="quiet", wrap=True))
        layout.addLayout(lines, 1)


class RuleSetCard(QWidget):
    """A rule set over this course; one that does not apply is folded to a line."""

    def __init__(self, judged: JudgedSet) -> None:
        super().__init__()
        self.judged = judged
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        holder, layout = card(theme.LINE)
        outer.addWidget(holder)
        rule_set = judged.rule_set
        self.head = ClickLabel(f"{rule_set.title}, version {rule_set.version}", tip="Opens and folds its criteria")
        self.head.clicked.connect(self.toggle)
        bold = self.head.font()
        bold.setBold(True)
        self.head.setFont(bold)
        layout.addWidget(self.head)
        layout.addWidget(PlainLabel(rule_set.question, role="quiet", wrap=True))
        self.says = PlainLabel(judged.says, wrap=True)
        layout.addWidget(self.says)
        self.body: QWidget | None = None
        self.criteria: tuple[CriterionLines, ...] = ()
        self._layout = layout
        if judged.applies:
            self.toggle()

    def toggle(self) -> None:
        """Open its criteria, or fold them; they are built when they are first seen."""
        if self.body is not None:
            self.body.setVisible(self.body.isHidden())
            return
        rule_set = self.judged.rule_set
        self.body = QWidget()
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 2, 0, 0)
        body.setSpacing(0)
        self.criteria = tuple(CriterionLines(each) for each in self.judged.criteria)
        words = "any one is enough" if rule_set.combine == "any" else "all are needed"
        if len(self.criteria) > 1:
            body.addWidget(PlainLabel(f"{len(self.criteria)} criteria; {words}", role="quiet"))
        for each in self.criteria:
            body.addWidget(each)
        body.addWidget(PlainLabel(f"How well it holds: {rule_set.validation}", wrap=True))
        body.addWidget(PlainLabel(source_line(rule_set.source, rule_set.tag), role="quiet", wrap=True))
        self._layout.addWidget(self.body)


class NextStepPage(ReviewPage):
    """The whole card: rule sets left, what is unknown right.

    Parameters
    ----------
    plan
        Starts the next session from the open one.
    """

    def __init__(self, leave: Callable[[], object], plan: Callable[[], object], ledger: Callable[[], object]) -> None:
        super().__init__("Next step", leave, KEY)
        self.plan = button("Plan the next session…", plan, tip="Targets, what is carried over, what changed")
        self.ledger = button("Doses over the course…", ledger, tip="Ctrl+Shift+G")
        self.head.addStretch(1)
        self.head.addWidget(self.ledger)
        self.head.addWidget(self.plan)
        self.shown: NextStepCard | None = None
        self.cards: tuple[RuleSetCard, ...] = ()
        self._waiting: list[JudgedSet] = []
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.setInterval(0)
        self._turn.timeout.connect(self._next)
        left, self._sets = _column()
        right, self._unknown = _column()
        across = QHBoxLayout()
        across.setSpacing(12)
        across.addWidget(scrolled(left), 7)
        across.addWidget(scrolled(right), 3)
        self.body.addLayout(across, 1)

    def show_card(self, found: NextStepCard) -> None:
        """Show a card; nothing is built where it says the same."""
        if found == self.shown:
            return
        self.shown = found
        self.note.setText(found.note)
        clear(self._sets)
        clear(self._unknown)
        self.cards = ()
        self._sets.addStretch(1)
        self._waiting = list(found.sets)
        self._next()
        self._unknown.addWidget(PlainLabel("What is unknown", role="section"))
        for line in found.unknown or ("Nothing that the sets which apply would need.",):
            self._unknown.addWidget(PlainLabel(f"? {line}" if found.unknown else line, wrap=True))
        self._unknown.addStretch(1)

    def _next(self) -> None:
        """One card in each turn of the event loop: the window never stands still."""
        if not self._waiting:
            return
        made = RuleSetCard(self._waiting.pop(0))
        self._sets.insertWidget(len(self.cards), made)
        self.cards = (*self.cards, made)
        if self._waiting:
            self._turn.start()


def _column() -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 6, 0)
    layout.setSpacing(6)
    return holder, layout


class NextStepBrief(QFrame):
    """The card in the stage panel: one line for each set that applies, and the way to all of it."""

    def __init__(self, open_card: Callable[[], object], plan: Callable[[], object]) -> None:
        super().__init__()
        colour(self, ground=theme.CARD)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, layout = panel(theme.CARD)
        outer.addWidget(frame)
        layout.addWidget(PlainLabel("What rule sets say", role="section"))
        self.lines = QVBoxLayout()
        layout.addLayout(self.lines)
        self.note = PlainLabel("", role="quiet", wrap=True)
        layout.addWidget(self.note)
        self.open = button("Criteria and evidence…", open_card, tip=KEY)
        self.plan = button("Plan the next session…", plan)
        layout.addWidget(row(self.open))
        layout.addWidget(row(self.plan))
        self.shown: NextStepCard | None = None

    def show_card(self, found: NextStepCard) -> None:
        if found == self.shown:
            return
        self.shown = found
        clear(self.lines)
        applying = [each for each in found.sets if each.applies]
        for each in applying:
            mark = MET_MARKS[each.state]
            self.lines.addWidget(PlainLabel(f"{mark.shape} {each.rule_set.title}: {each.says}", wrap=True))
        rest = len(found.sets) - len(applying)
        if rest:
            self.lines.addWidget(PlainLabel(f"{rest} sets do not apply to this course.", role="quiet", wrap=True))
        self.note.setText(found.note)
