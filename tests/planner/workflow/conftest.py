from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_template import Shelf, load_shelf, write_shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The small template, loaded once; everything made from it is immutable."""
    return load_shelf(write_shelf(tmp_path_factory.mktemp("shelf")))
