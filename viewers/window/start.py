"""Starts the desktop: library, recovery, theme, window; on the first start the digital patient's course is put in.

Importing this module loads nothing heavier than Qt. A plain frame is painted first; what the window stands on is
loaded behind it, and what only an open case needs when the window can be used.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from planner.errors import OperatorError, StoreError
from viewers.panels.look import apply_look
from viewers.state.theme import scale_for
from viewers.window.opening import OpeningFrame
from viewers.window.rehearsing import put_in_course_at_first_start

if TYPE_CHECKING:
    from planner.app.recovery import Recovery
    from planner.app.templates import Installed
    from planner.store.actors import Actor
    from planner.store.journal import Journal
    from planner.store.library import Library
    from viewers.window.main_window import MainWindow

LOG = logging.getLogger(__name__)
MOST_SHOWN = 80
"""Characters of a value in the question of what is to be restored."""


class Start:
    """From the first frame to the window.

    Parameters
    ----------
    paths
        Images to be opened at once.
    library_url
        None is the library of this account.
    """

    def __init__(self, paths: Sequence[Path], library_url: str | None) -> None:
        self.window: MainWindow | None = None
        self._paths = paths
        self.frame = OpeningFrame(lambda: load(library_url), self._loaded)
        self.frame.setGeometry(QGuiApplication.primaryScreen().availableGeometry())
        self.frame.show()

    def _loaded(self) -> None:
        loaded = self.frame.take()
        if loaded is None:
            QApplication.exit()
            return
        self.window = make_window(*loaded)
        self.window.show()
        self.frame.close()
        if self._paths:
            self.window.import_paths(self._paths)

    def end(self) -> BaseException | None:
        """After the event loop: wait for what still loads, and let go of it. What went wrong at the start, or None."""
        self.frame.wait()
        unused = self.frame.take()
        if unused is not None:
            library, journal = unused
            if journal is not None:
                journal.close()
            library.close()
        return self.frame.error


def start(paths: Sequence[Path], library_url: str | None) -> int:
    """Open the window and stay until it closes; the exit code. See `Start`."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
        application = QApplication(["seldinger"])
    apply_look(application, scale_for(QGuiApplication.primaryScreen().availableGeometry().height()))
    begun = Start(paths, library_url)
    code = application.exec()
    error = begun.end()
    if isinstance(error, StoreError):
        # Without its library the program cannot start; an empty one is never put in the place of a damaged one.
        refuse(error.message)
        return 4
    if error is not None:
        raise error
    return code


def load(library_url: str | None) -> tuple[Library, Journal | None]:
    """What the window stands on: its modules, the library and the journal. Called in a thread."""
    from planner.app.library import open_library

    library = open_library(library_url)
    journal = _journal(library)
    # Only loaded here, so that the GUI thread finds them ready.
    import viewers.window.main_window
    from viewers.panes import desk

    del viewers, desk
    return library, journal


def refuse(sentence: str) -> None:
    """Say why the program does not start, in a box and on the terminal."""
    sys.stderr.write(sentence + "\n")
    box = QMessageBox(QMessageBox.Icon.Critical, "Seldinger", sentence)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.exec()


def make_window(library: Library, journal: Journal | None, actor: Actor | None = None) -> MainWindow:
    """The window on an open library, sized for the screen it stands on."""
    import platformdirs

    from planner import APPLICATION
    from planner.store.actors import Actor
    from viewers.panes.desk import make_desk
    from viewers.state.timeline_memory import TimelineMemory
    from viewers.window.main_window import MainWindow

    screen = QGuiApplication.primaryScreen().availableGeometry()
    memory = TimelineMemory(platformdirs.user_config_path(APPLICATION, appauthor=False) / "timeline.json")
    window = MainWindow(
        library,
        journal,
        _installed,
        make_desk(),
        actor or Actor.here(),
        scale=scale_for(screen.height()),
        timeline_memory=memory,
    )
    window.setGeometry(screen)
    QTimer.singleShot(0, lambda: after_start(window))
    return window


def _installed() -> Installed:
    """Reading and checking every template takes longer than the library's page."""
    from planner.app.templates import installed

    return installed()


def _journal(library: Library) -> Journal | None:
    from planner.app.recovery import open_journal

    try:
        return open_journal(library)
    except StoreError as error:
        LOG.warning("no recovery journal: %s", error.code)
        return None


def after_start(window: MainWindow) -> None:
    """What can wait until the window is seen: the page of a case, kernels, recovery, the digital patient."""
    window.prepare()
    offer_recovery(window)
    put_in_course_at_first_start(window)


def offer_recovery(window: MainWindow) -> None:
    """After a crash: restore or forget, as a person says; closing the question keeps the work for later."""
    from planner.app.recovery import discard, recoverable

    journal = window.journal
    found = recoverable(window.library, journal) if journal is not None else ()
    if journal is None or not found:
        return
    newest = found[0]
    from viewers.window.choices import ChoiceDialog

    def take_up(codes: list[str], reason: str) -> str | None:
        del codes, reason
        return _restore(window, journal, newest)

    lines = [f"{each.path}: {in_short(each.before)} → {in_short(each.after)}" for each in newest.differences[:8]]
    dialog = ChoiceDialog(
        "Unsaved work was found",
        "\n".join([newest.sentence, *lines]),
        lists=(),
        verb="Restore",
        act=take_up,
        other=("Forget it", lambda: discard(journal, newest)),
        parent=window,
    )
    window.recovery_dialog = dialog
    dialog.open()


def in_short(value: object) -> str:
    """A value of a case for one line: a vessel tree, an image or a list of feeders is told by its type and name."""
    if isinstance(value, Mapping) and "type" in value:
        return f"{value['type']} “{value.get('name', '')}”"
    text = str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _restore(window: MainWindow, journal: Journal, recovery: Recovery) -> str | None:
    from planner.app.open_case import OpenCase
    from planner.app.recovery import restore

    try:
        case, revision = restore(journal, recovery)
        window.take_case(OpenCase(window.library, journal, case, revision, window.actor, unsaved=True))
    except OperatorError as error:
        return error.message
    return None
