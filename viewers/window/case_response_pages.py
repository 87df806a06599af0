"""Pages in the place of the images: whether one is shown, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from viewers.window.main_window import MainWindow


def covered(window: MainWindow, page: QWidget | None) -> bool:
    """Whether this page stands in the place of the images."""
    return page is not None and window.case_page.covered_by is page


def leave_page(window: MainWindow, page: QWidget | None) -> None:
    """Back to the images, where this page covers them."""
    if covered(window, page):
        window.case_page.cover(None)
