"""Runs beside each other play together: by frame, or by time from the arrival of the contrast medium."""

from __future__ import annotations

from viewers.state.run_state import LinkMode, RunPaneState, RunSet
from viewers.state.signals import Subscriptions

LINK_WORDS: dict[LinkMode, str] = {
    "none": "",
    "arrival": "linked: arrival",
    "frame": "linked: frame",
}


class RunLink:
    """One pane's part in playing together.

    The pane whose frame a person or its playback changes leads; what follows it does not lead back.

    Parameters
    ----------
    pane_id
        Of this pane.
    """

    def __init__(self, runs: RunSet, pane_id: str) -> None:
        self._runs, self._pane_id = runs, pane_id
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            self._pane.playback.frame.changed.connect(self._moved), runs.link.changed.connect(self._mode_changed)
        )

    @property
    def _pane(self) -> RunPaneState:
        return self._runs.pane(self._pane_id)

    def join(self) -> None:
        """The pane is on the screen."""
        self._runs.on_screen[self._pane_id] = self

    def leave(self) -> None:
        self._runs.on_screen.pop(self._pane_id, None)

    def release(self) -> None:
        self.leave()
        self._subscriptions.release()

    def others(self) -> tuple[RunLink, ...]:
        """The other panes on the screen that show a run."""
        found = self._runs.on_screen.items()
        return tuple(link for pane_id, link in found if pane_id != self._pane_id and link._pane.playback.count)

    def lead(self) -> None:
        """This pane plays: linked ones stop playing by themselves and follow."""
        if self._runs.link.value != "none":
            for other in self.others():
                other._pane.playback.stop()
            self._moved(None)

    def _mode_changed(self, mode: LinkMode) -> None:
        if mode != "none" and self._pane.playback.playing.value:
            self.lead()

    def _moved(self, frame: object) -> None:
        del frame
        if self._runs.link.value == "none" or self._runs.is_following or self._pane_id not in self._runs.on_screen:
            return
        self._runs.is_following = True
        try:
            for other in self.others():
                other.follow(self)
        finally:
            self._runs.is_following = False

    def follow(self, leader: RunLink) -> None:
        """Show the frame that belongs to the leader's."""
        playback = self._pane.playback
        if self._runs.link.value == "frame":
            playback.go(leader._pane.playback.frame.value)
            return
        since_arrival = leader._pane.playback.time_s() - leader.arrival_s()
        playback.go(playback.frame_at(since_arrival + self.arrival_s()))

    def arrival_s(self) -> float:
        """When contrast arrives in this pane's run; its first frame while that is not known."""
        return self._runs.arrival_s.get(self._pane.shown_run or "", 0.0)
