"""Lumens are followed between clicks and measured as wide as they are."""

from __future__ import annotations

import numpy as np
import pytest
from lumen_shapes import SPACING_KJI_MM, drawn_lumen, errors, shape

from planner.errors import OperatorError, UsageError
from planner.geometry import Grid, Polyline
from planner.imaging import ImageSource, Volume
from planner.planning.lumens import lumen_along, trace_lumen, with_findings

VOXEL_MM = float(np.cbrt(np.prod(SPACING_KJI_MM)))


@pytest.mark.parametrize("kind", ["airway", "oesophagus", "bile", "vein", "artery"])
def test_that_the_centreline_and_the_width_of_a_narrowed_lumen_are_those_it_was_made_with(kind: str) -> None:
    volume, true = shape(kind)
    lumen = trace_lumen(volume, true.clicks_lps_mm[[0, -1]], kind)
    found = errors(lumen, true)
    assert found.away.mean() <= 0.5 * VOXEL_MM
    assert np.isfinite(found.diameter).all()
    assert found.within >= 0.8
    assert np.abs(found.least).mean() <= max(0.3, 0.08 * found.true_mm.mean())
    assert np.abs(found.greatest).mean() <= max(0.3, 0.08 * found.true_mm.mean())
    assert np.nanmin(lumen.equivalent_mm) == pytest.approx(true.equivalent_mm.min(), abs=max(0.3, 0.5 * VOXEL_MM))


def test_that_points_lie_close_together_and_lead_from_the_first_click_to_the_last() -> None:
    volume, true = shape("bile")
    lumen = trace_lumen(volume, true.clicks_lps_mm[[-1, 0]], "bile")
    assert np.diff(lumen.along_mm).max() <= 0.5 + 1e-9
    assert np.linalg.norm(lumen.centreline.points_lps_mm[0] - true.points_lps_mm[-1]) < 1.5
    assert np.linalg.norm(lumen.centreline.points_lps_mm[-1] - true.points_lps_mm[0]) < 1.5
    outline = lumen.outline_lps_mm(len(lumen.along_mm) // 4)
    assert outline is not None
    middle = lumen.centreline.points_lps_mm[len(lumen.along_mm) // 4]
    radii = np.linalg.norm(outline - middle, axis=1)
    assert 2.0 * radii.mean() == pytest.approx(lumen.equivalent_mm[len(lumen.along_mm) // 4], rel=0.1)
    assert (lumen.inscribed_mm <= lumen.equivalent_mm + 1e-6).all()


def test_that_a_closed_lumen_has_no_width_and_says_where() -> None:
    volume, true = shape("oesophagus", left=0.0)
    lumen = trace_lumen(volume, true.clicks_lps_mm[[0, -1]], "oesophagus")
    middle = abs(lumen.along_mm - 0.5 * lumen.length_mm) < 2.0
    assert lumen.closed[middle].all()
    assert np.isnan(lumen.inscribed_mm[middle]).all()
    assert not lumen.closed[lumen.along_mm < 6.0].any()
    assert any("No open lumen" in each for each in lumen.findings)


def test_that_a_known_course_is_measured_without_clicks() -> None:
    volume, true = shape("artery")
    course = Polyline(true.points_lps_mm[::4], volume.grid.frame_uid)
    lumen = lumen_along(volume, course, "artery")
    assert lumen.method == "tree"
    assert errors(lumen, true).within >= 0.75


def test_that_a_vein_hardly_brighter_than_the_liver_is_found_beside_an_artery() -> None:
    grid = Grid.of((30, 40, 40), spacing_kji_mm=(1.5, 1.0, 1.0), frame_uid="1.2.3")
    k, j, i = np.indices(grid.size_kji)
    values = np.full(grid.size_kji, 100.0)
    values[np.hypot(j - 20, i - 16) < 5.0] = 140.0
    values[np.hypot(j - 20, i - 27) < 3.0] = 300.0
    values += np.random.default_rng(2).normal(0.0, 6.0, values.shape)
    volume = Volume(values.astype(np.int16), grid, ImageSource("made", modality="CT", unit="HU"))
    lumen = trace_lumen(volume, [(16.0, 20.0, 3.0), (16.0, 20.0, 40.0)], "vein")
    assert np.median(lumen.equivalent_mm) == pytest.approx(10.0, abs=0.7)
    assert np.abs(lumen.centreline.points_lps_mm[:, 0] - 16.0).max() < 0.7


@pytest.mark.parametrize(
    ("clicks", "kind", "error", "code"),
    [
        ("ends", "pipe", UsageError, "unknown-lumen"),
        ("one", "bile", OperatorError, "too-few-clicks"),
        ("outside", "bile", OperatorError, "click-outside-image"),
        ("ends", "airway", OperatorError, "not-in-lumen"),
    ],
)
def test_that_what_cannot_be_followed_is_refused(clicks: str, kind: str, error: type, code: str) -> None:
    volume, true = shape("bile")
    given = {
        "ends": true.clicks_lps_mm[[0, -1]],
        "one": true.clicks_lps_mm[[0, 0]],
        "outside": np.array([true.clicks_lps_mm[0], (999.0, 0.0, 0.0)]),
    }
    with pytest.raises(error) as refused:
        trace_lumen(volume, given[clicks], kind)
    assert refused.value.code == code


def test_that_a_duct_too_narrow_for_thick_slices_is_refused_in_one_sentence() -> None:
    grid = Grid.of((16, 12, 12), spacing_kji_mm=(3.0, 3.0, 3.0), frame_uid="1.2.3")
    _, j, i = np.indices(grid.size_kji)
    values = np.where(np.hypot(3.0 * j - 16.0, 3.0 * i - 16.0) < 1.0, 5, 90).astype(np.int16)
    volume = Volume(values, grid, ImageSource("made", modality="CT", unit="HU"))
    with pytest.raises(OperatorError, match="too narrow or too faint") as refused:
        trace_lumen(volume, [(14.4, 15.7, 30.8), (17.7, 16.3, 32.8)], "bile")
    assert refused.value.code == "lumen-not-seen"


def test_that_places_along_a_lumen_and_its_doubts_can_be_asked() -> None:
    diameters = np.array([6.0, 6.0, 5.0, np.nan, np.nan, 5.0, 6.0])
    lumen = with_findings(drawn_lumen(diameters))
    assert lumen.place_of((3.0, 0.0, 1.1)) == pytest.approx(1.0)
    assert lumen.closed.tolist() == [False, False, False, True, True, False, False]
    assert not with_findings(drawn_lumen(diameters, doubtful=True)).closed.any()
