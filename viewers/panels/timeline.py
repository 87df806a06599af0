"""The course on one time axis: legend, drawing, and what a click opens."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollBar, QVBoxLayout, QWidget

from viewers.panels.timeline_canvas import TimelineCanvas
from viewers.panels.timeline_export import TimelineMenu
from viewers.panels.timeline_legend import TimelineLegend
from viewers.state.course_lanes import Opens, TimelineContent, TimelineMark
from viewers.state.timeline_memory import TimelineMemory


class Timeline(QWidget):
    """Legend, drawing, and a bar to scroll where the lanes are higher than the room.

    Parameters
    ----------
    memory
        Which curves are switched off; shared by the timelines of a window.
    legend
        Whether the switches of curves are shown; without them those of another timeline decide.
    """

    session_wanted = Signal(str)
    study_wanted = Signal(str)
    compare_wanted = Signal(str, str)
    reading_wanted = Signal(str)
    step_wanted = Signal(str)
    decision_wanted = Signal(str)

    def __init__(self, memory: TimelineMemory | None = None, *, legend: bool = True) -> None:
        super().__init__()
        self.memory = memory if memory is not None else TimelineMemory()
        self.canvas = TimelineCanvas(self.memory)
        self._legend = legend
        self.legend = TimelineLegend(self._switch)
        self.menu = TimelineMenu(self)
        self.bar = QScrollBar(Qt.Orientation.Vertical)
        self.bar.valueChanged.connect(lambda value: self.canvas.scroll_to(float(value)))
        self.canvas.scrolled.connect(self._follow)
        self.canvas.opened.connect(self._opened)
        self.canvas.compared.connect(self.compare_wanted)
        self.canvas.menu_asked.connect(self.menu.show_at)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        if legend:
            layout.addWidget(self.legend)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self.canvas, 1)
        body.addWidget(self.bar)
        layout.addLayout(body, 1)
        self.setFocusProxy(self.canvas)
        self.canvas.setMinimumHeight(round(self.fontMetrics().height() * 8))

    @property
    def content(self) -> TimelineContent:
        return self.canvas.content

    def show_content(self, content: TimelineContent, *, keep_view: bool = True) -> None:
        """Show a course; `keep_view` False fits it anew (another case)."""
        if self._legend:
            self.legend.show_curves(content.curves, self.memory.hidden_of(content.curves))
        self.canvas.show_content(content, keep_view=keep_view)

    def _switch(self, keys: tuple[str, ...], visible: bool) -> None:
        for key in keys:
            self.memory.show(key, visible)
        self.canvas.redraw()

    def show_every_curve(self) -> None:
        """Switch everything on that the case has."""
        for curve in self.content.curves:
            self.memory.show(curve.key, True)
        self.show_content(self.content)

    def _follow(self) -> None:
        """The scroll bar follows the height of the lanes."""
        canvas = self.canvas
        most = max(0, round(canvas.layout_now().height - canvas.height()))
        canvas.offset = min(canvas.offset, float(most))
        self.bar.blockSignals(True)
        self.bar.setRange(0, most)
        self.bar.setPageStep(max(1, canvas.height()))
        self.bar.setSingleStep(round(2 * canvas.em))
        self.bar.setValue(round(canvas.offset))
        self.bar.blockSignals(False)
        self.bar.setVisible(most > 0)

    def _opened(self, mark: TimelineMark) -> None:
        signals = {
            Opens.SESSION: self.session_wanted,
            Opens.STUDY: self.study_wanted,
            Opens.READING: self.reading_wanted,
            Opens.STEP: self.step_wanted,
            Opens.DECISION: self.decision_wanted,
        }
        if mark.opens is not None:
            signals[mark.opens].emit(mark.target)
