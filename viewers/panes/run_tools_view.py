"""How a run is shown is kept in the open session: mask, shift, method, window. Only what a person changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent

from planner.model.run_items import RunViewBody
from viewers.state.run_marks import RunMarks
from viewers.state.run_settings import RunSettings, settings_of

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

SETTLED_MS = 400
"""So long after the last change of the settings they are one step of undo."""


class RunViewKeeper:
    """Writes the settings of one pane into the session, and follows them back through undo and reopening."""

    def __init__(self, pane: RunPane, marks: RunMarks) -> None:
        self._pane, self._marks = pane, marks
        self._restoring = False
        self._followed = False
        self._timer = QTimer(pane)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED_MS)
        self._timer.timeout.connect(self.flush)

    @property
    def is_pending(self) -> bool:
        return self._timer.isActive()

    def changed(self) -> None:
        """The settings are other ones; by hand, unless they are just being restored."""
        if not self._restoring:
            self._timer.start()

    def before_key(self, event: QKeyEvent) -> None:
        """A menu's key is about to act; a row of arrow keys stays one step."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.flush()

    def flush(self) -> None:
        """Write what was chosen now, when it is another view than the one kept."""
        self._timer.stop()
        run, body = self._pane.run, self.body()
        if run is None or body is None or self._marks.host is None:
            return
        kept = self._marks.view(run.key)
        if body == (kept if kept is not None else self._by_rules()):
            return
        self._followed = True
        self._marks.put_view(run, body)

    def body(self, settings: RunSettings | None = None) -> RunViewBody | None:
        """The present view as a plan keeps it; None before it is known how the run is shown."""
        pane, chosen = self._pane, settings if settings is not None else self._pane.pane_state.settings.value
        run, mask = pane.run, pane.analysis.mask
        if run is None or (mask is None and chosen.subtracted is None):
            return None
        useful = mask is not None and mask.is_useful
        frames: tuple[int, ...] = ()
        if chosen.mask == "operator":
            frames = chosen.mask_frames
        elif chosen.mask in ("first", "found") and mask is not None:
            # The rule alone would choose otherwise: what it found is kept by its frames.
            frames = tuple(mask.choice.frames)
        return chosen.body(
            run.key, subtracted=useful if chosen.subtracted is None else chosen.subtracted, mask_frames=frames
        )

    def restore(self) -> None:
        """Show the run as the session keeps it; what a person is just changing is left alone."""
        pane = self._pane
        run = pane.run
        if run is None or self.is_pending:
            return
        kept = self._marks.view(run.key)
        if kept is None and not self._followed:
            return
        self._followed = kept is not None
        now = pane.pane_state.settings.value
        if kept is not None and kept == self.body():
            return
        wanted = RunSettings() if kept is None else settings_of(kept)
        self._restoring = True
        pane.pane_state.settings.set(replace(wanted, native_window=now.native_window, picture=now.picture))
        self._restoring = False

    def run_taken(self) -> None:
        """Another run: what was pending belonged to the one before and is written already."""
        self._timer.stop()
        self.restore()

    def _by_rules(self) -> RunViewBody | None:
        return self.body(RunSettings())

    def release(self) -> None:
        self._timer.stop()
