"""Planes through a needle: one that contains it and turns about it, one across it that moves along its depth."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter
from PySide6.QtWidgets import QWidget

from planner.geometry import SlicePlane
from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import MprHands
from viewers.panes.mpr_header import MprHeader
from viewers.panes.mpr_pane import MprPane
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.needle_overlay import depth_words, draw_rings, draw_ruler, draw_title
from viewers.scene.slice_painter import CrosshairLine, SliceScene
from viewers.scene.slice_view import SliceView, slice_step_mm
from viewers.state.layouts import PaneSpec
from viewers.state.marking import Mark
from viewers.state.needles import NeedleShape, plane_across, plane_along
from viewers.state.preview import NOTHING

ALONG, ACROSS = "needle-along", "needle-across"
NO_NEEDLE = "No needle yet.\nT and a click place its target, N and a click its entry."
OTHER_IMAGES = "The needle lies on other images; show the series it was planned on."

TURN_DEG = 5.0
"""One notch of the wheel turns the plane along the needle by this."""
LEAST_ALONG_MM, AROUND_ALONG = 60.0, 1.35
ACROSS_MM = 90.0
"""How wide the plane across is shown at first."""


class NeedleHands(MprHands):
    """The wheel turns the plane along a needle, or moves the plane across it."""

    def __init__(self, pane: NeedlePane) -> None:
        super().__init__(pane)
        self._needle_pane = pane

    def scroll(self, slices: int) -> None:
        self._needle_pane.step(slices)

    def scroll_to_end(self, *, last: bool) -> None:
        self._needle_pane.go_to_end(last=last)

    def _view_key(self, name: str) -> bool:
        if name == "R":
            self._needle_pane.state.needles.reset_views()
        return super()._view_key(name)


class NeedlePane(MprPane):
    """A slice that goes with the needle on show.

    Parameters
    ----------
    spec
        ``needle-along`` or ``needle-across``.
    """

    KINDS: tuple[str, ...] = (ALONG, ACROSS)
    EMPTY = NO_NEEDLE
    _held: SliceView | None = None

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, parent)
        needles = self.state.needles
        self._subscriptions.add(
            *(
                value.changed.connect(self._changed)
                for value in (needles.draft, needles.chosen, needles.turn_deg, needles.depth_mm, needles.probe_mm)
            )
        )

    def make_hands(self) -> MprHands:
        return NeedleHands(self)

    @property
    def needle(self) -> NeedleShape | None:
        """The needle on show, when it lies in the frame of the images shown."""
        volume = self.volume
        found = self.state.needles.shown(self.desk.marks.marks.value, self.state.selected_id.value)
        if found is None or volume is None or found.frame_uid != volume.grid.frame_uid:
            return None
        return found

    @property
    def depth_mm(self) -> float:
        """Where along the needle this pane looks."""
        needle = self.needle
        return 0.0 if needle is None else self.state.needles.depth_in(needle)

    def scroll_plane(self) -> SlicePlane | None:
        needle = self.needle
        if needle is None:
            return None
        if self.spec.kind == ALONG:
            return plane_along(needle, self.state.needles.turn_deg.value)
        return plane_across(needle, self.depth_mm)

    def view(self) -> SliceView | None:
        """The needle in the middle, whole in the plane along it; zoom and pan on top.

        While the hand drags in this very pane the picture stays where it is: a needle that drew its own picture along
        would run away from the pointer.
        """
        if self._held is not None and self.hands.is_dragging:
            return self._held
        needle, plane = self.needle, self.scroll_plane()
        if needle is None or plane is None:
            return None
        width, height = max(1, self.width()), max(1, self.height())
        extent = max(LEAST_ALONG_MM, needle.length_mm * AROUND_ALONG) if self.spec.kind == ALONG else ACROSS_MM
        pane = self.pane_state
        scale = extent / min(width, height) / pane.zoom.value
        right, down = pane.pan_mm.value
        moved = plane.point_lps_mm + right * plane.right_lps + down * plane.down_lps
        return SliceView(plane.through(moved), width, height, scale)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag with the left button holds the picture."""
        left = event.button() is Qt.MouseButton.LeftButton
        self._held = self.view() if left else None
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The picture follows the needle again."""
        super().mouseReleaseEvent(event)
        self._held = None
        self.refresh()

    def scene(self) -> SliceScene | None:
        found = super().scene()
        if found is None:
            return None
        if self.spec.kind == ALONG:
            return replace(found, cursor_lps_mm=None)
        # Across, the shaft is a point: its rings say where it is, words would cover what lies around it.
        return replace(found, cursor_lps_mm=None, marks=self._others(found), preview=NOTHING, regions=())

    def _others(self, scene: SliceScene) -> tuple[Mark, ...]:
        """Marks but the needle on show."""
        needle = self.needle
        shown_id = None if needle is None else needle.item_id
        return tuple(mark for mark in scene.marks if mark.id != shown_id)

    def _lines(self, frame: str) -> tuple[CrosshairLine, ...]:
        del frame
        return ()

    def step(self, notches: int) -> None:
        """A notch of the wheel: turn about the needle, or a layer deeper."""
        needle, volume, plane = self.needle, self.volume, self.scroll_plane()
        if needle is None or volume is None or plane is None:
            return
        if self.spec.kind == ALONG:
            self.state.needles.turn(notches * TURN_DEG)
        else:
            self.state.needles.move_depth(needle, notches * slice_step_mm(volume.grid, plane))

    def go_to_end(self, *, last: bool) -> None:
        """End is the tip, Home the skin; for the plane along both turn it back."""
        if self.spec.kind == ALONG:
            self.state.needles.turn_deg.set(0.0)
        else:
            self.state.needles.depth_mm.set(None if last else 0.0)

    def paint_over(self, painter: QPainter, scene: SliceScene) -> None:
        needle = self.needle
        if needle is None:
            return
        depth = self.depth_mm
        area = QRectF(0.0, 0.0, scene.view.width_px, scene.view.height_px)
        if self.spec.kind == ALONG:
            draw_ruler(painter, scene.view, needle, depth)
            turn = self.state.needles.turn_deg.value
            title = f"turned {turn:.0f}°" if turn else "nearest to axial"
        else:
            draw_rings(painter, scene.view, needle, depth)
            title = depth_words(needle, depth)
        draw_title(painter, area, (title,), below=int(scene.simulated))


def needle_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of the planes along and across."""
    pane = NeedlePane(spec, desk)
    header = MprHeader(pane)
    frame = PaneFrame(spec, pane, desk.state, header.widgets)
    frame.destroyed.connect(header.release)
    return frame
