"""Every endovascular template is walked in the window from its first stage to its last: opened, filled, signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, time
from pathlib import Path

import embolisation_walks
import pytest
import stent_walks
from needle_walks import SESSION
from PySide6.QtWidgets import QApplication
from real_ct_window import without_3d
from window_hands import Hands

from planner.app.library import open_library
from planner.model.case import Case
from planner.store.actors import Actor
from planner.workflow.examples import ExampleStage
from viewers.panes.pane_frame import PaneFrame

EMBOLISATIONS = (
    *("bland", "bleeding", "fibroid", "benign_liver", "embolisation_organ"),
    *("haic", "infusion_head_neck", "portal_vein_embolisation"),
)
BY = Actor("Dr Fellow", "planner", "room-1")

__all__ = ["without_3d"]


def embolisation(name: str) -> tuple[Case, list[ExampleStage]]:
    return embolisation_walks.fresh_case(name), embolisation_walks.steps(name)


def stent(variant: str | None) -> tuple[Case, list[ExampleStage]]:
    return stent_walks.fresh_case(variant), stent_walks.steps(variant)


WALKS: dict[str, Callable[[], tuple[Case, list[ExampleStage]]]] = {
    **{name: (lambda name=name: embolisation(name)) for name in EMBOLISATIONS},
    "stent, biliary": lambda: stent(None),
    "stent, emergency of the superior vena cava": lambda: stent("svc-stridor"),
}


def opened(case: Case, folder: Path) -> Hands:
    """The window with the case's session before it."""
    library = open_library(str(folder))
    library.create_case(case, BY)
    library.close()
    hands = Hands(folder)
    hands.window.open_session(case.id, SESSION)
    hands.settle()
    return hands


def walk(hands: Hands, step: ExampleStage) -> None:
    """Go to a stage, see its form, answer, sign by typing a name per role and pressing its button."""
    page, desk = hands.window.case_page, hands.work.session_desk
    now = datetime.combine(step.day, time(12)).astimezone()
    desk.clock = lambda: now
    hands.go(step.stage)
    stage = desk.template.stage(step.stage)
    assert set(page.form.editors) >= {each.id for each in stage.fields if not each.applies_if}
    assert all(frame.pane.width() > 100 for frame in visible_frames(page.grid.frames))
    for name, value in step.answers.items():
        assert hands.work.answer(step.stage, name, value) is None, f"{step.stage}.{name}"
    hands.turn()
    for role, person in step.signed_by.items():
        hands.type(page.signing.names[role], person, leave=False)
        hands.press(page.signing.buttons[role])
        assert page.signing.problem.text() == "", f"{step.stage}: {page.signing.problem.text()}"
    if stage.freezes:
        hands.type(page.signing.names["time-out"], ", ".join(step.signed_by.values()), leave=False)
        hands.press(page.signing.buttons["time-out"])
        assert desk.session.time_out is not None


def visible_frames(frames: Iterable[PaneFrame]) -> list[PaneFrame]:
    return [frame for frame in frames if frame.isVisible()]


@pytest.mark.parametrize("name", WALKS)
def test_that_a_template_is_walked_from_its_first_stage_to_its_last(
    name: str, qapp: QApplication, without_3d: None, tmp_path: Path
) -> None:
    case, steps = WALKS[name]()
    hands = opened(case, tmp_path)
    try:
        for step in steps:
            walk(hands, step)
        status = hands.work.session_desk.status()
        undone = {each.stage.id: [found.text for found in each.findings] for each in status.stages if not each.complete}
        assert undone == {}
    finally:
        hands.close()
