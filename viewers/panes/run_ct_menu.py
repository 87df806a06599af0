"""The menu "CT" over a DSA pane: link, projected plan, rays."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from planner.planning.frame_linking import NotLinked
from viewers.panes.pane_frame import HeaderButton
from viewers.panes.run_pane import RunPane
from viewers.state.signals import Subscriptions


class RunCtMenu:
    """Keeps one button in step with the link of a pane's run.

    Attributes
    ----------
    button
        For the pane's header.
    """

    def __init__(self, pane: RunPane) -> None:
        self._pane, self._state = pane, pane.state.run_ct
        self.button = HeaderButton("Link of this run with the CT (P: projected plan, Ctrl+click: ray)", pane)
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill)
        self.button.setMenu(self.menu)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(self._state.changed.connect(self.refresh), pane.shown.connect(self.refresh))
        self.refresh()

    def release(self) -> None:
        self._subscriptions.release()

    def refresh(self) -> None:
        """Whether the run is linked, in shape and word."""
        found = self._state.in_use(self._pane.run, self._pane.shown_frame)
        linked = not isinstance(found, NotLinked) and not found.preview
        text = "CT ✓" if linked else "CT …" if not isinstance(found, NotLinked) else "CT –"
        if self.button.text() != text:
            self.button.setText(text)
            # Whether a run is linked is read at a glance, however narrow the pane.
            self.button.setMinimumWidth(self.button.sizeHint().width())

    def fill(self) -> None:
        """Made anew each time it opens."""
        state = self._state
        self.menu.clear()
        self._add("Link with CT…", False, lambda: state.asked.emit("link", self._pane.spec.id))
        self.menu.addSeparator()
        shown, ray = state.projected.value, state.tool.value == "ray"
        self._add("Plan projected over the run (P)", shown, lambda: state.projected.set(not shown))
        self._add("Click a ray (Ctrl+click)", ray, lambda: state.tool.set("none" if ray else "ray"))
        clear = self._add("Clear rays", False, lambda: state.rays.set(()))
        clear.setEnabled(bool(state.rays.value))
        self.menu.addSeparator()
        for line in state.corner_words(self._pane.run, self._pane.shown_frame):
            self.menu.addAction(line.replace("&", "&&")).setEnabled(False)

    def _add(self, text: str, chosen: bool, act: Callable[[], object]) -> QAction:
        action = self.button.add_choice(self.menu, text, chosen)
        action.triggered.connect(lambda *_: act())
        return action
