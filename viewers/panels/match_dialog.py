"""The review of a match of two scans by a person: nothing is measured across them before. Enter confirms nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from planner.imaging import Volume
from viewers.panels.look import colour
from viewers.panels.match_view import MatchView, Mode
from viewers.panels.parts import PlainLabel, button, clear, row, sized
from viewers.state import theme
from viewers.state.theme import SEVERITY_MARKS

Line = tuple[str, str]
MODES: tuple[tuple[Mode, str], ...] = (("both", "Chequerboard"), ("fixed", "Plan's scan"), ("moving", "Matched scan"))
HELP = (
    "Look at the edges of the organ and at vessels near the target where the squares meet. The wheel moves through "
    "the slices, a click brings all planes there."
)


class MatchDialog(QDialog):
    """Stands beside the panes; landmarks may be added while it is open.

    Parameters
    ----------
    use
        A person has looked: a sentence when it was refused.
    """

    def __init__(
        self,
        scans: tuple[Volume, Volume],
        place_lps_mm: NDArray[np.float64],
        use: Callable[[], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._use = use
        self.setWindowTitle("Review the match")
        self.view = MatchView(scans[0], scans[1], place_lps_mm)
        self.modes = {mode: button(word, lambda mode=mode: self._choose(mode), checkable=True) for mode, word in MODES}
        self._lines = QVBoxLayout()
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.go = button("I have looked: use this match", self._go, primary=True, tip="With your name and the time")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Review the match", role="title"))
        layout.addLayout(self._lines)
        layout.addWidget(PlainLabel(HELP, role="quiet", wrap=True))
        layout.addWidget(row(*self.modes.values()))
        layout.addWidget(self.view, 1)
        layout.addWidget(self.problem)
        layout.addWidget(row(self.go, button("Not now", self.reject)))
        self._choose("both")
        sized(self, 62, 36)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Error, correlation, surfaces; what is not known says so."""
        clear(self._lines)
        for text, key in lines:
            label = PlainLabel(text, wrap=True)
            mark = SEVERITY_MARKS.get(key)
            colour(label, text=theme.TEXT if mark is None or key == "info" else mark.colour)
            self._lines.addWidget(label)

    def _choose(self, mode: Mode) -> None:
        for key, made in self.modes.items():
            made.setChecked(key == mode)
        self.view.show_mode(mode)

    def _go(self) -> None:
        refusal = self._use()
        self.problem.setText(refusal or "")
        if refusal is None:
            self.accept()
