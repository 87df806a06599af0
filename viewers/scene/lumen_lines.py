"""Lines of lumens and stents, drawn the same way in every picture: black beneath, so that they read on any grey."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

Floats = NDArray[np.float64]


def pen(colour: str, width: float, *, alpha: int = 255, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    shade = QColor(colour)
    shade.setAlpha(alpha)
    made = QPen(shade, max(1.0, width), style)
    made.setCapStyle(Qt.PenCapStyle.FlatCap)
    made.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return made


def runs(chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of every run."""
    padded = np.concatenate([[False], chosen, [False]]).astype(np.int8)
    steps = np.diff(padded)
    yield from zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True)


def draw_line(
    painter: QPainter,
    xy: Floats,
    colour: str,
    width: float,
    *,
    faint: NDArray[np.bool_] | None = None,
    style: Qt.PenStyle = Qt.PenStyle.SolidLine,
    alpha: int = 255,
) -> None:
    """A line through (n, 2) points, broken at NaN; where it is `faint`, dotted and pale."""
    known: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(xy), axis=1)
    pale = np.zeros(len(xy), dtype=np.bool_) if faint is None else faint
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for doubted in (True, False):
        for first, last in runs(known & (pale == doubted)):
            # One point on, so that solid and dotted stretches meet.
            end = last + 1 if last + 1 < len(xy) and known[last + 1] else last
            line = QPolygonF([QPointF(x, y) for x, y in xy[first : end + 1].tolist()])
            painter.setPen(pen("#000000", width + 1.6, alpha=min(alpha, 90 if doubted else 150)))
            painter.drawPolyline(line)
            dotted = Qt.PenStyle.DotLine if doubted else style
            painter.setPen(pen(colour, width, alpha=min(alpha, 130) if doubted else alpha, style=dotted))
            painter.drawPolyline(line)
