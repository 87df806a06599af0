"""The 3D picture: what is in front is drawn, where it belongs, and each change shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from planner.geometry import Grid, SlicePlane
from planner.imaging import ImageSource, Volume
from viewers.scene.volume_body import without_table
from viewers.scene.volume_caster import CastVoxels, averaged
from viewers.scene.volume_opacity import OpacityTable
from viewers.scene.volume_renderer import DRAGGING, FINE, VolumeRenderer, draws_in_hardware
from viewers.scene.volume_transfer import presets
from viewers.state.scene3d import Camera, PlanePicture, Scene3D, Surface, Tube

SIZE = (160, 160)


@pytest.fixture(scope="module")
def renderer() -> Iterator[VolumeRenderer]:
    made = VolumeRenderer()
    yield made
    made.close()


def ball(grid: Grid, centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    return np.linalg.norm(grid.lps_from_kji.points(kji) - np.asarray(centre), axis=-1) <= radius_mm


def volume_with_ball(centre: tuple[float, float, float], *, mirrored: bool = False) -> Volume:
    axes = np.array([[0, 0, 1], [0, 1, 0], [-1 if mirrored else 1, 0, 0]], dtype=float)
    origin = (-31.0, -31.0, 31.0 if mirrored else -31.0)
    grid = Grid.of((32, 32, 32), origin_lps_mm=origin, spacing_kji_mm=(2, 2, 2), axes_lps=axes, frame_uid="f")
    voxels = np.where(ball(grid, centre, 9.0), 400, -1000).astype(np.int16)
    return Volume(voxels, grid, ImageSource("1.2.3", unit="HU", phase="arterial"))


def bright_centre(picture: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(picture.max(axis=-1) > 60)
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("mirrored", [False, True])
def test_that_a_ball_on_the_patients_left_is_drawn_on_the_right_of_the_anterior_view(
    renderer: VolumeRenderer, mirrored: bool
) -> None:
    volume = volume_with_ball((15.0, 0.0, 12.0), mirrored=mirrored)
    scene = Scene3D(volume=volume, camera=Camera.standard("anterior", volume.grid))
    column, row = bright_centre(renderer.draw(scene, SIZE))
    assert column > 95
    assert row < 70


def test_that_the_posterior_view_mirrors_left_and_right(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((15.0, 0.0, 0.0))
    column, _ = bright_centre(
        renderer.draw(Scene3D(volume=volume, camera=Camera.standard("posterior", volume.grid)), SIZE)
    )
    assert column < 65


def test_that_the_coarse_picture_shows_the_ball_where_the_fine_one_does(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((10.0, 0.0, -8.0))
    scene = Scene3D(volume=volume, camera=Camera.standard("anterior", volume.grid))
    coarse = bright_centre(renderer.draw(scene, SIZE, DRAGGING))
    fine = bright_centre(renderer.draw(scene, SIZE, FINE))
    assert np.allclose(coarse, fine, atol=6.0)


def test_that_hiding_the_volume_leaves_the_surface_in_its_colour(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    surface = Surface("ball", "ball", ball(volume.grid, (0, 0, 0), 12.0), volume.grid, "#20c060")
    scene = Scene3D(volume=volume, preset=None, surfaces=(surface,), camera=Camera.standard("left", volume.grid))
    picture = renderer.draw(scene, SIZE).astype(int)
    red, green, blue = picture[80, 80]
    assert green > 80
    assert green > red + 30
    assert green > blue + 30


def test_that_clipping_removes_the_half_in_front(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    whole = Scene3D(volume=volume, camera=Camera.standard("head", volume.grid))
    cut = replace(whole, clip=SlicePlane.sagittal((0.0, 0.0, 0.0)))
    before = renderer.draw(whole, SIZE).max(axis=-1) > 60
    after = renderer.draw(cut, SIZE).max(axis=-1) > 60
    assert 0.35 * before.sum() < after.sum() < 0.65 * before.sum()


def test_that_a_vessel_path_and_a_plane_are_drawn(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    empty = Scene3D(volume=volume, preset=None, camera=Camera.standard("anterior", volume.grid))
    nothing = renderer.draw(empty, SIZE)
    tube = Tube("t", np.array([[-20.0, -10.0, 0.0], [20.0, -10.0, 0.0]]), np.array([3.0, 2.0]))
    with_tube = renderer.draw(replace(empty, tubes=(tube,)), SIZE)
    plane = PlanePicture(SlicePlane.coronal((0, 0, 0)), np.full((8, 8), 200, np.uint8), 40.0, 40.0, "#ffffff")
    with_plane = renderer.draw(replace(empty, planes=(plane,)), SIZE)
    assert nothing.max() == 0
    assert with_tube[80, 80, 0] > 90
    assert with_plane[80, 80].min() > 150


def test_that_turning_the_camera_a_full_circle_comes_back() -> None:
    camera = Camera((0, 0, 0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), 100.0)
    turned = camera
    for _ in range(12):
        turned = turned.turned(30.0, 0.0)
    assert np.allclose(turned.eye_lps, camera.eye_lps, atol=1e-9)
    assert np.allclose(turned.up_lps, camera.up_lps, atol=1e-9)


def on_a_table(spacing_kji_mm: tuple[float, float, float]) -> tuple[Volume, np.ndarray]:
    """A body with a bubble of gas above the shell of a table, and where the body is in each layer."""
    grid = Grid.of((12, 100, 100), spacing_kji_mm=spacing_kji_mm, frame_uid="f")
    voxels = np.full(grid.size_kji, -1000, np.int16)
    rows, columns = np.mgrid[:100, :100]
    body = ((rows - 40) / 25) ** 2 + ((columns - 50) / 38) ** 2 < 1
    voxels[:, body] = 40
    voxels[:, 40:44, 45:55] = -850
    voxels[:, 80:82, 10:90] = 300
    return Volume(voxels, grid, ImageSource("1.2.4", unit="HU")), body


def test_that_the_table_is_left_out_and_the_body_kept() -> None:
    volume, body = on_a_table((5.0, 4.0, 4.0))
    kept = without_table(volume)
    assert kept[:, 80:82].max() < -900
    assert np.array_equal(kept[:, body], volume.voxels[:, body])


def test_that_an_image_without_hounsfield_units_is_shown_whole() -> None:
    grid = Grid.of((8, 20, 20), frame_uid="f")
    volume = Volume(np.arange(8 * 20 * 20, dtype=np.int16).reshape(8, 20, 20), grid, ImageSource("1.2.5"))
    assert without_table(volume) is volume.voxels


@pytest.mark.parametrize(
    ("told", "hardware"),
    [
        ("OpenGL vendor string:  Mesa\nOpenGL renderer string:  llvmpipe (LLVM 19.1.7, 256 bits)\n", False),
        ("OpenGL renderer string:  SOFTPIPE\n", False),
        ("OpenGL renderer string:  SWR (LLVM 11, 256 bits) OpenSWR\n", False),
        ("OpenGL renderer string:  Google SwiftShader\n", False),
        ("OpenGL renderer string:  Microsoft Basic Render Driver\n", False),
        ("no OpenGL context", False),
        ("", False),
        ("OpenGL renderer string:  NVIDIA H100 PCIe/PCIe/SSE2\n", True),
        ("OpenGL renderer string:  Mesa Intel(R) UHD Graphics 620 (KBL GT2)\n", True),
        ("OpenGL renderer string:  AMD Radeon RX 6600 (navi23, LLVM 15.0.7, DRM 3.49)\n", True),
    ],
)
def test_that_a_graphics_card_is_told_from_software_by_the_drivers_own_name(told: str, hardware: bool) -> None:
    assert draws_in_hardware(told) is hardware


def solid_in_front_and_behind(volume: Volume, y_mm: float) -> Surface:
    """A green plate across the picture, `y_mm` towards the back."""
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in volume.grid.size_kji), indexing="ij"), axis=-1)
    points = volume.grid.lps_from_kji.points(kji)
    return Surface(f"plate {y_mm}", "plate", np.abs(points[..., 1] - y_mm) < 2.5, volume.grid, "#20c060")


def test_that_something_solid_hides_the_volume_behind_it_and_is_hidden_by_the_volume_in_front(
    renderer: VolumeRenderer,
) -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    scene = Scene3D(volume=volume, camera=Camera.standard("anterior", volume.grid))
    red, green, _ = renderer.draw(replace(scene, surfaces=(solid_in_front_and_behind(volume, -20.0),)), SIZE)[80, 80]
    assert int(green) > int(red) + 30
    red, green, _ = renderer.draw(replace(scene, surfaces=(solid_in_front_and_behind(volume, 20.0),)), SIZE)[80, 80]
    assert int(red) > int(green) + 10


@pytest.mark.parametrize("view", ["anterior", "left", "head", "feet"])
def test_that_leaping_over_empty_blocks_leaves_the_picture_as_it_is(
    renderer: VolumeRenderer, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from viewers.scene.volume_caster import CastVoxels

    volume = volume_with_ball((11.0, -7.0, 4.0))
    scene = Scene3D(volume=volume, preset="bone", camera=Camera.standard(view, volume.grid).turned(11.0, 7.0))
    leaping = renderer.draw(scene, SIZE).astype(int)
    monkeypatch.setattr(
        CastVoxels,
        "leaps",
        lambda self, table: np.zeros(self.ends.shape[1:], dtype=np.uint8) + 0 * int(table.levels[0]),
    )
    plain = VolumeRenderer()
    try:
        everywhere = plain.draw(scene, SIZE).astype(int)
    finally:
        plain.close()
    assert leaping.max() > 100
    assert np.abs(leaping - everywhere).max() <= 2


def test_that_a_picture_nobody_waits_for_is_given_up(renderer: VolumeRenderer) -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    scene = Scene3D(volume=volume, camera=Camera.standard("anterior", volume.grid))
    assert renderer.draw_while(scene, SIZE, FINE, lambda: False) is None


def test_that_a_range_is_seen_only_where_the_preset_has_opacity() -> None:
    volume = volume_with_ball((0.0, 0.0, 0.0))
    table = OpacityTable.of(presets()["bone"], volume)
    low = np.array([-1000.0, -1000.0, 300.0, 3000.0], dtype=np.float32)
    high = np.array([100.0, 800.0, 310.0, 3100.0], dtype=np.float32)
    assert table.shows_between(low, high).tolist() == [False, True, True, True]


def test_that_opacity_gathered_over_a_millimetre_does_not_depend_on_the_step() -> None:
    table = OpacityTable.of(presets()["bone"], volume_with_ball((0.0, 0.0, 0.0)))
    once, twice = table.segments(1.0)[..., 3], table.segments(0.5)[..., 3]
    np.testing.assert_allclose(once, 1.0 - (1.0 - twice) ** 2, atol=1e-5)


def test_that_what_lies_between_two_samples_is_seen_in_proportion() -> None:
    table = OpacityTable.of(presets()["bone"], volume_with_ball((0.0, 0.0, 0.0)))
    segments, (lowest, per_unit) = table.segments(1.0), table.levels

    def node(value: float) -> int:
        return int(table.nodes[round((value - lowest) * per_unit)])

    air, tissue, bone = node(-1000.0), node(150.0), node(900.0)
    assert segments[air, tissue, 3] < 0.001
    # Most of the way from air to bone lies below what the preset shows.
    assert 0.0 < segments[air, bone, 3] < segments[tissue, bone, 3] < segments[bone, bone, 3]
    assert segments[air, bone, 4] > segments[tissue, bone, 4] > 0.5
    np.testing.assert_allclose(segments[air, bone, 3], segments[bone, air, 3], atol=1e-6)


def test_that_the_body_found_on_one_grid_is_kept_on_another() -> None:
    volume, body = on_a_table((5.0, 1.5, 1.5))
    few, coarse = averaged(volume.voxels, volume.grid)
    moving = CastVoxels.of(few, coarse, volume)
    still = CastVoxels.of(volume.voxels, volume.grid, volume, moving)
    assert still.body is not None
    assert still.body.shape == still.ends.shape[1:]
    at_voxels = still.body
    for axis, step in enumerate(still.steps):
        at_voxels = at_voxels.repeat(step, axis=axis)
    at_voxels = at_voxels[:12, :100, :100]
    assert at_voxels[:, body].all()
    assert not at_voxels[:, 80:82].any()


def test_that_means_of_voxels_lie_between_those_they_are_made_of() -> None:
    grid = Grid.of((9, 12, 10), origin_lps_mm=(5, 6, 7), spacing_kji_mm=(3, 2, 1), frame_uid="f")
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in grid.size_kji), indexing="ij"), axis=-1)
    slope = np.array([2.0, 4.0, -6.0])
    few, coarse = averaged((grid.lps_from_kji.points(kji) @ slope).astype(np.float64), grid)
    assert few.shape == (4, 6, 5)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in few.shape), indexing="ij"), axis=-1)
    np.testing.assert_allclose(few, coarse.lps_from_kji.points(indices) @ slope, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 24, 24), (2, 24, 24), (3, 24, 24)])
def test_that_a_volume_of_few_layers_is_drawn(renderer: VolumeRenderer, size: tuple[int, int, int]) -> None:
    grid = Grid.of(size, spacing_kji_mm=(5, 2, 2), frame_uid="thin")
    volume = Volume(np.full(size, 600, np.int16), grid, ImageSource("1.2.9", unit="HU"))
    scene = Scene3D(volume=volume, preset="bone", camera=Camera.standard("feet", grid))
    assert renderer.draw(scene, SIZE).max() > 60
