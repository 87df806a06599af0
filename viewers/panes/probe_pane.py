"""Probe's eye: down the needle from its hub, bone through a slab of all that lies ahead, structures as outlines."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from planner.geometry import SlicePlane
from planner.units import shown
from viewers.panes.desk import Desk
from viewers.panes.mpr_header import MprHeader
from viewers.panes.needle_pane import ACROSS_MM, NeedlePane
from viewers.panes.pane_frame import PaneFrame
from viewers.scene.needle_overlay import draw_rings, draw_title
from viewers.scene.needle_probe import ProbePicture, ProbeRequest, look_ahead, paint_ahead
from viewers.scene.slice_painter import SliceScene
from viewers.scene.slice_picture import SliceRequest
from viewers.scene.slice_view import slice_step_mm
from viewers.state.jobs import LatestWins
from viewers.state.layouts import PaneSpec
from viewers.state.mask_layer import RegionShape
from viewers.state.needles import plane_across
from viewers.state.pane_state import Slab
from viewers.state.preview import Preview

PROBE = "probe"
LEAST_SLAB_MM = 2.0
PAUSE_MS = 150


class ProbePane(NeedlePane):
    """The wheel moves the eye down the needle; what it has passed is not shown any more."""

    KINDS = (PROBE,)

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(spec, desk, parent)
        self._ahead: ProbePicture | None = None
        self._looking: LatestWins[ProbeRequest, ProbePicture] = LatestWins(
            desk.renderers, desk.post, look_ahead, self._looked, self._not_looked
        )
        self._asked: tuple[object, ...] = ()
        self._subscriptions.add(self.state.needles.live.changed.connect(self._numbers_changed))

    @property
    def is_settled(self) -> bool:
        return super().is_settled and self._looking.is_idle

    @property
    def depth_mm(self) -> float:
        needle = self.needle
        return 0.0 if needle is None else min(self.state.needles.probe_mm.value, needle.length_mm)

    def _ahead_mm(self) -> float:
        """How much of the needle lies before the eye."""
        needle = self.needle
        return LEAST_SLAB_MM if needle is None else max(needle.length_mm - self.depth_mm, LEAST_SLAB_MM)

    def scroll_plane(self) -> SlicePlane | None:
        """The middle of the slab ahead."""
        needle = self.needle
        return None if needle is None else plane_across(needle, self.depth_mm + self._ahead_mm() / 2.0)

    def request(self) -> SliceRequest | None:
        found = super().request()
        # Outlines of what lies ahead are drawn over it; cuts of the regions with one plane would mislead.
        return None if found is None else replace(found, slab=self._slab(), regions=(), label_maps=())

    def scene(self) -> SliceScene | None:
        found = super().scene()
        return None if found is None else replace(found, slab=self._slab(), marks=(), regions=())

    def _slab(self) -> Slab:
        return Slab(self._ahead_mm(), "mip")

    def step(self, notches: int) -> None:
        needle, volume = self.needle, self.volume
        if needle is not None and volume is not None:
            self.state.needles.move_probe(needle, notches * slice_step_mm(volume.grid, plane_across(needle, 0.0)))

    def go_to_end(self, *, last: bool) -> None:
        needle = self.needle
        if needle is not None:
            self.state.needles.probe_mm.set(needle.length_mm if last else 0.0)

    def refresh(self) -> None:
        """A slab as thick as the way is dear: while a needle is dragged it waits for the hand to pause."""
        dragged = self.state.interacting.value and self.state.needles.draft.value is not None
        self._refresh_timer.setInterval(PAUSE_MS if dragged else 0)
        super().refresh()

    def _preview_changed(self, preview: Preview) -> None:
        """Nothing of what a tool shows is drawn here."""

    def _numbers_changed(self, reading: object) -> None:
        """Under a moving hand the other panes say them."""
        del reading
        if not self.state.interacting.value:
            self.update()

    def _render(self) -> None:
        super()._render()
        needle = self.needle
        if needle is None or not self.isVisible():
            self._ahead = None
            return
        if self.state.interacting.value and self._ahead is not None:
            # Under a moving hand the slab alone is drawn; its outlines come when it rests.
            return
        regions = self._structures(needle.frame_uid)
        wanted = (needle, self.depth_mm, *regions)
        if wanted != self._asked:
            self._asked = wanted
            self._looking.ask(ProbeRequest(needle, regions, self.depth_mm, ACROSS_MM / 2.0))

    def _structures(self, frame: str) -> tuple[RegionShape, ...]:
        hidden = self.state.hidden_ids.value
        shapes = self.desk.marks.layer.regions.values()
        return tuple(each for each in shapes if each.id not in hidden and each.mask.grid.frame_uid == frame)

    def _looked(self, request: ProbeRequest, picture: ProbePicture) -> None:
        del request
        self._ahead = picture
        self.update()

    def _not_looked(self, request: ProbeRequest, error: Exception) -> None:
        del request
        self._failed(f"What lies ahead could not be drawn: {error}")

    def paint_over(self, painter: QPainter, scene: SliceScene) -> None:
        needle = self.needle
        if needle is None:
            return
        if self._ahead is not None and self._ahead.request.needle == needle:
            paint_ahead(painter, scene.view, self._ahead, self.state.needles.live.value)
        draw_rings(painter, scene.view, needle, self.depth_mm)
        area = QRectF(0.0, 0.0, scene.view.width_px, scene.view.height_px)
        words = f"from {shown(self.depth_mm, 'mm', digits=0)} on"
        draw_title(painter, area, (words,), below=int(scene.simulated))

    def release(self) -> None:
        self._looking.drop()
        super().release()


def probe_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of the probe's eye."""
    pane = ProbePane(spec, desk)
    header = MprHeader(pane)
    # No choice of a slab: it always is what lies ahead.
    header.slab.hide()
    frame = PaneFrame(spec, pane, desk.state, header.widgets[:2])
    frame.destroyed.connect(header.release)
    return frame
