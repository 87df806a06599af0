"""Two studies side by side: the cursor of one goes with that of the other, and so do the window and turned planes."""

from __future__ import annotations

from planner.imaging.window import shown_as_hounsfield
from viewers.state.compare import COMPARE_LAYOUTS, Side
from viewers.state.signals import Subscriptions
from viewers.state.view_state import PLANE_KINDS, ViewState


class CompareLinking:
    """Follows a `ViewState` while two studies are compared; without a reviewed link it publishes nothing."""

    def __init__(self, state: ViewState) -> None:
        self.state = state
        self._mirroring = False
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            state.cursor_changed.connect(self._cursor_moved),
            state.planes_changed.connect(self._planes_turned),
            state.window_changed.connect(self._window_changed),
            state.compare.linked.changed.connect(lambda _: self.meet()),
            state.compare.pair.changed.connect(lambda _: self.meet()),
        )

    def release(self) -> None:
        self._subscriptions.release()

    @property
    def _is_shown(self) -> bool:
        return self.state.layout.value in COMPARE_LAYOUTS

    def frame_uid(self, side: Side) -> str | None:
        """Frame of reference of one side, when it is loaded."""
        volume = self.state.images.to_look_at(self.state.compare.key(side))
        return None if volume is None else volume.grid.frame_uid

    def meet(self) -> None:
        """The earlier study comes to where the later one is looked at, in the same window."""
        later = self.frame_uid("later")
        if later is None:
            return
        self._cursor_moved(later)
        series = self.state.compare.key("later")
        if series is not None:
            self._window_changed(series)

    def _sides(self, frame_uid: str) -> tuple[Side, str] | None:
        """The side whose frame this is, and the other side's frame; None where both are one."""
        later, earlier = self.frame_uid("later"), self.frame_uid("earlier")
        if later is None or earlier is None or later == earlier or frame_uid not in (later, earlier):
            return None
        return ("later", earlier) if frame_uid == later else ("earlier", later)

    def _cursor_moved(self, frame_uid: str) -> None:
        found = self._sides(frame_uid)
        if self._mirroring or found is None or not self._is_shown:
            return
        side, other = found
        there = self.state.compare.counterpart(side, self.state.cursor_lps_mm(frame_uid))
        if there is None:
            return
        self._mirroring = True
        self.state.move_cursor(other, there)
        self._mirroring = False

    def _planes_turned(self, frame_uid: str) -> None:
        """The same directions in both: planes turned in one are turned in the other."""
        found = self._sides(frame_uid)
        if self._mirroring or found is None or not self._is_shown or self.state.compare.link is None:
            return
        self._mirroring = True
        if self.state.is_oblique(frame_uid):
            self.state.set_planes(found[1], {kind: self.state.plane(frame_uid, kind) for kind in PLANE_KINDS})
        else:
            self.state.reset_planes(found[1])
        self._mirroring = False

    def _window_changed(self, series: str) -> None:
        """The same grey for the same value, where both are of one unit."""
        compare = self.state.compare
        side = compare.side_of(series)
        if self._mirroring or side is None or not self._is_shown:
            return
        other = compare.key("earlier" if side == "later" else "later")
        volumes = self.state.images.volumes
        if other is None or other not in volumes or series not in volumes:
            return
        if shown_as_hounsfield(volumes[other]) != shown_as_hounsfield(volumes[series]):
            return
        self._mirroring = True
        self.state.copy_window(series, other)
        self._mirroring = False
