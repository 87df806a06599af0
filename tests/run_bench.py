"""A simulated run with known contrast, shift and times, and a pane grid to look at it with real events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging.angio import LINEAR, AngioRun, RunFacts
from planner.imaging.volumes import ImageSource
from viewers.panes.desk import make_desk
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.run_frame import RunFrame, run_frame
from viewers.panes.run_pane import RunPane
from viewers.state.run_settings import RunSettings

COUNT, SIZE, ARRIVAL = 16, 128, 5
VESSEL_X, BACKGROUND_X = 64, 100
"""Columns of a vessel and of background, at every row."""
RATE_HZ = 4.0


def simulated_run(
    *, arrival: int = ARRIVAL, uid: str = "1.2.3", number: int = 1, geometry: bool = False, timed: bool = True
) -> AngioRun:
    """A vertical vessel that fills from frame index `arrival`, over textured background without motion."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    ground = 2000.0 + 250.0 * np.sin(x / 5.0) * np.cos(y / 7.0) + 4.0 * x
    vessel = np.sqrt(np.clip(1.0 - ((x - VESSEL_X) / 6.0) ** 2, 0.0, None))
    frames = np.empty((COUNT, SIZE, SIZE), dtype=np.uint16)
    for frame in range(COUNT):
        since = max(0.0, frame - arrival + 1.0)
        height = 0.8 * (since / 4.0) ** 2 * np.exp(2.0 - 2.0 * since / 4.0)
        frames[frame] = ground * np.exp(-height * vessel) + random.normal(0.0, 4.0, ground.shape)
    spacing = DetectorSpacing(0.3, 0.3)
    arm = CArm(30.0, -12.0, 1200.0, 800.0, spacing, ((SIZE - 1) / 2, (SIZE - 1) / 2), "1.9")
    facts = RunFacts(number, "2024-03-12T09:41:00", 30.0, -12.0, rate_hz=RATE_HZ if timed else None)
    source = ImageSource(uid, 1, "XA", "Coeliac & hepatic", "T-1", "Test^Run", study_date="20240312", series_number=3)
    return AngioRun(
        frames,
        np.arange(COUNT) / RATE_HZ if timed else None,
        source,
        facts,
        LINEAR,
        geometry=(arm,) if geometry else (),
        bits_stored=12,
    )


class RunBench:
    """DSA panes with hands: real events, and waiting until everything is drawn and computed."""

    def __init__(self, *runs: AngioRun, layout: str = "dsa", size: tuple[int, int] = (900, 800)) -> None:
        self.desk = make_desk()
        self.runs = self.desk.state.runs
        for run in runs:
            self.runs.add(run)
        self.desk.state.layout.set(layout)
        self.grid = PaneGrid(self.desk, {"dsa": run_frame})
        self.grid.resize(*size)
        self.grid.show()
        self.settle()

    @property
    def frame(self) -> RunFrame:
        return self.frame_of("dsa")

    @property
    def pane(self) -> RunPane:
        return self.frame.picture

    def frame_of(self, pane_id: str) -> RunFrame:
        found = self.grid.frame(pane_id)
        assert isinstance(found, RunFrame)
        return found

    def settle(self) -> None:
        """Until nothing is drawn or computed; fails after two minutes (kernels are compiled once)."""
        self.wait(lambda: all(each.picture.is_settled for each in self._shown()) and not self.desk.jobs.running)

    def _shown(self) -> list[RunFrame]:
        return [each for each in self.grid.frames if isinstance(each, RunFrame) and each.isVisible()]

    def wait(self, is_done: Callable[[], bool]) -> None:
        loop, given_up = QEventLoop(), []
        watch, limit = QTimer(), QTimer()
        watch.setInterval(2)
        watch.timeout.connect(lambda: loop.quit() if is_done() else None)
        limit.setSingleShot(True)
        limit.timeout.connect(lambda: (given_up.append(True), loop.quit()))
        watch.start()
        limit.start(120_000)
        QApplication.processEvents()
        loop.exec()
        QApplication.processEvents()
        assert not given_up, "the run never came to rest"

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.pane, key, modifiers)
        self.settle()

    def wheel(self, notches: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        where = self.pane.rect().center()
        event = QWheelEvent(
            where.toPointF(),
            self.pane.mapToGlobal(where).toPointF(),
            QPoint(0, 0),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(self.pane, event)
        self.settle()

    def drag(self, widget: QWidget, *points: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, points[0])
        for point in points[1:]:
            move = QMouseEvent(
                QEvent.Type.MouseMove,
                point.toPointF(),
                widget.mapToGlobal(point).toPointF(),
                Qt.MouseButton.NoButton,
                button,
                Qt.KeyboardModifier.NoModifier,
            )
            QApplication.sendEvent(widget, move)
        QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, points[-1])
        self.settle()

    def at(self, x: float, y: float) -> QPoint:
        """Where a pixel of the run lies in the pane."""
        view = self.pane.view()
        assert view is not None
        across, down = view.screen_of(x, y)
        return QPoint(round(across), round(down))

    def colour_at(self, x: float, y: float) -> QColor:
        """What is painted at a pixel of the run."""
        image = self.pane.grab().toImage()
        point = self.at(x, y)
        return image.pixelColor(point)

    def strip_point(self, frame: int, *, on_thumbs: bool = True) -> QPoint:
        """The middle of a frame (index from 0) on the strip."""
        places = self.frame.body.strip.places()
        lane = places.thumbs if on_thumbs else places.course
        return QPoint(round(places.middle_of(frame)), round(lane.center().y()))

    def start_over(self) -> None:
        """As the run was opened."""
        state = self.pane.pane_state
        state.playback.loop.set(True)
        state.playback.use_speed(1.0)
        state.playback.stop()
        state.playback.go(0)
        state.arm.set("none")
        state.curves_shown.set(False)
        state.regions.set(())
        state.settings.set(RunSettings())
        state.fit()
        self.desk.state.simulated.set(False)
        self.settle()

    def close(self) -> None:
        self.grid.release()
        self.grid.close()
        self.desk.close()
        self.grid.deleteLater()
        QApplication.processEvents()
