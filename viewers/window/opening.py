"""What is seen first: a plain frame in the window's place, while the program is loaded and the library opened.

Only Qt is loaded before it is painted; everything else is loaded in a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from planner import DISCLAIMER
from viewers.state import theme

if TYPE_CHECKING:
    from planner.store.journal import Journal
    from planner.store.library import Library

    Loaded = tuple[Library, Journal | None]

SAID = "Opening the library …"


class OpeningFrame(QWidget):
    """Painted before anything heavy is loaded.

    Parameters
    ----------
    load
        Called in a thread once the frame has been painted.
    ready
        Called on the GUI thread when `load` has ended either way and the frame was not closed meanwhile.

    Attributes
    ----------
    loaded
        What `load` returned, until somebody takes it.
    error
        What `load` raised.
    """

    _ended = Signal()

    def __init__(self, load: Callable[[], Loaded], ready: Callable[[], object]) -> None:
        super().__init__()
        self.loaded: Loaded | None = None
        self.error: BaseException | None = None
        self._load, self._ready = load, ready
        self._thread: threading.Thread | None = None
        self._closed = False
        self.setWindowTitle("Seldinger")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def wait(self) -> None:
        """Until the thread has ended: the program must not go while it writes to the library."""
        if self._thread is not None:
            self._thread.join()

    def take(self) -> Loaded | None:
        """What was loaded, once."""
        loaded, self.loaded = self.loaded, None
        return loaded

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.WINDOW))
        painter.setPen(QColor(theme.TEXT))
        line = painter.fontMetrics().height()
        middle = self.rect().center().y()
        words = ((f"Seldinger — {DISCLAIMER.split('.')[0]}. Not a medical device.", middle - 2 * line), (SAID, middle))
        for text, top in words:
            painter.drawText(QRect(0, top, self.width(), 2 * line), Qt.AlignmentFlag.AlignCenter, text)
            painter.setPen(QColor(theme.QUIET))
        painter.end()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="opening")
            # After this picture has reached the screen.
            QTimer.singleShot(0, self._thread.start)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.update()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The person went away before the window came."""
        self._closed = True
        super().closeEvent(event)

    def _work(self) -> None:
        try:
            self.loaded = self._load()
        except BaseException as error:
            self.error = error
        self._ended.emit()

    def _tell(self) -> None:
        if not self._closed:
            self._ready()
