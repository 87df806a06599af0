"""Lumens and stents of the open case in the window, wired together with the crosshair of the planes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from planner.model.items import Point
from planner.workflow.template import Stage
from viewers.panes.desk import Desk
from viewers.state.lumens import LUMEN_TOOL
from viewers.state.vessels import VesselPlace
from viewers.window.case_lumen_base import LUMENS_TOOL, STENTS_TOOL, LumenSession
from viewers.window.case_lumen_work import LumenWork
from viewers.window.case_stents import StentWork
from viewers.window.case_work import CaseWork

NEAR_MM = 4.0
"""A crosshair this far beyond the lumen's edge still means the lumen."""


class CaseLumens:
    """Keeps panes and panels in step with the lumens of the open session. A `LumenKeeper` for tools and panes.

    Attributes
    ----------
    lumens
        The session with its lumens and stents.
    work, stents
        One for each tool of a stage, each with its panel.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.lumens = LumenSession(desk)
        self.work = LumenWork(self.lumens)
        self.stents = StentWork(self.lumens)
        self.panel = QWidget()
        rows = QVBoxLayout(self.panel)
        rows.setContentsMargins(0, 0, 0, 0)
        for each in (self.work.panel, self.stents.panel):
            rows.addWidget(each)
            each.hide()
        self._linking = False
        self._soon = QTimer(self.panel)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        state = desk.state
        self.lumens.changed.connect(self._changed)
        state.images.changed.connect(self._changed)
        for value in (
            state.selected_id,
            state.layout,
            state.lumens.on_show,
            state.lumens.kind,
            state.vessels.chosen,
            state.vessels.trees,
        ):
            value.changed.connect(self._value_changed)
        state.lumens.kind.changed.connect(self._kind_changed)
        state.lumens.along_mm.changed.connect(self._line_moved)
        state.lumens.on_show.changed.connect(self._line_moved)
        state.cursor_changed.connect(self._cursor_moved)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.lumens.follow(work)
        self.work.forget()
        self.stents.forget()
        self.desk.state.lumens.keeper = None if work is None else self

    def show_stage(self, stage: Stage) -> None:
        """Each panel stands in the stages that offer its tool."""
        self.work.panel.setVisible(LUMENS_TOOL in stage.tools)
        self.stents.panel.setVisible(STENTS_TOOL in stage.tools)
        self.panel.setVisible(bool({LUMENS_TOOL, STENTS_TOOL} & set(stage.tools)))
        self.refresh()

    def refresh(self) -> None:
        """Show everything anew; panels rebuild only what differs."""
        self._soon.stop()
        if self.lumens.session is None:
            return
        self.lumens.read()
        self.work.refresh()
        self.stents.refresh()

    def _changed(self) -> None:
        """Shown once the present act is over: an act changes several things."""
        self._soon.start()

    def _value_changed(self, value: object) -> None:
        del value
        self._soon.start()

    def _kind_changed(self, kind: object) -> None:
        """The hint of the tool names the kind."""
        del kind
        if self.desk.tools.active.id == LUMEN_TOOL:
            self.desk.tools.active.say()

    # One line for the lumen's panes, the planes and 3D

    def _line_moved(self, value: object) -> None:
        """The crosshair goes to the line."""
        del value
        shown = self.desk.state.lumens.shown
        if shown is None or self._linking:
            return
        self._linking = True
        try:
            self.desk.state.move_cursor(shown.frame_uid, shown.course.at(self.desk.state.lumens.along_mm.value))
        finally:
            self._linking = False

    def _cursor_moved(self, frame_uid: str) -> None:
        """The line follows a crosshair in or beside the lumen; one elsewhere leaves it where it is."""
        desk = self.desk.state.lumens
        shown = desk.shown
        if shown is None or self._linking or shown.frame_uid != frame_uid:
            return
        place = np.asarray(self.desk.state.cursor_lps_mm(frame_uid))
        along = float(shown.course.along_of(place))
        away = float(np.linalg.norm(shown.course.at(along) - place))
        greatest = shown.lumen.greatest_mm[shown.index_at(along)]
        edge = 0.5 * float(greatest) if np.isfinite(greatest) else 0.0
        if away > edge + NEAR_MM:
            return
        self._linking = True
        try:
            desk.look(along)
        finally:
            self._linking = False

    # A LumenKeeper

    def trace(self, clicks_lps_mm: Sequence[Point], series: str) -> str | None:
        return self.work.trace(clicks_lps_mm, series)

    def trace_again(self, lumen_id: str, clicks_lps_mm: Sequence[Point]) -> str | None:
        return self.work.trace_again(lumen_id, clicks_lps_mm)

    def add_click(self, lumen_id: str, lps_mm: Point) -> str | None:
        return self.work.add_click(lumen_id, lps_mm)

    def trace_branch(self, place: VesselPlace) -> str | None:
        return self.work.trace_branch(place)

    def set_stenosis(self, lumen_id: str, start_mm: float, end_mm: float) -> str | None:
        return self.work.set_stenosis(lumen_id, start_mm, end_mm)

    def mark(self, lumen_id: str, along_mm: float, name: str) -> str | None:
        return self.work.mark(lumen_id, along_mm, name)

    def unmark(self, lumen_id: str, name: str) -> str | None:
        return self.work.unmark(lumen_id, name)

    def hold_stent(self, stent_id: str, start_mm: float, end_mm: float) -> str | None:
        return self.stents.hold(stent_id, start_mm, end_mm)

    def keep_stent(self) -> str | None:
        return self.stents.keep()

    def drop_stent(self) -> None:
        self.stents.drop()
