"""Every tool, and the one that is active."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from viewers.panes.tools.base import Tool, ToolKit
from viewers.panes.tools.compare import CompareLandmarkTool
from viewers.panes.tools.crosshair import CrosshairTool
from viewers.panes.tools.day import LandmarkTool, ZoneTool
from viewers.panes.tools.lumen import LumenTool
from viewers.panes.tools.measure import AngleTool, DistanceTool, EllipseTool
from viewers.panes.tools.needle import NeedleTool, TargetTool
from viewers.panes.tools.path import PathTool
from viewers.panes.tools.regions import BrushTool, GrowTool, LesionTool, ThresholdTool
from viewers.panes.tools.vertebra import VertebraTool
from viewers.panes.tools.vessel_tree import CatheterTool, TreeTool
from viewers.panes.tools.window import WindowTool
from viewers.state.view_state import CROSSHAIR

TOOLS: tuple[type[Tool], ...] = (
    CrosshairTool,
    WindowTool,
    DistanceTool,
    AngleTool,
    EllipseTool,
    LesionTool,
    BrushTool,
    GrowTool,
    ThresholdTool,
    PathTool,
    TargetTool,
    NeedleTool,
    ZoneTool,
    LandmarkTool,
    VertebraTool,
    TreeTool,
    CatheterTool,
    LumenTool,
    CompareLandmarkTool,
)
"""In the order of a tool bar."""


class ToolBox:
    """Follows `ViewState.active_tool`: the tool left is cancelled, the new one says what to do."""

    def __init__(self, kit: ToolKit) -> None:
        self.kit = kit
        self._tools = {kind.id: kind(kit) for kind in TOOLS}
        self._active = self._tools[CROSSHAIR]
        kit.state.active_tool.changed.connect(self._switch)
        settings = kit.settings
        for setting in (settings.brush_radius_mm, settings.brush_in_3d, settings.spread, settings.threshold):
            setting.changed.connect(self._setting_changed)
        self._active.say()

    @property
    def tools(self) -> Mapping[str, Tool]:
        """By id, in the order of a tool bar."""
        return MappingProxyType(self._tools)

    @property
    def active(self) -> Tool:
        return self._active

    def pick(self, tool_id: str) -> None:
        """Make a tool the active one; an unknown id is the crosshair."""
        self.kit.state.active_tool.set(tool_id if tool_id in self._tools else CROSSHAIR)

    def by_shortcut(self, name: str) -> Tool | None:
        """The tool of a key by Qt's name without ``Key_``."""
        return next((tool for tool in self._tools.values() if tool.shortcut == name), None)

    def escape(self) -> None:
        """Drop what is unfinished or only looked at, and come back to the crosshair."""
        self._active.cancel()
        self.kit.state.needles.chosen.set(None)
        self.kit.notice.set("")
        self.pick(CROSSHAIR)
        self._active.say()

    def _setting_changed(self, value: object) -> None:
        del value
        self._active.say()

    def _switch(self, tool_id: str) -> None:
        self._active.cancel()
        self._active = self._tools.get(tool_id, self._tools[CROSSHAIR])
        self.kit.notice.set("")
        self._active.begin()
        self._active.say()
