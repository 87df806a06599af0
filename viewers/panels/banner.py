"""The patient banner: who and what, always visible. Numbers carry their dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy

from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button
from viewers.state import theme


@dataclass(frozen=True, slots=True)
class BannerText:
    """What the banner says; `alarm` makes it loud (two patients or sides could be mixed up)."""

    name: str
    facts: tuple[str, ...]
    session: str = ""
    alarm: str = ""
    simulated: bool = False


class PatientBanner(QFrame):
    """Name, ID, age, sex, weight, allergies, eGFR, anticoagulant · session and its state · undo and redo."""

    def __init__(self, undo: Callable[[], object], redo: Callable[[], object], home: Callable[[], object]) -> None:
        super().__init__()
        colour(self, ground=theme.PANEL)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 10, 3)
        self.home = button("☰ Library", home, tip="Back to the library (Ctrl+L)")
        self.name = PlainLabel(role="title")
        self.facts = PlainLabel(wrap=True)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        # Two lines always have room: what matters never slips out of sight, and the images never jump.
        self.facts.setMinimumHeight(round(self.fontMetrics().lineSpacing() * 2.1))
        self.session = PlainLabel()
        self.session.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.undo = button("↶ Undo", undo)
        self.redo = button("↷ Redo", redo)
        for widget in (self.home, self.name):
            layout.addWidget(widget)
        layout.addWidget(self.facts, 1)
        for widget in (self.session, self.undo, self.redo):
            layout.addWidget(widget)

    def show_text(self, text: BannerText) -> None:
        self.name.setText(f"SIMULATED · {text.name}" if text.simulated else text.name)
        facts = " · ".join(text.facts)
        self.facts.setText(f"⚠ {text.alarm} · {facts}" if text.alarm else facts)
        self.facts.setToolTip("\n".join(text.facts))
        self.session.setText(text.session)
        ground = theme.BLOCK_DEEP if text.alarm else theme.SIMULATED_DEEP if text.simulated else theme.PANEL
        colour(self, ground=ground)
        for label in (self.name, self.facts, self.session):
            colour(label, text=theme.TEXT)

    def show_steps(self, undo: str | None, redo: str | None) -> None:
        """What undo and redo would do; None disables."""
        for control, label, word in ((self.undo, undo, "Undo"), (self.redo, redo, "Redo")):
            control.setEnabled(label is not None)
            control.setToolTip(f"{word}: {label}" if label else f"Nothing to {word.lower()}")


def facts_line(parts: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(part for part in parts if part)
