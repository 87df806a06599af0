"""A main window for tests, and hands for it: clicks, keys and waiting, through the events a person causes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PySide6.QtCore import QEventLoop, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QPushButton, QWidget

from planner.app.library import open_library
from planner.app.recovery import open_journal
from planner.app.templates import installed
from planner.store.actors import Actor
from viewers.panels.look import apply_look
from viewers.panes.desk import make_desk
from viewers.panes.mpr_pane import MprPane
from viewers.window.case_work import CaseWork
from viewers.window.main_window import MainWindow

PERSON = Actor("Dr Fellow", "planner", "room-1")
LEFT = Qt.MouseButton.LeftButton
Found = TypeVar("Found", bound=QWidget)


class Hands:
    """One window on a library in a folder, without 3D drawing: that has tests of its own."""

    def __init__(self, folder: Path, *, size: tuple[int, int] = (1366, 768), actor: Actor = PERSON) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_look(application, 1.0)
        self.library = open_library(str(folder))
        self.window = MainWindow(self.library, open_journal(self.library), installed(), make_desk(), actor)
        self.window.resize(*size)
        self.window.show()
        self.window.activateWindow()
        self.turn()

    @property
    def work(self) -> CaseWork:
        assert self.window.work is not None
        return self.window.work

    def turn(self) -> None:
        """Until nothing more waits in the event loop."""
        for _ in range(3):
            QApplication.processEvents()

    def until(self, is_done: Callable[[], object], what: str = "it") -> None:
        """Wait for something; fails after 40 seconds."""
        loop, given_up = QEventLoop(), []
        watch, limit = QTimer(), QTimer()
        watch.setInterval(3)
        watch.timeout.connect(lambda: loop.quit() if is_done() else None)
        limit.setSingleShot(True)
        limit.timeout.connect(lambda: (given_up.append(True), loop.quit()))
        watch.start()
        limit.start(40_000)
        if not is_done():
            loop.exec()
        watch.stop()
        limit.stop()
        assert not given_up, f"{what} never came; the window says: {self.window.jobs.message.text()}"
        self.turn()

    def settle(self) -> None:
        """Until no job runs and every pane is drawn."""
        self.until(lambda: not self.window.desk.jobs.running and self._drawn(), "rest")
        self.window.case_page.form.complete()
        self.turn()

    def _drawn(self) -> bool:
        frames = self.window.case_page.grid.frames
        return all(f.pane.is_settled for f in frames if isinstance(f.pane, MprPane) and f.isVisible())

    def press(self, widget: QWidget) -> None:
        """Click a button where a person sees it."""
        assert widget.isVisible(), f"{widget} is not on the screen"
        assert widget.isEnabled(), f"{widget} is greyed out"
        # A tick box answers on its box and words, which stand at the left of it.
        where = QPoint(8, widget.height() // 2) if isinstance(widget, QCheckBox) else widget.rect().center()
        QTest.mouseClick(widget, LEFT, Qt.KeyboardModifier.NoModifier, where)
        self.turn()

    def type(self, line: QLineEdit, text: str, *, leave: bool = True) -> None:
        """Type into a line as by hand; leaving it commits."""
        line.setFocus()
        line.selectAll()
        QTest.keyClick(line, Qt.Key.Key_Delete)
        QTest.keyClicks(line, text)
        if leave:
            QTest.keyClick(line, Qt.Key.Key_Return)
        self.turn()

    def pick(self, box: QComboBox, data: object) -> None:
        """Choose an entry with the arrow keys."""
        wanted = box.findData(data)
        assert wanted >= 0, f"{data} is not offered"
        box.setFocus()
        while box.currentIndex() != wanted:
            before = box.currentIndex()
            QTest.keyClick(box, Qt.Key.Key_Down if wanted > before else Qt.Key.Key_Up)
            assert box.currentIndex() != before, "the list does not follow the keys"
        self.turn()

    def _activate(self) -> None:
        """Keys go to the active window, as on a desktop after a click into it."""
        if not self.window.isActiveWindow():
            self.window.activateWindow()
            assert QTest.qWaitForWindowActive(self.window), "the window does not become the active one"

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """A key to whatever has the keyboard."""
        self._activate()
        QTest.keyClick(QApplication.focusWidget() or self.window, key, modifiers)
        self.turn()

    def shortcut(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        """A menu's key, sent to whatever has the keyboard."""
        self._activate()
        held = Qt.KeyboardModifier.ControlModifier
        for each in modifiers:
            held |= each
        QTest.keyClick(QApplication.focusWidget() or self.window, key, held)
        self.turn()

    def button(self, parent: QWidget, text: str) -> QPushButton:
        """The visible button whose text begins so."""
        found = [each for each in parent.findChildren(QPushButton) if each.isVisible() and each.text().startswith(text)]
        assert found, f"no button says {text!r}"
        return found[0]

    def drop(self, *paths: Path) -> None:
        """Files dropped on the window from a file manager."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        held = Qt.KeyboardModifier.NoModifier
        entering = QDragEnterEvent(QPoint(50, 50), Qt.DropAction.CopyAction, data, LEFT, held)
        QApplication.sendEvent(self.window, entering)
        assert entering.isAccepted(), "the window takes no files"
        QApplication.sendEvent(self.window, QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, LEFT, held))
        self.turn()

    def pane(self, pane_id: str) -> MprPane:
        frame = self.window.case_page.grid.frame(pane_id)
        assert frame is not None
        assert isinstance(frame.pane, MprPane)
        return frame.pane

    def click_at(
        self,
        pane_id: str,
        lps_mm: np.ndarray,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Move the cursor's planes through a point, and click it in a pane."""
        volume = self.window.desk.state.images.primary
        assert volume is not None
        self.window.desk.state.move_cursor(volume.grid.frame_uid, lps_mm)
        self.settle()
        pane = self.pane(pane_id)
        view = pane.view()
        assert view is not None
        x, y = np.rint(view.px_of(lps_mm)).astype(int)
        QTest.mouseClick(pane, LEFT, modifiers, QPoint(int(x), int(y)))
        self.settle()

    def go(self, stage: str) -> None:
        """Click a stage in the list on the left."""
        stages = self.window.case_page.stage_list.stages
        for line in range(stages.count()):
            item = stages.item(line)
            if item.data(Qt.ItemDataRole.UserRole) == stage:
                stages.scrollToItem(item)
                QTest.mouseClick(
                    stages.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, stages.visualItemRect(item).center()
                )
                self.turn()
                self.window.case_page.form.complete()
                assert self.work.stage_id == stage
                return
        raise AssertionError(f"no stage {stage} in the list")

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        self.turn()
