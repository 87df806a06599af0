"""The curves of a DSA pane: contrast of drawn regions over time, with arrival, wash-in and peak beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from viewers.panes.run_pane import RunPane
from viewers.scene.run_curve_painter import (
    CurveContent,
    DrawnCurve,
    paint_curves,
    paint_empty,
    paint_now,
    places_of,
)
from viewers.state import theme
from viewers.state.run_state import RunRegion
from viewers.state.run_steps import Curves, phase_frames, times_of
from viewers.state.signals import Subscriptions

if TYPE_CHECKING:
    from planner.imaging.opacification import TimeDensityCurve

EMPTY = "Draw a region on the run (key E) to see how contrast arrives in it."
HEADINGS = ("Region", "Arrival", "Wash-in", "Peak")
NOT_TOLD = "–"


class CurvePlot(QWidget):
    """The axes; a click asks for the frame at that time.

    Attributes
    ----------
    time_asked
        In the unit of the axis.
    """

    time_asked = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content: CurveContent | None = None
        self.now: float | None = None
        self.empty = EMPTY
        self.setAccessibleName("time-density curves")
        self.setToolTip("Click: go to the frame at that time.")

    def area(self) -> QRectF:
        return QRectF(self.rect())

    def sizeHint(self) -> QSize:
        """Wide rather than high."""
        return QSize(260, 130)

    def minimumSizeHint(self) -> QSize:
        """Still readable."""
        return QSize(140, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Curves, and the present frame."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.WINDOW))
        if self.content is None or not self.content.curves:
            paint_empty(painter, self.area().adjusted(8, 8, -8, -8), self.empty)
        else:
            paint_curves(painter, self.area(), self.content)
            if self.now is not None:
                em = QFontMetricsF(self.font()).height()
                paint_now(painter, places_of(self.area(), self.content, em), self.now)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the time that was clicked."""
        self._ask(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event)

    def _ask(self, event: QMouseEvent) -> None:
        if self.content is not None and self.content.curves:
            em = QFontMetricsF(self.font()).height()
            self.time_asked.emit(places_of(self.area(), self.content, em).time_at(event.position().x()))


class CurvePanel(QWidget):
    """Follows a DSA pane; hidden until curves are asked for or a region is drawn."""

    def __init__(self, pane: RunPane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pane = pane
        self.plot = CurvePlot(self)
        self.plot.time_asked.connect(self._go_to)
        self.table = self._make_table()
        self.note = QLabel(self)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setWordWrap(True)
        self.note.setStyleSheet(f"color: {theme.QUIET};")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4, 2, 4, 2)
        rows.setSpacing(2)
        rows.addWidget(self.plot, 1)
        rows.addWidget(self.table)
        rows.addWidget(self.note)
        rows.addLayout(self._buttons())
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            pane.analysis.changed.connect(self.refresh),
            pane.pane_state.regions.changed.connect(self._changed),
            pane.pane_state.playback.frame.changed.connect(self._frame_changed),
            pane.pane_state.curves_shown.changed.connect(self._changed),
        )
        self.refresh()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(HEADINGS), self)
        table.setHorizontalHeaderLabels(list(HEADINGS))
        table.verticalHeader().setVisible(False)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setStretchLastSection(True)
        table.verticalHeader().setDefaultSectionSize(round(table.fontMetrics().height() * 1.5))
        return table

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        for text, tip, act in (
            ("Draw region", "Drag an ellipse on the run (E)", lambda: self._pane.tools.arm("region")),
            ("Rename", "Another name for the chosen region", self._rename),
            ("Remove", "Remove the chosen region, or the last one", self._remove),
        ):
            row.addWidget(_quiet_button(text, tip, act, self))
        row.addStretch(1)
        return row

    def release(self) -> None:
        self._subscriptions.release()

    def refresh(self) -> None:
        """Show what is known; curves of regions that have gone are left out."""
        self.setVisible(self._pane.pane_state.curves_shown.value)
        if not self._pane.pane_state.curves_shown.value:
            return
        run, analysis = self._pane.run, self._pane.analysis
        found, regions = analysis.curves, self._pane.pane_state.regions.value
        self.plot.content = None
        if run is not None and regions:
            time, unit = (found.time, found.unit) if found is not None else times_of(run)
            shown = tuple(_drawn(each, found) for each in regions if found and each.id in found.by_region)
            phases = phase_frames(analysis.maps.phases) if analysis.maps is not None else {}
            self.plot.content = CurveContent(time, unit, shown, phases)
        self.plot.empty = EMPTY if not regions else "Computing the curves…"
        if regions and not analysis.is_subtracted:
            self.plot.empty = "Curves need subtraction: press V."
        self._fill_table(found)
        self._frame_changed(self._pane.frame)

    def _fill_table(self, found: Curves | None) -> None:
        regions = self._pane.pane_state.regions.value
        self.table.setRowCount(len(regions))
        notes: dict[str, None] = {}
        for line, region in enumerate(regions):
            curve = found.by_region.get(region.id) if found is not None else None
            unit = found.unit if found is not None else "s"
            cells = (region.name, *_cells(curve, unit))
            for column, text in enumerate(cells):
                item = QTableWidgetItem(f"● {text}" if column == 0 else text)
                if column == 0:
                    item.setForeground(QColor(region.colour))
                self.table.setItem(line, column, item)
            for note in curve.notes if curve is not None else ():
                notes[f"{region.name}: {note}." if len(regions) > 1 else f"{note}."] = None
        self.note.setText(" ".join(notes))
        self.note.setVisible(bool(notes))
        # The last columns may lie beyond a narrow panel: room for a scroll bar.
        bar = self.table.horizontalScrollBar().sizeHint().height()
        heights = self.table.horizontalHeader().sizeHint().height() + bar + 4
        self.table.setFixedHeight(heights + min(4, len(regions)) * self.table.verticalHeader().defaultSectionSize())
        self.table.setVisible(bool(regions))

    def _changed(self, value: object) -> None:
        del value
        self.refresh()

    def _frame_changed(self, frame: int) -> None:
        content = self.plot.content
        self.plot.now = None if content is None or frame >= len(content.time) else float(content.time[frame])
        self.plot.update()

    def _go_to(self, time: float) -> None:
        content = self.plot.content
        if content is not None:
            playback = self._pane.pane_state.playback
            playback.stop()
            playback.go(int(np.argmin(np.abs(content.time - time))))

    def _chosen(self) -> str | None:
        regions, line = self._pane.pane_state.regions.value, self.table.currentRow()
        if not regions:
            return None
        return regions[line if 0 <= line < len(regions) else -1].id

    def _rename(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        dialog = QInputDialog(self)
        dialog.setWindowTitle("Name of the region")
        dialog.setLabelText("Name (a lesion, a territory …)")
        dialog.textValueSelected.connect(lambda name: self._pane.tools.regions.rename(chosen, name))
        dialog.open()

    def _remove(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self._pane.tools.regions.remove(chosen)


def _quiet_button(text: str, tip: str, act: Callable[[], object], parent: QWidget) -> QToolButton:
    made = QToolButton(parent)
    made.setText(text)
    made.setToolTip(tip)
    made.setAutoRaise(True)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.clicked.connect(lambda *_: act())
    return made


def _drawn(region: RunRegion, found: Curves) -> DrawnCurve:
    curve = found.by_region[region.id]
    return DrawnCurve(region.name, region.colour, curve.values, curve.arrival_s, curve.arrival_error_s)


def _cells(curve: TimeDensityCurve | None, unit: str) -> tuple[str, ...]:
    """Arrival with its error, wash-in, time and height of the peak; what cannot be told is a dash."""
    if curve is None:
        return ("…",) * (len(HEADINGS) - 1)
    return (
        _with_error(curve.arrival_s, curve.arrival_error_s, unit),
        NOT_TOLD if curve.wash_in_per_s is None else f"{curve.wash_in_per_s:.3g}/{'s' if unit == 's' else 'frame'}",
        _peak_cell(curve, unit),
    )


def _peak_cell(curve: TimeDensityCurve, unit: str) -> str:
    if curve.peak is None:
        return NOT_TOLD
    when = "" if curve.peak_s is None else f" at {_with_error(curve.peak_s, curve.peak_error_s, unit)}"
    return f"{curve.peak:.3g}{when}"


def _with_error(value: float | None, error: float | None, unit: str) -> str:
    if value is None:
        return NOT_TOLD
    return f"{value:.2f} {unit}" if error is None else f"{value:.2f} ± {error:.2f} {unit}"
