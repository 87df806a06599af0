"""The digital patient from the menu: a simulated case to look at and to learn on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from planner.app.rehearsals import COURSE_TITLE, FIRST_IMAGES_TITLE, REHEARSALS, WHOLE_COURSE
from planner.jobs import Context

if TYPE_CHECKING:
    from planner.app.demo_course_walk import CourseWalk
    from viewers.window.main_window import MainWindow


def add_rehearsals(window: MainWindow, menu: QMenu) -> None:
    """An entry for each rehearsal."""
    inner = menu.addMenu("&Rehearse on the digital patient")
    window.add(inner, COURSE_TITLE, lambda: put_in_digital_patient(window, WHOLE_COURSE))
    for key, each in REHEARSALS.items():
        window.add(inner, each.title, lambda case=key: put_in_digital_patient(window, case))


def put_in_digital_patient(window: MainWindow, case: str) -> None:
    """Make a simulated patient in the background and put its case into the library once it is whole.

    The window can be used meanwhile; the job tells how far it is.
    """
    place = _free_place(window, case)
    if place is None:
        return
    library, actor = window.library, window.actor
    if case == WHOLE_COURSE:
        _put_in_course(window, place, first_case=False)
        return

    def work(context: Context) -> str:
        from planner.app.demo import seed_digital_patient

        return seed_digital_patient(library, place, actor, context, case=case)

    window.say("The digital patient is being made; its case appears in the library when it is whole.")
    window.desk.jobs.submit(f"Making the digital patient ({case})", work, lambda _: window.library_page.refresh())


def put_in_course_at_first_start(window: MainWindow) -> None:
    """The first images within seconds, as a case to work on; the course of the same patient when it is whole.

    Only where nothing is in the library yet, or first images whose course was broken off.
    """
    titles = {each.facts.title for each in window.library.list_cases()}
    if not titles <= {FIRST_IMAGES_TITLE}:
        return
    place = _free_place(window, WHOLE_COURSE)
    if place is not None:
        _put_in_course(window, place, first_case=not titles)


def _put_in_course(window: MainWindow, place: Path, *, first_case: bool) -> None:
    library, actor = window.library, window.actor

    def begin(context: Context) -> CourseWalk:
        from planner.app.demo_course import begin_course

        return begin_course(library, place, actor, context, first_case=first_case)

    def go_on(walk: CourseWalk) -> None:
        from planner.app.demo_course import finish_course

        window.library_page.refresh()
        if first_case:
            window.say("The first images can be opened; the treated course follows as a case of its own in minutes.")
        title = "Making the course of the digital patient"
        window.desk.jobs.submit(
            title, lambda context: finish_course(walk, context), lambda _: window.library_page.refresh()
        )

    window.say("The digital patient is being made: its first images come first, its treated course in minutes.")
    window.desk.jobs.submit("Making the first images of the digital patient", begin, go_on)


def _free_place(window: MainWindow, case: str) -> Path | None:
    """A folder for the images of a new simulated case; None, and a sentence, where the library has none."""
    folder = window.library.folder
    if folder is None:
        window.say("This library has no folder of its own for images; rehearse in a library on this computer.")
        return None
    number = 1
    while (folder / f"digital-patient-{case}-{number}").exists():
        number += 1
    return folder / f"digital-patient-{case}-{number}"
