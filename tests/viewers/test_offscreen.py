"""Pictures of record: the right thing at the right pixel, and who, what and that it is simulated burned in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from planner.app.rendering import PictureRequest
from planner.errors import UsageError
from planner.imaging import Label, LabelMap, Volume
from planner.model.codec import to_json
from planner.model.items import VESSEL_PATH, PlanItem, VesselPathBody
from viewers.offscreen import OffscreenRenderer

SIZE = (320, 240)
BALL_LPS_MM = (6.0, -8.0, 5.0)
CAPTION = ("SIMULATED: teaching data, not a patient", "Test Ball · ID T-1 · CT, 2024-03-12")


@pytest.fixture(scope="module")
def renderer(qapp: QApplication) -> Iterator[OffscreenRenderer]:
    made = OffscreenRenderer()
    yield made
    made.close()


def drawn(renderer: OffscreenRenderer, request: PictureRequest) -> np.ndarray:
    """(height, width, 3) uint8."""
    image = QImage.fromData(renderer.png(request), "PNG").convertToFormat(QImage.Format.Format_RGB888)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    # The bytes are Qt's and go with the image.
    return pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def plain(ball: Volume, layout: str = "axial") -> PictureRequest:
    return PictureRequest(ball, layout, SIZE, cursor_lps_mm=BALL_LPS_MM)


def test_that_a_picture_has_exactly_the_asked_size(renderer: OffscreenRenderer, ball: Volume) -> None:
    for size in ((320, 240), (401, 303)):
        assert drawn(renderer, replace(plain(ball, "mpr"), size_px=size)).shape == (size[1], size[0], 3)


def test_that_the_ball_lies_where_its_position_says(renderer: OffscreenRenderer, ball: Volume) -> None:
    pixels = drawn(renderer, plain(ball)).astype(int)
    # 80 mm of body fill the 240 pixels of the height: 3 pixels a mm, left of the patient on the right of the picture.
    row, column = round(119.5 + 3.0 * (BALL_LPS_MM[1])), round(159.5 + 3.0 * BALL_LPS_MM[0])
    beside = row - 14, column - 14
    inside = pixels[row - 10, column - 10]
    tissue = pixels[row + 60, column - 60]
    assert inside.min() > tissue.max() + 40, (inside, tissue, beside)
    assert pixels[5, 300].max() < 30


def test_that_a_window_changes_the_grey(renderer: OffscreenRenderer, ball: Volume) -> None:
    narrow = drawn(renderer, replace(plain(ball), window=(100.0, 400.0)))
    wide = drawn(renderer, replace(plain(ball), window=(4000.0, 100.0)))
    assert narrow[200, 160].max() < wide[200, 160].min()


def test_that_the_caption_is_burned_in_and_leaves_the_picture_free(renderer: OffscreenRenderer, ball: Volume) -> None:
    bare = drawn(renderer, plain(ball))
    told = drawn(renderer, replace(plain(ball), caption=CAPTION))
    foot = told[-24:].astype(int)
    assert foot.max() > 180
    assert np.abs(bare.astype(int) - told.astype(int)).max() > 100


def test_that_a_long_caption_is_wrapped_inside_the_picture(renderer: OffscreenRenderer, ball: Volume) -> None:
    long = replace(plain(ball), caption=("word " * 60,))
    foot = drawn(renderer, long)[-60:].max(axis=2)
    assert foot[:, -4:].max() < 120
    assert (foot > 180).any(axis=1).sum() > 20


def test_that_regions_are_outlined_in_their_colour(renderer: OffscreenRenderer, ball: Volume) -> None:
    inside = (ball.voxels == 180).astype(np.uint8)
    overlay = LabelMap(inside, ball.grid, {1: Label(1, "L1", "lesion", "#00ff00")})
    without, with_region = drawn(renderer, plain(ball)), drawn(renderer, replace(plain(ball), overlays=(overlay,)))
    green = with_region[..., 1].astype(int) - with_region[..., 0]
    assert (green > 60).sum() > 30
    assert ((without[..., 1].astype(int) - without[..., 0]) > 60).sum() < (green > 60).sum() / 2


def test_that_a_vessel_path_is_drawn_in_3d(renderer: OffscreenRenderer, ball: Volume) -> None:
    points = tuple((float(x), -30.0, 0.0) for x in range(-30, 31, 2))
    body = VesselPathBody(points, tuple(4.0 for _ in points))
    item = PlanItem("item-1", VESSEL_PATH, "path", ball.grid.frame_uid, to_json(body))
    bare, told = drawn(renderer, plain(ball, "3d")), drawn(renderer, replace(plain(ball, "3d"), items=(item,)))
    red = told[..., 0].astype(int) - told[..., 2]
    assert np.abs(bare.astype(int) - told.astype(int)).max() > 80
    assert (red > 80).sum() > 200


def test_that_each_phase_is_drawn_in_its_own_pane(renderer: OffscreenRenderer, ball: Volume) -> None:
    dark = replace(ball, voxels=np.full_like(ball.voxels, -1000))
    request = replace(plain(ball, "phases"), by_role={"portal-venous": dark})
    pixels = drawn(renderer, request)
    left, right = pixels[20:100, 40:120], pixels[20:100, 200:280]
    assert left.mean() > right.mean() + 20


def test_that_an_unknown_layout_is_refused_and_the_renderer_goes_on(renderer: OffscreenRenderer, ball: Volume) -> None:
    with pytest.raises(UsageError):
        renderer.png(plain(ball, "upside-down"))
    assert drawn(renderer, plain(ball)).std() > 5
