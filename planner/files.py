"""Files are written whole or not at all: until the new one is on disk, an older one of that name stays as it was."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A binary stream that becomes `path` when the block ends without an error.

    The stream may be read back inside the block. Afterwards bytes and name are on disk (fsync of file and folder).

    Raises
    ------
    OSError
        When it cannot be written; nothing is left behind.
    """
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with draft.open("x+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
        _settle(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """The new name survives a power loss, where the system can promise that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
