"""A fresh library per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.store.library import Library


@pytest.fixture
def library_file(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture
def library(library_file: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{library_file}")
    yield opened
    opened.close()
