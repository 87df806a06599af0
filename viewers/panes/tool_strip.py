"""A row of buttons that pick the pointer tool."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QWidget

from viewers.panes.tools.toolbox import ToolBox
from viewers.state.signals import Subscriptions

KEYS = {"Escape": "Esc"}


class ToolStrip(QWidget):
    """Names with their keys; the active tool is pressed."""

    def __init__(self, tools: ToolBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for tool in tools.tools.values():
            button = QToolButton(self)
            button.setText(tool.name)
            button.setToolTip(f"{tool.name} ({KEYS.get(tool.shortcut, tool.shortcut)})")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda checked, tool_id=tool.id: tools.pick(tool_id))
            self._group.addButton(button)
            self._buttons[tool.id] = button
            row.addWidget(button)
        row.addStretch(1)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(tools.kit.state.active_tool.changed.connect(self._show))
        self._show(tools.active.id)

    def release(self) -> None:
        self._subscriptions.release()

    def _show(self, tool_id: str) -> None:
        if tool_id in self._buttons:
            self._buttons[tool_id].setChecked(True)
