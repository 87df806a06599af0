"""A quiet line above the panes: a study of this patient waits to be linked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtWidgets import QVBoxLayout, QWidget

from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, row
from viewers.state import theme


class Waiting(Protocol):
    """What is told of a study that waits (`planner.app.new_studies.StudyToLink`)."""

    @property
    def frame_uid(self) -> str: ...
    @property
    def study_date(self) -> object: ...
    @property
    def modalities(self) -> tuple[str, ...]: ...
    @property
    def to_do(self) -> str: ...


class CompareOffer(QWidget):
    """Hidden while nothing waits.

    Parameters
    ----------
    compare, later
        Open the comparison; not now.
    """

    def __init__(self, compare: Callable[[], object], later: Callable[[], object]) -> None:
        super().__init__()
        self.frame_uid: str | None = None
        self.words = PlainLabel("")
        colour(self.words, text=theme.INFO)
        self.go = button("Bring it over…", compare, tip="Both studies beside each other, to be matched and reviewed")
        self.not_now = button("Not now", later)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 2, 10, 2)
        layout.addWidget(row(self.words, self.go, self.not_now))
        colour(self, ground=theme.PANEL)
        self.setVisible(False)

    def show_study(self, waiting: Waiting | None, count: int = 1) -> None:
        """Offer a study, or nothing."""
        self.frame_uid = None if waiting is None else waiting.frame_uid
        self.setVisible(waiting is not None)
        if waiting is None:
            return
        known = [each for each in waiting.modalities if each != "unknown"]
        what = f"The {' and '.join(known)}" if known else "The study"
        day = "undated" if waiting.study_date is None else str(waiting.study_date)
        more = f" (and {count - 1} more)" if count > 1 else ""
        self.words.setText(f"● {what} of {day}{more} is not linked to the other studies yet.")
        self.words.setToolTip(waiting.to_do)
