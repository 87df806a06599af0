"""Every stage of the needle templates beside ablation opens in the window on a real CT."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from real_ct import RealCt
from real_ct_window import images, take_in, without_3d
from window_hands import Hands

OTHERS = ("vertebroplasty", "biopsy", "drainage", "cyst")
QUIET = ("propagateSizeHints",)
"""What the platform without a screen says of itself."""

__all__ = ["images", "without_3d"]


@pytest.fixture(scope="module")
def qt_messages() -> Iterator[list[str]]:
    """What Qt warns of meanwhile."""
    said: list[str] = []

    def hear(kind: QtMsgType, context: object, text: str) -> None:
        del context
        if kind is not QtMsgType.QtInfoMsg and not any(each in text for each in QUIET):
            said.append(text)

    before = qInstallMessageHandler(hear)
    yield said
    qInstallMessageHandler(before)


@pytest.fixture(scope="module")
def opened(
    qapp: QApplication, without_3d: None, images: RealCt, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hands]:
    """The CT with a session of vertebroplasty; the other templates begin further sessions."""
    hands = Hands(tmp_path_factory.mktemp("stages-library"))
    take_in(hands, images.planning, OTHERS[0])
    yield hands
    hands.work.abandon()
    hands.window.work = None
    hands.close()


@pytest.mark.parametrize("template", OTHERS)
def test_that_every_stage_of_a_template_opens_on_a_real_ct(
    template: str, opened: Hands, qt_messages: list[str]
) -> None:
    hands, page = opened, opened.window.case_page
    if hands.work.session_desk.template.id != template:
        begin_session(hands, template)
    desk, qt_messages[:] = hands.work.session_desk, []
    for stage in desk.template.stages:
        hands.go(stage.id)
        assert set(page.form.editors) <= {each.id for each in stage.fields}
        assert set(page.form.editors) >= {each.id for each in stage.fields if not each.applies_if}
        frames = [frame for frame in page.grid.frames if frame.isVisible()]
        assert frames
        assert all(frame.pane.width() > 100 and frame.pane.height() > 60 for frame in frames)
        for tool, pressed in page.items.tool_buttons.items():
            if tool != "key-image":
                hands.press(pressed)
                assert hands.window.desk.state.active_tool.value == tool
        hands.window.desk.tools.escape()
    hands.settle()
    assert qt_messages == []


def begin_session(hands: Hands, template: str) -> None:
    """Ctrl+N, and the template of the list."""
    hands.shortcut(Qt.Key.Key_N)
    dialog = hands.window.case_menu.dialog
    hands.pick(dialog.boxes[0], template)
    hands.press(dialog.go)
    hands.settle()
