"""Which library is opened, and where it lies when nobody says."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from planner import APPLICATION
from planner.store.library import Library

FILE_NAME = "library.sqlite"


def default_location() -> Path:
    """The library of this account on this machine."""
    return platformdirs.user_data_path(APPLICATION, appauthor=False) / FILE_NAME


def library_url(location: str | None = None) -> str:
    """The database URL of what a person names.

    Parameters
    ----------
    location
        A URL (``sqlite:///FILE``, ``postgresql+psycopg://…``), a file, a folder (its ``library.sqlite``), or None for
        the default.
    """
    if location is not None and "://" in location:
        return location
    path = default_location() if location is None else Path(location).expanduser()
    if path.is_dir():
        path = path / FILE_NAME
    return f"sqlite:///{path.absolute().as_posix()}"


def open_library(location: str | None = None) -> Library:
    """Open the library, or create it where there is nothing.

    Raises
    ------
    StoreError
        When it is damaged, empty, foreign, newer, on a network share or unreachable; it is left as it was.
    """
    return Library.open(library_url(location))
