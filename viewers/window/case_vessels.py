"""Vessels of the open case in the window: trees, feeders, catheter positions and working views, wired together."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from planner.model.items import Point
from planner.workflow.template import Stage
from viewers.panes.desk import Desk
from viewers.state.vessels import TipShown, VesselPlace
from viewers.window.case_vessel_base import FEEDERS_TOOL, INJECTION, TREES, VesselSession
from viewers.window.case_vessel_feeders import VesselFeeders
from viewers.window.case_vessel_positions import VesselPositions
from viewers.window.case_vessel_trees import VesselTrees
from viewers.window.case_work import CaseWork


class CaseVessels:
    """Keeps panes and panels in step with the vessels of the open session. A `VesselKeeper` for the tools.

    Attributes
    ----------
    vessels
        The session and its trees.
    trees, feeders, positions
        One for each tool of a stage, each with its panel.
    panel
        All panels, those of the stage on show.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.vessels = VesselSession(desk)
        self.trees = VesselTrees(self.vessels)
        self.feeders = VesselFeeders(self.vessels)
        self.positions = VesselPositions(self.vessels)
        self.panel = QWidget()
        self._rows = rows = QVBoxLayout(self.panel)
        rows.setContentsMargins(0, 0, 0, 0)
        for each in (self.positions.panel, self.feeders.panel, self.trees.panel):
            rows.addWidget(each)
            each.hide()
        self._soon = QTimer(self.panel)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.refresh)
        state = desk.state
        self.vessels.changed.connect(self._changed)
        desk.marks.marks.changed.connect(self._value_changed)
        state.selected_id.changed.connect(self._value_changed)
        state.layout.changed.connect(self._value_changed)
        state.interacting.changed.connect(self._value_changed)
        state.images.changed.connect(self._changed)
        for value in (state.vessels.chosen, state.vessels.on_show, state.vessels.injection):
            value.changed.connect(self._value_changed)
        state.vessels.pointed.changed.connect(self._say_pointed)

    def follow(self, work: CaseWork | None) -> None:
        """Another open case, or none."""
        self.vessels.follow(work)
        self.feeders.forget()
        self.positions.forget()
        self.desk.state.vessels.keeper = None if work is None else self

    def show_stage(self, stage: Stage) -> None:
        """Each panel stands in the stages that offer its tool."""
        self.trees.panel.setVisible(TREES in stage.tools)
        self.feeders.panel.setVisible(FEEDERS_TOOL in stage.tools)
        self.positions.panel.setVisible(INJECTION in stage.tools)
        self.panel.setVisible(bool({TREES, FEEDERS_TOOL, INJECTION} & set(stage.tools)))
        self.refresh()

    def refresh(self) -> None:
        """Show everything anew; panels rebuild only what differs."""
        self._soon.stop()
        if self.vessels.session is None:
            return
        self.vessels.refresh()
        # Until there are vessels, finding them is the next act; afterwards they stand below what is done with them.
        first = self._rows.indexOf(self.trees.panel) == 0
        if first != (not self.vessels.trees):
            self._rows.removeWidget(self.trees.panel)
            self._rows.insertWidget(-1 if first else 0, self.trees.panel)
        self.positions.refresh()
        if not self.desk.state.interacting.value:
            # Under a moving hand only what is reached changes.
            self.trees.refresh()
            self.feeders.refresh()

    def _changed(self) -> None:
        """Shown once the present act is over: an act changes several things."""
        self._soon.start()

    def _value_changed(self, value: object) -> None:
        del value
        self._soon.start()

    def _say_pointed(self, place: VesselPlace | None) -> None:
        """Name and calibre of the vessel under the pointer, where the tools say what to do."""
        words = "" if place is None else self.desk.state.vessels.words_of(place)
        if words:
            self.desk.kit.hint.set(words)
        else:
            self.desk.tools.active.say()

    # A VesselKeeper

    def find_from(self, lps_mm: Point, series: str) -> str | None:
        return self.trees.find_from(lps_mm, series)

    def add_branch(self, tree_id: str, end_lps_mm: Point) -> str | None:
        return self.trees.add_branch(tree_id, end_lps_mm)

    def cut(self, place: VesselPlace, *, whole: bool) -> str | None:
        return self.trees.cut(place, whole=whole)

    def join(self, place: VesselPlace, other: VesselPlace) -> str | None:
        return self.trees.join(place, other)

    def reroot(self, place: VesselPlace) -> str | None:
        return self.trees.reroot(place)

    def confirm_name(self, place: VesselPlace) -> str | None:
        return self.trees.confirm_name(place)

    def hold_tip(self, tip: TipShown) -> str | None:
        return self.positions.hold(tip)

    def keep_tip(self, tip: TipShown) -> str | None:
        return self.positions.keep(tip)

    def drop_tip(self) -> None:
        self.positions.drop()
