"""Pictures of record of needles: planes, the look along them, margins as far as a plan can say; words for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from planner.app.rendering import MarginPicture, PictureRequest, ZonesPicture
from planner.imaging import Volume
from planner.model.codec import to_json
from planner.model.items import PlanItem
from planner.model.needle_items import (
    NEEDLE_PATH,
    PLANNED,
    AblationMarginBody,
    MarginNumbers,
    NeedleMeasures,
    NeedlePathBody,
)
from planner.planning.zones import Zone
from viewers import offscreen_needles
from viewers.offscreen import OffscreenRenderer, view_name
from viewers.scene.palette import NEEDLE, SELECTED

SIZE = (360, 300)
ENTRY, TIP = (-15.0, -25.0, 5.0), (6.0, -8.0, 5.0)


@pytest.fixture(scope="module")
def renderer(qapp: QApplication) -> Iterator[OffscreenRenderer]:
    made = OffscreenRenderer()
    yield made
    made.close()


def needle(frame_uid: str, entry: tuple[float, float, float] = ENTRY) -> PlanItem:
    measured = NeedleMeasures(27.0, -50.0, 0.0, {"liver": 4.0}, {"liver": 12.0}, series="1.2#1", structures_digest="d")
    body = NeedlePathBody(entry, TIP, "ablation", diameter_mm=2.0, measured=measured)
    return PlanItem("needle-1", NEEDLE_PATH, "Applicator 1", frame_uid, to_json(body))


def asked(ball: Volume, layout: str, **more: object) -> PictureRequest:
    made = PictureRequest(ball, layout, SIZE, items=(needle(ball.grid.frame_uid),))
    return replace(made, **more)


def drawn(renderer: OffscreenRenderer, request: PictureRequest) -> np.ndarray:
    """(height, width, 3) uint8."""
    image = QImage.fromData(renderer.png(request), "PNG").convertToFormat(QImage.Format.Format_RGB888)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def count(pixels: np.ndarray, colour: str) -> int:
    wanted = QColor(colour)
    rgb = np.array([wanted.red(), wanted.green(), wanted.blue()])
    return int((np.abs(pixels.astype(int) - rgb).max(axis=2) < 12).sum())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Words that stand where there is no picture."""
    found: list[str] = []
    monkeypatch.setattr(offscreen_needles, "write_words", lambda painter, words, width, height: found.append(words))
    return found


def test_that_the_needle_lies_whole_in_the_plane_along_it(
    renderer: OffscreenRenderer, ball: Volume, said: list[str]
) -> None:
    pixels = drawn(renderer, asked(ball, "needle"))
    third = pixels[: pixels.shape[0] // 3, pixels.shape[1] // 3 : 2 * pixels.shape[1] // 3]
    # 27 mm of needle, 2 mm thick, in a pane that shows 60 mm of its shorter side.
    assert count(third, SELECTED) > 60
    assert not any("needle of the plan" in each for each in said)


def test_that_the_planes_across_and_ahead_show_the_rings_about_the_shaft(
    renderer: OffscreenRenderer, ball: Volume
) -> None:
    pixels = drawn(renderer, asked(ball, "needle"))
    width = pixels.shape[1]
    assert count(pixels[: pixels.shape[0] // 3, 2 * width // 3 :], NEEDLE) > 20


def test_that_panes_which_cannot_be_drawn_say_so_in_words(
    renderer: OffscreenRenderer, ball: Volume, said: list[str]
) -> None:
    drawn(renderer, asked(ball, "needle"))
    assert any("Skin map: not part of the plan" in each for each in said)
    assert any("Clearance along the needle" in each for each in said)
    said.clear()
    drawn(renderer, asked(ball, "margin", items=()))
    assert said == [offscreen_needles.NO_NEEDLE, "No margin of the plan lies on these images"]
    said.clear()
    drawn(renderer, asked(ball, "vertebra", items=()))
    assert said == [offscreen_needles.NO_NEEDLE, "No vertebra of the plan lies on these images"]


def test_that_a_needle_of_other_images_is_not_drawn(renderer: OffscreenRenderer, ball: Volume, said: list[str]) -> None:
    drawn(renderer, asked(ball, "margin", items=(needle("1.2.3.other"),)))
    assert offscreen_needles.NO_NEEDLE in said


def test_that_a_margin_without_a_map_gives_its_numbers_and_why(
    renderer: OffscreenRenderer, ball: Volume, said: list[str]
) -> None:
    body = AblationMarginBody(PLANNED, "region-1", None, MarginNumbers(4.2, 5.0, 4.6, 1.0, 0.0), required_mm=5.0)
    margin = MarginPicture("Margin of L2", body, None, "The match is not stored.", "measured before")
    drawn(renderer, asked(ball, "margin", margin=margin))
    (words,) = said
    assert "least 4.2 mm" in words
    assert "The match is not stored." in words
    assert "measured before" in words


def test_that_zones_are_drawn_dashed_around_the_tip(renderer: OffscreenRenderer, ball: Volume) -> None:
    along = np.subtract(TIP, ENTRY) / np.linalg.norm(np.subtract(TIP, ENTRY))
    zone = Zone(tuple(TIP), tuple(along), 12.0, 8.0)
    without, within = (
        drawn(renderer, asked(ball, "margin", zones=each)) for each in (None, ZonesPicture((zone,), None))
    )
    changed = np.abs(within.astype(int) - without.astype(int)).max(axis=2) > 30
    half = changed.shape[1] // 2
    assert changed[:, half:].sum() > 100


def test_that_the_camera_looks_from_the_side_where_needles_enter(ball: Volume) -> None:
    front = asked(ball, "3d")
    assert view_name(front) == "anterior"
    assert view_name(replace(front, items=())) == "anterior"
    behind = needle(ball.grid.frame_uid, (6.0, 30.0, 5.0))
    assert view_name(replace(front, items=(behind,))) == "posterior"
