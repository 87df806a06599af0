"""What is written on a slice: who, what, where, how. Plain text only; everything from files is cut to one line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from planner.geometry import SlicePlane
from planner.geometry.planes import orientation_letters
from planner.imaging import Volume
from viewers.scene.palette import TEXT, WARNING
from viewers.scene.slice_view import SliceView, slice_number

_NICE_MM = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class CornerTexts:
    """Lines of the four corners, the most important first."""

    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()


def one_line(text: str | None) -> str:
    """Text of a file for a corner: without control characters, not endless."""
    plain = "".join(each if each.isprintable() else " " for each in text or "").strip()
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def shown_name(name: str | None) -> str:
    """A DICOM person name (PS3.5 6.2): components by spaces, the ideographic group beside the alphabetic one."""
    groups = [group.replace("^", " ").strip() for group in one_line(name).split("=")]
    return " · ".join(" ".join(group.split()) for group in groups[:2] if group)


def shown_date(date: str | None) -> str:
    """``2024-03-12`` for a DICOM date, otherwise the text itself."""
    text = one_line(date)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def who_lines(volume: Volume) -> tuple[str, ...]:
    """Patient and series, for the top left corner; identifiers stand on lines of their own, so none is cut."""
    source = volume.source
    number = f"#{source.series_number}" if source.series_number is not None else ""
    what = " ".join(part for part in (one_line(source.modality), number, one_line(source.description)) if part)
    phase = one_line(source.phase) or ("phase unknown" if source.phase_basis else "")
    date = shown_date(source.study_date)
    # How a phase is known stands below it, and the date above: in a narrow pane neither is cut for the other.
    last = (
        (date, phase, source.phase_basis)
        if source.phase_basis
        else (" · ".join(each for each in (phase, date) if each),)
    )
    return tuple(line for line in (shown_name(source.patient_name), one_line(source.patient_id), what, *last) if line)


def layer_text(volume: Volume, plane: SlicePlane) -> str:
    """``Slice 67/134`` on a layer of voxels, ``Oblique`` elsewhere."""
    number = slice_number(volume.grid, plane)
    return "Oblique" if number is None else f"Slice {number[0]}/{number[1]}"


def height_text(plane: SlicePlane) -> str:
    """``H 45.0 mm``: where a plane across one of the patient's axes lies in LPS; empty on an oblique one."""
    normal = plane.normal_lps
    axis = int(np.argmax(np.abs(normal)))
    along = float(plane.point_lps_mm[axis])
    letter = ("LR", "PA", "HF")[axis][0 if along >= 0.0 else 1]
    return f"{letter} {abs(along):.1f} mm" if abs(normal[axis]) > 1.0 - 1e-6 else ""


def scale_bar_mm(mm_per_px: float, width_px: float) -> float:
    """A round length of about a fifth of the pane."""
    wanted = mm_per_px * width_px * 0.22
    return max((length for length in _NICE_MM if length <= wanted), default=_NICE_MM[0])


def length_text(length_mm: float) -> str:
    """``5 cm`` or ``5 mm``."""
    return f"{length_mm / 10.0:g} cm" if length_mm >= 10.0 else f"{length_mm:g} mm"


def draw_outlined(painter: QPainter, where: QPointF, text: str, colour: str = TEXT) -> None:
    """Text that reads on black and on white alike; `where` is its baseline's left end."""
    if painter.transform().isScaling() or not text:
        _write_outlined(painter, where, text, colour)
        return
    ratio = painter.device().devicePixelRatioF()
    picture, left, up = _lettering(text, painter.font().toString(), colour, ratio)
    # On whole pixels, or the letters would blur.
    corner = painter.transform().map(where + QPointF(-left, -up))
    snapped = QPointF(round(corner.x() * ratio) / ratio, round(corner.y() * ratio) / ratio)
    painter.drawImage(where + QPointF(-left, -up) + (snapped - corner), picture)


@lru_cache(maxsize=512)
def _lettering(text: str, font_words: str, colour: str, ratio: float) -> tuple[QImage, float, float]:
    """Outlined text on a clear ground, and how far right and down of its corner the baseline begins.

    The same words are drawn again with every slice, and shaping and outlining them takes longer than the slice.
    """
    font = QFont()
    font.fromString(font_words)
    metrics = QFontMetricsF(font)
    margin = math.ceil(metrics.height() / 4.0) + 2
    width, height = metrics.horizontalAdvance(text) + 2 * margin, metrics.height() + 2 * margin
    picture = QImage(math.ceil(width * ratio), math.ceil(height * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(ratio)
    picture.fill(0)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing, True)
    painter.setFont(font)
    up = float(math.ceil(metrics.ascent()) + margin)
    _write_outlined(painter, QPointF(margin, up), text, colour)
    painter.end()
    return picture, float(margin), up


def _write_outlined(painter: QPainter, where: QPointF, text: str, colour: str) -> None:
    step = max(1.0, painter.fontMetrics().height() / 16.0)
    painter.setPen(QColor(0, 0, 0, 210))
    for right, down in ((-step, 0.0), (step, 0.0), (0.0, -step), (0.0, step), (step, step)):
        painter.drawText(where + QPointF(right, down), text)
    painter.setPen(QColor(colour))
    painter.drawText(where, text)


def draw_corners(painter: QPainter, area: QRectF, texts: CornerTexts, *, loud: str = "") -> None:
    """The lines of every corner; in a small pane the last ones are left out.

    Parameters
    ----------
    loud
        A line that is written in the colour of a warning.
    """
    metrics = QFontMetricsF(painter.font())
    line, margin = metrics.height() * 1.08, metrics.height() * 0.5
    room = max(1, int((area.height() - 2.0 * margin) / line / 2.0))
    # The middle of the upper and lower edge belongs to the orientation letters.
    half = area.width() / 2.0 - margin - metrics.horizontalAdvance("MM")
    left, right = area.left() + margin, area.right() - margin
    for lines, at_right, at_bottom in (
        (texts.top_left, False, False),
        (texts.top_right, True, False),
        (texts.bottom_left, False, True),
        (texts.bottom_right, True, True),
    ):
        for index, text in enumerate(lines[:room]):
            fitted = metrics.elidedText(text, Qt.TextElideMode.ElideRight, half)
            x = right - metrics.horizontalAdvance(fitted) if at_right else left
            if at_bottom:
                y = area.bottom() - margin - index * line - metrics.descent()
            else:
                y = area.top() + margin + index * line + metrics.ascent()
            draw_outlined(painter, QPointF(x, y), fitted, WARNING if text == loud else TEXT)


def corner_boxes(metrics: QFontMetricsF, area: QRectF, texts: CornerTexts) -> list[QRectF]:
    """Where `draw_corners` writes, so that other words keep off it."""
    line, margin = metrics.height() * 1.08, metrics.height() * 0.5
    room = max(1, int((area.height() - 2.0 * margin) / line / 2.0))
    half = area.width() / 2.0 - margin - metrics.horizontalAdvance("MM")
    boxes = []
    for lines, at_right, at_bottom in (
        (texts.top_left, False, False),
        (texts.top_right, True, False),
        (texts.bottom_left, False, True),
        (texts.bottom_right, True, True),
    ):
        shown = lines[:room]
        if shown:
            width = min(half, max(metrics.horizontalAdvance(text) for text in shown))
            left = area.right() - margin - width if at_right else area.left() + margin
            top = area.bottom() - margin - len(shown) * line if at_bottom else area.top() + margin
            boxes.append(QRectF(left, top, width, len(shown) * line))
    return boxes


def draw_orientation(painter: QPainter, area: QRectF, plane: SlicePlane) -> None:
    """Letters in the middle of each edge, from the plane's own directions."""
    metrics = QFontMetricsF(painter.font())
    margin = metrics.height() * 0.45
    middle_x, middle_y = area.center().x(), area.center().y()
    for direction, side in (
        (-plane.right_lps, "left"),
        (plane.right_lps, "right"),
        (-plane.down_lps, "top"),
        (plane.down_lps, "bottom"),
    ):
        text = orientation_letters(direction)
        width = metrics.horizontalAdvance(text)
        x, y = middle_x - width / 2.0, middle_y + metrics.ascent() / 2.0
        if side == "left":
            x = area.left() + margin
        elif side == "right":
            x = area.right() - margin - width
        elif side == "top":
            y = area.top() + margin + metrics.ascent()
        else:
            y = area.bottom() - margin - metrics.descent()
        draw_outlined(painter, QPointF(x, y), text)


def draw_scale_bar(painter: QPainter, view: SliceView) -> None:
    """A horizontal bar of a round length near the lower edge, right of the middle."""
    metrics = QFontMetricsF(painter.font())
    length_mm = scale_bar_mm(view.mm_per_px, view.width_px)
    length_px = length_mm / view.mm_per_px
    margin = metrics.height() * 0.5
    right = view.width_px - margin
    y = view.height_px - margin - metrics.height() * 2.6
    tick = metrics.height() * 0.3
    for colour, width in (("#000000", 3.0), (TEXT, 1.4)):
        pen = painter.pen()
        pen.setColor(QColor(colour))
        pen.setWidthF(max(1.0, metrics.height() / 14.0) * width)
        painter.setPen(pen)
        painter.drawLine(QPointF(right - length_px, y), QPointF(right, y))
        painter.drawLine(QPointF(right - length_px, y - tick), QPointF(right - length_px, y + tick))
        painter.drawLine(QPointF(right, y - tick), QPointF(right, y + tick))
    text = length_text(length_mm)
    width = metrics.horizontalAdvance(text)
    draw_outlined(painter, QPointF(right - width, y - tick - metrics.descent()), text)
