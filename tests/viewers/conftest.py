"""Widgets driven by real events under Qt's offscreen platform. A Qt warning fails the test that caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QEventLoop, QPoint, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QEnterEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.model.case import Case
from planner.model.document import Document
from planner.model.people import Patient
from planner.model.session import Session, TemplateRef
from planner.store.actors import Actor
from planner.store.library import Library
from viewers.panes.desk import Desk, make_desk
from viewers.panes.mpr_pane import MprPane
from viewers.panes.pane_grid import PaneGrid
from viewers.state.document_host import DocumentHost

BALL_LPS_MM = np.array([6.0, -8.0, 5.0])
BALL_RADIUS_MM = 12.0
BALL_HU, BODY_HU, AIR_HU = 180, 60, -1000

OFFSCREEN_ONLY = "This plugin does not support propagateSizeHints()"
"""Said by Qt's offscreen platform about every window; it concerns no display."""


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    found = QApplication.instance()
    return found if isinstance(found, QApplication) else QApplication([])


@pytest.fixture(autouse=True)
def _no_qt_warnings() -> Iterator[None]:
    said: list[str] = []

    def listen(kind: QtMsgType, context: object, message: str) -> None:
        if kind != QtMsgType.QtDebugMsg and kind != QtMsgType.QtInfoMsg and message != OFFSCREEN_ONLY:
            said.append(message)

    previous = qInstallMessageHandler(listen)
    yield
    qInstallMessageHandler(previous)
    assert not said, f"Qt said: {said}"


def ball_volume(
    axes_lps: np.ndarray | None = None, *, frame_uid: str = "1.2.3", series_uid: str = "1.2.840.1"
) -> Volume:
    """A bright ball, off the middle, in a cylinder of tissue in air; its truth is analytic."""
    spacing = (2.0, 1.0, 1.0)
    grid = Grid.of((40, 80, 80), spacing_kji_mm=spacing, axes_lps=axes_lps, frame_uid=frame_uid)
    shift = -grid.centre_lps_mm
    grid = Grid.of((40, 80, 80), origin_lps_mm=shift, spacing_kji_mm=spacing, axes_lps=axes_lps, frame_uid=frame_uid)
    indices = np.stack(np.meshgrid(*(np.arange(size) for size in grid.size_kji), indexing="ij"), axis=-1)
    points = grid.lps_from_kji.points(indices)
    voxels = np.full(grid.size_kji, AIR_HU, dtype=np.int16)
    voxels[np.hypot(points[..., 0], points[..., 1]) < 36.0] = BODY_HU
    voxels[np.linalg.norm(points - BALL_LPS_MM, axis=-1) <= BALL_RADIUS_MM] = BALL_HU
    source = ImageSource(
        series_uid,
        modality="CT",
        description="Ball & body",
        patient_id="T-1",
        patient_name="Test^Ball",
        study_date="2024-03-12",
        unit="HU",
        phase="arterial",
        window=(100.0, 400.0),
    )
    return Volume(voxels, grid, source)


@pytest.fixture(scope="session")
def ball() -> Volume:
    return ball_volume()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def open_document() -> Document:
    session = Session("session-1", "TACE 1", TemplateRef("tace", "1", "digest", "profile", "1"))
    return Document(Case("case-1", Patient("T-1", "Test^Ball"), sessions=(session,)))


class Bench:
    """A window's middle with hands: real events, and waiting until everything is drawn."""

    def __init__(self, volume: Volume, layout: str = "mpr", size: tuple[int, int] = (800, 800)) -> None:
        self.desk: Desk = make_desk()
        self.state = self.desk.state
        self.volume = volume
        self.state.images.add(volume)
        self.state.layout.set(layout)
        self.grid = PaneGrid(self.desk)
        self.grid.resize(*size)
        self.grid.show()
        self.settle()

    def pane(self, pane_id: str) -> MprPane:
        frame = self.grid.frame(pane_id)
        assert frame is not None
        assert isinstance(frame.pane, MprPane)
        return frame.pane

    def settle(self) -> None:
        """Until nothing is being drawn or computed, at full quality; fails after a minute."""
        self._wait(lambda: self._is_drawn() and not self.state.interacting.value and not self.desk.jobs.running)

    def settle_drawing(self) -> None:
        """Until every picture asked for has come, in the middle of a drag too."""
        self._wait(self._is_drawn)

    def settle_jobs(self) -> None:
        """Until every job has ended, in the middle of a drag too."""
        self._wait(lambda: not self.desk.jobs.running)

    def _wait(self, is_done: Callable[[], bool]) -> None:
        loop, given_up = QEventLoop(), []
        watch, limit = QTimer(), QTimer()
        watch.setInterval(2)
        watch.timeout.connect(lambda: loop.quit() if is_done() else None)
        limit.setSingleShot(True)
        limit.timeout.connect(lambda: (given_up.append(True), loop.quit()))
        watch.start()
        limit.start(60_000)
        QApplication.processEvents()
        loop.exec()
        assert not given_up, "the panes never came to rest"

    def _is_drawn(self) -> bool:
        panes = [frame.pane for frame in self.grid.frames if isinstance(frame.pane, MprPane) and frame.isVisible()]
        return all(pane.is_settled for pane in panes)

    def at(self, pane_id: str, lps_mm: np.ndarray | tuple[float, float, float]) -> QPoint:
        """The pixel of a pane nearest to a point."""
        view = self.pane(pane_id).view()
        assert view is not None
        x, y = np.rint(view.px_of(lps_mm)).astype(int)
        return QPoint(int(x), int(y))

    def drag(
        self,
        pane_id: str,
        *points: QPoint,
        button: Qt.MouseButton = Qt.MouseButton.LeftButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        pane = self.pane(pane_id)
        QTest.mousePress(pane, button, modifiers, points[0])
        for point in points[1:]:
            move(pane, point, button, modifiers)
        QTest.mouseRelease(pane, button, modifiers, points[-1])
        self.settle()

    def click(
        self,
        pane_id: str,
        point: QPoint,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        QTest.mouseClick(self.pane(pane_id), Qt.MouseButton.LeftButton, modifiers, point)
        self.settle()

    def key(self, pane_id: str, key: Qt.Key) -> None:
        QTest.keyClick(self.pane(pane_id), key)
        self.settle()

    def hover(self, pane_id: str, point: QPoint) -> None:
        """The pointer over a pane, no button held."""
        pane = self.pane(pane_id)
        enter = QEnterEvent(point.toPointF(), point.toPointF(), pane.mapToGlobal(point).toPointF())
        QApplication.sendEvent(pane, enter)
        move(pane, point, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
        self.settle()

    def wheel(
        self,
        pane_id: str,
        notches: int,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        point: QPoint | None = None,
    ) -> None:
        pane = self.pane(pane_id)
        where = point if point is not None else pane.rect().center()
        event = QWheelEvent(
            where.toPointF(),
            pane.mapToGlobal(where).toPointF(),
            QPoint(0, 0),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(pane, event)
        self.settle()

    def grey_at(self, pane_id: str, point: QPoint) -> int:
        """Red of a painted pixel."""
        image = self.pane(pane_id).grab().toImage()
        ratio = image.devicePixelRatio()
        return image.pixelColor(round(point.x() * ratio), round(point.y() * ratio)).red()

    def open_case(self, library: Library) -> Document:
        document = open_document()
        self.desk.marks.open(DocumentHost(document, "session-1", library, Actor("reader", "radiologist")))
        return document

    def close(self) -> None:
        self.grid.release()
        self.grid.close()
        self.desk.close()
        self.grid.deleteLater()
        QApplication.processEvents()


def move(widget: QWidget, point: QPoint, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> None:
    """A mouse move with a button held down; QTest.mouseMove sends none."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        point.toPointF(),
        widget.mapToGlobal(point).toPointF(),
        Qt.MouseButton.NoButton,
        button,
        modifiers,
    )
    QApplication.sendEvent(widget, event)


@pytest.fixture
def make_bench(qapp: QApplication) -> Iterator[Callable[..., Bench]]:
    """Opens benches, and closes them after the test."""
    made: list[Bench] = []

    def make(volume: Volume, layout: str = "mpr", size: tuple[int, int] = (800, 800)) -> Bench:
        made.append(Bench(volume, layout, size))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench], ball: Volume) -> Bench:
    return make_bench(ball)


@pytest.fixture(scope="session")
def make_ball() -> Callable[..., Volume]:
    return ball_volume
