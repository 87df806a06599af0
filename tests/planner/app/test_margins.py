"""Margins of a session: from its applicators, from the images after, and what makes them stale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from analytic_bodies import FRAME, ball, drawn
from stored_cases import DOCTOR, make_case

from planner.app.margins import (
    MarginSettings,
    TargetMargins,
    achieved,
    is_stale,
    planned_margin,
    put_margin,
)
from planner.app.marking import new_item, store_mask
from planner.errors import UsageError
from planner.imaging.masks import Mask
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.needle_items import ABLATION_MARGIN, ACHIEVED, NEEDLE_PATH, PLANNED, NeedlePathBody
from planner.model.needle_reading import margin_of
from planner.model.needle_rules import NeedleRules, SourcedLimit
from planner.model.session import Session
from planner.planning.devices import ablation_devices
from planner.store.library import Library

SETTINGS = MarginSettings(ablation_devices(), organ="liver")
TIP = (0.0, 12.5, 0.0)
"""The zone of 33 x 24 mm reaches 4 mm beyond the tip: its centre is the origin."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder: Path = tmp_path_factory.mktemp("margins")
    opened = Library.open(f"sqlite:///{folder / 'library.sqlite'}")
    yield opened
    opened.close()


def region(library: Library, mask: Mask, item_id: str, **body: str) -> PlanItem:
    made = RegionBody(store_mask(library, mask), **body)
    return new_item(REGION, made, name=item_id, frame_uid=FRAME, by=DOCTOR, tool="brush", item_id=item_id)


def needle(tip: tuple[float, float, float] = TIP, item_id: str = "needle-1", **body: str | None) -> PlanItem:
    facts = {"device": "simulated-mwa", "setting": "40W-5min", "region_id": "tumour", **body}
    made = NeedlePathBody((tip[0], tip[1] - 100.0, tip[2]), tip, "ablation", 1.5, **facts)
    return new_item(NEEDLE_PATH, made, name=item_id, frame_uid=FRAME, by=DOCTOR, tool="needle", item_id=item_id)


@pytest.fixture(scope="module")
def session(library: Library) -> Session:
    tumour = region(library, drawn(ball((0, 0, 0), 6.0)), "tumour", lesion_id="lesion-1")
    liver = region(library, drawn(ball((0, 0, 30.0), 40.0), (2.0, 1.5, 1.5)), "organ", structure="liver")
    zone = region(library, drawn(ball((1.0, 0, 0), 11.0)), "zone", structure="ablation_zone")
    return replace(make_case().sessions[0], items=(tumour, liver, zone, needle()))


def stored(session: Session, edit: Edit) -> Session:
    case: Case = replace(make_case(), sessions=(session,))
    return edit(case).sessions[0]


def test_that_a_planned_margin_tells_the_mean_and_one_deviation_less(library: Library, session: Session) -> None:
    found = planned_margin(library, session, "tumour", SETTINGS)
    body = found.body
    assert body.kind == PLANNED
    assert body.mean.minimum_mm == pytest.approx(6.0, abs=0.25)
    assert body.minus_sd is not None
    assert body.minus_sd.minimum_mm == pytest.approx(5.0, abs=0.25)
    assert body.needle_ids == ("needle-1",)
    assert body.lesion_id == "lesion-1"
    assert body.tissues
    assert body.covered is True
    assert body.sectors_mm["back"] > body.sectors_mm["left"] + 0.5
    assert body.excluded_fraction is not None
    assert 0.0 <= body.excluded_fraction < 0.5
    assert found.drawn is not None
    assert found.drawn.values_mm.min() == body.minus_sd.minimum_mm
    assert not any("proven" in each.text or "safe" in each.text for each in found.findings)


def test_that_a_template_may_ask_for_more(library: Library, session: Session) -> None:
    limit = SourcedLimit(8.0, "mm", "a template", "P")
    settings = replace(SETTINGS, rules=NeedleRules("ablation", limits={"margin_minimum_mm": limit}))
    found = planned_margin(library, session, "tumour", settings)
    assert found.body.required_mm == 8.0
    assert found.body.covered is False
    small = [each for each in found.findings if each.code == "small-margin"]
    assert [each.limit for each in small] == [8.0]
    assert small[0].text.startswith("At -1 SD of the chart")


def test_that_a_target_without_a_zone_asks_for_a_device(library: Library, session: Session) -> None:
    bare = replace(session, items=(*session.items[:3], needle(device=None, setting=None)))
    with pytest.raises(UsageError) as caught:
        planned_margin(library, bare, "tumour", SETTINGS)
    assert caught.value.code == "no-applicator"


def test_that_needles_of_another_target_make_no_zone_here(library: Library, session: Session) -> None:
    other = replace(session, items=(*session.items[:3], needle(region_id="organ")))
    with pytest.raises(UsageError):
        planned_margin(library, other, "tumour", SETTINGS)


def test_that_a_stored_margin_goes_stale_with_what_it_stands_on(library: Library, session: Session) -> None:
    with_margin = stored(session, put_margin(session, planned_margin(library, session, "tumour", SETTINGS), DOCTOR))
    (item,) = [each for each in with_margin.items if each.type == ABLATION_MARGIN]
    assert not is_stale(with_margin, item, SETTINGS)
    moved = replace(
        with_margin, items=tuple(needle((1, 12.5, 0)) if i.id == "needle-1" else i for i in with_margin.items)
    )
    assert is_stale(moved, item, SETTINGS)
    assert is_stale(with_margin, item, replace(SETTINGS, organ=None))
    repainted = region(library, drawn(ball((0, 0, 0), 7.0)), "tumour", lesion_id="lesion-1")
    other = replace(with_margin, items=tuple(repainted if i.id == "tumour" else i for i in with_margin.items))
    assert is_stale(other, item, SETTINGS)
    gone = replace(with_margin, items=tuple(i for i in with_margin.items if i.id != "tumour"))
    assert is_stale(gone, item, SETTINGS)


def test_that_measuring_again_replaces_the_margin_of_that_target(library: Library, session: Session) -> None:
    once = stored(session, put_margin(session, planned_margin(library, session, "tumour", SETTINGS), DOCTOR))
    twice = stored(once, put_margin(once, planned_margin(library, once, "tumour", SETTINGS), DOCTOR))
    both = stored(
        twice,
        put_margin(twice, achieved(library, twice, "tumour", "zone", SETTINGS, registration_error_mm=2.0), DOCTOR),
    )
    kinds = [margin_of(item).kind for item in both.items if item.type == ABLATION_MARGIN]
    assert kinds == [PLANNED, ACHIEVED]


def test_that_an_achieved_margin_needs_an_error_and_is_flagged_by_it(library: Library, session: Session) -> None:
    unknown = achieved(library, session, "tumour", "zone", SETTINGS)
    assert unknown.body.mean.minimum_mm is None
    assert "not measurable" in unknown.body.registration_note
    assert unknown.drawn is None
    small = achieved(library, session, "tumour", "zone", SETTINGS, registration_error_mm=2.0)
    assert small.body.mean.minimum_mm == pytest.approx(4.0, abs=0.3)
    assert small.body.within_registration_error is False
    large = achieved(library, session, "tumour", "zone", SETTINGS, registration_error_mm=5.0)
    assert large.body.within_registration_error is True
    assert "margin-within-error" in {each.code for each in large.findings}


def test_that_a_margin_survives_a_round_trip(library: Library, session: Session) -> None:
    body = planned_margin(library, session, "tumour", SETTINGS).body
    item = PlanItem("m", ABLATION_MARGIN, "m", FRAME, MappingProxyType(codec.to_json(body)))
    assert margin_of(item) == body


def test_that_a_dragged_needle_is_measured_as_it_lies(library: Library, session: Session) -> None:
    prepared = TargetMargins(library, session, "tumour", SETTINGS)
    still = NeedlePathBody((0, -90, 0), TIP, "ablation", 1.5, device="simulated-mwa", setting="40W-5min")
    moved = replace(still, tip_lps_mm=(3.0, 12.5, 0.0), entry_lps_mm=(3.0, -90.0, 0.0))
    here, there = prepared.live([("n", still)]), prepared.live([("n", moved)])
    assert here is not None
    assert there is not None
    assert here[0].numbers.minimum_mm == pytest.approx(5.0, abs=0.25)
    assert there[0].numbers.minimum_mm == pytest.approx(2.0, abs=0.25)
    assert there[1].sectors_mm["right"] < there[1].sectors_mm["left"]
    assert prepared.live([]) is None
