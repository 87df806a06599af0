"""The middle of the window: panes on a grid as the layout says, one of them enlarged when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from viewers.panes.desk import Desk
from viewers.panes.hint_line import HintLine
from viewers.panes.mpr_header import MprHeader
from viewers.panes.mpr_pane import MprPane
from viewers.panes.pane_frame import PaneFrame
from viewers.state import theme
from viewers.state.layouts import PaneSpec, layout
from viewers.state.signals import Subscriptions
from viewers.state.view_state import PLANE_KINDS

PaneFactory = Callable[[PaneSpec, Desk], PaneFrame]
"""Makes a pane in its frame. The frame's `release` is called when the grid goes."""


def mpr_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of axial, coronal and sagittal panes."""
    pane = MprPane(spec, desk)
    header = MprHeader(pane)
    frame = PaneFrame(spec, pane, desk.state, header.widgets)
    frame.destroyed.connect(header.release)
    return frame


def _unknown_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """A layout may name a kind of pane that this installation cannot show; it says so."""
    label = QLabel(f"This installation shows no {spec.kind} pane.")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setWordWrap(True)
    return PaneFrame(spec, label, desk.state)


class PaneGrid(QWidget):
    """Follows `ViewState.layout` and `ViewState.enlarged_pane`.

    Panes that two layouts share are kept, with everything they have drawn.

    Parameters
    ----------
    factories
        By kind, for the kinds beside MPR (``3d``).
    """

    def __init__(
        self, desk: Desk, factories: Mapping[str, PaneFactory] | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.desk = desk
        self._factories: dict[str, PaneFactory] = {**dict.fromkeys(PLANE_KINDS, mpr_frame), **(factories or {})}
        self._frames: dict[tuple[str, str, str | None], PaneFrame] = {}
        self._shown: list[PaneFrame] = []
        self._layout = layout(desk.state.layout.value)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)
        self._hint = HintLine(desk.kit, self)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(self._grid, 1)
        rows.addWidget(self._hint)
        self.setAutoFillBackground(True)
        self.setStyleSheet(f"PaneGrid {{ background: {theme.WINDOW}; }}")
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            desk.state.layout.changed.connect(self._lay_out),
            desk.state.enlarged_pane.changed.connect(self._arrange),
        )
        self._lay_out(desk.state.layout.value)

    @property
    def frames(self) -> tuple[PaneFrame, ...]:
        """Those of the layout, hidden or not."""
        return tuple(self._shown)

    def frame(self, pane_id: str) -> PaneFrame | None:
        """A pane of the layout by id."""
        return next((frame for frame in self._shown if frame.spec.id == pane_id), None)

    def release(self) -> None:
        """Stop every pane; the window closes."""
        self._subscriptions.release()
        self._hint.release()
        for frame in self._frames.values():
            frame.release()

    def _lay_out(self, key: str) -> None:
        for frame in self._shown:
            frame.hide()
        self._layout = layout(key)
        self._shown = [self._frame_for(spec) for spec in self._layout.panes]
        self._arrange(self.desk.state.enlarged_pane.value)
        self._give_focus()

    def _arrange(self, enlarged: str | None) -> None:
        """All panes on the grid, or one alone; the others are hidden, so that they draw nothing."""
        alone = self.frame(enlarged) if enlarged is not None else None
        for frame in self._frames.values():
            self._grid.removeWidget(frame)
        for line in range(max(self._grid.rowCount(), self._grid.columnCount())):
            self._grid.setRowStretch(line, 0)
            self._grid.setColumnStretch(line, 0)
        for frame in self._shown:
            if alone is None or frame is alone:
                self._place(frame)
            frame.setVisible(alone is None or frame is alone)

    def _place(self, frame: PaneFrame) -> None:
        spec, rows, columns = frame.spec, self._layout.row_stretch, self._layout.column_stretch
        self._grid.addWidget(frame, spec.row, spec.column, spec.row_span, spec.column_span)
        for row in range(spec.row, spec.row + spec.row_span):
            self._grid.setRowStretch(row, rows[row] if row < len(rows) else 1)
        for column in range(spec.column, spec.column + spec.column_span):
            self._grid.setColumnStretch(column, columns[column] if column < len(columns) else 1)

    def _frame_for(self, spec: PaneSpec) -> PaneFrame:
        key = (spec.id, spec.kind, spec.role)
        if key not in self._frames:
            frame = self._factories.get(spec.kind, _unknown_frame)(spec, self.desk)
            frame.setParent(self)
            self._frames[key] = frame
        self._frames[key].spec = spec
        return self._frames[key]

    def _give_focus(self) -> None:
        """The pane that had the keyboard keeps it, else the first one gets it."""
        active = self.desk.state.active_pane.value
        frame = (self.frame(active) if active is not None else None) or (self._shown[0] if self._shown else None)
        if frame is not None and self.isVisible():
            frame.pane.setFocus(Qt.FocusReason.OtherFocusReason)
