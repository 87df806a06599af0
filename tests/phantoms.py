"""The digital patient for tests: made once per process, written once per test run.

A folder of tests that wants the fixtures imports them in its own conftest.py (see tests/planner/phantom/conftest.py).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from planner.phantom import DigitalPatient, Written, generate, write


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
