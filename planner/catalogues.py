"""Where the catalogues lie, and how they are read: data files under ``resources/``, never code."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from planner.errors import BugError

RESOURCES = Path(__file__).resolve().parents[1] / "resources"


def resource(relative: str) -> Path:
    """A file or folder of ``resources/``.

    Raises
    ------
    BugError
        When it is not there: the installation is incomplete.
    """
    path = RESOURCES / relative
    if not path.exists():
        raise BugError(f"resources/{relative} is missing from this installation")
    return path


@cache
def catalogue(relative: str) -> dict[str, Any]:
    """A TOML catalogue of ``resources/``, read once. Treat the answer as read-only."""
    return tomllib.loads(resource(relative).read_text(encoding="utf-8"))
