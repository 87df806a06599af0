"""The course of the digital patient begins: its first images as a case, and somebody to walk it."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

from planner.app.case_images import remember_places
from planner.app.demo_course_hands import BASELINE
from planner.app.demo_course_images import CourseImages
from planner.app.demo_course_people import COURSE_EXAMPLE
from planner.app.demo_course_walk import CT_ROLES, CourseWalk
from planner.app.demo_walk import moment_at
from planner.app.digital_case import Clock, case_of, with_laboratory
from planner.app.open_case import OpenCase
from planner.app.rehearsals import FIRST_IMAGES_TITLE
from planner.app.templates import installed
from planner.catalogues import catalogue
from planner.jobs import Context
from planner.store.actors import Actor, SaveReason
from planner.store.library import Library


class HeldBack(OpenCase):
    """A case that is written when it is whole: until then nobody finds half of it in a library that is in use."""

    def save(self, reason: SaveReason = SaveReason.SAVE) -> int:
        """Keep it in memory."""
        del reason
        return self.revision


def begun_walk(
    library: Library, folder: Path, by: Actor, preset: str, begun_on: date, kind: type[OpenCase], job: Context
) -> CourseWalk:
    """The case of the baseline, and its walk at the morning after.

    Parameters
    ----------
    kind
        `HeldBack`, or a case that is in the library from the beginning.

    Raises
    ------
    UsageError
        ``cannot-write`` when the folder cannot be written, and for an unknown preset.
    """
    title = str(catalogue(f"examples/{COURSE_EXAMPLE}.toml")["example"]["title"])
    images = CourseImages(preset, begun_on, folder, job.part(0.0, 0.7))
    day = images.day(BASELINE, job.part(0.7, 1.0))
    case = case_of(title, [day.entries[role] for role in CT_ROLES])
    revision = library.create_case(case, by) if kind is not HeldBack else 0
    if revision:
        remember_places(library, case, by)
    clock = Clock(moment_at(begun_on + timedelta(days=1), time(9)))
    return CourseWalk(kind(library, None, case, revision, by), images, installed(), clock, by, job)


def put_first_case(walk: CourseWalk) -> str:
    """The images and values before any treatment as a case of its own, which the walk never touches; its id."""
    library, by, base = walk.opened.library, walk.by, walk.images.days[BASELINE]
    case = case_of(FIRST_IMAGES_TITLE, [base.entries[role] for role in CT_ROLES])
    now = walk.clock()
    case = with_laboratory(case, walk.images.laboratory(), by=by.user, now=now, until=now.date())
    library.create_case(case, by)
    remember_places(library, case, by)
    return case.id
