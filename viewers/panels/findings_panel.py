"""The findings of a stage: what blocks first, with numbers and source; overrides with person and reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from planner.findings import Finding, Severity
from planner.units import shown
from viewers.panels.parts import PlainLabel, button, clear, panel, row
from viewers.state.theme import SEVERITY_MARKS

ORDER = {Severity.BLOCK: 0, Severity.WARN: 1, Severity.INFO: 2}

Override = Callable[[Finding, str], object]


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


class FindingCard(QWidget):
    """One finding. A blocking one that may be overridden offers a reason line."""

    def __init__(self, finding: Finding, override: Override | None, overridden_by: str | None = None) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self.finding = finding
        self._override = override
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 4)
        frame, layout = panel()
        outer.addWidget(frame)
        mark = SEVERITY_MARKS[finding.severity.value]
        frame.setStyleSheet(f"QFrame[panel='true'] {{ border-left: 3px solid {mark.colour}; }}")
        word = mark.word if finding.overridable or not finding.blocks else "refuses"
        if overridden_by:
            word = f"overridden · {overridden_by}"
        head = PlainLabel(f"{mark.shape} {word}: {finding.text}", wrap=True)
        layout.addWidget(head)
        for line in (numbers_of(finding), source_of(finding)):
            if line:
                label = PlainLabel(line, role="unverified" if line.startswith("unverified") else "quiet", wrap=True)
                layout.addWidget(label)
        self.reason = QLineEdit()
        self.reason.setPlaceholderText("Reason for going on in spite of this")
        self.override_button = button("Override with this reason", self._ask)
        if finding.blocks and finding.overridable and override is not None and not overridden_by:
            layout.addWidget(self.reason)
            layout.addWidget(row(self.override_button))
            self.override_button.setEnabled(False)
            self.reason.textChanged.connect(lambda text: self.override_button.setEnabled(len(text.strip()) > 2))

    def _ask(self) -> None:
        if self._override is not None:
            self._override(self.finding, self.reason.text().strip())


class FindingsPanel(QWidget):
    """All findings of the stage on show, the blocking ones first."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.cards: list[FindingCard] = []
        self._shown: tuple[object, ...] | None = None

    def show_findings(
        self, findings: Sequence[Finding], overridden: Sequence[tuple[Finding, str]], override: Override | None
    ) -> None:
        """Show findings, and those that were overridden with by whom and why."""
        state = (tuple(findings), tuple(overridden), override is None)
        if state == self._shown:
            return
        self._shown = state
        clear(self._layout)
        ordered = sorted(findings, key=lambda finding: ORDER[finding.severity])
        self.cards = [FindingCard(finding, override) for finding in ordered]
        self.cards += [FindingCard(finding, None, note) for finding, note in overridden]
        blocking = sum(finding.blocks for finding in findings)
        title = f"Findings: {blocking} blocking, {len(findings) - blocking} other" if findings else "Findings: none"
        self._layout.addWidget(PlainLabel(title, role="section"))
        for card in self.cards:
            self._layout.addWidget(card)
