"""Items on runs and links of a case: never a millimetre that its calibration does not give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from cylinders import c_arm, run_of
from stored_cases import DOCTOR, make_case, make_session

from planner.app import run_items as items
from planner.app import run_words as words
from planner.app.marking import remove_item
from planner.errors import UsageError
from planner.imaging.run_calibration import Calibration, distance_calibration, isocentre_calibration
from planner.model.case import Case
from planner.model.document import Document
from planner.model.items import PlanItem
from planner.model.links import FrameLink
from planner.model.run_items import RUN_MEASUREMENT, RUN_VIEW, KeyFrameBody, RunMeasurementBody, RunViewBody

RUN = run_of(np.ones((60, 60)), arm=c_arm())
KEY = RUN.key
LINK = FrameLink("link-1", "run-frame", "ct", tuple(np.eye(4).ravel().tolist()), "landmarks", 0.8, 4)


@pytest.fixture
def document() -> Document:
    return Document(replace(make_case(), sessions=(make_session(),)))


def _calibration(mm: float = 10.0) -> Calibration:
    found = distance_calibration(RUN, 0, ((5.0, 5.0), (35.0, 45.0)), mm, depth_mm=50.0)
    assert isinstance(found, Calibration)
    return found


def _measurement(document: Document) -> PlanItem:
    session = document.case.session("session-1")
    assert session is not None
    (item,) = items.run_items(session, KEY, RUN_MEASUREMENT)
    return item


def _values(document: Document) -> dict[str, float | None]:
    return dict(_measurement(document).body["values"])


def _calibrated(document: Document) -> None:
    add = items.add_calibration("session-1", RUN, "run-frame", _calibration(), by=DOCTOR, item_id="cal")
    document.apply("Calibrate", add)
    body = RunMeasurementBody(
        KEY, 3, "distance", ((0.0, 0.0), (30.0, 40.0)), {"length_px": 50.0, "length_sd_px": 1.0}, calibration="cal"
    )
    document.apply("Measure", items.add_run_measurement("session-1", RUN, "run-frame", body, name="D1", by=DOCTOR))


def test_that_a_session_holds_one_view_of_each_run(document: Document) -> None:
    for frames in ((1, 2), (4,), (4,)):
        body = RunViewBody(KEY, mask_frames=frames)
        document.apply("View", items.put_run_view("session-1", RUN, "run-frame", body, by=DOCTOR))
    session = document.case.session("session-1")
    assert session is not None
    assert len(items.run_items(session, KEY, RUN_VIEW)) == 1
    seen = items.view_of(session, KEY)
    assert seen is not None
    assert seen.mask_frames == (4,)
    same = items.put_run_view("session-1", RUN, "run-frame", RunViewBody(KEY, mask_frames=(4,)), by=DOCTOR)
    assert not document.apply("View", same)


def test_that_millimetres_follow_the_calibration_they_stand_on(document: Document) -> None:
    _calibrated(document)
    assert _values(document)["length_mm"] == pytest.approx(10.0)
    first = _calibration()
    expected = np.hypot(50.0 * first.mm_per_px_sd, first.mm_per_px * 1.0)
    assert _values(document)["length_sd_mm"] == pytest.approx(expected)
    session = document.case.session("session-1")
    assert session is not None
    calibration = session.item("cal")
    assert calibration is not None
    document.apply("Change", items.change_calibration("session-1", calibration, RUN, _calibration(20.0)))
    assert _values(document)["length_mm"] == pytest.approx(20.0)
    assert document.undo()
    assert _values(document)["length_mm"] == pytest.approx(10.0)


def test_that_a_removed_calibration_takes_its_millimetres_along(document: Document) -> None:
    _calibrated(document)
    document.apply("Remove", items.remove_run_item("session-1", "cal"))
    assert _values(document) == {"length_px": 50.0, "length_sd_px": 1.0}
    assert _measurement(document).body["calibration"] is None


def test_that_a_calibration_removed_elsewhere_is_noticed_when_read(document: Document) -> None:
    _calibrated(document)
    document.apply("Remove", remove_item("session-1", "cal"))
    session = document.case.session("session-1")
    assert session is not None
    line = words.run_item_line(_measurement(document), session)
    assert "mm" not in line
    assert words.CALIBRATION_GONE in line
    settled = items.recomputed(session)
    assert settled.items[0].body["calibration"] is None
    assert items.recomputed(settled) is settled


def test_that_a_measurement_stands_on_none_or_on_another_calibration(document: Document) -> None:
    _calibrated(document)
    geometry = isocentre_calibration(RUN, 0)
    assert isinstance(geometry, Calibration)
    add = items.add_calibration("session-1", RUN, "run-frame", geometry, by=DOCTOR, item_id="iso")
    document.apply("Calibrate", add)
    document.apply("Stand on", items.stand_on("session-1", _measurement(document), "iso"))
    assert _values(document)["length_mm"] == pytest.approx(50.0 * 0.1875)
    document.apply("Stand on", items.stand_on("session-1", _measurement(document), None))
    assert "length_mm" not in _values(document)
    with pytest.raises(UsageError) as refused:
        document.apply("Stand on", items.stand_on("session-1", _measurement(document), "nowhere"))
    assert refused.value.code == "unknown-calibration"


def test_that_items_of_another_run_are_refused(document: Document) -> None:
    with pytest.raises(UsageError) as refused:
        items.put_run_view("session-1", RUN, "run-frame", RunViewBody("other#1"), by=DOCTOR)
    assert refused.value.code == "other-run"


def test_that_lines_tell_what_a_number_stands_on(document: Document) -> None:
    _calibrated(document)
    frame = KeyFrameBody(KEY, 12, RunViewBody(KEY), caption="arterial phase")
    document.apply("Keep", items.add_key_frame("session-1", RUN, "run-frame", frame, name="Key 1", by=DOCTOR))
    session = document.case.session("session-1")
    assert session is not None
    lines = [words.run_item_line(item, session) for item in session.items]
    assert lines[0].startswith("Known distance · Calibration · known distance 10 mm · 0.2 mm per px ± ")
    assert "50 mm nearer or farther" in lines[0]
    assert lines[1].startswith("D1 · Measurement on a run · frame 3 · length 10 ± ")
    assert lines[1].endswith("mm · stands on known distance · on the unsubtracted picture")
    assert lines[2] == "Key 1 · Key frame · frame 12 · arterial phase"
    narrow = RunMeasurementBody(
        KEY, 3, "stenosis", ((0.0, 0.0), (9.0, 0.0)), {"percent": 52.4, "percent_sd": 3.2, "minimum_px": 4.0}
    )
    assert words.measurement_words(narrow, session)[:3] == [
        "52 ± 3 % diameter stenosis",
        "minimum 4 px",
        words.NOT_CALIBRATED,
    ]


def test_that_a_link_works_only_while_a_person_stands_behind_it(document: Document) -> None:
    forged = replace(LINK, reviewed_by="nobody", reviewed_at=datetime(2020, 1, 1, tzinfo=UTC))
    document.apply("Link", items.add_link(forged))
    assert document.case.link("run-frame", "ct") is None
    assert "NOT REVIEWED" in words.link_line(document.case.links[0])
    at = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    document.apply("Review", items.review_link("link-1", by=DOCTOR, at=at))
    found = document.case.link("run-frame", "ct")
    assert found is not None
    assert (found.reviewed_by, found.reviewed_at) == ("dr.test", at)
    assert words.link_line(found) == "4 landmarks · residual 0.80 mm · reviewed by dr.test 2026-03-04 09:30"
    document.apply("Take back", items.unreview_link("link-1"))
    assert document.case.link("run-frame", "ct") is None


def test_that_the_link_reviewed_last_is_the_newest_and_can_be_removed(document: Document) -> None:
    steps: list[Callable[[Case], Case]] = [
        items.add_link(LINK),
        items.add_link(replace(LINK, id="link-2")),
        items.review_link("link-2", by=DOCTOR),
        items.review_link("link-1", by=DOCTOR),
    ]
    for step in steps:
        document.apply("Link", step)
    found = document.case.link("run-frame", "ct")
    assert found is not None
    assert found.id == "link-1"
    document.apply("Remove", items.remove_link("link-1"))
    found = document.case.link("run-frame", "ct")
    assert found is not None
    assert found.id == "link-2"
    with pytest.raises(UsageError):
        document.apply("Review", items.review_link("link-9", by=DOCTOR))
