"""Starts the desktop: library, recovery, theme, window; on the first start the digital patient is put in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from planner.app.library import open_library
from planner.app.open_case import OpenCase
from planner.app.recovery import Recovery, discard, open_journal, recoverable, restore
from planner.app.templates import installed
from planner.errors import OperatorError, StoreError
from planner.imaging.slicing import warm_up
from planner.jobs import Context
from planner.store.actors import Actor
from planner.store.journal import Journal
from planner.store.library import Library
from viewers.panels.look import apply_look
from viewers.panes.desk import make_desk
from viewers.state.theme import scale_for
from viewers.window.choices import ChoiceDialog
from viewers.window.main_window import MainWindow

LOG = logging.getLogger(__name__)


def start(paths: Sequence[Path], library_url: str | None) -> int:
    """Open the window and stay until it closes; the exit code.

    Parameters
    ----------
    paths
        Images to be opened at once.
    library_url
        None is the library of this account.
    """
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication.instance() or QApplication(["seldinger"])
    try:
        library = open_library(library_url)
    except StoreError as error:
        # Without its library the program cannot start; an empty one is never put in the place of a damaged one.
        refuse(error.message)
        return 4
    window = make_window(library)
    window.show()
    if paths:
        window.import_paths(paths)
    return application.exec()


def refuse(sentence: str) -> None:
    """Say why the program does not start, in a box and on the terminal."""
    sys.stderr.write(sentence + "\n")
    box = QMessageBox(QMessageBox.Icon.Critical, "Seldinger", sentence)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.exec()


def make_window(library: Library, actor: Actor | None = None) -> MainWindow:
    """The window on an open library, sized for the screen it stands on."""
    application = QApplication.instance()
    screen = QGuiApplication.primaryScreen().availableGeometry()
    scale = scale_for(screen.height())
    if isinstance(application, QApplication):
        apply_look(application, scale)
    person = actor or Actor.here()
    journal = _journal(library)
    window = MainWindow(library, journal, installed(), make_desk(), person, scale=scale)
    window.setGeometry(screen)
    QTimer.singleShot(0, lambda: after_start(window))
    return window


def _journal(library: Library) -> Journal | None:
    try:
        return open_journal(library)
    except StoreError as error:
        LOG.warning("no recovery journal: %s", error.code)
        return None


def after_start(window: MainWindow) -> None:
    """What can wait until the window is seen: kernels, recovery, the digital patient."""
    window.desk.jobs.submit("Preparing", _warm, lambda _: None)
    offer_recovery(window)
    if not window.library.list_cases():
        put_in_digital_patient(window)


def _warm(context: Context) -> None:
    context.step(0.0, "compiling what draws slices")
    warm_up()


def put_in_digital_patient(window: MainWindow) -> None:
    """The first start: a simulated patient to look at and to learn on."""
    folder = window.library.folder
    if folder is None:
        return
    library, actor = window.library, window.actor

    def work(context: Context) -> str:
        from planner.app.demo import seed_digital_patient

        return seed_digital_patient(library, folder / "digital-patient", actor, context)

    window.desk.jobs.submit("Making the digital patient", work, lambda _: window.library_page.refresh())


def offer_recovery(window: MainWindow) -> None:
    """After a crash: restore or forget, as a person says; closing the question keeps the work for later."""
    journal = window.journal
    found = recoverable(window.library, journal) if journal is not None else ()
    if journal is None or not found:
        return
    newest = found[0]

    def take_up(codes: list[str], reason: str) -> str | None:
        del codes, reason
        return _restore(window, journal, newest)

    lines = [f"{each.path}: {each.before} → {each.after}" for each in newest.differences[:8]]
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


def _restore(window: MainWindow, journal: Journal, recovery: Recovery) -> str | None:
    try:
        case, revision = restore(journal, recovery)
        window.take_case(OpenCase(window.library, journal, case, revision, window.actor, unsaved=True))
    except OperatorError as error:
        return error.message
    return None
