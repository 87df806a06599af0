"""The right side: what this stage is for, its form, what is marked, its findings, and signing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from planner.findings import Finding
from planner.workflow.status import OverriddenFinding, SessionStatus, StageStatus
from viewers.panels.findings_panel import FindingsPanel, Override, count_text
from viewers.panels.items_panel import ItemsPanel
from viewers.panels.lesions_panel import LesionsPanel
from viewers.panels.overlays_panel import OverlaysPanel
from viewers.panels.parts import ClickLabel, PlainLabel, card, clear, panel
from viewers.panels.sign_bar import SignBar
from viewers.panels.stage_form import FormContent, StageForm
from viewers.panels.words import role_word
from viewers.state import theme
from viewers.state.theme import SEVERITY_MARKS


@dataclass(frozen=True, eq=False, slots=True)
class StageContent:
    """Everything the panel shows of a stage.

    Attributes
    ----------
    cards
        Title and lines of cards above the form (the last time, what remains).
    time_out
        As `SignBar.show_status` takes it.
    """

    status: StageStatus
    session: SessionStatus
    form: FormContent
    cards: tuple[tuple[str, tuple[str, ...]], ...] = ()
    time_out: str | None = None


SEEN_LINES = 6
"""Of a card, before it is opened."""


def override_note(each: OverriddenFinding) -> str:
    return f"{each.override.by}, {each.override.at:%Y-%m-%d}: {each.override.reason}"


class StagePanel(QWidget):
    """A scrolling page with the signing bar fixed below it.

    Attributes
    ----------
    extras
        Acts that the window adds for some stages.
    """

    def __init__(
        self,
        form: StageForm,
        marking: tuple[ItemsPanel, LesionsPanel, OverlaysPanel],
        signing: SignBar,
        override: Override,
    ) -> None:
        super().__init__()
        self.form, self.signing = form, signing
        self.items, self.lesions, self.overlays = marking
        self._override = override
        self.findings = FindingsPanel()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page, layout = panel()
        self.title = PlainLabel(role="title", wrap=True)
        self.purpose = PlainLabel(role="quiet", wrap=True)
        self.roles = PlainLabel(role="quiet", wrap=True)
        self._cards = QVBoxLayout()
        self.extras = QVBoxLayout()
        self.counts = ClickLabel("", tip="Scrolls to the findings")
        self.counts.clicked.connect(self.show_findings)
        for widget in (self.title, self.purpose, self.roles, self.counts):
            layout.addWidget(widget)
        layout.addLayout(self._cards)
        layout.addLayout(self.extras)
        # Where lesions or vessels are marked, that is the work of the stage: it comes before the form.
        for widget in (self.items, self.lesions, self.overlays, self.form, self.findings):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.scroll.setWidget(page)
        outer.addWidget(self.scroll, 1)
        foot, foot_layout = panel()
        foot_layout.addWidget(self.signing)
        outer.addWidget(foot)
        self._stage_id = ""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._build_cards)
        self._cards_shown: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def stage_id(self) -> str:
        """The stage on show; empty before the first."""
        return self._stage_id

    def show_content(self, content: StageContent) -> None:
        stage = content.status.stage
        self.title.setText(stage.title)
        self.purpose.setText(stage.purpose)
        waits = [content.session.stage(each).stage.title for each in content.status.waits_for]
        waiting = f" Waits for: {', '.join(waits)}." if waits else ""
        signers = " and ".join(role_word(role) for role in stage.signs) or "nobody"
        self.roles.setText(f"Filled by the {role_word(stage.fills)}; signed by {signers}.{waiting}")
        findings = content.status.findings
        strongest = next((each for each in SEVERITY_MARKS if any(f.severity.value == each for f in findings)), "info")
        self.counts.setText(f"{SEVERITY_MARKS[strongest].shape} {count_text(findings)} ↓")
        self.counts.setVisible(bool(findings))
        self._show_cards(content.cards)
        self.form.show_content(content.form)
        self.items.setVisible(bool(stage.tools))
        self.lesions.setVisible("lesion" in stage.tools)
        overridden = [(each.finding, override_note(each)) for each in content.status.overridden]
        self.findings.show_findings(
            content.status.findings, overridden, None if content.status.frozen else self._override, self.go_to
        )
        self.signing.show_status(content.status, len(content.session.overrides), content.time_out)
        if stage.id != self._stage_id:
            self._stage_id = stage.id
            self.scroll.verticalScrollBar().setValue(0)

    def show_findings(self) -> None:
        """Scroll to the findings."""
        self.form.complete()
        self.scroll.widget().layout().activate()
        self.scroll.verticalScrollBar().setValue(self.findings.y())

    def go_to(self, finding: Finding) -> None:
        """Bring the field a finding speaks of into sight, with the keyboard in it."""
        stage, _, name = (finding.subject or "").partition(".")
        if stage == self._stage_id:
            self.show_field(name)

    def show_field(self, name: str) -> None:
        self.form.complete()
        editor = self.form.editors.get(name)
        if editor is not None:
            self.scroll.widget().layout().activate()
            self.scroll.ensureWidgetVisible(editor, 0, self.scroll.height() // 3)
            editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_cards(self, cards: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        if cards == self._cards_shown:
            return
        self._cards_shown = cards
        clear(self._cards)
        # Built in the next turn of the event loop: the form and its findings are there first.
        self._later.start()

    def _build_cards(self) -> None:
        clear(self._cards)
        for title, lines in self._cards_shown:
            self._cards.addWidget(FoldingCard(title, lines))


class FoldingCard(QWidget):
    """A card of which the first lines are seen; the rest opens."""

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        frame, layout = card(theme.ACCENT)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        layout.addWidget(PlainLabel(title, role="section", wrap=True))
        self.lines = [PlainLabel(line, wrap=True) for line in lines]
        for label in self.lines:
            layout.addWidget(label)
        self.more = ClickLabel("", tip="Opens and folds the card")
        self.more.clicked.connect(self._toggle)
        layout.addWidget(self.more)
        self._open = len(lines) <= SEEN_LINES + 1
        self.more.setVisible(not self._open)
        self._show()

    def _toggle(self) -> None:
        self._open = not self._open
        self._show()

    def _show(self) -> None:
        for label in self.lines[SEEN_LINES:]:
            label.setVisible(self._open)
        self.more.setText("▴ less" if self._open else f"▾ {len(self.lines) - SEEN_LINES} more lines")
