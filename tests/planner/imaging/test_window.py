"""Windows against the formulas of DICOM PS3.3 C.11.2.1.2, written out here again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.window import (
    Window,
    apply_window,
    automatic_window,
    first_window,
    preset_for_digit,
    presets,
    shown_as_hounsfield,
)


def by_the_standard(x: float, centre: float, width: float, function: str) -> float:
    if function == "LINEAR":
        if x <= centre - 0.5 - (width - 1) / 2:
            return 0.0
        if x > centre - 0.5 + (width - 1) / 2:
            return 255.0
        return ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255.0
    if function == "LINEAR_EXACT":
        if x <= centre - width / 2:
            return 0.0
        if x > centre + width / 2:
            return 255.0
        return ((x - centre) / width + 0.5) * 255.0
    return 255.0 / (1 + math.exp(min(700.0, -4 * (x - centre) / width)))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(40, 400), (2048, 4096), (0, 1), (0, 2), (-600.5, 1500.25)])
def test_that_every_level_is_the_one_of_the_standard(function: str, centre: float, width: float) -> None:
    values = np.concatenate([np.linspace(centre - width, centre + width, 501), [centre, -1024, 3071]])
    picture = values.astype(np.float32)[None, :]
    grey = apply_window(picture, centre=centre, width=width, function=function)
    expected = np.array([by_the_standard(float(x), centre, width, function) for x in picture[0]])
    assert np.abs(grey[0] - expected).max() <= 0.5 + 1e-6


def test_that_pixels_without_a_value_show_the_background_even_when_inverted() -> None:
    picture = np.array([[np.nan, -2000.0, 2000.0]], dtype=np.float32)
    assert apply_window(picture, centre=40, width=400).tolist() == [[0, 0, 255]]
    assert apply_window(picture, centre=40, width=400, inverted=True, background=17).tolist() == [[17, 255, 0]]


def test_that_widths_the_standard_forbids_are_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        Window(0.0, 0.5)
    with pytest.raises(ValueError, match="width"):
        Window(0.0, 0.0, "LINEAR_EXACT")
    assert Window(0.0, 0.5, "LINEAR_EXACT").width == 0.5


def _volume(unit: str | None, window: tuple[float, float] | None = None) -> Volume:
    voxels = np.zeros((10, 20, 20), dtype=np.float32)
    voxels[:, 5:15, 5:15] = np.linspace(100, 1100, 1000).reshape(10, 10, 10)
    grid = Grid.of(voxels.shape, frame_uid="f")
    return Volume(voxels, grid, replace(ImageSource("1"), unit=unit, window=window))


def test_that_each_key_from_1_to_8_has_a_preset_for_ct_and_none_of_them_reaches_mr() -> None:
    computed_tomography, magnetic_resonance = _volume("HU"), _volume(None)
    for digit in range(1, 9):
        preset = preset_for_digit(digit, computed_tomography)
        assert preset is not None
        assert preset.unit == "HU"
    assert all(preset.unit is None for digit in range(1, 10) if (preset := preset_for_digit(digit, magnetic_resonance)))
    liver = next(preset for preset in presets() if preset.key == "liver")
    assert liver.of(computed_tomography) == Window(90.0, 150.0)


def test_that_a_volume_opens_with_the_window_of_its_file_else_by_its_unit() -> None:
    assert first_window(_volume("HU", (60.0, 350.0))) == Window(60.0, 350.0)
    assert first_window(_volume(None, (0.4, 0.8))) == Window(0.4, 0.8, "LINEAR_EXACT")
    assert first_window(_volume("HU")) == Window(40.0, 400.0)
    assert first_window(_volume(None)).centre == pytest.approx(600.0, abs=10.0)


def test_that_an_automatic_window_spans_the_percentiles_without_the_background() -> None:
    window = automatic_window(_volume(None), percentiles=(0.0, 100.0))
    assert (window.centre, window.width) == pytest.approx((600.0, 1000.0))
    flat = Volume(np.zeros((2, 2, 2), np.int16), Grid.of((2, 2, 2), frame_uid="f"), ImageSource("1"))
    assert automatic_window(flat, percentiles=(1.0, 99.0)).width > 0


def _body(modality: str | None, unit: str | None = None, offset: float = 0.0) -> Volume:
    """Air around fat, soft tissue and a little bone, as CT has them; `offset` makes another image of it."""
    voxels = np.full((10, 20, 20), -1000.0, dtype=np.float32)
    voxels[:, 4:16, 4:16] = np.linspace(-120, 180, 1440).reshape(10, 12, 12)
    voxels[:, 9:11, 9:11] = 900.0
    source = replace(ImageSource("1"), modality=modality, unit=unit)
    return Volume(voxels + np.float32(offset), Grid.of(voxels.shape, frame_uid="f"), source)


def test_that_a_volume_file_whose_values_lie_as_hounsfield_units_is_pictured_like_ct() -> None:
    volume = _body(None)
    assert shown_as_hounsfield(volume)
    assert first_window(volume) == Window(40.0, 400.0)
    liver = preset_for_digit(2, volume)
    assert liver is not None
    assert liver.key == "liver"
    # Only its picture: the numbers still have no unit.
    assert volume.source.unit is None


@pytest.mark.parametrize(
    "volume", [_body("MR"), _body("PT", "SUV"), _body("CT"), _body(None, offset=1000.0), _volume(None)]
)
def test_that_nothing_else_is_pictured_like_ct(volume: Volume) -> None:
    assert not shown_as_hounsfield(volume)
    assert first_window(volume) != Window(40.0, 400.0)
