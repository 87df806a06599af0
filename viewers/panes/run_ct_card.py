"""The card over a run that says what its rays mean, and offers the point of two."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from planner.geometry.c_arm import TwoViewPoint
from planner.planning.frame_linking import NotLinked
from viewers.panes.run_pane import RunPane
from viewers.state import theme
from viewers.state.run_ct_link import MOST_RAYS

ALIKE_DEG = 20.0
"""Below, depth is poorly known (see `TwoViewPoint`)."""
ABOVE_BOTTOM_EM, LOW_PANE_EM = 6.4, 26.0


class RunRayCard(QFrame):
    """Shown over the pane that was clicked last."""

    def __init__(self, pane: RunPane) -> None:
        super().__init__(pane)
        self._pane, self._state = pane, pane.state.run_ct
        self.setStyleSheet(
            f"RunRayCard {{ background: {theme.CARD}; border: 1px solid {theme.LINE}; border-radius: 3px; }}"
        )
        self.text = QLabel(self)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.go = self._button("Set the cursor there", self.set_cursor)
        self.away = self._button("Clear", lambda: self._state.rays.set(()))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(8, 4, 8, 4)
        rows.setSpacing(3)
        rows.addWidget(self.text)
        buttons = QHBoxLayout()
        buttons.addWidget(self.go)
        buttons.addWidget(self.away)
        buttons.addStretch(1)
        rows.addLayout(buttons)
        self.hide()

    def _button(self, text: str, act: object) -> QPushButton:
        made = QPushButton(text, self)
        made.setAutoDefault(False)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.clicked.connect(act)
        return made

    def set_cursor(self) -> None:
        """Bring every pane of the CT to the point; the rays stay."""
        point = self._state.point()
        rays = self._state.rays.value
        if isinstance(point, TwoViewPoint) and rays:
            self._pane.state.move_cursor(rays[0].ray.frame_uid, point.lps_mm)

    def refresh(self) -> None:
        """Say what there is."""
        rays, run = self._state.rays.value, self._pane.run
        shown = run is not None and bool(rays) and rays[-1].run == run.key
        if shown:
            point = self._state.point()
            self.text.setText(ray_words(rays[-1].words, point))
            self.go.setVisible(isinstance(point, TwoViewPoint))
            self.place()
        self.setVisible(shown)

    def place(self) -> None:
        """In the middle above the lower corners' lines, as wide as its words need and the pane allows."""
        em, pane = self.fontMetrics().height(), self._pane
        # Out of the picture's way where there is room: a third of the pane, never wider than one line.
        width = min(max(round(em * 24), pane.width() // 3), pane.width() - 2 * em)
        self.setFixedWidth(max(width, 1))
        self.adjustSize()
        # In a low pane rather over the corners' lines than over the vessels.
        above = ABOVE_BOTTOM_EM if pane.height() > LOW_PANE_EM * em else 0.2
        top = pane.height() - self.height() - round(above * em)
        self.move((pane.width() - self.width()) // 2, max(0, top))
        self.raise_()


def ray_words(newest: str, point: TwoViewPoint | NotLinked | None) -> str:
    """What one ray asks for, or how well two agree."""
    if point is None:
        return (
            f"Ray of {newest} is shown in the CT. Ctrl+click the same place in another angle: two views give a point."
        )
    if isinstance(point, NotLinked):
        return point.text
    text = f"{MOST_RAYS} views: gap {point.gap_mm:.1f} mm, {point.angle_deg:.0f}° apart."
    if point.angle_deg < ALIKE_DEG:
        text += f" Under {ALIKE_DEG:.0f}° apart, the depth is poorly known."
    return text
