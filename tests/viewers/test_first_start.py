"""The first start: images to work on within seconds, the course after them; nothing where work is in the library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from planner.app import demo_course
from planner.app.rehearsals import FIRST_IMAGES_TITLE
from planner.jobs import Context
from planner.model.case import Case
from planner.model.people import Patient
from planner.store.actors import Actor
from planner.store.library import Library
from viewers.window.main_window import MainWindow
from viewers.window.rehearsing import put_in_course_at_first_start

BY = Actor("Dr Demo", "planner", "room-1")


class Desk:
    """Runs what is submitted at once."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def submit(self, title: str, work: Callable[[Context], Any], done: Callable[[Any], None]) -> None:
        self.titles.append(title)
        done(work(Context()))


class Window:
    """What the first start needs of a window; it is also its own desk, page and jobs."""

    def __init__(self, library: Library) -> None:
        self.library, self.actor = library, BY
        self.desk = self.library_page = self
        self.jobs = Desk()
        self.said: list[str] = []
        self.seen: list[int] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def refresh(self) -> None:
        self.seen.append(len(self.library.list_cases()))


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    def begin(library: Library, folder: Path, by: Actor, context: Context, *, first_case: bool) -> Library:
        if first_case:
            library.create_case(Case("case-first", Patient("P", "Digital^Patient"), title=FIRST_IMAGES_TITLE), by)
        return library

    def finish(library: Library, context: Context) -> str:
        library.create_case(Case("case-course", Patient("P", "Digital^Patient"), title="Course"), BY)
        return "case-course"

    monkeypatch.setattr(demo_course, "begin_course", begin)
    monkeypatch.setattr(demo_course, "finish_course", finish)
    return Window(Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False))


def test_that_the_first_images_can_be_opened_before_the_course_is_made(window: Window) -> None:
    put_in_course_at_first_start(cast(MainWindow, window))
    assert window.seen == [1, 2]
    assert len(window.jobs.titles) == 2
    first, _ = window.library.open_case("case-first", BY)
    assert first.title == FIRST_IMAGES_TITLE
    assert window.library.head_revision("case-first") == 1


def test_that_a_course_that_was_broken_off_is_made_and_its_first_images_are_not_put_in_twice(window: Window) -> None:
    window.library.create_case(Case("case-first", Patient("P", "Digital^Patient"), title=FIRST_IMAGES_TITLE), BY)
    put_in_course_at_first_start(cast(MainWindow, window))
    assert {each.case_id for each in window.library.list_cases()} == {"case-first", "case-course"}


def test_that_nothing_is_put_beside_work_that_is_there(window: Window) -> None:
    window.library.create_case(Case("case-own", Patient("P", "Digital^Patient"), title="Own"), BY)
    put_in_course_at_first_start(cast(MainWindow, window))
    assert window.jobs.titles == []
