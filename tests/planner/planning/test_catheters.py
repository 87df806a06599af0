"""The catalogue of catheters: sources, and which rows reach a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import InputRefused
from planner.model.vessel_items import TakeOff, WayMeasures
from planner.planning.catheters import (
    BASE,
    MICROCATHETER,
    catheters_from,
    fitting_catheters,
    needed_for,
    passes_through,
    shipped_catheters,
)

TRUNK = TakeOff("s1", "coeliac", 60.0, 80.0)
WAY = WayMeasures("femoral_right", 250.0, 1.0, 1.4, 300.0, (TRUNK,), outside_image_mm=280.0)


def test_that_every_row_names_its_source_and_generic_ones_say_so() -> None:
    rows = shipped_catheters().catheters.values()
    assert {row.role for row in rows} == {BASE, MICROCATHETER}
    assert all(row.source for row in rows)
    assert all("check the label" in row.source for row in rows if row.tag == "P")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": ""}, "source"),
        ({"tag": "X"}, "tag"),
        ({"outer_french": 24.0}, "no catheter has"),
        ({"role": "wire"}, "neither"),
        ({"colour": "red"}, "unknown key"),
    ],
)
def test_that_a_faulty_row_is_refused(change: dict[str, object], said: str) -> None:
    row = {"id": "a", "title": "A", "role": "base", "source": "label", "tag": "S"}
    assert catheters_from({"catheter": [row]}, "test").catheters["a"].outer_mm is None
    with pytest.raises(InputRefused, match=said):
        catheters_from({"catheter": [{**row, **change}]}, "test")


def test_that_length_and_calibre_decide_and_what_is_unknown_is_not_called_fitting() -> None:
    needed = needed_for(WAY)
    assert needed.microcatheter_cm == pytest.approx(28.0 + 25.0 + 10.0)
    assert needed.base_cm == pytest.approx(28.0 + 8.0 + 10.0)
    assert needed.largest_french == pytest.approx(3.0)
    fits = {each.catheter.id: each for each in fitting_catheters(WAY)}
    assert fits["micro-2.0f-150"].fits is True
    assert fits["base-4f-65"].fits is True
    assert fits["marathon"].fits is None
    narrow = {each.catheter.id: each for each in fitting_catheters(replace(WAY, minimum_diameter_mm=0.8))}
    assert narrow["micro-2.8f-130"].fits is False
    assert any("wedge" in text for text in narrow["micro-2.8f-130"].reasons)


def test_that_an_unknown_way_before_the_image_is_bridged_by_practice_or_not_checked() -> None:
    wrist = replace(WAY, access="radial_left", outside_image_mm=None)
    needed = needed_for(wrist)
    assert needed.microcatheter_cm == pytest.approx(110.0 + 17.0 + 10.0)
    fits = {each.catheter.id: each.fits for each in fitting_catheters(wrist)}
    assert (fits["micro-2.4f-130"], fits["micro-2.4f-150"], fits["base-4f-65"]) == (False, True, False)
    nameless = replace(wrist, take_offs=())
    assert needed_for(nameless).microcatheter_cm is None
    assert all(each.fits is not True for each in fitting_catheters(nameless))


def test_that_a_microcatheter_passes_a_wider_lumen_only() -> None:
    rows = shipped_catheters().catheters
    assert passes_through(rows["micro-2.8f-130"], rows["base-4f-65"]) is True
    assert passes_through(rows["base-4f-65"], rows["micro-2.8f-130"]) is False
    assert passes_through(rows["micro-2.8f-130"], rows["base-3.5f"]) is None
