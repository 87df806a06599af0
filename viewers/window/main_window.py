"""The main window: library and open case, menus and keys, import, save, print."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from planner import DISCLAIMER
from planner.errors import OperatorError
from planner.jobs import Context
from viewers.panels.job_bar import JobBar
from viewers.panels.library_page import LibraryPage
from viewers.state.jobs import Job, JobState
from viewers.state.layouts import layouts
from viewers.state.timeline_memory import TimelineMemory
from viewers.window.case_board_menu import add_library_entries
from viewers.window.case_menu import CaseMenu
from viewers.window.rehearsing import add_rehearsals
from viewers.window.warming import KernelProcess

if TYPE_CHECKING:
    from planner.app.images import Scan
    from planner.app.open_case import OpenCase
    from planner.app.templates import Installed
    from planner.model.case import Case
    from planner.store.actors import Actor
    from planner.store.journal import Journal
    from planner.store.library import Library
    from viewers.panels.import_dialog import ImportChoice, ImportDialog
    from viewers.panes.desk import Desk
    from viewers.window.case_dialogs import CaseDialogs
    from viewers.window.case_page import CasePage
    from viewers.window.case_work import CaseWork
    from viewers.window.choices import ChoiceDialog
    from viewers.window.cohort import CohortDesk

TITLE = "Seldinger"
SAVED_EVERY_MS = 1000
"""How often the note about saving is brought up to date."""


class MainWindow(QMainWindow):
    """One library, at most one open case. What only an open case needs is loaded and built when it is first needed.

    Parameters
    ----------
    installed
        The templates and profiles, or what reads them.
    scale
        From `viewers.state.theme.scale_for`; sizes of side panels follow it.
    timeline_memory
        Which curves a person has switched off; without one that is forgotten when the window closes.
    """

    def __init__(
        self,
        library: Library,
        journal: Journal | None,
        installed: Installed | Callable[[], Installed],
        desk: Desk,
        actor: Actor,
        *,
        scale: float = 1.0,
        timeline_memory: TimelineMemory | None = None,
    ) -> None:
        super().__init__()
        self.timeline_memory = timeline_memory if timeline_memory is not None else TimelineMemory()
        self.library, self.journal, self._installed = library, journal, installed
        self.desk, self.actor, self.scale = desk, actor, scale
        self.work: CaseWork | None = None
        self.import_dialog: ImportDialog | None = None
        self.recovery_dialog: ChoiceDialog | None = None
        self.identity_dialog: ChoiceDialog | None = None
        self.setWindowTitle(f"{TITLE} — {DISCLAIMER.split('.')[0]}. Not a medical device.")
        self.setAcceptDrops(True)
        self.kernels = KernelProcess()
        self._preparing: Job | None = None
        self._wanted: Callable[[], object] | None = None
        self.jobs = JobBar(desk.jobs)
        self.library_page = self._make_library_page()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.library_page)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.jobs)
        self.setCentralWidget(holder)
        self.case_menu = CaseMenu(self)
        self._build_menus()
        desk.state.hover.changed.connect(self._show_hover)
        self._clock = QTimer(self)
        self._clock.setInterval(SAVED_EVERY_MS)
        self._clock.timeout.connect(self._show_saved)
        self._clock.start()
        self.library_page.refresh()

    def _make_library_page(self) -> LibraryPage:
        library = self.library
        return LibraryPage(
            search=library.list_cases,
            look=library.open_revision,
            open_case=self.open_case,
            open_session=self.open_session,
            import_folder=self.choose_folder,
            import_file=self.choose_file,
            templates=lambda: {} if callable(self._installed) else self._installed.templates,
            memory=self.timeline_memory,
            cohort=lambda: self.cohort.show(),
            threads=(self.desk.renderers, self.desk.post),
        )

    @property
    def installed(self) -> Installed:
        """Templates and profiles, read at the first need."""
        if callable(self._installed):
            self._installed = self._installed()
        return self._installed

    @installed.setter
    def installed(self, installed: Installed) -> None:
        self._installed = installed

    @cached_property
    def case_page(self) -> CasePage:
        from viewers.window.case_page import CasePage

        page = CasePage(self.desk, home=self.show_library)
        self.stack.addWidget(page)
        return page

    @cached_property
    def dialogs(self) -> CaseDialogs:
        from viewers.window.case_dialogs import CaseDialogs

        return CaseDialogs(self)

    @cached_property
    def cohort(self) -> CohortDesk:
        from viewers.window.cohort import CohortDesk

        return CohortDesk(self)

    def prepare(self) -> None:
        """Load what opening a case needs, ahead of it and in the background; then what pictures need."""
        self._preparing = self.desk.jobs.submit("Preparing", self.load_pages, lambda _: self._pages_loaded())

    def load_pages(self, context: Context) -> None:
        """The modules of an open case, and the templates. In a thread."""
        context.step(0.0, "loading")
        importlib.import_module("viewers.window.case_page")
        context.step(0.4)
        importlib.import_module("viewers.window.case_dialogs")
        context.step(0.6, "reading the templates")
        installed = self.installed
        context.step(1.0, f"{len(installed.templates)} templates")

    def _pages_loaded(self) -> None:
        self._preparing = None
        self.case_page.ensurePolished()
        self.library_page.templates_came()
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted()
        self.desk.jobs.submit("Preparing", _warm_slices, lambda _: self.kernels.start())

    def _waits_for_pages(self, act: Callable[[], object]) -> bool:
        """Whether an act has to wait, so that the window never stands still while modules are loaded; the last wins."""
        if self._preparing is None or self._preparing.state is not JobState.RUNNING:
            return False
        self._wanted = act
        self.say("One moment: the case opens when the program has been loaded.")
        return True

    def _has_page(self) -> bool:
        """Whether a case was opened or prepared for, so that its page was built."""
        return "case_page" in self.__dict__

    def _build_menus(self) -> None:
        file = self.menuBar().addMenu("&File")
        self.add(file, "Open a &folder of images…", self.choose_folder, "Ctrl+O")
        self.add(file, "Open a f&ile…", self.choose_file, "Ctrl+Shift+O")
        self.add(file, "Import &masks…", lambda: self.dialogs.masks())
        add_rehearsals(self, file)
        add_library_entries(self, file)
        file.addSeparator()
        self.add(file, "&Save", self.save, "Ctrl+S")
        self.add(file, "&Library", self.show_library, "Ctrl+L")
        self.add(file, "&Cohort over all cases", lambda: self.cohort.toggle(), "Ctrl+Shift+K")
        file.addSeparator()
        self.add(file, "&Quit", self.close, "Ctrl+Q")
        edit = self.menuBar().addMenu("&Edit")
        self.undo_action = self.add(edit, "&Undo", self.undo, "Ctrl+Z")
        self.redo_action = self.add(edit, "&Redo", self.redo, "Ctrl+Shift+Z")
        self.redo_action.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        view = self.menuBar().addMenu("&View")
        for each in layouts():
            self.add(view, each.name, lambda key=each.key: self.desk.state.layout.set(key))
        view.addSeparator()
        self.add(view, "Reset planes", self._reset_planes, "Ctrl+R")
        self.add(view, "Full screen", self._full_screen, "F11")
        self.case_menu.build(self.menuBar())
        help_menu = self.menuBar().addMenu("&Help")
        self.add(help_menu, "&Help for where I am", lambda: self.dialogs.help(), "F1")

    def add(self, menu: object, text: str, act: Callable[[], object], key: str | None = None) -> QAction:
        """A menu entry with its key, valid in the whole window."""
        action = QAction(text, self)
        if key is not None:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda *_: act())
        menu.addAction(action)
        return action

    def say(self, text: str) -> None:
        self.jobs.say(text)

    def finish_typing(self) -> None:
        """What stands in a field and was not committed yet becomes part of the plan: nothing typed is lost."""
        typed_in = self.focusWidget()
        if typed_in is not None and self._has_page() and self.case_page.isAncestorOf(typed_in):
            typed_in.clearFocus()

    def show_library(self) -> None:
        """Save the open case and go back to the list."""
        self.finish_typing()
        if self.work is not None:
            if self.work.close() is not None:
                return
            self._leave_case()
        self.library_page.refresh()
        self.stack.setCurrentWidget(self.library_page)
        self.library_page.search_line.setFocus()

    def _leave_case(self) -> None:
        self.work = None
        if self._has_page():
            self.case_page.show_work(None)

    def open_case(self, case_id: str) -> None:
        """Open a case at the session a person most likely means; while what it needs is loaded, when that has come."""
        if self._waits_for_pages(lambda: self.open_case(case_id)):
            return
        try:
            case, revision = self.library.open_case(case_id, self.actor)
        except OperatorError as error:
            self.say(error.message)
            return
        from planner.app.open_case import OpenCase

        self.take_case(OpenCase(self.library, self.journal, case, revision, self.actor))

    def open_session(self, case_id: str, session_id: str) -> None:
        if self._waits_for_pages(lambda: self.open_session(case_id, session_id)):
            return
        self.open_case(case_id)
        if self.work is not None and self.work.opened.case.id == case_id:
            self.work.use_session(session_id)

    def take_theirs(self, case_id: str) -> None:
        """After a lost race: let go of this work (it is kept as a branch) and open what is current."""
        if self.work is not None:
            self.work.abandon()
            self._leave_case()
        self.open_case(case_id)

    def take_case(self, opened: OpenCase) -> CaseWork:
        """Make an open case the one of the window."""
        if self.work is not None:
            self.show_library()
        if self.work is not None:
            # The open case could not be saved: it stays, and its question is on the screen.
            return self.work
        from planner.app.sessions import current_session
        from viewers.window.case_work import CaseWork

        work = CaseWork(opened, self.installed, self.desk)
        work.said.connect(self.say)
        self.work = work
        self.dialogs.follow(work)
        if opened.case.sessions:
            work.use_session(current_session(opened.case).id)
        self.case_page.show_work(work)
        self.stack.setCurrentWidget(self.case_page)
        self.case_page.fit(self.width(), self.scale)
        work.load_images()
        return work

    def choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a folder of images")
        if name:
            self.import_paths([Path(name)])

    def choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a file: DICOM, DICOMDIR, zip, NIfTI, NRRD, MHA")
        if name:
            self.import_paths([Path(name)])

    def import_paths(self, paths: Sequence[Path]) -> None:
        """Look what paths hold, in the background; then ask what to do with it."""
        wanted = list(paths)

        def work(context: Context) -> Scan:
            from planner.app.case_images import index_folder
            from planner.app.images import scan

            return scan(wanted, context, index=index_folder(self.library))

        self.desk.jobs.submit("Looking for images", work, self._found)

    def _found(self, found: Scan) -> None:
        if not found.series and not found.skipped:
            self.say("Nothing was found there: no file that is an image.")
            return
        from viewers.panels.import_dialog import ImportDialog

        into = self.work.opened.case.title or "the open case" if self.work is not None else None
        self.import_dialog = ImportDialog(found.series, found.skipped, into=into, chosen=self._chosen, parent=self)
        self.import_dialog.open()

    def _chosen(self, how: str, choice: ImportChoice) -> None:
        if how == "new" or self.work is None:
            try:
                opened = self._new_case(choice)
            except OperatorError as error:
                self.say(error.message)
                return
            if opened:
                self._attach(choice, confirmed=True)
            return
        both = self.work.unconfirmed(choice)
        if both is None:
            self._attach(choice, confirmed=False)
            return
        from viewers.window.choices import ChoiceDialog

        self.identity_dialog = ChoiceDialog(
            "Is this the same patient?",
            f"An identifier is missing, so the program cannot tell. Compare both sides:\n{both}",
            lists=(),
            verb="The same patient: add the images",
            act=lambda codes, reason: self._attach(choice, confirmed=True),
            parent=self,
        )
        self.identity_dialog.open()

    def _attach(self, choice: ImportChoice, *, confirmed: bool) -> str | None:
        if self.work is None:
            return None
        refusal = self.work.attach(choice, confirmed=confirmed)
        if refusal is not None:
            self.say(refusal)
            return refusal
        self.work.load_images()
        if self.work.session_desk is None:
            self.case_menu.ask_for_session()
        return None

    def _new_case(self, choice: ImportChoice) -> bool:
        """Make and open a case; False when the open one could not be left: its images must not get there."""
        from planner.app.cases import case_from_series
        from planner.app.open_case import OpenCase

        entry = choice.entries[0][0]
        case: Case = case_from_series(entry, patient=choice.patient, title=entry.description or "")
        self.show_library()
        if self.work is not None:
            return False
        revision = self.library.create_case(case, self.actor)
        self.take_case(OpenCase(self.library, self.journal, case, revision, self.actor))
        return True

    def save(self) -> None:
        if self.work is None:
            return
        self.finish_typing()
        refusal = self.work.save()
        if refusal is None:
            self.say(f"Saved as revision {self.work.opened.revision}.")

    def undo(self) -> None:
        if self.work is not None:
            self.work.opened.document.undo()

    def redo(self) -> None:
        if self.work is not None:
            self.work.opened.document.redo()

    def _reset_planes(self) -> None:
        primary = self.desk.state.images.primary
        if primary is not None:
            self.desk.state.reset_planes(primary.grid.frame_uid)

    def _full_screen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _show_hover(self, hover: object) -> None:
        found = self.desk.state.hover.value
        if hover is None or found is None:
            self.jobs.under.setText("")
            return
        x, y, z = found.lps_mm
        self.jobs.under.setText(f"L {x:.1f}  P {y:.1f}  H {z:.1f} mm · {found.value_text}")

    def _show_saved(self) -> None:
        if self.work is None:
            self.jobs.saved.setText("")
            return
        opened = self.work.opened
        self.jobs.saved.setText(f"saved · revision {opened.revision}" if opened.is_saved else "in the recovery journal")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.import_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, stop every thread, free the graphics memory."""
        self.finish_typing()
        if self.work is not None:
            if self.work.close() is not None:
                event.ignore()
                return
            self._leave_case()
        self._clock.stop()
        self.kernels.stop()
        if self._has_page():
            self.case_page.grid.release()
        self.desk.close()
        if self.journal is not None:
            self.journal.close()
        self.library.close()
        super().closeEvent(event)


def _warm_slices(context: Context) -> None:
    from planner.imaging.slicing import warm_up

    warm_up(context)
