"""Two matched scans over each other, as a chequerboard or one at a time, in three planes through one place."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from planner.geometry import SlicePlane
from planner.imaging import Volume
from planner.imaging.slicing import slice_volume
from planner.imaging.window import Window, apply_window, first_window
from viewers.state import theme

Mode = Literal["both", "fixed", "moving"]
AIR_HU = -1000.0
WIDE_MM = 180.0
TILES = 6
"""Squares of the chequerboard along a picture."""
STEP_MM = 2.0


class MatchView(QWidget):
    """The wheel moves through the slices, a click brings the other planes there.

    Parameters
    ----------
    fixed, moved
        Two volumes in one frame of reference.
    place_lps_mm
        Seen first.
    """

    def __init__(
        self, fixed: Volume, moved: Volume, place_lps_mm: NDArray[np.float64], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._fixed, self._moved = fixed, moved
        self.place = np.asarray(place_lps_mm, dtype=np.float64)
        self.mode: Mode = "both"
        self._windows = (first_window(fixed), first_window(moved))
        self.setAccessibleName("both scans over each other")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Three squares side by side."""
        return QSize(840, 290)

    def show_match(self, moved: Volume) -> None:
        """Another match of the same scans."""
        self._moved = moved
        self.update()

    def show_mode(self, mode: Mode) -> None:
        self.mode = mode
        self.update()

    def _planes(self) -> tuple[SlicePlane, ...]:
        return SlicePlane.axial(self.place), SlicePlane.coronal(self.place), SlicePlane.sagittal(self.place)

    def _boxes(self) -> tuple[QRectF, ...]:
        gap = 4.0
        width = (self.width() - 2.0 * gap) / 3.0
        return tuple(QRectF(number * (width + gap), 0.0, width, float(self.height())) for number in range(3))

    def _scale(self, box: QRectF) -> float:
        return WIDE_MM / max(1.0, min(box.width(), box.height()))

    def picture(self, plane: SlicePlane, size: tuple[int, int], scale: float) -> NDArray[np.uint8]:
        """(height, width) grey of one plane, in the mode on show."""
        greys = [
            _grey(volume, window, plane, size, scale)
            for volume, window, wanted in zip(
                (self._fixed, self._moved), self._windows, ("fixed", "moving"), strict=True
            )
            if self.mode in ("both", wanted)
        ]
        if len(greys) == 1:
            return greys[0]
        rows, columns = np.indices(size)
        tile = max(1, min(size) // TILES)
        second = ((rows // tile + columns // tile) % 2).astype(bool)
        return np.where(second, greys[1], greys[0]).astype(np.uint8)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Three planes, each with a cross at the place."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANE))
        for plane, box, name in zip(self._planes(), self._boxes(), ("axial", "coronal", "sagittal"), strict=True):
            size = max(8, int(box.height())), max(8, int(box.width()))
            grey = np.ascontiguousarray(self.picture(plane, size, self._scale(box)))
            image = QImage(grey.data, size[1], size[0], size[1], QImage.Format.Format_Grayscale8).copy()
            painter.drawImage(box.topLeft(), image)
            painter.setPen(QPen(QColor(theme.ACCENT), 1.0))
            middle, arm = box.center(), 8.0
            painter.drawLine(middle - QPointF(arm, 0.0), middle + QPointF(arm, 0.0))
            painter.drawLine(middle - QPointF(0.0, arm), middle + QPointF(0.0, arm))
            painter.setPen(QColor(theme.QUIET))
            painter.drawText(box.adjusted(6.0, 4.0, 0.0, 0.0), Qt.AlignmentFlag.AlignLeft, name)
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Through the slices of the plane under the pointer."""
        plane = self._plane_at(event.position())
        if plane is not None:
            self.place = self.place - np.sign(event.angleDelta().y()) * STEP_MM * plane[0].normal_lps
            self.update()
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """All planes come to the place clicked."""
        found = self._plane_at(event.position())
        if found is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        plane, box = found
        away = event.position() - box.center()
        scale = self._scale(box)
        self.place = np.asarray(plane.lps_of(np.array([away.x() * scale, away.y() * scale])), dtype=np.float64)
        self.update()

    def _plane_at(self, position: QPointF) -> tuple[SlicePlane, QRectF] | None:
        for plane, box in zip(self._planes(), self._boxes(), strict=True):
            if box.contains(position):
                return plane, box
        return None


def _grey(volume: Volume, window: Window, plane: SlicePlane, size: tuple[int, int], scale: float) -> NDArray[np.uint8]:
    image = slice_volume(volume, plane, size, scale, outside=AIR_HU)
    return apply_window(image, centre=window.centre, width=window.width, function=window.function)
