"""The board sheet over the whole screen: its words at once, its pictures as soon as they are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.app.board_sheet import board_page, board_sheet
from planner.app.board_slices import SliceStrip, slice_strip
from planner.app.sessions import local_now
from planner.jobs import Context
from planner.report.board_page import BoardPage
from viewers.panels.board_sheet_view import BoardSheetView
from viewers.scene.slice_text import shown_name

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

NO_PICTURES = SliceStrip(None, (), None, ())


class CaseBoardSheet:
    """Shift+F11 shows it, Shift+F11 or Esc closes it.

    Attributes
    ----------
    view
        None while it was never asked for.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.view: BoardSheetView | None = None

    def follow(self, work: CaseWork) -> None:
        """The sheet of another patient never stays on the screen."""
        del work
        if self.view is not None:
            self.view.hide()

    @property
    def is_open(self) -> bool:
        return self.view is not None and self.view.isVisible()

    def toggle(self) -> None:
        if self.is_open and self.view is not None:
            self.view.close()
        else:
            self.show()

    def show(self) -> None:
        """The screen at once; what it says is gathered in the background."""
        work = self.window.work
        if work is None:
            self.window.say("Open a case first.")
            return
        self.window.finish_typing()
        if self.view is None:
            self.view = BoardSheetView(self._left, self._print, self.window)
        patient = work.opened.case.patient
        self.view.show_waiting(f"{shown_name(patient.name)} · {patient.patient_id}")
        # Not every desktop makes a window as large as the screen by itself.
        self.view.setGeometry(self.window.screen().geometry())
        self.view.showFullScreen()
        self._gather(work)

    def _print(self) -> None:
        self.window.dialogs.team.papers.print_sheet()

    def _left(self) -> None:
        self.window.activateWindow()

    def _gather(self, work: CaseWork) -> None:
        case, installed, now = work.opened.case, self.window.installed, local_now()
        identity = f"Case {case.id}, revision {work.opened.revision}"
        if not work.opened.is_saved:
            identity += " with changes since"

        def words(context: Context) -> BoardPage:
            context.step(0.0, "words")
            return board_page(board_sheet(case, installed, now), NO_PICTURES, identity)

        def said(page: BoardPage) -> None:
            if self.view is not None and self.is_open:
                self.view.show_page(page, None, drawing=True)
                self._draw(work, page)

        self.window.desk.jobs.submit(
            "Gathering the board sheet", words, said, still_valid=lambda: self.window.work is work, group="board-sheet"
        )

    def _draw(self, work: CaseWork, page: BoardPage) -> None:
        case, library = work.opened.case, work.opened.library
        volumes = dict(self.window.desk.state.images.volumes)

        def draw(context: Context) -> SliceStrip:
            from viewers.offscreen import OffscreenRenderer

            renderer = OffscreenRenderer()
            try:
                return slice_strip(library, case, renderer, volumes, context=context)
            finally:
                renderer.close()

        def drawn(strip: SliceStrip) -> None:
            if self.view is not None and self.is_open:
                png = strip.picture.png if strip.picture is not None else None
                whole = replace(page, picture=strip.picture, picture_note=" ".join(strip.left_out))
                self.view.show_page(whole, png, drawing=False)

        self.window.desk.jobs.submit(
            "Drawing the same place over the dates",
            draw,
            drawn,
            still_valid=lambda: self.window.work is work,
            group="board-strip",
        )
