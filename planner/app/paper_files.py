"""Paper of a case as a file: written whole or not at all, and noted in the library."""

from __future__ import annotations

import hashlib
from pathlib import Path

from planner.errors import UsageError
from planner.files import whole_file
from planner.store.actors import Actor
from planner.store.library import Library


def write_paper(library: Library, case_id: str, revision: int, what: str, path: Path, content: bytes, by: Actor) -> str:
    """Write a PDF and remember that this paper exists; returns its SHA-256.

    Parameters
    ----------
    what
        As the list of prints says it.

    Raises
    ------
    UsageError
        ``cannot-write`` when the file cannot be written; nothing is left behind.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    digest = hashlib.sha256(content).hexdigest()
    try:
        with whole_file(path) as stream:
            stream.write(content)
            library.record_print(case_id, revision, what, digest, by)
    except OSError as error:
        text = f"{path} cannot be written ({error.strerror}); choose another place."
        raise UsageError("cannot-write", text, subject=str(path)) from error
    return digest
