"""One line under the panes: what the active tool expects, or why something could not be done."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from viewers.panes.tools.base import ToolKit
from viewers.state import theme
from viewers.state.signals import Subscriptions


class HintLine(QLabel):
    """A notice stays until the next thing is done."""

    def __init__(self, kit: ToolKit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kit = kit
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setContentsMargins(6, 1, 6, 1)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(kit.hint.changed.connect(self._changed), kit.notice.changed.connect(self._changed))
        self._changed("")

    def release(self) -> None:
        self._subscriptions.release()

    def _changed(self, text: str) -> None:
        del text
        notice = self._kit.notice.value
        self.setStyleSheet(f"color: {theme.WARN if notice else theme.QUIET}; background: {theme.WINDOW};")
        self.setText(f"▲ {notice}" if notice else self._kit.hint.value)
