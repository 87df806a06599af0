"""The margin on the screen: unrolled, as a histogram, in words, and painted on the target in 3D."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage
from PySide6.QtTest import QTest

from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.model.needle_items import ACHIEVED, PLANNED, AblationMarginBody, MarginNumbers
from planner.planning.margin_map import MarginMap, margin_map
from planner.planning.margins import margin
from planner.planning.target_surface import TargetSurface
from planner.planning.zones import Zone
from viewers.panes.margin_map_pane import MarginMapPane, margin_frame
from viewers.panes.pane_grid import PaneGrid
from viewers.panes.volume_frame import volume_frame
from viewers.scene.margin_painter import colours_of, places_of, unrolled_image
from viewers.scene.palette import rgb
from viewers.scene.volume_renderer import VolumeRenderer
from viewers.scene.zone_painter import zone_meshes
from viewers.state.margins import BIN_COLOURS, MarginShown, ZonesShown
from viewers.state.scene3d import Camera, Mesh, Scene3D

FRAME = "1.2.3"
ZONE = Zone((4.0, -8.0, 5.0), (0.0, 0.0, 1.0), 15.0, 15.0)
"""About the right end of the target: its left falls short."""


@cache
def target() -> TargetSurface:
    grid = Grid.of((50, 50, 50), origin_lps_mm=(-16.0, -33.0, -20.0), frame_uid=FRAME)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    points = grid.lps_from_kji.points(kji)
    away = (points - (10.0, -8.0, 5.0)) / (14.0, 10.0, 10.0)
    return TargetSurface.of(Mask.of(grid, np.linalg.norm(away, axis=-1) <= 1.0))


@cache
def made() -> MarginShown:
    found = margin(target(), (ZONE,))
    body = AblationMarginBody(
        PLANNED, "region-1", None, found.numbers, required_mm=5.0, tissues=("in vivo porcine liver",)
    )
    return MarginShown("L2", FRAME, margin_map(found), body)


def the_map() -> MarginMap:
    return made().map


@pytest.fixture
def pane(make_bench, ball) -> MarginMapPane:
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    bench.grid = PaneGrid(bench.desk, {"margin-map": margin_frame})
    bench.grid.resize(900, 800)
    bench.grid.show()
    bench.state.layout.set("margin")
    bench.state.enlarged_pane.set("margin_map")
    bench.settle()
    found = bench.grid.frame("margin_map").pane
    assert isinstance(found, MarginMapPane)
    return found


def colours(image: QImage) -> set[str]:
    return {QColor(image.pixel(x, y)).name() for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}


def test_that_without_a_margin_the_pane_says_what_to_do(pane: MarginMapPane) -> None:
    grey = pane.grab().toImage()
    pane.state.margins.shown.set(made())
    assert not set(BIN_COLOURS) & colours(grey)


def test_that_target_left_is_painted_where_it_lies(pane: MarginMapPane) -> None:
    image = unrolled_image(the_map())
    rows, columns = the_map().unrolled_bins.shape
    left, right = columns * 3 // 4, columns // 4
    assert QColor(image.pixel(left, rows // 2)).name() == BIN_COLOURS[0], "the zone ends before the target's left end"
    assert QColor(image.pixel(right, rows // 2)).name() == BIN_COLOURS[2]
    pane.state.margins.shown.set(made())
    assert {BIN_COLOURS[0], BIN_COLOURS[2]} <= colours(pane.grab().toImage())


def test_that_a_click_takes_all_panes_to_that_place_of_the_surface(pane: MarginMapPane) -> None:
    pane.state.margins.shown.set(made())
    places = places_of(QRectF(pane.rect()), QFontMetricsF(pane.font()), len(made().lines()))
    box = places.unrolled
    at = QPoint(round(box.left() + 0.75 * box.width()), round(box.center().y()))
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=at)
    assert pane.state.cursor_lps_mm(FRAME) == pytest.approx((24.0, -8.0, 5.0), abs=1.5)


def test_that_pointing_tells_the_margin_there(pane: MarginMapPane) -> None:
    pane.state.margins.shown.set(made())
    box = places_of(QRectF(pane.rect()), QFontMetricsF(pane.font()), len(made().lines())).unrolled
    QTest.mouseMove(pane, QPoint(round(box.left() + 0.75 * box.width()), round(box.center().y())))
    assert pane.pointed is not None
    assert float(pane.pointed[0].removesuffix(" mm")) == pytest.approx(-5.0, abs=0.7)


def test_that_words_put_the_smaller_zone_first_and_never_say_proven() -> None:
    smaller = replace(made().body, minus_sd=MarginNumbers(-5.0, None, None, None, None))
    lines = replace(made(), body=smaller).lines()
    assert lines[1] == "at -1 SD: least -5.0 mm"
    assert "geometric cover of chart ellipsoids" in " ".join(lines)
    assert "porcine" in " ".join(lines)
    assert "proven" not in " ".join(lines)


def test_that_a_chart_without_deviation_says_so() -> None:
    assert "at -1 SD: the chart gives no deviation" in made().lines()


def test_that_an_achieved_margin_without_registration_error_shows_no_number() -> None:
    body = replace(made().body, kind=ACHIEVED)
    said = " ".join(replace(made(), body=body).lines())
    assert "not measurable" in said
    assert "least" not in said


@pytest.fixture(scope="module")
def renderer() -> Iterator[VolumeRenderer]:
    found = VolumeRenderer()
    yield found
    found.close()


def painted() -> Mesh:
    found = the_map()
    return Mesh("m", found.vertices_lps_mm, found.triangles, colours_of(found.values_mm, found.bin_edges_mm))


def test_that_the_target_is_painted_with_its_margin_in_3d(renderer: VolumeRenderer) -> None:
    camera = Camera((10.0, -8.0, 5.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), 25.0)
    picture = renderer.draw(Scene3D(meshes=(painted(),), camera=camera), (160, 160)).astype(float)
    left, right = picture[80, 80 + 40], picture[80, 80 - 38]
    assert left[0] > 1.5 * left[2], "vermillion: target left"
    assert right[2] > 1.2 * right[0], "blue: 5 to 10 mm"


def test_that_a_moved_mesh_of_the_same_key_is_drawn_anew(renderer: VolumeRenderer) -> None:
    camera = Camera((10.0, -8.0, 5.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), 25.0)
    before = renderer.draw(Scene3D(meshes=(painted(),), camera=camera), (120, 120))
    moved = replace(painted(), vertices_lps_mm=the_map().vertices_lps_mm + (12.0, 0.0, 0.0))
    after = renderer.draw(Scene3D(meshes=(moved,), camera=camera), (120, 120))
    gone = renderer.draw(Scene3D(camera=camera), (120, 120))
    assert not np.array_equal(before, after)
    assert gone.max() == 0


def test_that_a_zone_is_wire_through_which_the_target_is_seen(renderer: VolumeRenderer) -> None:
    camera = Camera((10.0, -8.0, 5.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), 25.0)
    (wire,) = zone_meshes(ZonesShown(FRAME, (ZONE,)))
    assert np.allclose(ZONE.level(wire.vertices_lps_mm), 1.0)
    alone = renderer.draw(Scene3D(meshes=(painted(),), camera=camera), (160, 160))
    both = renderer.draw(Scene3D(meshes=(painted(), wire), camera=camera), (160, 160))
    inside = np.abs(alone.astype(int) - both.astype(int)).max(axis=-1)[70:90, 70:90] < 4
    assert 0.3 < inside.mean() < 1.0


def test_that_the_bins_begin_at_nought_five_and_ten() -> None:
    found = colours_of(np.array([-0.01, 0.0, 5.0, 10.0]), (0.0, 5.0, 10.0))
    assert [tuple(each) for each in found] == [rgb(colour) for colour in BIN_COLOURS]


def test_that_a_margin_that_comes_on_show_turns_the_3d_picture_to_its_target(make_bench, ball) -> None:
    bench = make_bench(ball)
    bench.grid.release()
    bench.grid.hide()
    bench.grid = PaneGrid(bench.desk, {"3d": volume_frame, "margin-map": margin_frame})
    bench.grid.resize(900, 800)
    bench.grid.show()
    bench.state.layout.set("margin")
    bench.settle()
    pane = bench.grid.frame("3d").pane
    far = pane.scene.camera
    bench.state.margins.shown.set(made())
    bench._wait(lambda: pane.scene.meshes)
    near = pane.scene.camera
    assert near.half_height_mm < far.half_height_mm
    assert near.focal_lps_mm == pytest.approx((10.0, -8.0, 5.0), abs=1.0)
    assert pane.scene.preset is None, "the volume does not stand before the target"
    bench.state.margins.clear()
    bench._wait(lambda: not pane.scene.meshes)
    assert pane.scene.preset is not None
