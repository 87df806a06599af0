"""Where the real images lie, beside the checkout. Tests that need them skip, saying so, where they are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(relative: str) -> Path:
    """A path of the shared folder (``data/pancreas-ct-cb001``, ``clinical/test_vectors.json``), or skip."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"shared/{relative} is not beside this checkout")
    return path


def shared_data(relative: str) -> Path:
    return shared(f"data/{relative}")
