"""One of two studies that are compared: its slice through the linked point, at the same scale and in the same grey."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from planner.imaging import Volume
from viewers.panes.desk import Desk
from viewers.panes.mpr_header import MprHeader, series_title
from viewers.panes.mpr_pane import MprPane
from viewers.panes.pane_frame import HeaderButton, PaneFrame
from viewers.scene.fusion_painter import LEGEND_FROM_EM, draw_landmarks, draw_legend
from viewers.scene.slice_painter import SliceScene
from viewers.scene.slice_picture import SliceRequest
from viewers.scene.slice_view import SliceView, fit_mm_per_px
from viewers.state.compare import COMPARE_LANDMARK, ComparedPair, Side, legend_of, turned_deg
from viewers.state.layouts import PaneSpec
from viewers.state.pane_state import PaneState
from viewers.state.view_state import PlaneKind

COMPARE_PLANES: dict[str, PlaneKind] = {
    "compare-axial": "axial",
    "compare-coronal": "coronal",
    "compare-sagittal": "sagittal",
}
SIDE_WORDS: dict[Side, str] = {"earlier": "Earlier", "later": "New"}
NOTHING_COMPARED = "Nothing is compared.\nCase → Compare two dates (Ctrl+K) chooses two studies."
NOT_LOADED = "This study is not loaded yet."
TURNED_FROM_DEG = 1.0
"""From here on the pane says that the linked planes differ. Of a display, no limit."""


class ComparePane(MprPane):
    """Both sides share zoom, pan and slab; where they are linked, the crosshair stands at the same pixel in both.

    Parameters
    ----------
    spec
        ``compare-axial`` …; its role is the side.
    """

    KINDS: tuple[str, ...] = tuple(COMPARE_PLANES)
    PLANES = COMPARE_PLANES

    def __init__(self, spec: PaneSpec, desk: Desk, parent: QWidget | None = None) -> None:
        self.side: Side = "earlier" if spec.role == "earlier" else "later"
        self.plane_kind: PlaneKind = self.PLANES.get(spec.kind, "axial")
        super().__init__(spec, desk, parent)
        self.kind = self.plane_kind
        self.compare = self.state.compare
        self.setAccessibleName(f"{self.plane_kind} image of the {SIDE_WORDS[self.side].lower()} study")
        self._subscriptions.add(
            self.compare.changed.connect(self.refresh),
            self.state.cursor_changed.connect(self._other_moved),
        )

    @property
    def pane_state(self) -> PaneState:
        """One for both sides of a plane."""
        return self.state.pane(f"compare-{self.plane_kind}")

    @property
    def series(self) -> str | None:
        key = self.state.compare.key(self.side)
        return key if self.state.images.volume(key) is not None else None

    @property
    def volume(self) -> Volume | None:
        return self.state.images.volume(self.series)

    @property
    def other_volume(self) -> Volume | None:
        other: Side = "later" if self.side == "earlier" else "earlier"
        return self.state.images.volume(self.state.compare.key(other))

    def empty_words(self) -> str:
        """Which step is missing."""
        return NOTHING_COMPARED if self.compare.pair.value is None else NOT_LOADED

    def view(self) -> SliceView | None:
        """Where this side looks: the scale that fits both studies, the crosshair where the new study's is."""
        volume, plane = self.volume, self.scroll_plane()
        if volume is None or plane is None:
            return None
        width, height = max(1, self.width()), max(1, self.height())
        pane, other = self.pane_state, self.other_volume
        # Neighbours differ by a pixel; both fit their studies to one size.
        size = self.compare.size(self.spec.kind, (width, height))
        fits = [fit_mm_per_px(each.grid, plane, *size) for each in (volume, other) if each is not None]
        scale = max(fits) / pane.zoom.value
        lead, anchor = volume, None
        if self.side == "earlier" and other is not None and self.compare.link is not None:
            lead, anchor = other, self.state.cursor_lps_mm(volume.grid.frame_uid)
        lead_plane = self.state.plane(lead.grid.frame_uid, self.plane_kind)
        middle = lead_plane.through(lead.grid.centre_lps_mm).lps_of(pane.pan_mm.value)
        middle = middle - lead_plane.distance_mm(middle) * lead_plane.normal_lps
        if anchor is not None:
            # What the crosshair marks stands at one pixel in both, whatever way the two patients lie.
            right, down = lead_plane.through(middle).in_plane_mm(self.state.cursor_lps_mm(lead.grid.frame_uid))
            middle = anchor - right * plane.right_lps - down * plane.down_lps
        return SliceView(plane.through(middle), width, height, scale)

    def request(self) -> SliceRequest | None:
        """The slice; on the new study with the maps of what changed."""
        plain = super().request()
        if plain is None or self.side == "earlier":
            return plain
        maps = self.compare.shown_maps(self.state.hidden_ids.value)
        return replace(plain, label_maps=(*plain.label_maps, *((each.hidden_key, each.labels) for each in maps)))

    def scene(self) -> SliceScene | None:
        """The slice's own words, with which side it is and how it is linked."""
        found = super().scene()
        if found is None:
            return None
        return replace(found, notice=self._notice or self.compare.notice, extra_lines=self.side_lines(found))

    def side_lines(self, scene: SliceScene) -> tuple[str, ...]:
        """Below patient and series: which side this is, and that planes are not quite the same."""
        link, later = self.compare.link, self.state.images.volume(self.compare.key("later"))
        if self.side == "later" or link is None or later is None:
            return (SIDE_WORDS[self.side].upper(),)
        if scene.volume.grid.frame_uid == later.grid.frame_uid:
            return ("EARLIER · one frame of reference",)
        turned = turned_deg(link.link_map, self.state.cursor_lps_mm(later.grid.frame_uid))
        if turned < TURNED_FROM_DEG:
            return ("EARLIER · linked point",)
        return ("EARLIER · linked point", f"turned by up to {turned:.0f}°")

    def paint_over(self, painter: QPainter, scene: SliceScene) -> None:
        """Landmarks of this side; the colours of the maps on the new one."""
        pairs = self.compare.landmarks.value
        if pairs and (self.compare.link is None or self.state.active_tool.value == COMPARE_LANDMARK):
            draw_landmarks(painter, scene.view, pairs, self.side, scene.reach_mm)
        self.paint_legend(painter)

    def paint_legend(self, painter: QPainter) -> None:
        """Below the upper right corner."""
        if self.side == "later":
            top = QFontMetricsF(painter.font()).height() * LEGEND_FROM_EM
            draw_legend(painter, QRectF(self.rect()), top, self.legend())

    def legend(self) -> tuple[tuple[str, str], ...]:
        """Colours and names of the maps that are shown."""
        shown = self.compare.shown_maps(self.state.hidden_ids.value)
        return legend_of({each.key: each.labels for each in shown})

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The new study's pane leads."""
        super().resizeEvent(event)
        if self.side == "later":
            self.compare.put_size(self.spec.kind, (max(1, self.width()), max(1, self.height())))

    def _other_moved(self, frame_uid: str) -> None:
        """The linked side stands where the new study's crosshair is."""
        other = self.other_volume
        if self.side == "earlier" and other is not None and other.grid.frame_uid == frame_uid:
            self.refresh()


class CompareHeader(MprHeader):
    """Side, series of that study's case, window, slab."""

    def __init__(self, pane: ComparePane) -> None:
        self._compare_pane = pane
        super().__init__(pane)
        self.side = HeaderButton("Which of the two studies", pane)
        self.side.setText(SIDE_WORDS[pane.side])
        self.side.setEnabled(False)
        self._subscriptions.add(
            pane.compare.pair.changed.connect(self._changed), pane.compare.linked.changed.connect(self._changed)
        )

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        return self.side, self.series, self.preset, self.slab

    def _fill_series(self, menu: QMenu) -> None:
        """Other loaded series for this side: chosen here, they are compared at once."""
        menu.clear()
        pane, state = self._compare_pane, self._compare_pane.state
        pair = pane.compare.pair.value
        if pair is None:
            return
        for key, volume in state.images.volumes.items():
            action = self.series.add_choice(menu, series_title(volume), key == pair.key(pane.side))
            action.setEnabled(key != pair.key("earlier" if pane.side == "later" else "later"))
            action.triggered.connect(lambda checked, key=key: state.compare.wanted.emit(_with(pair, pane.side, key)))


def _with(pair: ComparedPair, side: Side, key: str) -> ComparedPair:
    return ComparedPair(key, pair.later) if side == "earlier" else ComparedPair(pair.earlier, key)


def compare_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of panes side by side; the frame is titled and coloured as the plane's."""
    pane = ComparePane(spec, desk)
    header = CompareHeader(pane)
    frame = PaneFrame(replace(spec, kind=pane.plane_kind), pane, desk.state, header.widgets)
    frame.destroyed.connect(header.release)
    header.side.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return frame
