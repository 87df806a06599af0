"""Runs in memory and what each pane shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun, RunFacts
from planner.imaging.volumes import ImageSource
from planner.model.run_items import Pixel
from viewers.state.run_playback import Playback, frame_starts_s
from viewers.state.run_settings import RunSettings
from viewers.state.signals import Signal, Value

if TYPE_CHECKING:
    from viewers.state.run_link import RunLink

LinkMode = Literal["none", "arrival", "frame"]
LINK_NAMES: dict[LinkMode, str] = {
    "none": "Each by itself",
    "arrival": "Together, from contrast arrival",
    "frame": "Together, by frame",
}
SMALLEST_ZOOM, LARGEST_ZOOM = 0.2, 40.0

REGION_COLOURS = ("#56b4e9", "#e69f00", "#35c79a", "#cc79a7", "#f0e442", "#e8743b", "#9aa7ff")
"""Okabe-Ito hues, one after the other; the name stands beside the colour."""

Arm = Literal[
    "none", "region", "distance", "diameter", "stenosis", "reference", "arrow", "text", "catheter", "known-distance"
]
"""What the left button draws or measures."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as the run table lists it, in memory or not.

    Attributes
    ----------
    frames
        How many; None while unknown.
    """

    key: str
    source: ImageSource
    facts: RunFacts
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class RunRegion:
    """A region whose curve is asked for: corners in pixels of the run."""

    id: str
    name: str
    colour: str
    points_xy: tuple[Pixel, ...]

    def mask(self, size_yx: tuple[int, int]) -> NDArray[np.bool_]:
        """(y, x) pixels whose centre lies inside (even-odd rule)."""
        height, width = size_yx
        corners = np.asarray(self.points_xy, dtype=np.float64)
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width, height))
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, (width, height))
        found = np.zeros(size_yx, dtype=bool)
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        inside = np.zeros(x.shape, dtype=bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            if y0 != y1:
                crosses = (y0 > y) != (y1 > y)
                inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        found[low[1] : high[1], low[0] : high[0]] = inside
        return found


class RunPaneState:
    """One DSA pane, kept while layouts change. Settings and regions are remembered per run.

    Attributes
    ----------
    run
        Key of the run shown; None follows the pane's place (first pane, first run).
    zoom
        1 fits the run into the pane.
    pan_px
        How far the middle of the pane lies from the middle of the run, in pixels of the run.
    arm
        What a drag with the left button draws.
    """

    def __init__(self, playback: Playback | None = None) -> None:
        self.run: Value[str | None] = Value(None)
        self.playback = playback if playback is not None else Playback()
        self.settings: Value[RunSettings] = Value(RunSettings())
        self.regions: Value[tuple[RunRegion, ...]] = Value(())
        self.zoom: Value[float] = Value(1.0)
        self.pan_px: Value[Pixel] = Value((0.0, 0.0))
        self.arm: Value[Arm] = Value("none")
        self.curves_shown: Value[bool] = Value(False)
        self.single_frame_shift: Value[bool] = Value(False)
        self._untouched = False
        self._shown: str | None = None
        self._kept: dict[str, tuple[RunSettings, tuple[RunRegion, ...], int]] = {}

    def show_run(self, key: str | None, run: AngioRun | None) -> None:
        """Take over a run: as it was shown here before, stopped; called by the pane when its run is another one."""
        if self._shown is not None:
            self._kept[self._shown] = (self.settings.value, self.regions.value, self.playback.frame.value)
        self._shown = key
        self._untouched = key is not None and key not in self._kept
        settings, regions, frame = self._kept.get(key or "", (RunSettings(), (), 0))
        self.playback.load(np.zeros(1) if run is None else frame_starts_s(run), frame)
        self.fit()
        self.arm.set("none")
        self.regions.set(regions)
        self.settings.set(settings)

    def open_at(self, key: str, frame: int) -> None:
        """Show a run at a frame (index from 0), now or when it has been loaded; a map gives way to the frame."""
        if key == self._shown:
            self.playback.stop()
            self.playback.go(frame)
            self.change(picture="frame")
            return
        settings, regions, _ = self._kept.get(key, (RunSettings(), (), 0))
        self._kept[key] = replace(settings, picture="frame"), regions, frame
        self.run.set(key)

    def open_on(self, frame: int) -> None:
        """Go to the frame that shows most of a run, once, when nobody has moved since it came."""
        playback = self.playback
        if self._untouched and not playback.playing.value and playback.frame.value == 0:
            playback.go(frame)
        self._untouched = False

    @property
    def shown_run(self) -> str | None:
        """Key of the run that was taken over last."""
        return self._shown

    def forget(self) -> None:
        """Another patient: nothing is remembered."""
        self.show_run(None, None)
        self._kept.clear()

    def change(self, **chosen: Any) -> None:
        """Set fields of `RunSettings`."""
        self.settings.set(replace(self.settings.value, **chosen))

    def add_region(self, points_xy: Sequence[Pixel]) -> RunRegion:
        """A region with the next free name and colour."""
        taken = {region.name for region in self.regions.value}
        number = next(n for n in range(1, len(taken) + 2) if f"Region {n}" not in taken)
        colour = REGION_COLOURS[(number - 1) % len(REGION_COLOURS)]
        made = RunRegion(f"region-{number}", f"Region {number}", colour, tuple(points_xy))
        self.regions.set((*self.regions.value, made))
        self.curves_shown.set(True)
        return made

    def rename_region(self, region_id: str, name: str) -> None:
        """Another name; an empty one changes nothing."""
        plain = name.strip()
        if plain:
            self.regions.set(
                tuple(replace(each, name=plain) if each.id == region_id else each for each in self.regions.value)
            )

    def remove_region(self, region_id: str) -> None:
        self.regions.set(tuple(each for each in self.regions.value if each.id != region_id))

    def zoom_by(self, factor: float) -> None:
        self.zoom.set(min(max(self.zoom.value * factor, SMALLEST_ZOOM), LARGEST_ZOOM))

    def fit(self) -> None:
        """The whole run in the pane."""
        self.zoom.set(1.0)
        self.pan_px.set((0.0, 0.0))

    def reset_view(self) -> None:
        """Key R: fitted, windows as the run asks for, not inverted."""
        self.fit()
        self.change(native_window=None, contrast_window=None, inverted=False)


class RunSet:
    """Runs of the open case.

    Attributes
    ----------
    changed
        A run came or went, or the list of known runs is another one.
    asked
        Tells the key of a listed run that somebody wants to see and that is not in memory.
    link
        How panes beside each other play.
    roles
        Role of the session (``dsa-before``, ``dsa-after``) -> key of a run.
    arrival_s
        When contrast arrives in a run, by its key, where that was found.
    on_screen
        Panes that can be seen, by id; `is_following` while one of them follows another.
    calibration_in_use
        Run -> id of the calibration that a person chose to measure with; None for pixels only.
    """

    def __init__(self) -> None:
        self._runs: dict[str, AngioRun] = {}
        self._listed: dict[str, RunLine] = {}
        self._panes: dict[str, RunPaneState] = {}
        self.roles: Mapping[str, str] = MappingProxyType({})
        self.arrival_s: dict[str, float] = {}
        self.on_screen: dict[str, RunLink] = {}
        self.is_following = False
        self.calibration_in_use: dict[str, str | None] = {}
        self.changed: Signal[[]] = Signal()
        self.asked: Signal[[str]] = Signal()
        self.link: Value[LinkMode] = Value("none")

    def add(self, run: AngioRun) -> str:
        """Take a run in, or replace the one of the same key; returns its key."""
        self._runs[run.key] = run
        self.changed.emit()
        return run.key

    def list_runs(self, lines: Sequence[RunLine]) -> None:
        """Runs that the case knows, whether or not they are in memory."""
        self._listed = {line.key: line for line in lines}
        self.changed.emit()

    def set_roles(self, roles: Mapping[str, str]) -> None:
        """Which runs the session names as what; panes of that role open with them."""
        if dict(roles) != dict(self.roles):
            self.roles = MappingProxyType(dict(roles))
            self.changed.emit()

    def key_for(self, role: str | None, place: int) -> str | None:
        """The known run of a role, else the one at a place of the list, from 1, or the last one."""
        known = [line.key for line in self.lines]
        named = self.roles.get(role or "")
        if named in known:
            return named
        return known[min(place, len(known)) - 1] if known else None

    def ask(self, key: str) -> None:
        """Somebody wants to see this run."""
        if key not in self._runs and key in self._listed:
            self.asked.emit(key)

    def remove(self, key: str) -> None:
        if self._runs.pop(key, None) is not None:
            self.changed.emit()

    def clear(self) -> None:
        """Everything of one patient goes."""
        had = bool(self._runs or self._listed)
        self._runs, self._listed, self.roles = {}, {}, MappingProxyType({})
        self.arrival_s.clear()
        self.calibration_in_use.clear()
        for pane in self._panes.values():
            pane.run.set(None)
            pane.forget()
        if had:
            self.changed.emit()

    def run(self, key: str | None) -> AngioRun | None:
        return None if key is None else self._runs.get(key)

    def pane(self, pane_id: str) -> RunPaneState:
        """What a pane remembers; made when first asked for."""
        return self._panes.setdefault(pane_id, RunPaneState())

    @property
    def runs(self) -> Mapping[str, AngioRun]:
        """By key, in the order of loading."""
        return MappingProxyType(self._runs)

    @property
    def lines(self) -> tuple[RunLine, ...]:
        """Every known run: listed ones, then those that are only in memory."""
        loaded = {key: RunLine(key, run.source, run.facts, run.count) for key, run in self._runs.items()}
        listed = {key: loaded.get(key, line) for key, line in self._listed.items()}
        return tuple((listed | loaded).values())
