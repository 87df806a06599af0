"""The findings of a stage: what blocks first, with numbers and source; overrides with person and reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from planner.findings import Finding, Severity
from planner.units import shown
from viewers.panels.parts import ClickLabel, PlainLabel, button, card, clear, row
from viewers.panels.words import group_title, short_name
from viewers.state.theme import SEVERITY_MARKS

ORDER = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.INFO: 2}
FOLDED_FROM = 3
"""So many findings of one code are folded into one card that opens."""

Override = Callable[[Finding, str], object]
GoTo = Callable[[Finding], object]
"""Brings what a finding speaks of into sight."""


def numbers_of(finding: Finding) -> str:
    """Measured against limit, with units; empty when there is neither."""
    parts = []
    if finding.measured is not None:
        parts.append(f"measured {shown(finding.measured, finding.unit)}")
    if finding.limit is not None:
        parts.append(f"limit {shown(finding.limit, finding.unit)}")
    return " · ".join(parts)


def source_of(finding: Finding) -> str:
    """The source line, with the mark of a rule nobody has verified."""
    if finding.source is None:
        return ""
    tag = f" [{finding.tag}]" if finding.tag else ""
    unverified = "unverified default · " if finding.unverified else ""
    return f"{unverified}{finding.source}{tag}"


def count_text(findings: Sequence[Finding], nothing: str = "Findings: none by the checks of this stage") -> str:
    """``Findings: 3 block, 2 warn, 1 for your notice``; none is said to be none of the checks made."""
    counts = [
        f"{sum(each.severity is severity for each in findings)} {word}"
        for severity, word in ((Severity.BLOCK, "block"), (Severity.WARN, "warn"), (Severity.INFO, "for your notice"))
        if any(each.severity is severity for each in findings)
    ]
    return f"Findings: {', '.join(counts)}" if counts else nothing


class FindingCard(QWidget):
    """One finding. A blocking one that may be overridden opens a line for the reason when it is clicked."""

    def __init__(
        self, finding: Finding, override: Override | None, overridden_by: str | None = None, go_to: GoTo | None = None
    ) -> None:
        super().__init__()
        self.finding = finding
        self._override = override
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        mark = SEVERITY_MARKS[finding.severity.value]
        holder, self._layout = card(mark.colour)
        outer.addWidget(holder)
        word = mark.word if finding.overridable or not finding.blocks else "refuses"
        if overridden_by:
            word = f"overridden · {overridden_by}"
        self.head = PlainLabel(f"{mark.shape} {word}: {finding.text}", wrap=True)
        if go_to is not None and finding.subject is not None:
            self.head = ClickLabel(f"{mark.shape} {word}: {finding.text}", tip="Goes to what this is about")
            self.head.clicked.connect(lambda: go_to(finding))
        self._layout.addWidget(self.head)
        for line in (numbers_of(finding), source_of(finding)):
            if line:
                role = "unverified" if line.startswith("unverified") else "quiet"
                self._layout.addWidget(PlainLabel(line, role=role, wrap=True))
        self.reason: QLineEdit | None = None
        if finding.blocks and finding.overridable and override is not None and not overridden_by:
            self.offer = ClickLabel("Go on in spite of this …", tip="Asks for the reason")
            self.offer.clicked.connect(self.open_reason)
            self._layout.addWidget(self.offer)

    def open_reason(self) -> None:
        """Offer the line for the reason, once."""
        if self.reason is not None:
            return
        self.offer.hide()
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Reason for going on in spite of this")
        self.override_button = button("Override with this reason", self._ask)
        self.override_button.setEnabled(False)
        self.reason.textChanged.connect(lambda text: self.override_button.setEnabled(len(text.strip()) > 2))
        self._layout.addWidget(self.reason)
        self._layout.addWidget(row(self.override_button))
        self.reason.setFocus()

    def _ask(self) -> None:
        if self._override is not None and self.reason is not None:
            self._override(self.finding, self.reason.text().strip())


class FoldedFindings(QWidget):
    """Several findings of one code as one line; a click opens them."""

    def __init__(self, findings: Sequence[Finding], override: Override | None, go_to: GoTo | None = None) -> None:
        super().__init__()
        self.findings, self._override, self._go_to = tuple(findings), override, go_to
        self.cards: list[FindingCard] = []
        self._all = QVBoxLayout(self)
        self._all.setContentsMargins(0, 0, 0, 0)
        mark = SEVERITY_MARKS[findings[0].severity.value]
        holder, layout = card(mark.colour)
        names = ", ".join(short_name(finding) for finding in findings)
        title = f"{mark.shape} {mark.word} · {group_title(findings)} ({len(findings)}): {names}"
        self.head = ClickLabel(title, tip="Opens them one by one")
        self.head.clicked.connect(self.open)
        layout.addWidget(self.head)
        self._all.addWidget(holder)

    def open(self) -> None:
        """Show every finding with its own card, or fold them again."""
        if self.cards:
            for each in self.cards:
                each.hide()
                each.deleteLater()
            self.cards = []
            return
        self.cards = [FindingCard(finding, self._override, go_to=self._go_to) for finding in self.findings]
        for each in self.cards:
            self._all.addWidget(each)


class FindingsPanel(QWidget):
    """All findings of the stage on show, the blocking ones first.

    Parameters
    ----------
    nothing
        Said when there are none.
    """

    def __init__(self, nothing: str = "Findings: none by the checks of this stage") -> None:
        super().__init__()
        self._nothing = nothing
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.cards: list[FindingCard | FoldedFindings] = []
        self._shown: tuple[object, ...] | None = None

    def show_findings(
        self,
        findings: Sequence[Finding],
        overridden: Sequence[tuple[Finding, str]],
        override: Override | None,
        go_to: GoTo | None = None,
    ) -> None:
        """Show findings, and those that were overridden with by whom and why."""
        state = (tuple(findings), tuple(overridden), override is None)
        if state == self._shown:
            return
        self._shown = state
        clear(self._layout)
        ordered = sorted(findings, key=lambda finding: (ORDER[finding.severity], not finding.overridable, finding.code))
        self.cards = []
        for _, group in groupby(ordered, key=lambda finding: (finding.severity, finding.overridable, finding.code)):
            same = list(group)
            folded = len(same) >= FOLDED_FROM and same[0].overridable
            if folded:
                self.cards.append(FoldedFindings(same, override, go_to))
            else:
                self.cards += [FindingCard(each, override, go_to=go_to) for each in same]
        self.cards += [FindingCard(finding, None, note) for finding, note in overridden]
        self._layout.addWidget(PlainLabel(count_text(findings, self._nothing), role="section"))
        for card_widget in self.cards:
            self._layout.addWidget(card_widget)

    def card_of(self, code: str) -> FindingCard | None:
        """The card of the first finding with a code, opened if it was folded."""
        for each in self.cards:
            if isinstance(each, FoldedFindings) and each.findings[0].code == code:
                if not each.cards:
                    each.open()
                return each.cards[0]
            if isinstance(each, FindingCard) and each.finding.code == code:
                return each
        return None
