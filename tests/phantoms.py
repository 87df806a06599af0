"""The digital patient for tests: made once per process, written once per test run.

A folder of tests that wants the fixtures imports them in its own conftest.py (see tests/planner/phantom/conftest.py).
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pytest

from planner.phantom import (
    CourseMaker,
    CoursePatient,
    DigitalPatient,
    Timepoint,
    Written,
    WrittenCourse,
    generate,
    write,
    write_course,
)

COURSE_BEGUN_ON = date(2026, 1, 5)


@cache
def tiny_patient() -> DigitalPatient:
    """The digital patient of seed 7 at 3 mm. Treat its arrays as read-only."""
    return generate("tiny", 7)


@pytest.fixture(scope="session")
def tiny_series(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """`tiny_patient` written as DICOM; ``.series`` are two folders, ``.truth`` one."""
    return write(tiny_patient(), tmp_path_factory.mktemp("tiny-patient"))


@pytest.fixture(scope="session")
def tiny_series_folder(tiny_series: Written) -> Path:
    """The folder of the arterial series."""
    return tiny_series.series[0]


@cache
def tiny_course_maker() -> CourseMaker:
    """The course of seed 7 at 3 mm, without DSA runs. Treat what it makes as read-only."""
    return CourseMaker("tiny", 7, begun_on=COURSE_BEGUN_ON, runs={})


@cache
def tiny_course() -> CoursePatient:
    """All of it, made once. Treat its arrays as read-only."""
    maker = tiny_course_maker()
    return CoursePatient(maker.patient, maker.begun_on, tuple(maker.timepoints()))


def tiny_timepoint(key: str) -> Timepoint:
    """One timepoint of `tiny_course`."""
    return tiny_course().timepoint(key)


@pytest.fixture(scope="session")
def tiny_course_folder(tmp_path_factory: pytest.TempPathFactory) -> WrittenCourse:
    """The tiny course written as DICOM with its truth."""
    return write_course(tiny_course(), tmp_path_factory.mktemp("tiny-course"))
