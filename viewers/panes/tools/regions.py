"""Tools that paint: brush, region growing, threshold, one-click lesion. Each stroke or click is one undo step."""

from __future__ import annotations

import numpy as np

from planner.imaging import Volume
from planner.imaging.brush import painted
from planner.imaging.lesion import lesion_from_click
from planner.imaging.masks import Mask
from planner.imaging.morphology import united
from planner.imaging.segmentation import grow_region, range_at, threshold
from planner.jobs import Context
from planner.model.items import Point
from planner.units import shown
from viewers.panes.tools.base import Pointer, Tool, ToolKit
from viewers.state.marking import RegionTarget
from viewers.state.mask_layer import RegionShape
from viewers.state.preview import NOTHING, Preview
from viewers.state.region_editor import PREVIEW_ID, RegionEditor
from viewers.state.view_state import as_point

BRUSH_STEP = 1.25
SEED_RADIUS_MM = 3.0
"""Grey values this near to a click start the range of region growing."""
PX_PER_SPREAD = 40.0
"""So many pixels of dragging add one robust standard deviation to the range."""


class RegionTool(Tool):
    """What painting tools share: an editor, and its problems as notices."""

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self.editor = RegionEditor(kit.marks, kit.state.selected_id, kit.settings, kit.jobs)
        self.editor.problem.changed.connect(kit.notice.set)

    def cancel(self) -> None:
        """The stroke is forgotten."""
        self.editor.abandon()
        super().cancel()

    def show(self, frame_uid: str, region: RegionShape | None, brush: Point | None = None) -> None:
        """The mask so far and the brush."""
        radius = self.kit.settings.brush_radius_mm.value
        self.kit.preview.set(Preview(frame_uid=frame_uid, region=region, brush_lps_mm=brush, brush_radius_mm=radius))


class BrushTool(RegionTool):
    """Paints while the left button is down; with Ctrl erases."""

    id = "brush"
    name = "Brush"
    shortcut = "B"

    _last: Point | None = None

    def hint(self) -> str:
        settings = self.kit.settings
        shape = "ball" if settings.brush_in_3d.value else "disc"
        return f"Paint; Ctrl erases; [ ] size ({shape}, radius {settings.brush_radius_mm.value:.1f} mm)."

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is None:
            return
        self.editor.begin(pointer.volume)
        self._last = as_point(pointer.lps_mm)
        self._paint(pointer)

    def drag(self, pointer: Pointer) -> None:
        if self._last is not None:
            self._paint(pointer)

    def release(self, pointer: Pointer) -> None:
        if self._last is None:
            return
        self._last = None
        self.editor.commit("Erase" if pointer.control else "Paint", self.id)
        self.hover(pointer)

    def hover(self, pointer: Pointer) -> None:
        self.show(pointer.frame_uid, None, as_point(pointer.lps_mm))

    def cancel(self) -> None:
        """The stroke is forgotten."""
        self._last = None
        super().cancel()

    def key(self, name: str) -> bool:
        if name not in ("BracketLeft", "BracketRight"):
            return False
        self.kit.settings.resize_brush(BRUSH_STEP if name == "BracketRight" else 1.0 / BRUSH_STEP)
        before = self.kit.preview.value
        if before.frame_uid is not None:
            self.show(before.frame_uid, before.region, before.brush_lps_mm)
        self.say()
        return True

    def _paint(self, pointer: Pointer) -> None:
        mask = self.editor.mask
        if mask is None:
            return
        here = as_point(pointer.lps_mm)
        settings = self.kit.settings
        self.editor.apply(
            painted(
                mask,
                [self._last or here, here],
                settings.brush_radius_mm.value,
                plane=None if settings.brush_in_3d.value else pointer.view.plane,
                erase=pointer.control,
            )
        )
        self._last = here
        self.show(pointer.frame_uid, self.editor.shape(), here)


class GrowTool(RegionTool):
    """Region growing with a live preview: press on the tissue, drag up or down for more or less, let go."""

    id = "grow"
    name = "Region growing"
    shortcut = "G"

    _seed: Pointer | None = None
    _released = False

    def hint(self) -> str:
        spread = self.kit.settings.spread.value
        return (
            f"Press on the tissue and drag up for more, down for less (range ± {spread:.1f} spreads); let go to keep."
        )

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is None:
            return
        self._seed, self._released = pointer, False
        self.editor.begin(pointer.volume)
        self._grow()

    def drag(self, pointer: Pointer) -> None:
        seed = self._seed
        if seed is not None and not self._released:
            spread = self.kit.settings.spread
            spread.set(min(max(spread.value + (seed.y - pointer.y) / PX_PER_SPREAD, 0.2), 12.0))
            self._seed = Pointer(
                seed.lps_mm, seed.view, seed.volume, seed.series, seed.kind, pointer.x, pointer.y, seed.em
            )
            self.say()
            self._grow()

    def release(self, pointer: Pointer) -> None:
        del pointer
        if self._seed is not None:
            self._released = True
            self._grow()

    def cancel(self) -> None:
        """The preview goes; a job still running is not applied."""
        self._seed = None
        super().cancel()

    def _grow(self) -> None:
        seed, keep = self._seed, self._released
        if seed is None:
            return
        volume, spread, reach = seed.volume, self.kit.settings.spread.value, self.kit.settings.reach_mm.value
        where = as_point(seed.lps_mm)

        def work(context: Context) -> Mask:
            low, high = range_at(volume, where, radius_mm=SEED_RADIUS_MM, spreads=spread)
            return grow_region(volume, where, low, high, limit_mm=reach, context=context)

        def done(found: Mask) -> None:
            before = self.editor.mask
            if before is None:
                return
            merged = united(before, found).apply(before)
            if not keep:
                self.show(volume.grid.frame_uid, RegionShape(PREVIEW_ID, merged, self._colour()))
                return
            target = self.editor.target(volume)
            self.cancel()
            self.editor.put(merged, volume, target, "Grow region", self.id)

        self.kit.jobs.submit("Growing the region", work, done, still_valid=lambda: self._seed is not None, group="grow")

    def _colour(self) -> str:
        shape = self.editor.shape()
        return shape.colour if shape is not None else self.kit.settings.new_region.value.colour


class ThresholdTool(RegionTool):
    """Drag a ball: what lies inside it and within the range becomes the region."""

    id = "threshold"
    name = "Threshold"
    shortcut = "H"

    _centre: Point | None = None

    def hint(self) -> str:
        low, high = self.kit.settings.threshold.value
        return f"Drag from the middle outwards; voxels from {shown(low)} to {shown(high)} in the ball are taken."

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is not None:
            self.editor.begin(pointer.volume)
            self._centre = as_point(pointer.lps_mm)

    def drag(self, pointer: Pointer) -> None:
        if self._centre is None:
            return
        radius = float(np.linalg.norm(pointer.lps_mm - np.asarray(self._centre)))
        self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, brush_lps_mm=self._centre, brush_radius_mm=radius))

    def release(self, pointer: Pointer) -> None:
        centre, before = self._centre, self.editor.mask
        self._centre = None
        self.kit.preview.set(NOTHING)
        radius = 0.0 if centre is None else float(np.linalg.norm(pointer.lps_mm - np.asarray(centre)))
        if centre is None or before is None or radius < pointer.reach_mm:
            self.editor.abandon()
            return
        volume, (low, high) = pointer.volume, self.kit.settings.threshold.value

        def work(context: Context) -> Mask:
            empty = Mask.empty(volume.grid)
            ball = painted(empty, [centre], radius).apply(empty)
            context.step(0.5, "Threshold")
            return threshold(volume, low, high, within=ball)

        def done(found: Mask) -> None:
            merged = united(before, found).apply(before)
            self.editor.put(merged, volume, self.editor.target(volume), "Threshold", self.id)

        self.kit.jobs.submit("Threshold", work, done)

    def cancel(self) -> None:
        """The ball is forgotten."""
        self._centre = None
        super().cancel()


class LesionTool(RegionTool):
    """One click inside marks a lesion; Shift+click adds to it, Ctrl or Alt+click takes away."""

    id = "lesion"
    name = "One-click lesion"
    shortcut = "O"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._item_id: str | None = None
        self._inside: list[Point] = []
        self._outside: list[Point] = []

    def hint(self) -> str:
        if self._item_id is None:
            return "Click inside the lesion."
        return "Shift+click adds, Ctrl or Alt+click takes away; a plain click marks another lesion."

    def begin(self) -> None:
        self._forget()

    def cancel(self) -> None:
        """Clicks are forgotten; what is marked stays."""
        self._forget()
        super().cancel()

    def press(self, pointer: Pointer) -> None:
        if self.kit.host() is None:
            return
        takes_away, adds = pointer.control or pointer.alt, pointer.shift
        point = as_point(pointer.lps_mm)
        if (takes_away or adds) and self._inside:
            (self._outside if takes_away else self._inside).append(point)
        elif takes_away:
            self.kit.notice.set("Click inside the lesion first; then Ctrl or Alt+click takes away.")
            return
        else:
            self._forget()
            self._inside = [point]
        self.kit.preview.set(
            Preview(frame_uid=pointer.frame_uid, clicks_lps_mm=tuple(self._inside), outside_lps_mm=tuple(self._outside))
        )
        self._find(pointer.volume)

    def _find(self, volume: Volume) -> None:
        inside, outside, item_id = tuple(self._inside), tuple(self._outside), self._item_id
        reach, host = self.kit.settings.reach_mm.value, self.kit.marks.host

        def work(context: Context) -> Mask:
            context.step(0.1, "Looking for the lesion's edge")
            return lesion_from_click(volume, inside[0], add=inside[1:], remove=outside, limit_mm=reach)

        def still_valid() -> bool:
            gone = item_id is not None and self.kit.marks.mark(item_id) is None
            return self.kit.marks.host is host and not gone and tuple(self._inside) == inside

        def done(mask: Mask) -> None:
            label = "Mark lesion" if item_id is None else "Edit lesion"
            self._item_id = self.editor.put(mask, volume, self._target(item_id), label, self.id)
            self.say()

        self.kit.jobs.submit("One-click lesion", work, done, still_valid=still_valid, group="lesion")

    def _target(self, item_id: str | None) -> RegionTarget:
        new = self.kit.settings.new_region.value
        name = new.name or self.editor.free_name("Lesion")
        return RegionTarget(name, item_id=item_id, as_lesion=True, lesion_id=new.lesion_id, colour=new.colour)

    def _forget(self) -> None:
        self._item_id = None
        self._inside, self._outside = [], []
