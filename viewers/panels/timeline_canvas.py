"""The drawing of a course on its time axis, and its hands: zoom, pan, values under the pointer, what a click means."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QEvent, QLineF, QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewers.panels.timeline_painter import GUTTER_EM, Look, paint_timeline, placed_points
from viewers.state import theme
from viewers.state.course_lanes import (
    HEAD_EM,
    Layout,
    Opens,
    PlacedPoint,
    TimelineContent,
    TimelineMark,
    arranged,
    mark_at,
    point_at,
)
from viewers.state.time_axis import TimeAxis, days_text
from viewers.state.timeline_memory import TimelineMemory

ZOOM = 1.25
"""One notch of the wheel, or one press of + or -."""

DRAG_FROM_PX = 5.0


class TimelineCanvas(QWidget):
    """The drawing and its hands.

    The wheel zooms around the pointer, + and - around the middle; dragging and the arrows pan; F fits, T brings today
    to the middle; N and P go from mark to mark, Enter opens the one that is chosen. Ctrl+click chooses studies, C the
    one on which N or P stands; two of them are compared, as are two of which one is dragged onto the other.
    """

    opened = Signal(object)
    compared = Signal(str, str)
    scrolled = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, memory: TimelineMemory) -> None:
        super().__init__()
        self.memory = memory
        self.content = TimelineContent()
        self.axis = TimeAxis.fitted((), 0.0, 1.0)
        self.offset = 0.0
        self.chosen: tuple[str, ...] = ()
        self.standing: str | None = None
        self.pointer: QPointF | None = None
        self._pressed: tuple[QPointF, TimelineMark | None, float] | None = None
        self._dragging = False
        self._fitted = True
        self._picture: QPixmap | None = None
        self._stale = True
        self._layout: Layout | None = None
        self._points: tuple[PlacedPoint, ...] | None = None
        self._widths: dict[str, float] = {}
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Course on a time axis")

    @property
    def em(self) -> float:
        return QFontMetricsF(self.font()).height()

    @property
    def gutter_px(self) -> float:
        """Width of the lanes' names; a narrow picture spares some of it."""
        return min(GUTTER_EM * self.em, self.width() * 0.34)

    def show_content(self, content: TimelineContent, *, keep_view: bool) -> None:
        """Draw something else; what is seen of the axis stays where it is, or all is fitted."""
        self.content = content
        known = {mark.id for mark in content.marks}
        self.chosen = tuple(each for each in self.chosen if each in known)
        self.standing = self.standing if self.standing in known else None
        if not keep_view or self._fitted:
            self.fit()
        self.redraw()

    def look(self) -> Look:
        ringed = (*self.chosen, *((self.standing,) if self.standing else ()))
        return Look(self.font(), frozenset(ringed))

    def hidden(self) -> frozenset[str]:
        """Keys of the curves that are switched off."""
        return self.memory.hidden_of(self.content.curves)

    def width_of(self, text: str) -> float:
        if text not in self._widths:
            self._widths[text] = QFontMetricsF(self.font()).horizontalAdvance(text)
        return self._widths[text]

    def layout_now(self) -> Layout:
        """Everything in its place, for what is shown now."""
        if self._layout is None:
            self._layout = arranged(
                self.content,
                self.axis,
                self.em,
                float(self.height()),
                self.width_of,
                self.hidden(),
                self.memory.logarithmic,
            )
            self._points = None
        return self._layout

    def points_now(self) -> tuple[PlacedPoint, ...]:
        layout = self.layout_now()
        if self._points is None:
            self._points = placed_points(layout)
        return self._points

    def redraw(self) -> None:
        self._layout, self._stale = None, True
        self.update()
        self.scrolled.emit()

    def _show_axis(self, axis: TimeAxis) -> None:
        self.axis, self._fitted = axis, False
        self.redraw()

    def fit(self) -> None:
        """All days of the course, and today."""
        left = self.gutter_px
        self.axis = TimeAxis.fitted(self.content.days(), left, self.width() - left - self.em)
        self._fitted = True
        self.redraw()

    def zoom(self, factor: float, x: float | None = None) -> None:
        self._show_axis(self.axis.zoomed(factor, (self.axis.left_px + self.axis.right_px) / 2 if x is None else x))

    def bring_to_middle(self, day: date) -> None:
        middle = (self.axis.left_px + self.axis.right_px) / 2
        self._show_axis(self.axis.panned(middle - self.axis.x_of(day)))

    def scroll_to(self, offset: float) -> None:
        most = max(0.0, self.layout_now().height - self.height())
        self.offset = min(max(0.0, offset), most)
        self._stale = True
        self.update()

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        layout = self.layout_now()
        picture = self._canvas()
        if self._stale:
            self._stale = False
            inner = QPainter(picture)
            area = QRectF(0.0, self.offset, float(self.width()), float(self.height()))
            paint_timeline(inner, layout, self.content, self.look(), area)
            inner.end()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, picture)
        if not self.content.marks and not self.content.curves:
            painter.setPen(QColor(theme.QUIET))
            left = round(self.axis.left_px)
            room = self.rect().adjusted(left, 0, 0, 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, "Nothing planned or done yet")
        elif self.pointer is not None:
            self._paint_pointer(painter, self.pointer)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.ACCENT), 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _canvas(self) -> QPixmap:
        """What was drawn last; a new one only where the size differs."""
        size = self.size() * self.devicePixelRatioF()
        if self._picture is None or self._picture.size() != size:
            self._picture = QPixmap(size)
            self._picture.setDevicePixelRatio(self.devicePixelRatioF())
            self._stale = True
        return self._picture

    def _paint_pointer(self, painter: QPainter, at: QPointF) -> None:
        if self._dragging and self._pressed is not None and self._study_pressed() is not None:
            painter.setPen(QPen(QColor(theme.TEXT), 2.0, Qt.PenStyle.DashLine))
            painter.drawLine(QLineF(self._pressed[0], at))
        elif not self._dragging and self.axis.left_px <= at.x() <= self.axis.right_px:
            painter.setPen(QPen(QColor(theme.QUIET), 1.0, Qt.PenStyle.DotLine))
            painter.drawLine(QLineF(at.x(), HEAD_EM * self.em, at.x(), float(self.height())))
        lines = self.lines_at(at)
        if lines:
            self._paint_card(painter, at, lines)

    def _paint_card(self, painter: QPainter, at: QPointF, lines: tuple[str, ...]) -> None:
        em, metrics = self.em, QFontMetricsF(self.font())
        most = max(20 * em, self.width() * 0.45)
        lines = tuple(metrics.elidedText(line, Qt.TextElideMode.ElideRight, most) for line in lines)
        width = max(metrics.horizontalAdvance(line) for line in lines) + em
        height = em * (len(lines) * 1.15 + 0.5)
        left = at.x() + em if at.x() + em + width < self.width() else max(0.0, at.x() - em - width)
        top = min(max(0.0, at.y() + 0.8 * em), max(0.0, self.height() - height - 2))
        painter.setPen(QPen(QColor(theme.LINE), 1.0))
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(QRectF(left, top, width, height), 4.0, 4.0)
        for number, line in enumerate(lines):
            painter.setPen(QColor(theme.TEXT if number == 0 else "#b7bdc7"))
            painter.drawText(QPointF(left + em / 2, top + em * (1.05 + 1.15 * number)), line)

    # What is where

    def mark_under(self, at: QPointF) -> TimelineMark | None:
        if at.y() < HEAD_EM * self.em or at.x() < self.axis.left_px:
            return None
        return mark_at(self.layout_now(), at.x(), at.y() + self.offset, self.em)

    def lines_at(self, at: QPointF) -> tuple[str, ...]:
        """What the card says there: the mark, the value, or the values of a lane nearest to the day."""
        first = self._study_pressed()
        mark = self.mark_under(at)
        if self._dragging and first is not None:
            other = mark if mark is not None and mark.opens is Opens.STUDY and mark.id != first.id else None
            end = f"with {other.text} ({days_text(first.on, other.on)} apart)" if other else "with another study …"
            return (f"Compare {first.text}, {first.on.isoformat()}", end)
        if mark is not None:
            return mark_lines(mark)
        if at.y() < HEAD_EM * self.em or not self.axis.left_px <= at.x() <= self.axis.right_px:
            return ()
        x, y = at.x(), at.y() + self.offset
        lane = self.layout_now().lane_at(y)
        if lane is None or not lane.curves:
            return ()
        mine = [each for each in self.points_now() if each.curve.lane == lane.key]
        exact = point_at(mine, x, y, 0.6 * self.em)
        if exact is not None:
            return (exact.curve.title, f"{exact.point.shown} · {exact.point.on.isoformat()}", exact.point.source)
        lines = [lane.title]
        for curve in lane.curves:
            of_curve = [each for each in mine if each.curve is curve]
            if of_curve:
                nearest = min(of_curve, key=lambda each: abs(each.x - x))
                lines.append(f"{curve.title}: {nearest.point.shown} · {nearest.point.on.isoformat()}")
        return tuple(lines)

    def _study_pressed(self) -> TimelineMark | None:
        mark = self._pressed[1] if self._pressed is not None else None
        return mark if mark is not None and mark.opens is Opens.STUDY else None

    # Hands

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120.0
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._scroll_by(-3 * self.em * (notches or event.angleDelta().x() / 120.0))
        elif notches:
            self.zoom(ZOOM**notches, event.position().x())
        event.accept()

    def _scroll_by(self, by_px: float) -> None:
        self.scroll_to(self.offset + by_px)
        self.scrolled.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = (event.position(), self.mark_under(event.position()), event.position().x())
            self._dragging = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointer = event.position()
        if self._pressed is not None:
            start, _, last = self._pressed
            if not self._dragging and (event.position() - start).manhattanLength() > DRAG_FROM_PX:
                self._dragging = True
            if self._dragging and self._study_pressed() is None:
                self._show_axis(self.axis.panned(event.position().x() - last))
                self._pressed = (start, None, event.position().x())
        hand = self.mark_under(event.position())
        shape = Qt.CursorShape.PointingHandCursor if hand is not None and hand.opens else Qt.CursorShape.ArrowCursor
        self.setCursor(Qt.CursorShape.ClosedHandCursor if self._dragging else shape)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        mark, was_dragging = self._pressed[1], self._dragging
        first, under = self._study_pressed(), self.mark_under(event.position())
        self._pressed, self._dragging = None, False
        self.unsetCursor()
        if was_dragging:
            if first is not None and under is not None and under.opens is Opens.STUDY and under.id != first.id:
                self._compare(first, under)
        elif mark is not None and event.button() is Qt.MouseButton.LeftButton and mark == under:
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.choose(mark)
            else:
                self._open(mark)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self.pointer = None
        self.update()
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self._pressed, self._dragging = None, False
        self.menu_asked.emit(event.pos())

    def choose(self, mark: TimelineMark) -> None:
        """Take a study for a comparison, or leave it out again; the second one begins it."""
        if mark.opens is not Opens.STUDY:
            return
        if mark.id in self.chosen:
            self.chosen = tuple(each for each in self.chosen if each != mark.id)
        else:
            self.chosen = (*self.chosen, mark.id)
        if len(self.chosen) == 2:
            first = next(each for each in self.content.marks if each.id == self.chosen[0])
            self.chosen = ()
            self._compare(first, mark)
        self.redraw()

    def _compare(self, first: TimelineMark, second: TimelineMark) -> None:
        earlier, later = sorted((first, second), key=lambda mark: (mark.on, mark.id))
        self.compared.emit(earlier.target, later.target)

    def _open(self, mark: TimelineMark) -> None:
        self.standing = mark.id
        self.redraw()
        if mark.opens is not None:
            self.opened.emit(mark)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See the class. Keys with Ctrl or Alt belong to the window."""
        held = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        acts = {
            Qt.Key.Key_Plus: lambda: self.zoom(ZOOM),
            Qt.Key.Key_Equal: lambda: self.zoom(ZOOM),
            Qt.Key.Key_Minus: lambda: self.zoom(1 / ZOOM),
            Qt.Key.Key_F: self.fit,
            Qt.Key.Key_T: lambda: self.bring_to_middle(self.content.today or self.axis.day_at(self.axis.left_px)),
            Qt.Key.Key_Left: lambda: self._show_axis(self.axis.panned(self.axis.width_px / 10)),
            Qt.Key.Key_Right: lambda: self._show_axis(self.axis.panned(-self.axis.width_px / 10)),
            Qt.Key.Key_Up: lambda: self._scroll_by(-3 * self.em),
            Qt.Key.Key_Down: lambda: self._scroll_by(3 * self.em),
            Qt.Key.Key_N: lambda: self._stand_on(1),
            Qt.Key.Key_P: lambda: self._stand_on(-1),
            Qt.Key.Key_C: self._choose_standing,
            Qt.Key.Key_Return: self._open_standing,
            Qt.Key.Key_Enter: self._open_standing,
        }
        act = acts.get(Qt.Key(event.key()))
        if held or act is None:
            super().keyPressEvent(event)
            return
        act()

    def _stand_on(self, by: int) -> None:
        """Choose the next or previous mark in time, and bring it into view."""
        marks = sorted(self.content.marks, key=lambda mark: (mark.on, mark.id))
        if not marks:
            return
        ids = [mark.id for mark in marks]
        at = ids.index(self.standing) + by if self.standing in ids else 0 if by > 0 else -1
        mark = marks[at % len(marks)]
        self.standing = mark.id
        if not self.axis.shows(mark.on):
            self.bring_to_middle(mark.on)
        self.redraw()
        placed = next((each for each in self.layout_now().marks if each.mark.id == mark.id), None)
        if placed is not None:
            self.pointer = QPointF(placed.x, placed.y - self.offset)

    def _standing_mark(self) -> TimelineMark | None:
        return next((mark for mark in self.content.marks if mark.id == self.standing), None)

    def _choose_standing(self) -> None:
        mark = self._standing_mark()
        if mark is not None:
            self.choose(mark)

    def _open_standing(self) -> None:
        mark = self._standing_mark()
        if mark is not None:
            self._open(mark)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        left = self.gutter_px
        if self._fitted:
            self.fit()
        else:
            self.axis = self.axis.placed(left, self.width() - left - self.em)
        self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._widths.clear()
            self.redraw()


def mark_lines(mark: TimelineMark) -> tuple[str, ...]:
    """A mark in words: what, when, its window, and what is known of it."""
    when = mark.on.isoformat()
    if mark.until is not None:
        when = f"{when} to {mark.until.isoformat()}"
    elif mark.still:
        when = f"since {when}, goes on"
    lines = [mark.text, f"{when} · {mark.state.value}"]
    if mark.hollow and (mark.earliest or mark.latest):
        first = mark.earliest.isoformat() if mark.earliest else "not said"
        last = mark.latest.isoformat() if mark.latest else "not said"
        lines.append(f"earliest {first} · latest {last}")
    return (*lines, *mark.detail)
