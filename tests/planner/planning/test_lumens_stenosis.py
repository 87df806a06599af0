"""A narrowing is measured against what is healthy on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from lumen_shapes import drawn_lumen, shape

from planner.errors import InputRefused, OperatorError
from planner.planning.lumens import trace_lumen
from planner.planning.lumens_packing import body_of_lumen, lumen_of_body, mark_at, marks_on
from planner.planning.lumens_stenosis import find_stenosis, stenosis_between

ALONG = np.arange(0.0, 80.5, 0.5)


def _narrowed(base: np.ndarray, left: float) -> np.ndarray:
    inside = (ALONG >= 35.0) & (ALONG <= 45.0)
    return np.where(inside, left, base)


def test_that_start_end_minimum_and_percent_of_a_narrowing_are_found() -> None:
    found = find_stenosis(drawn_lumen(_narrowed(np.full(len(ALONG), 8.0), 3.0)))
    assert found is not None
    assert found.start_mm == pytest.approx(35.0, abs=1.0)
    assert found.end_mm == pytest.approx(45.0, abs=1.0)
    assert found.minimum_mm == pytest.approx(3.0)
    assert found.percent == pytest.approx(62.5)
    assert not found.by_person


def test_that_a_wide_duct_above_and_a_usual_one_below_give_a_reference_between_them() -> None:
    base = np.where(ALONG < 40.0, 12.0, 6.0)
    found = find_stenosis(drawn_lumen(_narrowed(base, 2.0)))
    assert found is not None
    assert found.proximal_reference_mm == pytest.approx(12.0)
    assert found.distal_reference_mm == pytest.approx(6.0)
    assert found.reference_mm == pytest.approx(9.0, abs=0.5)
    assert found.percent == pytest.approx(100.0 * (1.0 - 2.0 / found.reference_mm))


@pytest.mark.parametrize("base", [np.full(len(ALONG), 8.0), 12.0 - ALONG / 12.0, 8.0 + 0.6 * np.sin(ALONG / 6.0)])
def test_that_an_even_a_tapering_and_a_wavy_lumen_have_no_narrowing(base: np.ndarray) -> None:
    assert find_stenosis(drawn_lumen(base)) is None


def test_that_a_closed_stretch_is_a_complete_narrowing() -> None:
    found = find_stenosis(drawn_lumen(_narrowed(np.full(len(ALONG), 8.0), np.nan)))
    assert found is not None
    assert (found.minimum_mm, found.percent) == (0.0, 100.0)
    assert found.start_mm == pytest.approx(35.0, abs=1.0)


def test_that_a_lumen_closed_up_to_its_end_is_compared_with_its_open_side() -> None:
    found = find_stenosis(drawn_lumen(np.where(ALONG > 50.0, np.nan, 9.0)))
    assert found is not None
    assert (found.percent, found.proximal_reference_mm, found.distal_reference_mm) == (100.0, 9.0, None)
    assert found.end_mm == pytest.approx(80.0)


def test_that_what_could_not_be_measured_is_no_narrowing() -> None:
    assert find_stenosis(drawn_lumen(np.full(len(ALONG), np.nan), doubtful=True)) is None
    assert find_stenosis(drawn_lumen(np.full(len(ALONG), np.nan))) is None


def test_that_a_person_chooses_the_ends() -> None:
    lumen = drawn_lumen(_narrowed(np.full(len(ALONG), 8.0), 6.8))
    assert find_stenosis(lumen) is None
    found = stenosis_between(lumen, 48.0, 30.0)
    assert (found.start_mm, found.end_mm, found.by_person) == (30.0, 48.0, True)
    assert found.percent == pytest.approx(15.0)
    with pytest.raises(OperatorError):
        stenosis_between(lumen, 20.0, 20.0)


def test_that_a_generated_stricture_is_found_where_it_was_made() -> None:
    volume, true = shape("bile")
    found = find_stenosis(trace_lumen(volume, true.clicks_lps_mm[[0, -1]], "bile"))
    expected = true.stenosis()
    assert found is not None
    assert expected is not None
    assert (found.start_mm, found.end_mm) == pytest.approx(expected[:2], abs=2.0)
    assert found.minimum_mm == pytest.approx(expected[2], abs=0.4)
    assert found.percent == pytest.approx(expected[3], abs=6.0)


def test_that_a_lumen_is_stored_and_read_back() -> None:
    lumen = drawn_lumen(_narrowed(np.linspace(9.0, 7.0, len(ALONG)), np.nan))
    mark = mark_at(lumen, "papilla", (2.0, 0.0, 70.0))
    body = body_of_lumen(lumen, site="biliary", series="1.2#1", marks=(mark,), stenosis=find_stenosis(lumen))
    again = lumen_of_body(body, "1.2.3")
    assert np.allclose(again.equivalent_mm, lumen.equivalent_mm, atol=1e-5, equal_nan=True)
    assert np.array_equal(again.closed, lumen.closed)
    stored = find_stenosis(again)
    assert stored is not None
    assert body.stenosis is not None
    assert stored.percent == pytest.approx(body.stenosis.percent)
    assert marks_on(again, body.marks)[0].along_mm == pytest.approx(70.0, abs=1e-3)
    with pytest.raises(InputRefused):
        lumen_of_body(type(body)("bile", "nonsense", (), "minimal-path"), "1.2.3")
