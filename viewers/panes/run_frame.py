"""A DSA pane in its frame: picture, frame strip, curves, menus."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from viewers.panes.desk import Desk
from viewers.panes.pane_frame import PaneFrame
from viewers.panes.run_ct_layer import RunCtLayer
from viewers.panes.run_ct_menu import RunCtMenu
from viewers.panes.run_curves import CurvePanel
from viewers.panes.run_header import RunHeader
from viewers.panes.run_pane import RunPane
from viewers.panes.run_strip import RunStrip
from viewers.scene.run_picture import grey_line
from viewers.scene.run_strip_painter import StripContent
from viewers.state.layouts import PaneSpec
from viewers.state.run_steps import Maps, phase_frames
from viewers.state.signals import Subscriptions

LEAST_TITLE_EM = 3.5
BESIDE_FROM = 1.05
"""A pane so much wider than high has its curves at the right of the picture, else below."""


class RunBody(QWidget):
    """Picture above, strip below, curves below or beside."""

    def __init__(self, pane: RunPane) -> None:
        super().__init__()
        self.picture = pane
        self.strip = RunStrip(self)
        self.curves = CurvePanel(pane, self)
        self._shown_of: tuple[object, ...] = ()
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.addWidget(pane)
        self.splitter.addWidget(self.curves)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setCollapsible(0, False)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.splitter, 1)
        rows.addWidget(self.strip)
        self.setFocusProxy(pane)
        self.strip.jumped.connect(self._jump)
        self.strip.mask_chosen.connect(self._choose_mask)
        self._subscriptions = Subscriptions()
        self._subscriptions.add(
            pane.shown.connect(self.refresh),
            pane.pane_state.playback.frame.changed.connect(self.strip.show_frame),
        )
        self.refresh()

    def release(self) -> None:
        """Stop following the state."""
        self._subscriptions.release()
        self.curves.release()
        self.picture.release()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Curves stand where there is room."""
        super().resizeEvent(event)
        beside = self.width() > BESIDE_FROM * self.height()
        wanted = Qt.Orientation.Horizontal if beside else Qt.Orientation.Vertical
        if self.splitter.orientation() != wanted:
            self.splitter.setOrientation(wanted)

    def refresh(self) -> None:
        """Bring the strip up to date when something it shows is another one."""
        pane, analysis = self.picture, self.picture.analysis
        run, mask, maps, prepared = pane.run, analysis.mask, analysis.maps, analysis.prepared
        shows = (run, mask, maps, prepared, analysis.is_subtracted)
        self.strip.show_frame(pane.frame)
        if len(shows) == len(self._shown_of) and all(a is b for a, b in zip(shows, self._shown_of, strict=True)):
            return
        self._shown_of = shows
        if run is None:
            self.strip.show_content(StripContent(0))
            return
        subtracted = analysis.is_subtracted
        thumbs = None if prepared is None else prepared.thumbs
        if maps is not None and mask is not None and subtracted:
            thumbs = contrast_thumbs(maps, mask.contrast_window)
        self.strip.show_content(
            StripContent(
                run.count,
                thumbs,
                mask.choice.frames if mask is not None and subtracted else (),
                phase_frames(maps.phases) if maps is not None else {},
                maps.course.values if maps is not None and maps.course is not None else None,
            )
        )

    def _jump(self, frame: int) -> None:
        playback = self.picture.pane_state.playback
        playback.stop()
        playback.go(frame)

    def _choose_mask(self, first: int, last: int) -> None:
        frames = tuple(range(first, last + 1))
        self.picture.pane_state.change(mask="operator", mask_frames=frames, subtracted=True)


def contrast_thumbs(maps: Maps, window: tuple[float, float]) -> np.ndarray:
    """(frame, y, x) uint8: small subtracted frames, contrast dark on bright."""
    slope, intercept = grey_line(window, bright_is_high=False)
    grey = np.nan_to_num(maps.thumbs * slope + intercept, nan=0.0)
    return np.clip(grey, 0.0, 255.0).astype(np.uint8)


class RunFrame(PaneFrame):
    """A DSA pane with its menus; the frame keeps them alive."""

    def __init__(self, spec: PaneSpec, desk: Desk) -> None:
        self.picture = RunPane(spec, desk)
        self.header = RunHeader(self.picture)
        self.ct_layer, self.ct_menu = RunCtLayer(self.picture), RunCtMenu(self.picture)
        # However many menus there are: which run is shown can always be chosen.
        self.header.run.setMinimumWidth(round(LEAST_TITLE_EM * self.picture.fontMetrics().height()))
        self.body = RunBody(self.picture)
        super().__init__(spec, self.body, desk.state, (*self.header.widgets, self.ct_menu.button))

    def release(self) -> None:
        self.header.release()
        self.ct_menu.release()
        self.ct_layer.release()
        super().release()


def run_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """The factory of DSA panes."""
    return RunFrame(spec, desk)
