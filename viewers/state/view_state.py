"""What linked panes share: cursor, planes, windows, selection, tool, layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from planner.geometry import SlicePlane
from planner.imaging.growing import PartialVolume
from planner.imaging.slicing import Interpolation
from planner.imaging.window import Window, first_window, preset_for_digit, presets
from planner.model.items import Point
from viewers.state.compare import CompareDesk
from viewers.state.day import DayDesk
from viewers.state.images import ImageSet
from viewers.state.lumens import LumenDesk
from viewers.state.margins import MarginDesk
from viewers.state.needles import NeedleDesk
from viewers.state.pane_state import PaneState
from viewers.state.run_ct_link import RunCtLink
from viewers.state.run_state import RunSet
from viewers.state.signals import Signal, Value
from viewers.state.vertebrae import VertebraDesk
from viewers.state.vessels import VesselDesk

PlaneKind = Literal["axial", "coronal", "sagittal"]
PLANE_KINDS: tuple[PlaneKind, ...] = get_args(PlaneKind)

WindowMode = Literal["file", "preset", "manual"]
CROSSHAIR = "crosshair"
"""Key of the tool that Esc comes back to."""

_ORIGIN = (0.0, 0.0, 0.0)


@cache
def standard_planes() -> Mapping[PlaneKind, SlicePlane]:
    """The three planes of the patient's axes, through the origin. Made once: a notch of the wheel asks often."""
    return {
        "axial": SlicePlane.axial(_ORIGIN),
        "coronal": SlicePlane.coronal(_ORIGIN),
        "sagittal": SlicePlane.sagittal(_ORIGIN),
    }


@dataclass(frozen=True, slots=True)
class SeriesWindow:
    """The grey-scale window of one series, and where it came from.

    Attributes
    ----------
    mode
        ``file`` (key 0: of the DICOM file or the default for its unit), ``preset`` or ``manual``.
    name
        Name of the preset, else empty.
    """

    window: Window
    mode: WindowMode
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hover:
    """What lies under the pointer. `value` is None outside the volume; `unit` is None where there is none (no HU)."""

    lps_mm: Point
    value: float | None
    unit: str | None
    series: str
    linked: bool

    @property
    def value_text(self) -> str:
        """``53 HU``, ``1.25 SUV``, ``812 (no HU)``, or empty outside."""
        if self.value is None:
            return ""
        number = f"{self.value:.0f}" if float(self.value).is_integer() else f"{self.value:.2f}"
        return f"{number} {self.unit}" if self.unit else f"{number} (no HU)"


class ViewState:
    """Shared by every pane of a window.

    Attributes
    ----------
    cursor_changed, planes_changed
        Tell the FrameOfReferenceUID whose cursor moved or whose planes turned.
    window_changed
        Tells the series key.
    selected_id
        Plan item selected in every pane and list.
    hidden_ids
        Plan items and label maps that are not drawn.
    interacting
        A drag or a burst of the wheel is going on: draw fast now, refine when it turns False.
    hover
        Under the pointer, for the status bar.
    """

    def __init__(self, images: ImageSet | None = None) -> None:
        self.images = images if images is not None else ImageSet()
        self.runs = RunSet()
        self.run_ct = RunCtLink(self.images)
        self.needles = NeedleDesk()
        self.margins = MarginDesk()
        self.vertebrae = VertebraDesk()
        self.day = DayDesk()
        self.vessels = VesselDesk()
        self.lumens = LumenDesk()
        self.compare = CompareDesk()
        self.layout: Value[str] = Value("mpr")
        self.enlarged_pane: Value[str | None] = Value(None)
        self.active_pane: Value[str | None] = Value(None)
        self.active_tool: Value[str] = Value(CROSSHAIR)
        self.selected_id: Value[str | None] = Value(None)
        self.hidden_ids: Value[frozenset[str]] = Value(frozenset())
        self.interpolation: Value[Interpolation] = Value("linear")
        self.interacting: Value[bool] = Value(False)
        self.hover: Value[Hover | None] = Value(None)
        self.simulated: Value[bool] = Value(False)
        self.cursor_changed: Signal[[str]] = Signal()
        self.planes_changed: Signal[[str]] = Signal()
        self.window_changed: Signal[[str]] = Signal()
        self._cursors: dict[str, Point] = {}
        self._planes: dict[str, Mapping[PlaneKind, SlicePlane]] = {}
        self._windows: dict[str, SeriesWindow] = {}
        self._panes: dict[str, PaneState] = {}
        self._interactions = 0

    def cursor_lps_mm(self, frame_uid: str) -> Point:
        """Where the planes of a frame meet; at first the voxel in the middle of its first volume."""
        if frame_uid not in self._cursors:
            self._cursors[frame_uid] = self._middle(frame_uid)
        return self._cursors[frame_uid]

    def move_cursor(self, frame_uid: str, lps_mm: ArrayLike) -> None:
        """Every pane of this frame of reference follows; panes of another frame do not."""
        point = as_point(lps_mm)
        if point != self._cursors.get(frame_uid):
            self._cursors[frame_uid] = point
            self.cursor_changed.emit(frame_uid)

    def plane(self, frame_uid: str, kind: PlaneKind) -> SlicePlane:
        """One of the three orthogonal planes, through the cursor."""
        turned = self._planes.get(frame_uid, standard_planes())[kind]
        return turned.through(self.cursor_lps_mm(frame_uid))

    def turn_planes(self, frame_uid: str, seen_in: PlaneKind, angle_deg: float) -> None:
        """Turn the other two planes about the normal of the one the crosshair is seen in (right-handed)."""
        planes = self._planes.get(frame_uid, standard_planes())
        axis = planes[seen_in].normal_lps
        self._planes[frame_uid] = {
            kind: plane if kind == seen_in else plane.rotated(axis, angle_deg) for kind, plane in planes.items()
        }
        self.planes_changed.emit(frame_uid)

    def set_planes(self, frame_uid: str, planes: Mapping[PlaneKind, SlicePlane]) -> None:
        """Turn all three planes at once, such as along a vertebra's own axes."""
        self._planes[frame_uid] = dict(planes)
        self.planes_changed.emit(frame_uid)

    def reset_planes(self, frame_uid: str) -> None:
        """Back to axial, coronal and sagittal."""
        if self._planes.pop(frame_uid, None) is not None:
            self.planes_changed.emit(frame_uid)

    def is_oblique(self, frame_uid: str) -> bool:
        return frame_uid in self._planes

    def window(self, series: str) -> SeriesWindow:
        """The window of a loaded series; its own until somebody changes it.

        Raises
        ------
        KeyError
            When no such volume is loaded.
        """
        arriving = self.images.to_look_at(series)
        if series not in self._windows and isinstance(arriving, PartialVolume):
            return SeriesWindow(first_window(arriving.one_slice()), "file")
        if series not in self._windows:
            self._windows[series] = SeriesWindow(first_window(self.images.volumes[series]), "file")
        return self._windows[series]

    def set_window(self, series: str, centre: float, width: float) -> None:
        """A window set by hand; the width is kept at what its function allows."""
        current = self.window(series).window
        least = 1.0 if current.function == "LINEAR" else 1e-6
        self._put_window(series, SeriesWindow(replace(current, centre=centre, width=max(width, least)), "manual"))

    def use_file_window(self, series: str) -> None:
        """Key 0."""
        self._put_window(series, SeriesWindow(first_window(self.images.volumes[series]), "file"))

    def use_preset(self, series: str, key: str) -> None:
        """A preset of ``resources/window_presets.toml`` by key; an unknown key changes nothing."""
        preset = next((each for each in presets() if each.key == key), None)
        if preset is not None:
            window = preset.of(self.images.volumes[series])
            self._put_window(series, SeriesWindow(window, "preset", preset.name))

    def use_digit(self, series: str, digit: int) -> None:
        """Keys 0 (file) and 1-9 (presets that fit the series' unit)."""
        if digit == 0:
            self.use_file_window(series)
            return
        preset = preset_for_digit(digit, self.images.volumes[series])
        if preset is not None:
            self.use_preset(series, preset.key)

    def copy_window(self, series: str, other: str) -> None:
        """Show another series in the grey of this one."""
        self._put_window(other, self.window(series))

    def pane(self, pane_id: str) -> PaneState:
        """What a pane remembers; made when first asked for."""
        return self._panes.setdefault(pane_id, PaneState())

    def begin_interaction(self) -> None:
        """A drag starts. Every `begin_interaction` is followed by one `end_interaction`."""
        self._interactions += 1
        self.interacting.set(True)

    def end_interaction(self) -> None:
        self._interactions = max(0, self._interactions - 1)
        self.interacting.set(self._interactions > 0)

    def set_visible(self, item_id: str, visible: bool) -> None:
        hidden = self.hidden_ids.value
        self.hidden_ids.set(hidden - {item_id} if visible else hidden | {item_id})

    def forget_case(self) -> None:
        """Everything that belongs to one patient goes; layout and interpolation stay."""
        self._cursors.clear()
        self._planes.clear()
        self._windows.clear()
        for pane in self._panes.values():
            pane.reset()
        self.selected_id.set(None)
        self.hidden_ids.set(frozenset())
        self.hover.set(None)
        self.enlarged_pane.set(None)
        self.active_tool.set(CROSSHAIR)
        self.simulated.set(False)
        self.runs.clear()
        self.run_ct.clear()
        self.needles.forget()
        self.margins.clear()
        self.vertebrae.forget()
        self.day.clear()
        self.vessels.forget()
        self.lumens.forget()
        self.compare.forget()
        self.images.clear()

    def _put_window(self, series: str, window: SeriesWindow) -> None:
        if self._windows.get(series) != window:
            self._windows[series] = window
            self.window_changed.emit(series)

    def _middle(self, frame_uid: str) -> Point:
        for volume in self.images.to_see:
            if volume.grid.frame_uid == frame_uid:
                middle = tuple(size // 2 for size in volume.grid.size_kji)
                return as_point(volume.grid.lps_from_kji.points(middle))
        return _ORIGIN


def as_point(lps_mm: ArrayLike) -> Point:
    """Three plain floats."""
    x, y, z = (float(value) for value in np.asarray(lps_mm, dtype=np.float64))
    return x, y, z
