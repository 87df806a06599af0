"""Diameters along a lumen: four widths, where they are doubtful, stricture, landmarks, stents with landing zones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from planner.model.vessel_items import StenosisMeasures
from planner.units import shown as shown_number
from viewers.scene.lumen_lines import draw_line, pen, runs
from viewers.scene.lumen_section_painter import INSCRIBED
from viewers.scene.palette import TEXT, TEXT_QUIET
from viewers.scene.reformat_picture import LumenAxis
from viewers.scene.slice_text import draw_outlined
from viewers.state import theme
from viewers.state.lumen_shapes import LumenShown, StentShown
from viewers.state.lumens import COLOUR, MARK, STENOSIS, STENT, LumenDesk, mark_name

Floats = NDArray[np.float64]
Grip = Literal["stenosis-start", "stenosis-end", "stent-start", "stent-end", "stent", "line"]

LANE_EM = 1.35
"""Height of a lane in which something is taken hold of, in heights of the text."""
GRIP_EM = 0.55
HEADROOM = 1.15
_STEPS_MM = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True, eq=False)
class ProfilePlaces:
    """Lanes and axes of the chart: the stricture's lane above, a lane for each stent below.

    Attributes
    ----------
    box
        Of the curves.
    stent_lanes
        Stent and its lane, from above.
    """

    axis: LumenAxis
    box: QRectF
    most_mm: float
    stenosis_lane: QRectF
    stent_lanes: tuple[tuple[StentShown, QRectF], ...]
    em: float

    def y_of(self, mm: float) -> float:
        return self.box.bottom() - mm / self.most_mm * self.box.height()

    def grip_at(self, at: QPointF, stenosis_mm: tuple[float, float] | None) -> tuple[Grip, str | None]:
        """What the pointer takes hold of, and which stent."""
        reach = GRIP_EM * self.em
        if stenosis_mm is not None and self.stenosis_lane.contains(at):
            start, end = (abs(at.x() - self.axis.x_of(each)) for each in stenosis_mm)
            if min(start, end) <= reach:
                return ("stenosis-start", None) if start <= end else ("stenosis-end", None)
        for stent, lane in self.stent_lanes:
            if not lane.contains(at):
                continue
            start, end = self.axis.x_of(stent.start_mm), self.axis.x_of(stent.end_mm)
            if min(abs(at.x() - start), abs(at.x() - end)) <= reach:
                return ("stent-start" if abs(at.x() - start) <= abs(at.x() - end) else "stent-end"), stent.id
            if start < at.x() < end:
                return "stent", stent.id
        return "line", None


def places_of(area: QRectF, lumen: LumenShown, stents: tuple[StentShown, ...], em: float) -> ProfilePlaces:
    """How the chart is divided."""
    axis = LumenAxis.of(area, lumen.length_mm, em)
    lane = LANE_EM * em
    top = area.top() + em * 0.3
    stenosis = QRectF(axis.left - em, top, axis.width + 2.0 * em, lane)
    bottom = area.bottom() - em * 1.5
    box = QRectF(axis.left, stenosis.bottom(), axis.width, max(em, bottom - stenosis.bottom() - lane * len(stents)))
    lanes = tuple(
        (stent, QRectF(axis.left - em, box.bottom() + number * lane, axis.width + 2.0 * em, lane))
        for number, stent in enumerate(stents)
    )
    known = lumen.lumen.greatest_mm[np.isfinite(lumen.lumen.greatest_mm)]
    widest = max([float(known.max()) if known.size else 5.0, *(each.diameter_mm for each in stents)])
    return ProfilePlaces(axis, box, HEADROOM * widest, stenosis, lanes, em)


def paint_profile(
    painter: QPainter, places: ProfilePlaces, lumen: LumenShown, desk: LumenDesk, selected_id: str | None
) -> None:
    """The whole chart."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    metrics = QFontMetricsF(painter.font())
    stenosis = desk.stenosis_mm
    if stenosis is not None:
        left, right = (places.axis.x_of(each) for each in stenosis)
        shade = QColor(STENOSIS)
        shade.setAlpha(48)
        painter.fillRect(QRectF(left, places.box.top(), right - left, places.box.height()), shade)
    _paint_axes(painter, places, metrics)
    for stent, lane in places.stent_lanes:
        _paint_stent(painter, places, stent, lane, strong=stent.id == selected_id or len(places.stent_lanes) == 1)
    _paint_curves(painter, places, lumen)
    _paint_marks(painter, places, lumen, metrics)
    if stenosis is not None:
        moved = desk.held_stenosis.value is not None
        _paint_stenosis(painter, places, stenosis, None if moved else lumen.stenosis, metrics)
    x = places.axis.x_of(desk.along_mm.value)
    for colour, width in (("#000000", 3.0), (TEXT, 1.4)):
        painter.setPen(pen(colour, width))
        painter.drawLine(QPointF(x, places.stenosis_lane.top()), QPointF(x, places.box.bottom()))
    _paint_key(painter, places, metrics)


def _paint_axes(painter: QPainter, places: ProfilePlaces, metrics: QFontMetricsF) -> None:
    em, box = places.em, places.box
    step = next((s for s in _STEPS_MM if s / places.most_mm * box.height() >= 1.3 * em), _STEPS_MM[-1])
    for mm in np.arange(0.0, places.most_mm, step).tolist():
        y = places.y_of(mm)
        painter.setPen(pen(theme.QUIET if mm == 0.0 else theme.LINE, 1.0))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        text = f"{mm:.0f}"
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(box.left() - em * 0.3 - metrics.horizontalAdvance(text), y + em * 0.3), text)
    painter.drawText(QPointF(em * 0.2, places.stenosis_lane.bottom() - em * 0.2), "Ø mm")
    bottom = places.stent_lanes[-1][1].bottom() if places.stent_lanes else box.bottom()
    wide = metrics.horizontalAdvance("000 mm") * 1.5
    along = next((s for s in _STEPS_MM if s / places.axis.mm_per_px >= wide), _STEPS_MM[-1])
    for mm in np.arange(0.0, places.axis.length_mm + 1e-6, along).tolist():
        x = places.axis.x_of(mm)
        painter.setPen(pen(theme.LINE, 1.0))
        painter.drawLine(QPointF(x, bottom), QPointF(x, bottom + em * 0.25))
        text = "start" if mm == 0.0 else shown_number(mm, "mm", digits=0)
        painter.setPen(QColor(TEXT_QUIET))
        painter.drawText(QPointF(x - metrics.horizontalAdvance(text) / 2.0, bottom + em * 1.2), text)


def _paint_curves(painter: QPainter, places: ProfilePlaces, lumen: LumenShown) -> None:
    """Least to greatest as a band, inscribed thin, the diameter of a circle of the area thick."""
    found = lumen.lumen
    x = places.axis.left + found.along_mm / places.axis.length_mm * places.axis.width

    def line(values: Floats) -> Floats:
        return np.stack([x, places.box.bottom() - values / places.most_mm * places.box.height()], axis=-1)

    least, greatest = line(found.least_mm), line(found.greatest_mm)
    band = QColor(COLOUR)
    band.setAlpha(42)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(band)
    for first, last in runs(np.isfinite(found.least_mm) & np.isfinite(found.greatest_mm)):
        ring = np.concatenate([least[first : last + 1], greatest[first : last + 1][::-1]])
        painter.drawPolygon(QPolygonF([QPointF(a, b) for a, b in ring.tolist()]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    draw_line(painter, line(found.inscribed_mm), INSCRIBED, places.em / 15.0, faint=found.doubtful)
    width = places.em / 8.0
    draw_line(painter, line(found.equivalent_mm), COLOUR, width, faint=found.doubtful)
    closed = np.where(found.closed, 0.0, np.nan)
    draw_line(painter, line(closed), theme.BLOCK, width * 1.4)


def _paint_marks(painter: QPainter, places: ProfilePlaces, lumen: LumenShown, metrics: QFontMetricsF) -> None:
    taken: list[QRectF] = []
    for mark in lumen.marks:
        x = places.axis.x_of(mark.along_mm)
        painter.setPen(pen(MARK, 1.4, style=Qt.PenStyle.DashDotLine))
        painter.drawLine(QPointF(x, places.box.top()), QPointF(x, places.box.bottom()))
        text = f"▾ {mark_name(lumen.lumen.kind, mark.name)}"
        width = metrics.horizontalAdvance(text)
        left = min(x - metrics.horizontalAdvance("▾") / 2.0, places.box.right() - width)
        box = QRectF(left, places.box.top(), width, places.em)
        while any(box.intersects(other) for other in taken):
            box.translate(0.0, places.em)
        taken.append(box)
        draw_outlined(painter, QPointF(box.left(), box.top() + metrics.ascent()), text, MARK)


def stenosis_words(found: StenosisMeasures) -> str:
    """``67 % · least 3.1 mm over 24 mm``; what is not known is said."""
    percent = "percent not measured" if found.percent is None else f"{found.percent:.0f} %"
    length = shown_number(found.end_mm - found.start_mm, "mm", digits=0)
    return f"{percent} · least {shown_number(found.minimum_mm, 'mm', digits=1)} over {length}"


def _paint_stenosis(
    painter: QPainter,
    places: ProfilePlaces,
    ends_mm: tuple[float, float],
    found: StenosisMeasures | None,
    metrics: QFontMetricsF,
) -> None:
    """A bar with two ends to drag, the percentage, and the healthy width it is held against."""
    left, right = (places.axis.x_of(each) for each in ends_mm)
    lane, em = places.stenosis_lane, places.em
    middle = lane.center().y()
    for colour, width in (("#000000", 5.0), (STENOSIS, 3.0)):
        painter.setPen(pen(colour, width))
        painter.drawLine(QPointF(left, middle), QPointF(right, middle))
    for x, way in ((left, 1.0), (right, -1.0)):
        _grip(painter, x, middle, way, em, STENOSIS)
    if found is None:
        texts = [f"{ends_mm[0]:.0f} to {ends_mm[1]:.0f} mm", f"{ends_mm[1] - ends_mm[0]:.0f} mm"]
    else:
        whole, hand = stenosis_words(found), " · by hand" if found.by_person else ""
        texts = [whole + hand, whole.split(" over ")[0], whole.split(" · ")[0]]
        _paint_reference(painter, places, found)
    rooms = (places.box.right() + em - right, left - places.box.left() + em)
    for text in texts:
        width = metrics.horizontalAdvance(text) + em * 0.8
        if width <= max(rooms):
            start = right + em * 0.6 if width <= rooms[0] else left - em * 0.6 - width + em * 0.8
            draw_outlined(painter, QPointF(start, middle + em * 0.3), text, STENOSIS)
            return


def _paint_reference(painter: QPainter, places: ProfilePlaces, found: StenosisMeasures) -> None:
    """From the reference before to the one behind; one alone where the other is not known."""
    before, behind = found.proximal_reference_mm, found.distal_reference_mm
    left, right = places.axis.x_of(found.start_mm), places.axis.x_of(found.end_mm)
    painter.setPen(pen(STENOSIS, 1.4, style=Qt.PenStyle.DashLine))
    if before is not None and behind is not None:
        painter.drawLine(QPointF(left, places.y_of(before)), QPointF(right, places.y_of(behind)))
    for x, value, side in ((left, before, -1.0), (right, behind, 1.0)):
        if value is None:
            continue
        y, em = places.y_of(value), places.em
        painter.setPen(pen(STENOSIS, 1.4, style=Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x, y), QPointF(x + side * em * 2.0, y))
        text = f"ref {shown_number(value, 'mm', digits=1)}"
        advance = QFontMetricsF(painter.font()).horizontalAdvance(text)
        at = x + side * em * 2.0 - (advance if side < 0.0 else 0.0)
        at = min(max(at, places.box.left() + 2.0), places.box.right() - advance)
        draw_outlined(painter, QPointF(at, y - em * 0.25), text, STENOSIS)


def _paint_stent(painter: QPainter, places: ProfilePlaces, stent: StentShown, lane: QRectF, *, strong: bool) -> None:
    """At its nominal diameter over the curves, its waist as it lies, and a bar with two ends to drag in its lane."""
    left, right = places.axis.x_of(stent.start_mm), places.axis.x_of(stent.end_mm)
    em, y = places.em, places.y_of(stent.diameter_mm)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen(STENT, 2.0 if strong else 1.2, style=Qt.PenStyle.DashLine))
    painter.drawRect(QRectF(left, y, right - left, places.box.bottom() - y))
    before, behind = stent.landing_mm
    hatch = QColor(STENT)
    hatch.setAlpha(70)
    for start, length in ((left, before), (right, behind)):
        if length is not None and length > 0.0:
            wide = length / places.axis.mm_per_px
            zone = QRectF(start if start == left else right - wide, y, wide, places.box.bottom() - y)
            painter.fillRect(zone, Qt.BrushStyle.NoBrush)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_hatched(hatch))
            painter.drawRect(zone)
            painter.setBrush(Qt.BrushStyle.NoBrush)
    middle = lane.center().y()
    for colour, width in (("#000000", 7.0), (STENT, 5.0 if strong else 3.0)):
        painter.setPen(pen(colour, width))
        painter.drawLine(QPointF(left, middle), QPointF(right, middle))
    for x, way in ((left, 1.0), (right, -1.0)):
        _grip(painter, x, middle, way, em, STENT)
    _stent_words(painter, places, stent, left, right, middle)


def _stent_words(
    painter: QPainter, places: ProfilePlaces, stent: StentShown, left: float, right: float, middle: float
) -> None:
    metrics, em = QFontMetricsF(painter.font()), places.em
    said = [landing_words(stent), stent.words, "↻ judge again" if stent.stale else ""]
    texts = [each for each in said if each]
    text = " · ".join(texts)
    room_right = places.box.right() + em - right - em * 0.8
    room_left = left - em * 0.8 - places.box.left()
    room = max(room_right, room_left)
    if room < min(metrics.horizontalAdvance(text), right - left - em):
        # Little room beside: on the bar itself.
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, right - left - em)
        at = (left + right - metrics.horizontalAdvance(text)) / 2.0
        ground = QRectF(at - em * 0.2, middle - em * 0.5, metrics.horizontalAdvance(text) + em * 0.4, em)
        painter.fillRect(ground, QColor(theme.PANE))
    else:
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        at = right + em * 0.8 if room_right >= room_left else left - em * 0.8 - metrics.horizontalAdvance(text)
    draw_outlined(painter, QPointF(at, middle + em * 0.3), text, STENT)


def landing_words(stent: StentShown) -> str:
    """``landing 12 / 15 mm``; empty without a stricture."""
    before, behind = stent.landing_mm
    return "" if before is None or behind is None else f"landing {before:.0f} / {behind:.0f} mm"


def _hatched(colour: QColor) -> object:
    from PySide6.QtGui import QBrush

    return QBrush(colour, Qt.BrushStyle.BDiagPattern)


def _grip(painter: QPainter, x: float, y: float, way: float, em: float, colour: str) -> None:
    """A flag that points to the inside of what it bounds."""
    r = em * 0.45
    painter.setPen(pen("#000000", 1.2))
    painter.setBrush(QColor(colour))
    painter.drawPolygon(QPolygonF([QPointF(x, y - r), QPointF(x + way * r, y), QPointF(x, y + r)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_key(painter: QPainter, places: ProfilePlaces, metrics: QFontMetricsF) -> None:
    """What the lines are, where there is room for it."""
    parts = (
        ("━ area-equivalent", COLOUR), ("─ inscribed", INSCRIBED), ("▒ least to greatest", COLOUR),
        ("┄ doubtful", TEXT_QUIET),
    )  # fmt: skip
    width = sum(metrics.horizontalAdvance(text) + places.em for text, _ in parts)
    if width > places.box.width() or places.box.height() < 5.0 * places.em:
        return
    x = places.box.right() - width + places.em
    for text, colour in parts:
        draw_outlined(painter, QPointF(x, places.box.bottom() - places.em * 0.35), text, colour)
        x += metrics.horizontalAdvance(text) + places.em
