"""Vessel trees by hand: Y finds, chooses and edits, C puts a catheter's tip and drags it along; in every pane alike."""

from __future__ import annotations

from dataclasses import replace

from viewers.panes.tools.base import NO_CASE, Pointer, Tool, ToolKit
from viewers.state.vessels import CATHETER_TOOL, TREE_TOOL, TipShown, VesselDesk, VesselKeeper, VesselPlace
from viewers.state.view_state import as_point

NEAR_EM = 0.9
NOTHING_CHOSEN = "Choose a vessel first: a click on it."
NOT_ON_VESSEL = "No vessel of a tree lies here; click on one."
JOINING = "Now click the piece that is to be joined to the place chosen; Esc gives it up."


class VesselTool(Tool):
    """What both tools share: a click on a vessel, in a slice, in 3D or in the diagram."""

    @property
    def vessels(self) -> VesselDesk:
        return self.kit.state.vessels

    @property
    def keeper(self) -> VesselKeeper | None:
        """Of the open case; says what to do when there is none."""
        if self.vessels.keeper is None:
            self.kit.notice.set(NO_CASE)
        return self.vessels.keeper

    def press_place(self, place: VesselPlace) -> None:
        """Left button down on a vessel."""

    def drag_place(self, place: VesselPlace) -> None:
        """Moved to another place with the left button down."""

    def release_place(self) -> None:
        """Left button up."""

    def place_under(self, pointer: Pointer, reach: float = NEAR_EM) -> VesselPlace | None:
        """The vessel under the pointer in a slice: within its lumen, or so near that it is meant."""
        found = self.vessels.nearest(pointer.frame_uid, pointer.lps_mm, self.kit.state.hidden_ids.value)
        if found is None:
            return None
        place, distance_mm = found
        tree = self.vessels.tree(place.tree_id)
        lumen = None if tree is None else tree.radius_at(place)
        meant = max(reach * pointer.em * pointer.view.mm_per_px, pointer.reach_mm, lumen or 0.0)
        return place if distance_mm <= meant else None

    def hover(self, pointer: Pointer) -> None:
        self.vessels.pointed.set(self.place_under(pointer))

    def told(self, refusal: str | None) -> None:
        self.kit.notice.set(refusal or "")


class TreeTool(VesselTool):
    """Chooses a vessel; on a chosen one keys and Ctrl+click edit the tree, each as one step of undo."""

    id = TREE_TOOL
    name = "Vessel tree"
    shortcut = "Y"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._joining: VesselPlace | None = None

    def hint(self) -> str:
        if self._joining is not None:
            return JOINING
        if not self.vessels.trees.value:
            return "Click in the aorta, the portal or a hepatic vein: the tree is found from there."
        if self.vessels.chosen.value is None:
            return "Click a vessel to choose it; Ctrl+click adds a branch that ends there."
        return (
            "X cuts here, Delete takes the vessel away with all beyond, Ctrl+click adds a branch, J joins a piece, "
            "U makes this end the root, Enter confirms a proposed name."
        )

    def press(self, pointer: Pointer) -> None:
        keeper = self.keeper
        if keeper is None:
            return
        self.kit.notice.set("")
        place = self.place_under(pointer)
        if pointer.control:
            chosen = self.vessels.chosen.value
            known = chosen.tree_id if chosen is not None else getattr(self.vessels.shown, "id", None)
            if known is None:
                self.told("Find the vessels first, then add what is missing.")
            else:
                self.told(keeper.add_branch(known, as_point(pointer.lps_mm)))
        elif place is not None:
            self.press_place(place)
            self.kit.state.move_cursor(pointer.frame_uid, pointer.lps_mm)
        elif not self.vessels.in_frame(pointer.frame_uid):
            self.told(keeper.find_from(as_point(pointer.lps_mm), pointer.series))
        else:
            self.told(NOT_ON_VESSEL)
        self.say()

    def press_place(self, place: VesselPlace) -> None:
        """Choose it; while a join is pending it is the piece to be joined."""
        joining, self._joining = self._joining, None
        if joining is not None and self.keeper is not None:
            self.told(self.keeper.join(joining, place))
        else:
            self.vessels.choose(place)
        self.say()

    def key(self, name: str) -> bool:
        chosen = self.vessels.chosen.value
        if name not in ("X", "Delete", "J", "U", "Return", "Enter"):
            return False
        if chosen is None or self.vessels.keeper is None:
            if name in ("Return", "Enter", "Delete"):
                # The pane's own keys stay as they are while no vessel is chosen.
                return False
            self.told(NOTHING_CHOSEN)
            return True
        keeper = self.vessels.keeper
        if name == "X":
            self.told(keeper.cut(chosen, whole=False))
        elif name == "Delete":
            self.told(keeper.cut(chosen, whole=True))
        elif name == "J":
            self._joining = chosen
            self.kit.notice.set("")
        elif name == "U":
            self.told(keeper.reroot(chosen))
        else:
            return self._confirm(chosen)
        self.say()
        return True

    def _confirm(self, chosen: VesselPlace) -> bool:
        """Enter, where a name is proposed; elsewhere it enlarges the pane as everywhere."""
        tree = self.vessels.tree(chosen.tree_id)
        if tree is None or not tree.tree.has(chosen.segment) or not tree.tree.segment(chosen.segment).proposed:
            return False
        if self.vessels.keeper is not None:
            self.told(self.vessels.keeper.confirm_name(chosen))
        return True

    def cancel(self) -> None:
        """What was chosen stays; a join that was begun does not."""
        self._joining = None
        self.vessels.pointed.set(None)
        super().cancel()


class CatheterTool(VesselTool):
    """Puts the tip of a catheter on a vessel and drags it along; what is reached from there follows the hand."""

    id = CATHETER_TOOL
    name = "Catheter tip"
    shortcut = "C"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._held: TipShown | None = None

    def hint(self) -> str:
        if not self.vessels.trees.value:
            return "Find the vessels first (Y); then a click on a vessel puts the catheter's tip there."
        return "Click a vessel to put a tip there, or hold a tip and drag it along; letting go stores it."

    def press(self, pointer: Pointer) -> None:
        place = self.place_under(pointer)
        if place is None:
            self.told(NOT_ON_VESSEL if self.keeper is not None else NO_CASE)
            return
        self.press_place(place)

    def drag(self, pointer: Pointer) -> None:
        found = self.vessels.nearest(pointer.frame_uid, pointer.lps_mm, self.kit.state.hidden_ids.value)
        if found is not None:
            self.drag_place(found[0])

    def release(self, pointer: Pointer) -> None:
        del pointer
        self.release_place()

    def press_place(self, place: VesselPlace) -> None:
        """Take hold of a tip that lies here, else begin another one."""
        keeper = self.keeper
        lps = self._lps(place)
        if keeper is None or lps is None:
            return
        self.kit.notice.set("")
        near = self._tip_near(place)
        self._held = replace(near, place=place, lps_mm=lps) if near is not None else TipShown(place, lps)
        if near is not None:
            self.kit.state.selected_id.set(near.item_id)
        self.told(keeper.hold_tip(self._held))

    def drag_place(self, place: VesselPlace) -> None:
        """A tip stays on the tree it was put on."""
        held, keeper = self._held, self.vessels.keeper
        if held is None or keeper is None or place.tree_id != held.place.tree_id or place == held.place:
            return
        lps = self._lps(place)
        if lps is not None:
            self._held = replace(held, place=place, lps_mm=lps)
            self.told(keeper.hold_tip(self._held))

    def release_place(self) -> None:
        held, keeper = self._held, self.vessels.keeper
        self._held = None
        if held is not None and keeper is not None:
            self.told(keeper.keep_tip(held))
            self.say()

    def cancel(self) -> None:
        """A tip under the hand goes back to where the plan has it."""
        held, self._held = self._held, None
        if held is not None and self.vessels.keeper is not None:
            self.vessels.keeper.drop_tip()
        self.vessels.pointed.set(None)
        super().cancel()

    def _lps(self, place: VesselPlace) -> tuple[float, float, float] | None:
        tree = self.vessels.tree(place.tree_id)
        where = None if tree is None else tree.lps_of(place)
        return None if where is None else as_point(where)

    def _tip_near(self, place: VesselPlace) -> TipShown | None:
        """The tip on the same vessel that the click meant: the nearest within a few millimetres."""
        same = [
            each
            for each in self.vessels.tips.value
            if (each.place.tree_id, each.place.segment) == (place.tree_id, place.segment)
        ]
        near = min(same, key=lambda each: abs(each.place.along_mm - place.along_mm), default=None)
        within = near is not None and abs(near.place.along_mm - place.along_mm) <= GRIP_MM
        return near if within else None


GRIP_MM = 4.0
"""A click this near to a tip along its vessel takes hold of it."""
