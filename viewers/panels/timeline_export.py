"""The timeline's own menu, and its picture as PNG: with units, legend, who it is about, and the date it was made."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QAction, QColor, QFont, QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtWidgets import QFileDialog, QMenu

from planner import DISCLAIMER
from planner.report.content import Picture
from viewers.panels.timeline_painter import GUTTER_EM, Look, paint_shape, paint_timeline
from viewers.state import theme
from viewers.state.course_lanes import LANES, LEAST_CURVE_EM, Curve, TimelineContent, arranged
from viewers.state.time_axis import TimeAxis
from viewers.state.timeline_memory import TimelineMemory

if TYPE_CHECKING:
    from viewers.panels.timeline import Timeline

PICTURE_PX = 2000
"""Width of the exported picture."""

FONT_PX = 24

HIGHEST = 1.2
"""Height over width up to which the picture takes the whole width of a page; a higher one is set narrower."""


class TimelineMenu:
    """What the right button offers."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.title = ""
        self.simulated = False
        self.open: QMenu | None = None

    def actions_at(self, at: QPoint) -> QMenu:
        """The menu for a place on the drawing."""
        timeline, canvas = self._timeline, self._timeline.canvas
        menu = QMenu(canvas)
        self._add(menu, "Fit everything\tF", canvas.fit)
        if canvas.content.today is not None:
            today = canvas.content.today
            self._add(menu, "Today in the middle\tT", lambda: canvas.bring_to_middle(today))
        layout = canvas.layout_now()
        lane = layout.lane_at(at.y() + canvas.offset)
        if lane is not None and lane.curves:
            now = lane.scale.log
            if now or min(point.value for curve in lane.curves for point in curve.points) > 0.0:
                action = self._add(menu, f"{lane.title}: by powers of ten", lambda: self._set_log(lane.key, not now))
                action.setCheckable(True)
                action.setChecked(now)
        if canvas.hidden():
            self._add(menu, "Show every curve", timeline.show_every_curve)
        menu.addSeparator()
        self._add(menu, "Save as PNG…", self.choose_file)
        return menu

    def _add(self, menu: QMenu, text: str, act: object) -> QAction:
        action = QAction(text.replace("&", "&&"), menu)
        action.triggered.connect(lambda *_: act() if callable(act) else None)
        menu.addAction(action)
        return action

    def _set_log(self, lane: str, logarithmic: bool) -> None:
        self._timeline.memory.set_logarithmic(lane, logarithmic)
        self._timeline.canvas.redraw()

    def show_at(self, at: QPoint) -> None:
        self.open = self.actions_at(at)
        self.open.popup(self._timeline.canvas.mapToGlobal(at))

    def choose_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self._timeline, "Save the timeline", "course.png", "PNG (*.png)")
        if name:
            self.save_to(Path(name))

    def save_to(self, path: Path) -> bool:
        """Write the picture of what is seen of the axis; False when the file could not be written."""
        canvas = self._timeline.canvas
        image = timeline_picture(
            canvas.content, canvas.axis, canvas.hidden(), canvas.memory.logarithmic, canvas.font().family(),
            title=self.title, simulated=self.simulated, made_on=canvas.content.today or date.today(),
        )  # fmt: skip
        return image.save(str(path if path.suffix.lower() == ".png" else f"{path}.png"))


def timeline_picture(
    content: TimelineContent,
    axis: TimeAxis,
    hidden: frozenset[str],
    logarithmic: dict[str, bool],
    family: str,
    *,
    title: str,
    simulated: bool,
    made_on: date,
) -> QImage:
    """A picture that stands by itself, all lanes high enough to be read.

    Parameters
    ----------
    axis
        Which days; it is laid over the picture's own width.
    """
    font = QFont(family)
    font.setPixelSize(FONT_PX)
    look = Look(font)
    em, metrics = look.em, QFontMetricsF(font)
    left = GUTTER_EM * em
    axis = axis.placed(left, PICTURE_PX - left - em)
    lanes = len({curve.lane for curve in content.curves if curve.key not in hidden})
    wanted = (2.0 + 2.4 * len(LANES) + lanes * LEAST_CURVE_EM * 1.5) * em
    layout = arranged(content, axis, em, wanted, metrics.horizontalAdvance, hidden, logarithmic)
    curves = [curve for curve in content.curves if curve.key not in hidden]
    lines = _legend_lines(curves, metrics, em)
    top, foot = 2.0 * em, (1.6 * len(lines) + 3.2) * em
    image = QImage(PICTURE_PX, round(top + layout.height + foot), QImage.Format.Format_RGB32)
    image.fill(QColor(theme.PANEL))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(QColor(theme.TEXT))
    painter.drawText(QPointF(em * 0.6, em * 1.4), f"SIMULATED · {title}" if simulated else title)
    painter.save()
    painter.translate(0.0, top)
    painter.setClipRect(QRectF(0, 0, PICTURE_PX, layout.height))
    paint_timeline(painter, layout, content, look, QRectF(0, 0, PICTURE_PX, layout.height))
    painter.restore()
    y = top + layout.height + 1.4 * em
    for line in lines:
        _paint_legend_line(painter, line, y, em, metrics)
        y += 1.6 * em
    _paint_foot(painter, y, em, made_on)
    painter.end()
    return image


def paper_picture(
    content: TimelineContent, memory: TimelineMemory, family: str, *, title: str, simulated: bool, made_on: date
) -> Picture:
    """The whole course for a paper, with the curves as the window shows them; may be called in a job.

    Parameters
    ----------
    title
        Who it is about.
    """
    hidden = memory.hidden_of(content.curves)
    image = timeline_picture(
        content, TimeAxis.fitted(content.days(), 0.0, 1.0), hidden, memory.logarithmic, family,
        title=title, simulated=simulated, made_on=made_on,
    )  # fmt: skip
    stream = QBuffer()
    stream.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(stream, "PNG")
    left_out = ", ".join(curve.title for curve in content.curves if curve.key in hidden)
    caption = "The course on one axis of time" + (f"; curves that are not drawn: {left_out}" if left_out else "")
    share = min(1.0, HIGHEST * image.width() / image.height())
    return Picture(bytes(stream.data().data()), caption, share)


def _paint_foot(painter: QPainter, y: float, em: float, made_on: date) -> None:
    """What the shapes mean, the date, and what the program is not."""
    painter.setPen(QColor(theme.QUIET))
    words = f"Filled: done · hollow: planned · {made_on.isoformat()} · {DISCLAIMER}"
    room = QRectF(em * 0.6, y - 0.8 * em, PICTURE_PX - 1.2 * em, 2.4 * em)
    painter.drawText(room, Qt.TextFlag.TextWordWrap, words)


def _legend_lines(curves: list[Curve], metrics: QFontMetricsF, em: float) -> list[list[Curve]]:
    lines: list[list[Curve]] = []
    right = PICTURE_PX
    for curve in curves:
        width = metrics.horizontalAdvance(_legend_text(curve)) + 3.6 * em
        if right + width > PICTURE_PX - em:
            lines.append([])
            right = 0
        lines[-1].append(curve)
        right = round(right + width)
    return lines


def _legend_text(curve: Curve) -> str:
    return f"{curve.title} ({curve.unit})" if curve.unit else curve.title


def _paint_legend_line(painter: QPainter, line: list[Curve], y: float, em: float, metrics: QFontMetricsF) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    x = em * 0.6
    for curve in line:
        style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(curve.colour), em / 9, style))
        painter.drawLine(QPointF(x, y - em * 0.3), QPointF(x + 1.8 * em, y - em * 0.3))
        painter.setPen(QPen(QColor(curve.colour), 1.5))
        painter.setBrush(QColor(curve.colour))
        paint_shape(painter, curve.shape, QPointF(x + 0.9 * em, y - em * 0.3), em * 0.26)
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(QPointF(x + 2.2 * em, y), _legend_text(curve))
        x += metrics.horizontalAdvance(_legend_text(curve)) + 3.6 * em
