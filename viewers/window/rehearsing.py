"""The digital patient from the menu: a simulated case to look at and to learn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from planner.app.rehearsals import COURSE_TITLE, REHEARSALS, WHOLE_COURSE
from planner.jobs import Context

if TYPE_CHECKING:
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
    folder = window.library.folder
    if folder is None:
        window.say("This library has no folder of its own for images; rehearse in a library on this computer.")
        return
    library, actor = window.library, window.actor
    number = 1
    while (folder / f"digital-patient-{case}-{number}").exists():
        number += 1
    place = folder / f"digital-patient-{case}-{number}"

    def work(context: Context) -> str:
        if case == WHOLE_COURSE:
            from planner.app.demo_course import seed_course

            return seed_course(library, place, actor, context)
        from planner.app.demo import seed_digital_patient

        return seed_digital_patient(library, place, actor, context, case=case)

    window.say("The digital patient is being made; its case appears in the library when it is whole.")
    window.desk.jobs.submit(f"Making the digital patient ({case})", work, lambda _: window.library_page.refresh())
