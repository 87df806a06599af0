"""A page in the place of the images: a title, what is said of all of it, its content, and the way back."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from viewers.panels.parts import PlainLabel, button, panel


class ReviewPage(QWidget):
    """Stands under the patient banner. Esc goes back to the images.

    Attributes
    ----------
    head
        For controls beside the title.
    body
        For everything else.
    """

    def __init__(self, title: str, leave: Callable[[], object], key: str) -> None:
        super().__init__()
        self._leave = leave
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top, top_layout = panel()
        top_layout.setContentsMargins(10, 6, 10, 4)
        top_layout.setSpacing(2)
        line = QHBoxLayout()
        self.title = PlainLabel(title, role="title")
        self.head = QHBoxLayout()
        self.back = button("Back to the images", leave, tip=f"Esc, or {key}")
        line.addWidget(self.title)
        line.addSpacing(10)
        line.addLayout(self.head, 1)
        line.addWidget(self.back)
        self.note = PlainLabel("", role="quiet", wrap=True)
        top_layout.addLayout(line)
        top_layout.addWidget(self.note)
        layout.addWidget(top)
        ground, self.body = panel()
        layout.addWidget(ground, 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
            return
        super().keyPressEvent(event)


def scrolled(widget: QWidget) -> QScrollArea:
    """A widget as high as it likes, in a place that scrolls up and down."""
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidget(widget)
    return scroll
