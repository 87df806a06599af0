"""The legend of a timeline: one switch per curve, with its colour and shape. Curves of one title share a switch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QLayout, QLayoutItem, QSizePolicy, QToolButton, QWidget

from viewers.panels.parts import plain_tip
from viewers.panels.timeline_painter import paint_shape
from viewers.state import theme
from viewers.state.course_lanes import Curve


class FlowLayout(QLayout):
    """Side by side, and on the next line where the width ends."""

    def __init__(self, parent: QWidget, gap: int = 4) -> None:
        super().__init__(parent)
        self._gap = gap
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, move: bool) -> int:
        x, y, line = rect.x(), rect.y(), 0
        for item in self._items:
            size = item.sizeHint()
            if x + size.width() > rect.right() + 1 and line > 0:
                x, y, line = rect.x(), y + line + self._gap, 0
            if move:
                item.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + self._gap
            line = max(line, size.height())
        return y + line - rect.y()


class TimelineLegend(QWidget):
    """Switches of curves.

    Parameters
    ----------
    switched
        Called with the keys of the curves of a switch and whether they are to be seen.
    """

    def __init__(self, switched: Callable[[tuple[str, ...], bool], object]) -> None:
        super().__init__()
        self._switched = switched
        self._flow = FlowLayout(self)
        self._shown: tuple[tuple[object, ...], ...] = ()
        self.switches: dict[str, QToolButton] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def show_curves(self, curves: Sequence[Curve], hidden: frozenset[str]) -> None:
        """Build the switches anew where curves differ; pressed is seen."""
        groups: dict[str, list[Curve]] = {}
        for curve in curves:
            groups.setdefault(curve.switch or curve.title, []).append(curve)
        shown = tuple((title, mine[0].colour, mine[0].shape) for title, mine in groups.items())
        if shown != self._shown:
            self._shown = shown
            self._build(groups)
        for title, mine in groups.items():
            self.switches[title].setChecked(any(curve.key not in hidden for curve in mine))
        self.setVisible(bool(groups))

    def _build(self, groups: dict[str, list[Curve]]) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.switches = {}
        for title, mine in groups.items():
            keys = tuple(curve.key for curve in mine)
            made = QToolButton()
            # What stands in brackets is said by the tip; the line of switches stays short.
            made.setText(title.split(" (")[0].replace("&", "&&"))
            made.setIcon(curve_icon(mine[0], self.fontMetrics().height()))
            made.setIconSize(QSize(round(self.fontMetrics().height() * 1.6), self.fontMetrics().height()))
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            made.setCheckable(True)
            made.setToolTip(plain_tip(switch_tip(mine)))
            made.clicked.connect(lambda pressed, keys=keys: self._switched(keys, pressed))
            self._flow.addWidget(made)
            self.switches[title] = made
        self.updateGeometry()


def switch_tip(mine: Sequence[Curve]) -> str:
    """What a switch shows, in which unit, and what its curves do not say."""
    lines = [f"{each.title} ({each.unit})" if each.unit else each.title for each in mine]
    notes = dict.fromkeys(each.note for each in mine if each.note)
    return "\n".join([*lines, *notes, "Shows and hides it; remembered for every case."])


def curve_icon(curve: Curve, em: int) -> QIcon:
    """Line and point of a curve, bright when it is shown and grey when it is not."""
    icon = QIcon()
    for state, colour in ((QIcon.State.On, curve.colour), (QIcon.State.Off, theme.WAITING)):
        picture = QPixmap(round(em * 1.6), em)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(colour), max(1.2, em / 10), line))
        painter.drawLine(QPointF(0, em / 2), QPointF(em * 1.6, em / 2))
        painter.setPen(QPen(QColor(colour), 1.0))
        painter.setBrush(QColor(colour))
        paint_shape(painter, curve.shape, QPointF(em * 0.8, em / 2), em * 0.26)
        painter.end()
        icon.addPixmap(picture, QIcon.Mode.Normal, state)
    return icon
