"""Small widgets used by all panels. Text from files is never read as markup."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontInfo, QMouseEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from viewers.panels.look import colour
from viewers.state import theme

ROLE_COLOURS = {"quiet": theme.QUIET, "section": theme.QUIET, "unverified": theme.WARN, "accent": theme.ACCENT}
TITLE_FACTOR = 1.3


class PlainLabel(QLabel):
    """A label that shows its text literally (a patient's name may contain markup)."""

    def __init__(self, text: str = "", *, role: str | None = None, wrap: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        if role in ROLE_COLOURS:
            colour(self, text=ROLE_COLOURS[role])
        if role in ("title", "section"):
            font = self.font()
            font.setBold(True)
            if role == "title":
                font.setPixelSize(round(QFontInfo(font).pixelSize() * TITLE_FACTOR))
            self.setFont(font)
        if wrap:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setText(text)

    def setToolTip(self, text: str) -> None:
        super().setToolTip(plain_tip(text))


class ClickLabel(PlainLabel):
    """A line that can be clicked."""

    clicked = Signal()

    def __init__(self, text: str = "", *, tip: str = "") -> None:
        super().__init__(text, wrap=True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(tip)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()


def plain_tip(text: str) -> str:
    """A tool tip that Qt shows literally: Qt guesses markup in tips, so the text is escaped inside a plain wrapper."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
    return f"<qt>{escaped}</qt>" if escaped else ""


def button(
    text: str, act: Callable[[], object], *, primary: bool = False, tip: str = "", checkable: bool = False
) -> QPushButton:
    """A push button that never is a default button: Enter elsewhere must not press it."""
    made = QPushButton(text)
    made.setAutoDefault(False)
    made.setDefault(False)
    made.setCheckable(checkable)
    if checkable:
        mark_checked(made)
    if primary:
        palette = made.palette()
        palette.setColor(QPalette.ColorGroup.Active, QPalette.ColorRole.Button, theme.ACCENT_DEEP)
        palette.setColor(QPalette.ColorGroup.Inactive, QPalette.ColorRole.Button, theme.ACCENT_DEEP)
        made.setPalette(palette)
    if tip:
        made.setToolTip(plain_tip(tip))
    made.clicked.connect(lambda *_: act())
    return made


def sized(dialog: QWidget, width_em: float, height_em: float) -> None:
    """Size a dialog in heights of its text, so that it fits its words on every screen, and no larger than that one."""
    em = dialog.fontMetrics().height()
    room = dialog.screen().availableSize()
    dialog.resize(min(round(width_em * em), room.width() - 2 * em), min(round(height_em * em), room.height() - 4 * em))


def mark_checked(made: QPushButton) -> QPushButton:
    """A pressed button keeps the colour of what is chosen, so that an answer is seen from afar."""
    plain = made.palette()
    chosen = QPalette(plain)
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled):
        chosen.setColor(group, QPalette.ColorRole.Button, theme.CHOSEN)
    made.toggled.connect(lambda pressed: made.setPalette(chosen if pressed else plain))
    return made


def row(*widgets: QWidget, stretch: bool = True, spacing: int = 6) -> QWidget:
    """Widgets side by side."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return holder


def panel(ground: str = theme.PANEL) -> tuple[QFrame, QVBoxLayout]:
    """A quiet surface with a vertical layout."""
    frame = QFrame()
    colour(frame, ground=ground)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(10, 8, 10, 8)
    layout.setSpacing(6)
    return frame, layout


def card(edge: str) -> tuple[QWidget, QVBoxLayout]:
    """A surface with a coloured edge on its left."""
    holder = QWidget()
    outer = QHBoxLayout(holder)
    outer.setContentsMargins(0, 0, 0, 4)
    outer.setSpacing(0)
    strip = QFrame()
    strip.setFixedWidth(4)
    colour(strip, ground=edge)
    frame, layout = panel(theme.CARD)
    outer.addWidget(strip)
    outer.addWidget(frame, 1)
    return holder, layout


def clear(layout: QLayout) -> None:
    """Remove and delete everything in a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        inner = item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)
