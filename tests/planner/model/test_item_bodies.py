"""Bodies of items are read once per item, and never for another one."""

from __future__ import annotations

import gc
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import pytest

from planner.errors import InputRefused
from planner.model.by_identity import ByIdentity
from planner.model.item_bodies import body_of
from planner.model.items import MEASUREMENT, REGION, MeasurementBody, PlanItem, RegionBody

BODY = {"kind": "distance", "points_lps_mm": [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], "values": {"mm": 1.0}}


def item(**changes: object) -> PlanItem:
    return PlanItem("m1", MEASUREMENT, "Distance", "1.2.3", MappingProxyType({**BODY, **changes}))


def test_that_an_item_is_read_once_and_its_successor_anew() -> None:
    first = item()
    assert body_of(MeasurementBody, MEASUREMENT, first) is body_of(MeasurementBody, MEASUREMENT, first)
    moved = replace(first, body=MappingProxyType({**BODY, "points_lps_mm": [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]}))
    assert body_of(MeasurementBody, MEASUREMENT, moved).points_lps_mm[1] == (2.0, 0.0, 0.0)
    assert body_of(MeasurementBody, MEASUREMENT, first).points_lps_mm[1] == (1.0, 0.0, 0.0)


def test_that_another_type_and_a_damaged_body_are_refused_every_time() -> None:
    damaged = item(points_lps_mm="here")
    for _ in range(2):
        with pytest.raises(InputRefused):
            body_of(MeasurementBody, MEASUREMENT, damaged)
        with pytest.raises(InputRefused):
            body_of(RegionBody, REGION, item())


def test_that_what_was_kept_goes_with_the_object_it_was_made_from() -> None:
    kept: ByIdentity[int] = ByIdentity()
    for number in range(100):
        each = item()
        assert kept.of(each, partial(int, number)) == number
    del each
    gc.collect()
    fresh = [item() for _ in range(100)]
    assert [kept.of(one, partial(int, -index)) for index, one in enumerate(fresh)] == [-index for index in range(100)]
