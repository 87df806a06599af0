"""The frame around a pane: its title, and a quiet row of menus."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from viewers.scene.palette import PLANE_COLOURS
from viewers.state import theme
from viewers.state.layouts import PaneSpec
from viewers.state.signals import Subscriptions
from viewers.state.view_state import ViewState

TITLES = {
    "axial": "Axial",
    "coronal": "Coronal",
    "sagittal": "Sagittal",
    "3d": "3D",
    "dsa": "DSA",
    "needle-along": "Along",
    "needle-across": "Across",
    "probe": "Probe's eye",
    "skin-map": "Skin map",
    "needle-profile": "Clearance along the needle",
    "margin-map": "Margin map",
    "vertebra-views": "C-arm views",
    "tree-diagram": "Tree",
    "working-view": "Working view",
    "straightened": "Lumen",
    "cross-section": "Across",
    "diameter-profile": "Diameters",
}


def plain(text: str) -> str:
    """Text of a file for a button or menu: an ampersand is no shortcut."""
    return text.replace("&", "&&")


class HeaderButton(QToolButton):
    """A flat button with a menu that is filled when it opens."""

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setStyleSheet(
            f"QToolButton {{ background: transparent; border: 0; padding: 1px 5px; color: {theme.QUIET}; }}"
            f"QToolButton:hover {{ color: {theme.TEXT}; background: {theme.RAISED}; }}"
            "QToolButton::menu-indicator { image: none; }"
        )

    def add_choice(self, menu: QMenu, text: str, chosen: bool) -> QAction:
        action = menu.addAction(plain(text))
        action.setCheckable(True)
        action.setChecked(chosen)
        return action


class ElidedButton(HeaderButton):
    """A header button that gives way: its text is cut to the room there is."""

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(tip, parent)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_whole_text(self, text: str) -> None:
        """The text before it is cut."""
        self._whole = text
        self._fit()

    def resizeEvent(self, event: object) -> None:
        """Cut anew."""
        self._fit()

    def _fit(self) -> None:
        room = max(0, self.width() - 12)
        self.setText(plain(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)))


class PaneFrame(QWidget):
    """A pane with its header.

    Parameters
    ----------
    pane
        The widget that shows something.
    tools
        Menus of the header, from left to right.
    """

    def __init__(
        self,
        spec: PaneSpec,
        pane: QWidget,
        state: ViewState,
        tools: Sequence[QWidget] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.spec = spec
        self.pane = pane
        self._state = state
        self._subscriptions = Subscriptions()
        self._subscriptions.add(state.enlarged_pane.changed.connect(self._show_enlarged))
        self._enlarge = HeaderButton("Enlarge this pane (double-click)", self)
        self._enlarge.clicked.connect(self._toggle)
        self._build(tools)
        self._show_enlarged(state.enlarged_pane.value)

    def _build(self, tools: Sequence[QWidget]) -> None:
        title = QLabel(TITLES.get(self.spec.kind, self.spec.kind), self)
        title.setTextFormat(Qt.TextFormat.PlainText)
        colour = PLANE_COLOURS.get(self.spec.kind, theme.TEXT)
        title.setStyleSheet(f"color: {colour}; font-weight: 600; background: transparent;")
        header = QHBoxLayout()
        header.setContentsMargins(6, 0, 2, 0)
        header.setSpacing(2)
        header.addWidget(title)
        for tool in tools:
            header.addWidget(tool, 1 if isinstance(tool, ElidedButton) else 0)
        if not any(isinstance(tool, ElidedButton) for tool in tools):
            header.addStretch(1)
        header.addWidget(self._enlarge)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(1, 2, 1, 1)
        rows.setSpacing(0)
        rows.addLayout(header)
        rows.addWidget(self.pane, 1)

    def release(self) -> None:
        """Stop following the state; the pane too, when it can."""
        self._subscriptions.release()
        release = getattr(self.pane, "release", None)
        if callable(release):
            release()

    def minimumSizeHint(self) -> QSize:
        """Small enough for four on a laptop."""
        return QSize(120, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The header's ground, and the plane's colour along the upper edge."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        colour = PLANE_COLOURS.get(self.spec.kind)
        if colour is not None:
            painter.fillRect(0, 0, self.width(), 2, QColor(colour))
        painter.end()

    def _toggle(self) -> None:
        enlarged = self._state.enlarged_pane
        enlarged.set(None if enlarged.value == self.spec.id else self.spec.id)

    def _show_enlarged(self, pane_id: str | None) -> None:
        self._enlarge.setText("❐" if pane_id == self.spec.id else "□")
