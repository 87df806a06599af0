"""What tests of the window on the real CT share: the series, a window without 3D, a folder dropped on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from real_ct import RealCt, real_ct
from window_hands import Hands

from viewers.panes.desk import Desk
from viewers.panes.pane_frame import PaneFrame
from viewers.state.layouts import PaneSpec
from viewers.window.case_page import PANES

DAY = date(2012, 7, 14)
PROFILE = "bclc-cirse"


def take_in(hands: Hands, folder: Path, template: str | None = None) -> None:
    """Drop a folder on the window; a template begins a new case."""
    window = hands.window
    before = window.import_dialog
    hands.drop(folder)
    hands.until(lambda: window.import_dialog is not None and window.import_dialog is not before, "the list of series")
    if template is None:
        hands.press(hands.button(window.import_dialog, "Add to"))
        hands.settle()
        return
    hands.press(hands.button(window.import_dialog, "New case"))
    hands.until(lambda: window.case_menu.dialog is not None, "the question for a template")
    question = window.case_menu.dialog
    hands.pick(question.boxes[0], template)
    hands.pick(question.boxes[1], PROFILE)
    hands.press(question.go)
    hands.settle()


def quiet_frame(spec: PaneSpec, desk: Desk) -> PaneFrame:
    """In the place of the 3D pane, which has tests of its own."""
    return PaneFrame(spec, QWidget(), desk.state)


@pytest.fixture(scope="module")
def without_3d() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PANES, "3d", quiet_frame)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> RealCt:
    return real_ct(tmp_path_factory.mktemp("real-ct"), DAY)
