"""A page over the images of the open case that follows its changes: what meeting, tasks and dossier have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from PySide6.QtWidgets import QApplication, QDialog, QWidget

from planner.errors import BugError
from planner.model.case import Case
from planner.model.edits import Edit

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

Page = TypeVar("Page", bound=QWidget)


class CasePageCover(ABC, Generic[Page]):
    """Shows a page in the place of the images, and keeps it up to date while it is seen.

    Attributes
    ----------
    page
        Built when it is first asked for.
    dialog
        The newest one.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.page: Page | None = None
        self.dialog: QDialog | None = None

    @abstractmethod
    def build(self) -> Page:
        """The page, without content."""

    @abstractmethod
    def fill(self, page: Page, work: CaseWork) -> None:
        """Show the case as it is now."""

    def follow(self, work: CaseWork) -> None:
        """Listen to another open case; its page is not on show yet."""
        self.leave()
        work.changed.connect(self.refresh)

    @property
    def is_open(self) -> bool:
        return self.page is not None and self.window.case_page.covered_by is self.page

    def toggle(self) -> None:
        """The page, or the images again."""
        if self.is_open:
            self.leave()
        else:
            self.show()

    def show(self) -> None:
        work = self.window.work
        if work is None:
            self.window.say("Open a case first.")
            return
        if self.page is None:
            self.page = self.build()
        self.fill(self.page, work)
        self.window.case_page.cover(self.page)
        self.page.setFocus()

    def leave(self) -> None:
        """Back to the images; what was being typed is kept."""
        if self.is_open:
            self.window.finish_typing()
            self.window.case_page.cover(None)

    def refresh(self) -> None:
        """After every change of the case, while the page is seen; the keyboard stays in it."""
        page = self.page
        if not self.is_open or page is None or self.window.work is None:
            return
        typed_in = QApplication.focusWidget()
        inside = typed_in is not None and (typed_in is page or page.isAncestorOf(typed_in))
        self.fill(page, self.window.work)
        now = QApplication.focusWidget()
        if inside and (now is None or not (now is page or page.isAncestorOf(now))):
            # The button that was pressed is gone with its line: Esc and the next key still belong to the page.
            page.setFocus()

    @property
    def work(self) -> CaseWork:
        if self.window.work is None:
            raise BugError("a page of the case was used without an open case")
        return self.window.work

    @property
    def case(self) -> Case:
        return self.work.opened.case

    def apply(self, label: str, edit: Callable[[], Edit]) -> str | None:
        """Make an edit as one step of undo; a sentence when it was refused."""
        return "Open a case first." if self.window.work is None else self.window.work.apply(label, edit)

    def open_dialog(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
