"""Needles by hand: T places a target, N an entry; ends and shaft are dragged, with what is met on the way said live."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.imaging.masks import Mask
from planner.model.items import Point, RegionBody
from viewers.panes.tools.base import NO_CASE, Pointer, Tool, ToolKit
from viewers.state.images import series_key
from viewers.state.marking import Mark
from viewers.state.needles import (
    NEEDLE_TOOL,
    NEW_DIAMETER_MM,
    TARGET_TOOL,
    NeedleDesk,
    NeedleShape,
    NeedleTarget,
    Reading,
    needles_of,
    shape_of,
    skin_entry,
)
from viewers.state.preview import NOTHING, Preview
from viewers.state.view_state import as_point

NEAR_EM = 0.7
Grip = Literal["entry", "tip", "shaft"]

LOCKED = "This needle is locked; L unlocks it."
NO_TARGET = "Press T and click the target first, or select the region to be aimed at."


class NeedleTool(Tool):
    """Places the entry of a needle, and drags needles that are there.

    A drag is one step of undo. An end goes with the pointer; the shaft moves parallel to itself. With Alt an entry
    stays where it was put, else it is drawn to the skin when the skin is segmented.
    """

    id = NEEDLE_TOOL
    name = "Needle"
    shortcut = "N"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._grip: Grip | None = None
        self._from: NDArray[np.float64] | None = None
        self._held: NeedleShape | None = None
        kit.state.needles.live.changed.connect(self._show_reading)

    @property
    def needles(self) -> NeedleDesk:
        return self.kit.state.needles

    def hint(self) -> str:
        if self.needles.target.value is not None:
            return "Click where the needle goes in; Alt keeps the click itself, else the skin is found. Esc drops it."
        return "Drag an end or the shaft of a needle; T and a click begin a new one; L locks; Delete removes."

    def begin(self) -> None:
        self._show()

    def press(self, pointer: Pointer) -> None:
        if self.needles.keeper is None:
            self.kit.notice.set(NO_CASE)
            return
        self.kit.notice.set("")
        self.needles.chosen.set(None)
        if self.needles.target.value is None and self._take_hold(pointer):
            return
        self.place(pointer)

    def place(self, pointer: Pointer) -> None:
        """The entry of the needle to the target that was clicked, or to the middle of the selected region."""
        target = self._target(pointer)
        if target is None:
            self.kit.notice.set(NO_TARGET)
            return
        if target.frame_uid != pointer.frame_uid:
            self.kit.notice.set("This pane is not linked; go on in the study the target was clicked in.")
            return
        shape = self._aimed(target, pointer)
        if shape.length_mm <= pointer.reach_mm:
            self.kit.notice.set("Entry and target are the same point; click the entry on the skin.")
            return
        self.needles.target.set(None)
        self._commit(shape)

    def drag(self, pointer: Pointer) -> None:
        held, start = self._held, self._from
        if held is None or start is None:
            return
        by = pointer.lps_mm - start
        if self._grip == "shaft" or held.parallel:
            self._move(held.shifted(by))
            return
        end: Literal["entry", "tip"] = "entry" if self._grip == "entry" else "tip"
        point = as_point(np.asarray(held.entry_lps_mm if end == "entry" else held.tip_lps_mm) + by)
        if end == "entry" and not pointer.alt:
            point = self._on_skin(held.tip_lps_mm, point, pointer.frame_uid)
        self._move(held.moved(end, point))

    def release(self, pointer: Pointer) -> None:
        del pointer
        held, moved = self._held, self.needles.draft.value
        self._held = self._from = None
        if held is not None and moved is not None and moved != held:
            self._commit(moved)
        elif held is not None:
            self._drop()

    def hover(self, pointer: Pointer) -> None:
        target = self.needles.target.value
        if target is not None and target.frame_uid == pointer.frame_uid:
            self._move(self._aimed(target, pointer))

    def key(self, name: str) -> bool:
        if name == "Backspace" and self.needles.target.value is not None:
            self.cancel()
            self.say()
            return True
        return False

    def cancel(self) -> None:
        """The target clicked and the drag are forgotten; the plan stays as it is."""
        self._held = self._from = None
        self.needles.target.set(None)
        self._drop()
        super().cancel()

    # What is under the pointer

    def _take_hold(self, pointer: Pointer) -> bool:
        """Grip the needle under the pointer; True also when it is locked and therefore stays."""
        found = grip_at(needles_of(self._visible()), pointer, self.kit.state.selected_id.value)
        if found is None:
            return False
        mark, grip = found
        shape = shape_of(mark)
        self.kit.state.selected_id.set(mark.id)
        if shape is None or shape.locked:
            self.kit.notice.set(LOCKED)
            return True
        self._grip, self._held, self._from = grip, shape, pointer.lps_mm.copy()
        self._move(shape)
        return True

    def _visible(self) -> tuple[Mark, ...]:
        hidden = self.kit.state.hidden_ids.value
        return tuple(mark for mark in self.kit.marks.marks.value if mark.id not in hidden and mark.item.visible)

    def _target(self, pointer: Pointer) -> NeedleTarget | None:
        """What was clicked; else the middle of the selected region."""
        clicked = self.needles.target.value
        if clicked is not None:
            return clicked
        mark = self.kit.marks.mark(self.kit.state.selected_id.value)
        if mark is None or not isinstance(mark.body, RegionBody) or mark.item.frame_uid != pointer.frame_uid:
            return None
        middle = self.kit.marks.place_lps_mm(mark.id)
        return None if middle is None else NeedleTarget(pointer.frame_uid, middle, pointer.series, mark.id)

    def _aimed(self, target: NeedleTarget, pointer: Pointer) -> NeedleShape:
        entry = as_point(pointer.lps_mm)
        if not pointer.alt:
            entry = self._on_skin(target.lps_mm, entry, target.frame_uid)
        keeper = self.needles.keeper
        diameter = keeper.diameter_mm if keeper is not None else NEW_DIAMETER_MM
        return NeedleShape(
            target.frame_uid, entry, target.lps_mm, diameter, series=target.series, region_id=target.region_id
        )

    def _on_skin(self, tip: Point, towards: Point, frame_uid: str) -> Point:
        """The skin on the way out of the target, where it is segmented; else the point itself."""
        skin = self.skin(frame_uid)
        found = None if skin is None else skin_entry(tip, towards, skin)
        return towards if found is None else found

    def skin(self, frame_uid: str) -> Mask | None:
        """The mask of the whole body, when it is there."""
        for mark in self.kit.marks.marks.value:
            if isinstance(mark.body, RegionBody) and mark.body.structure == "skin" and mark.item.frame_uid == frame_uid:
                return self.kit.marks.mask(mark.id)
        return None

    # What is shown and kept

    def _move(self, shape: NeedleShape) -> None:
        self.needles.draft.set(shape)
        self._show()

    def _commit(self, shape: NeedleShape) -> None:
        keeper = self.needles.keeper
        self._drop()
        refusal = NO_CASE if keeper is None else keeper.keep(shape)
        if refusal is not None:
            self.kit.notice.set(refusal)
        self.say()

    def _drop(self) -> None:
        self._held = self._from = None
        self.needles.draft.set(None)
        self._show()

    def _show_reading(self, reading: Reading | None) -> None:
        del reading
        if self.needles.draft.value is not None and self.kit.preview.value.needle is not None:
            self._show()

    def _show(self) -> None:
        draft, target = self.needles.draft.value, self.needles.target.value
        if draft is None and target is None:
            self.kit.preview.set(NOTHING)
            return
        frame = draft.frame_uid if draft is not None else target.frame_uid if target is not None else None
        reading = self.needles.live.value if draft is not None else None
        self.kit.preview.set(Preview(frame_uid=frame, needle=draft, reading=reading, target=target))


class TargetTool(NeedleTool):
    """A click is the target of a new needle; the entry comes next."""

    id = TARGET_TOOL
    name = "Target"
    shortcut = "T"

    def hint(self) -> str:
        return "Click the target: where the tip of the new needle shall be."

    def place(self, pointer: Pointer) -> None:
        series = series_key(pointer.volume)
        target = NeedleTarget(pointer.frame_uid, as_point(pointer.lps_mm), series, self._region_under(pointer))
        self.kit.state.move_cursor(pointer.frame_uid, pointer.lps_mm)
        self.kit.state.active_tool.set(NEEDLE_TOOL)
        # Leaving this tool forgets what it had: the target is the next tool's.
        self.needles.target.set(target)
        self.kit.preview.set(Preview(frame_uid=target.frame_uid, target=target))
        self.kit.hint.set(super().hint())

    def hover(self, pointer: Pointer) -> None:
        del pointer

    def _take_hold(self, pointer: Pointer) -> bool:
        """A click is always a new target, on a needle too."""
        del pointer
        return False

    def _region_under(self, pointer: Pointer) -> str | None:
        """The lesion the target was clicked in, else another region that is no structure."""
        found: list[tuple[bool, str]] = []
        for mark in self._visible():
            if not isinstance(mark.body, RegionBody) or mark.body.structure is not None:
                continue
            mask = self.kit.marks.mask(mark.id)
            if mark.item.frame_uid == pointer.frame_uid and mask is not None and mask.contains(pointer.lps_mm):
                found.append((mark.body.lesion_id is None, mark.id))
        return min(found)[1] if found else None


def grip_at(needles: tuple[Mark, ...], pointer: Pointer, selected_id: str | None) -> tuple[Mark, Grip] | None:
    """Which needle, and what of it, lies under the pointer; ends before shafts, the selected needle before others."""
    near = NEAR_EM * pointer.em
    found: list[tuple[int, bool, float, str, Grip]] = []
    for mark in needles:
        shape = shape_of(mark)
        if shape is None or mark.item.frame_uid != pointer.frame_uid:
            continue
        ends = pointer.view.px_of(np.stack([np.asarray(shape.entry_lps_mm), np.asarray(shape.tip_lps_mm)]))
        here = np.array([pointer.x, pointer.y])
        other = mark.id != selected_id
        grips: tuple[Grip, Grip] = ("entry", "tip")
        for grip, place in zip(grips, ends, strict=True):
            found.append((0, other, float(np.linalg.norm(place - here)), mark.id, grip))
        found.append((1, other, distance_px(ends, here), mark.id, "shaft"))
    within = [each for each in found if each[2] <= near]
    if not within:
        return None
    _, _, _, item_id, grip = min(within, key=lambda each: each[:3])
    return next(mark for mark in needles if mark.id == item_id), grip


def distance_px(ends: NDArray[np.float64], here: NDArray[np.float64]) -> float:
    """From a point to the line between two others (2, 2), on the screen."""
    along = ends[1] - ends[0]
    length = float(along @ along)
    share = 0.0 if length < 1e-9 else min(1.0, max(0.0, float((here - ends[0]) @ along) / length))
    return float(np.linalg.norm(here - ends[0] - share * along))
