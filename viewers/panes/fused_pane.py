"""Two studies over each other, the earlier one brought onto the new one's grid: blend, swipe, difference, edges."""

from __future__ import annotations

import time
from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from planner.imaging import Volume
from viewers.panes.compare_pane import CompareHeader, ComparePane
from viewers.panes.desk import Desk
from viewers.panes.mpr_hands import MprHands, key_name
from viewers.panes.pane_frame import PaneFrame
from viewers.panes.slice_renderer import SliceRenderer, samples
from viewers.scene.fusion import FusedPicture, FusedRequest, fused_pixels, render_fused
from viewers.scene.fusion_painter import (
    draw_difference_legend,
    draw_divider,
    draw_legend,
    draw_studies,
)
from viewers.scene.slice_painter import SliceScene, image_of
from viewers.scene.slice_picture import SlicePicture, SliceRequest
from viewers.scene.slice_text import shown_date
from viewers.state.compare import STEP_OF_SHARE, FusionLook
from viewers.state.layouts import PaneSpec
from viewers.state.view_state import PlaneKind

FUSED_PLANES: dict[str, PlaneKind] = {
    "fused-axial": "axial",
    "fused-coronal": "coronal",
    "fused-sagittal": "sagittal",
}
NOT_REVIEWED = "Match not reviewed yet"
ROUGH = "The earlier study is coarse yet: it is being refined"
NOT_BROUGHT = "The earlier study is being brought onto the new one's grid"


class FusedRenderer(SliceRenderer):
    """Draws both studies in one go, so that a picture never shows two different slices."""

    def _timed(self, request: SliceRequest) -> SlicePicture:
        if not isinstance(request, FusedRequest):
            return super()._timed(request)
        previous = self.picture
        begin = time.perf_counter()
        picture = render_fused(request, previous)
        spent = (time.perf_counter() - begin) * 1000.0
        if previous is None or picture.values is not previous.values:
            self.last_ms = spent
            rate = spent / samples(request)
            self._ms_per_sample = rate if self._ms_per_sample is None else max(rate, 0.7 * self._ms_per_sample)
        return picture


class FusedHands(MprHands):
    """The divider of the swipe is dragged; Space flickers, K takes the next way of fusing, comma and point slide."""

    def __init__(self, pane: FusedPane) -> None:
        super().__init__(pane)
        self._fused_pane = pane
        self._sliding = False

    def is_on_divider(self, position: QPointF) -> bool:
        pane, look = self._fused_pane, self._fused_pane.compare.look.value
        if not pane.is_fused or look.mode != "swipe" or look.alone is not None:
            return False
        em = QFontMetricsF(pane.font()).height()
        return abs(position.x() - look.divider * pane.width()) <= em * 0.7

    def press(self, event: QMouseEvent) -> None:
        """The divider first, then the tool."""
        if event.button() is Qt.MouseButton.LeftButton and self.is_on_divider(event.position()):
            self._fused_pane.setFocus(Qt.FocusReason.MouseFocusReason)
            self._sliding = True
            return
        super().press(event)

    def move(self, event: QMouseEvent) -> None:
        """Drag the divider, or what the other hands do."""
        pane = self._fused_pane
        if self._sliding and event.buttons() & Qt.MouseButton.LeftButton:
            pane.compare.slide(event.position().x() / max(1, pane.width()))
            return
        self._sliding = False
        if self.is_on_divider(event.position()):
            pane.setCursor(Qt.CursorShape.SplitHCursor)
        else:
            pane.show_tool_cursor()
        super().move(event)

    def release(self, event: QMouseEvent) -> None:
        if self._sliding and event.button() is Qt.MouseButton.LeftButton:
            self._sliding = False
            return
        super().release(event)

    def key(self, event: QKeyEvent) -> bool:
        """Keys of the fusion, then those of every pane."""
        name, compare = key_name(event.key()), self._fused_pane.compare
        with_command = event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        if with_command:
            return super().key(event)
        if name == "Space":
            compare.flicker()
        elif name == "K":
            compare.next_mode()
        elif name in ("Comma", "Period"):
            compare.slide(compare.slider + (STEP_OF_SHARE if name == "Period" else -STEP_OF_SHARE))
        else:
            return super().key(event)
        return True


class FusedPane(ComparePane):
    """The new study's slice with the earlier one laid over it; regions and maps of changes above both."""

    KINDS: tuple[str, ...] = tuple(FUSED_PLANES)
    PLANES = FUSED_PLANES
    _stale = False
    """Slices or look may be other than those of the picture that is shown."""
    _fused_from: tuple[SlicePicture, FusionLook] | None = None
    """What the picture that is shown was made of."""

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, parent)
        self.renderer = FusedRenderer(desk.renderers, desk.post, self._arrived, self._failed)
        self.setAccessibleName(f"{self.plane_kind} image of both studies over each other")
        self._subscriptions.add(self.compare.look.changed.connect(self._look_changed))

    def make_hands(self) -> MprHands:
        return FusedHands(self)

    @property
    def is_fused(self) -> bool:
        """The earlier study lies on the new one's grid."""
        return self.compare.fused is not None

    def request(self) -> SliceRequest | None:
        """The new study's slice with that of the earlier one, and what changed."""
        plain, fused, earlier = super().request(), self.compare.fused, self.compare.key("earlier")
        if plain is None:
            return None
        values = {name: getattr(plain, name) for name in SliceRequest.__dataclass_fields__}
        if fused is None or earlier is None:
            return FusedRequest(**values)
        window = self.state.window(earlier).window if self.state.images.volume(earlier) is not None else plain.window
        return FusedRequest(**values, other=fused.volume, other_window=window, outside=fused.outside)

    def scene(self) -> SliceScene | None:
        """One pane for both: an unreviewed match is looked at here, and said to be none yet."""
        found = super().scene()
        if found is None:
            return None
        compare = self.compare
        notice = found.notice
        if compare.refused.value:
            notice = compare.refused.value
        elif compare.linked.value is not None and not compare.linked.value.reviewed:
            notice = NOT_REVIEWED
        elif compare.linked.value is not None and not self.is_fused:
            notice = NOT_BROUGHT
        if compare.fused is not None and compare.fused.rough:
            notice = f"{notice}. {ROUGH}" if notice else ROUGH
        return replace(found, notice=notice, extra_lines=())

    def _arrived(self) -> None:
        self._stale = True
        self.update()

    def _look_changed(self, look: FusionLook) -> None:
        """No new slice: the two that are there are laid over each other anew."""
        del look
        self._stale = True
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """However often the look has changed, the two are laid over each other once for each time they are seen."""
        if self._stale:
            self._stale = False
            self._fuse()
        super().paintEvent(event)

    def _fuse(self) -> None:
        picture, look = self.renderer.picture, self.compare.look.value
        before, self._fused_from = self._fused_from, None if picture is None else (picture, look)
        if self._image is not None and before is not None and before[0] is picture and before[1] == look:
            return
        if isinstance(picture, FusedPicture):
            pixels = fused_pixels(picture, look)
            picture = SlicePicture(picture.request, picture.values, pixels)
        self._image = None if picture is None else image_of(picture)

    def show_tool_cursor(self) -> None:
        """As the active tool wants it."""
        self._show_cursor(self.state.active_tool.value)

    def paint_legend(self, painter: QPainter) -> None:
        """It stands below the words of the fusion, where there is one."""
        if not self.is_fused:
            super().paint_legend(painter)

    def paint_over(self, painter: QPainter, scene: SliceScene) -> None:
        """Divider, which study is where, legends."""
        super().paint_over(painter, scene)
        look, area = self.compare.look.value, QRectF(self.rect())
        later, earlier = (self.state.images.volume(self.compare.key(side)) for side in ("later", "earlier"))
        if not self.is_fused or later is None or earlier is None:
            return
        if look.mode == "swipe" and look.alone is None:
            draw_divider(painter, area, look.divider)
        top = draw_studies(painter, area, look, date_words(earlier), date_words(later))
        if look.alone is None and look.mode == "difference":
            note = difference_note(earlier, later)
            draw_difference_legend(painter, area, top, look.limit, later.source.unit or "", note)
            return
        draw_legend(painter, area, top, self.legend())


def difference_note(earlier: Volume, later: Volume) -> str:
    """Why a difference need be no change; empty for two images of one kind."""
    before, after = earlier.source, later.source
    if None not in (before.modality, after.modality) and before.modality != after.modality:
        return f"{after.modality} and {before.modality}: no change can be read"
    if before.phase is None or before.phase != after.phase:
        return "phases differ or are unknown: need be no change"
    return ""


def date_words(volume: Volume | None) -> str:
    """``2024-03-12``, else what is known."""
    if volume is None:
        return "the other study"
    return shown_date(volume.source.study_date) or volume.source.description or "undated"


def fused_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of fused panes; the frame is titled and coloured as the plane's."""
    pane = FusedPane(spec, desk)
    header = CompareHeader(pane)
    frame = PaneFrame(replace(spec, kind=pane.plane_kind), pane, desk.state, header.widgets)
    frame.destroyed.connect(header.release)
    return frame
