"""The board sheet on the whole screen: question, the same place over the dates, three columns; read in 90 seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from planner import DISCLAIMER
from planner.report.board_page import Block, BoardPage
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, panel, row
from viewers.state import theme

TEXT_SHARES = (0.021, 0.0185, 0.0165, 0.0148, 0.0135)
"""Height of the text over that of the screen, tried from the largest until everything is seen without scrolling."""
QUESTION_SHARE, PATIENT_SHARE = 0.028, 0.0155
LEAST_PX = 12
SIDE_PX = 8
SPACE = 0.25
"""Between two lines, in heights of the text."""

PICTURE_SHARE = 0.36


class StripPicture(QWidget):
    """The strip of dates, as large as its place; never enlarged beyond twice its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_png(self, png: bytes | None, height: int) -> None:
        self.picture = QPixmap()
        if png is not None:
            self.picture.loadFromData(png, "PNG")
        self.setVisible(not self.picture.isNull())
        if not self.picture.isNull():
            wanted = round(self.picture.height() * self.width() / self.picture.width()) if self.width() else height
            self.setFixedHeight(min(height, wanted, 2 * self.picture.height()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if self.picture.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self.picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.drawPixmap(0, 0, size.width(), size.height(), self.picture)
        painter.end()


class BoardSheetView(QWidget):
    """A window of its own over the whole screen. Esc or Shift+F11 closes it.

    Parameters
    ----------
    left
        Called when it is closed.
    parent
        The main window: the sheet goes with it.
    """

    def __init__(self, left: Callable[[], object], print_sheet: Callable[[], object], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._left = left
        self.setWindowTitle("Board sheet")
        colour(self, ground=theme.WINDOW)
        self.content: BoardPage | None = None
        self.png: bytes | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        top, layout = panel()
        self.patient = PlainLabel("", wrap=True)
        self.printer = button("Print…", print_sheet)
        self.closer = button("Close", self.close, tip="Esc, or Shift+F11")
        layout.addWidget(row(self.patient, self.printer, self.closer, stretch=False))
        self.question = PlainLabel("", role="title", wrap=True)
        layout.addWidget(self.question)
        outer.addWidget(top)
        self.strip = StripPicture()
        outer.addWidget(self.strip)
        self.note = PlainLabel("", role="quiet", wrap=True)
        self.note.setContentsMargins(10, 2, 10, 2)
        outer.addWidget(self.note)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.body = QWidget()
        self._columns = QHBoxLayout(self.body)
        self.area.setWidget(self.body)
        outer.addWidget(self.area, 1)
        self.foot = PlainLabel("", role="quiet", wrap=True)
        self.foot.setContentsMargins(10, 2, 10, 4)
        outer.addWidget(self.foot)

    def show_waiting(self, patient: str) -> None:
        """Before anything is gathered."""
        self.content, self.png = None, None
        self.patient.setText(patient)
        self.question.setText("Gathering what the meeting has to know…")
        for label in (self.note, self.foot):
            label.setText("")
        self.strip.show_png(None, 0)
        clear(self._columns)

    def show_page(self, content: BoardPage, png: bytes | None, *, drawing: bool) -> None:
        """Show a sheet.

        Parameters
        ----------
        drawing
            The pictures are still being drawn, which is said.
        """
        self.content, self.png = content, png
        self.patient.setText(f"SIMULATED · {content.patient_line}" if content.simulated else content.patient_line)
        self.question.setText(content.question)
        self.note.setText("Drawing the same place over the dates…" if drawing else content.picture_note)
        self.note.setVisible(bool(self.note.text()))
        self.foot.setText(f"{content.identity} · {DISCLAIMER}")
        self._fit()

    def _fit(self) -> None:
        """The largest type with which nothing has to be scrolled."""
        if self.content is None:
            return
        self.patient.setFont(self._font(max(LEAST_PX, round(self.height() * PATIENT_SHARE)), False))
        self.question.setFont(self._font(max(LEAST_PX, round(self.height() * QUESTION_SHARE)), True))
        self.strip.show_png(self.png, round(self.height() * PICTURE_SHARE))
        for share in TEXT_SHARES:
            size = max(LEAST_PX, round(self.height() * share))
            if self._needed(self.content.columns, size) <= self._room() or size == LEAST_PX:
                break
        self._fill(self.content.columns, size)

    def _room(self) -> int:
        """Height that is left for the columns."""
        taken = sum(
            each.heightForWidth(self.width()) if each.hasHeightForWidth() else each.height()
            for each in (self.question, self.patient, self.note, self.foot)
            if each.text()
        )
        return (
            self.height() - taken - self.strip.height() * self.strip.isVisibleTo(self) - 4 * self.fontMetrics().height()
        )

    def _width(self, share: float) -> int:
        """Of the text of a column."""
        return round(share * (self.width() - 2 * SIDE_PX)) - 3 * SIDE_PX

    def _needed(self, columns: Sequence[Sequence[Block]], size: int) -> int:
        """Height of the longest column in letters of a size."""
        longest = 0
        for blocks, share in zip(columns, _shares(columns), strict=True):
            lines = [each for block in blocks for each in _lines(block)]
            used = sum(_height(self._font(size, bold), text, self._width(share)) for text, bold in lines)
            longest = max(longest, used + round(size * SPACE) * len(lines))
        return longest

    def _font(self, size: int, bold: bool) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(size)
        font.setBold(bold)
        return font

    def _fill(self, columns: Sequence[Sequence[Block]], size: int) -> None:
        clear(self._columns)
        for blocks, share in zip(columns, _shares(columns), strict=True):
            holder = QWidget()
            layout = QVBoxLayout(holder)
            layout.setContentsMargins(SIDE_PX, 2, SIDE_PX, 2)
            layout.setSpacing(round(size * SPACE))
            for block in blocks:
                for text, bold in _lines(block):
                    layout.addWidget(self._label(block, text, bold, size, self._width(share)))
            layout.addStretch(1)
            self._columns.addWidget(holder, round(1000 * share))

    def _label(self, block: Block, text: str, bold: bool, size: int, width: int) -> PlainLabel:
        """One line, exactly as high as was measured: the screen is filled and never scrolls by a hair."""
        label = PlainLabel(text, wrap=True)
        font = self._font(size, bold)
        label.setFont(font)
        label.setFixedHeight(_height(font, text, width))
        colour(label, text=theme.ACCENT if bold else theme.WARN if block.warns else theme.TEXT)
        return label

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        leaves = event.key() == Qt.Key.Key_Escape
        again = event.key() == Qt.Key.Key_F11
        if leaves or again:
            self.close()
            return
        super().keyPressEvent(event)

    def hideEvent(self, event: object) -> None:
        del event
        self._left()


def _lines(block: Block) -> list[tuple[str, bool]]:
    """Heading, in bold, and lines of a block as they are shown."""
    heading = [(block.heading, True)] if block.heading else []
    return [*heading, *((f"○ {line}" if block.warns else line, False) for line in block.lines)]


def _shares(columns: Sequence[Sequence[Block]]) -> list[float]:
    """Widths of the columns: more for more to read, so that they end at about the same height."""
    letters = [sum(len(line) for block in blocks for line in block.lines) for blocks in columns]
    weights = [math.sqrt(max(each, 0.2 * max(letters, default=1), 1)) for each in letters]
    return [each / sum(weights) for each in weights]


def _height(font: QFont, text: str, width: int) -> int:
    flags = Qt.TextFlag.TextWordWrap.value
    return QFontMetrics(font).boundingRect(0, 0, width, 1 << 20, flags, text).height()
