"""Small widgets used by all panels. Text from files is never read as markup."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget


class PlainLabel(QLabel):
    """A label that shows its text literally (a patient's name may contain markup)."""

    def __init__(self, text: str = "", *, role: str | None = None, wrap: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        if role is not None:
            self.setProperty("role", role)
        if wrap:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setText(text)

    def setToolTip(self, text: str) -> None:
        super().setToolTip(plain_tip(text))


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
    made.setProperty("primary", primary)
    made.setToolTip(plain_tip(tip))
    made.clicked.connect(lambda *_: act())
    return made


def row(*widgets: QWidget, stretch: bool = True, spacing: int = 6) -> QWidget:
    """Widgets side by side."""
    holder = QWidget()
    holder.setProperty("clear", True)
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return holder


def panel() -> tuple[QFrame, QVBoxLayout]:
    """A quiet surface with a vertical layout."""
    frame = QFrame()
    frame.setProperty("panel", True)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(10, 8, 10, 8)
    layout.setSpacing(6)
    return frame, layout


def clear(layout: QLayout) -> None:
    """Remove and delete everything in a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        inner = item.layout()
        if widget is not None:
            widget.setParent(None)
            widget.deleteLater()
        elif inner is not None:
            clear(inner)
