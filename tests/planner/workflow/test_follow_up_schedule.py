"""What follows a session, by procedure and risk band, and what of it has arrived."""

from __future__ import annotations

from dataclasses import replace

import pytest
from between_sessions import TREATED, case, day, images, lab, session

from planner.catalogues import catalogue
from planner.clinical.laboratory import analytes
from planner.model.course import Course
from planner.model.people import Implant
from planner.model.session import SessionState
from planner.workflow.devices import devices_due, devices_of
from planner.workflow.follow_up_rules import action_rules, levels, markers, procedures
from planner.workflow.follow_up_schedule import ScheduledVisit, follow_up_schedule, marker_visits, open_visits
from planner.workflow.scales import scales


def imaging(visits: tuple[ScheduledVisit, ...]) -> list[tuple[str, str]]:
    return [(each.key, each.state) for each in visits if each.what == "imaging"]


def test_that_the_catalogue_names_only_what_there_is() -> None:
    rows = [row for rules in procedures().values() for row in rules.rows]
    assert {name for row in rows for name in row.analytes} <= set(analytes())
    assert {name for row in rows for name in row.scales} <= set(scales())
    assert {rule.analyte for rule in action_rules()} | set(markers()) <= set(analytes())
    assert all(row.source and row.tag in ("M", "P", "S", "S2") for row in rows)
    used = {row.key for row in rows}
    assert used == set(catalogue("follow_up.toml")["rows"])
    assert [each.rank for each in levels().values()] == [1, 2, 3]
    for rule in action_rules():
        assert list(rule.limits) == sorted(rule.limits, reverse=rule.how == "below")


def test_that_the_first_images_after_oil_are_due_at_six_weeks() -> None:
    (visit,) = [each for each in open_visits(case()) if each.what == "imaging"]
    assert (visit.key, visit.earliest_on, visit.latest_on) == ("oil-first-weeks", day(28), day(42))
    assert visit.tag == "M"


def test_that_images_that_came_move_the_schedule_on() -> None:
    known = case(studies=(images(36), images(0)))
    assert imaging(follow_up_schedule(known)) == [("oil-first-weeks", "done"), ("quarterly-91", "open")]
    known = replace(known, studies=(*known.studies, images(180)))
    assert imaging(follow_up_schedule(known)) == [
        ("oil-first-weeks", "done"),
        ("quarterly-91", "missed"),
        ("quarterly-182", "done"),
        ("quarterly-273", "open"),
    ]


@pytest.mark.parametrize(
    ("band", "key"), [("high", "two-monthly-61"), ("low", "four-monthly-122"), ("standard", "quarterly-91")]
)
def test_that_the_interval_is_that_of_the_band_a_person_chose(band: str, key: str) -> None:
    visit = open_visits(case(band=band, studies=(images(36),)))[-1]
    assert visit.key == key
    assert visit.band_chosen


def test_that_without_a_choice_the_standard_interval_says_so() -> None:
    visit = open_visits(case(studies=(images(36),)))[-1]
    assert visit.key == "quarterly-91"
    assert not visit.band_chosen


def test_that_a_modality_that_does_not_count_does_not_arrive() -> None:
    known = case(session(template="fibroid"), studies=(images(100, "CT"),))
    assert imaging(follow_up_schedule(known)) == [("fibroid", "open")]
    assert imaging(follow_up_schedule(replace(known, studies=(images(100, "MR"),)))) == [("fibroid", "done")]


def test_that_the_next_session_of_its_group_starts_the_schedule_anew() -> None:
    first, second = session(decision={"technique": "ctace"}), session("session-2", "ablation", day(60))
    spine = session("session-3", "vertebroplasty", day(61))
    visits = follow_up_schedule(case(first, second, spine))
    mine = [(each.key, each.state) for each in visits if each.session_id == "session-1"]
    assert ("oil-first-weeks", "missed") in mine
    assert "open" not in [state for _, state in mine]
    assert [each.key for each in open_visits(case(first, spine)) if each.what == "imaging"] == ["oil-first-weeks"]


def test_that_missing_values_are_named_until_they_come() -> None:
    known = case(laboratory=(lab("bilirubin", 20.0, 2), lab("alt", 80.0, 0, "U/L")))
    early = next(each for each in open_visits(known) if each.key == "liver-early")
    assert early.missing == ("ALT", "Creatinine")
    known = replace(known, laboratory=(*known.laboratory, lab("alt", 80.0, 5, "U/L"), lab("creatinine", 80.0, 3)))
    early = next(each for each in follow_up_schedule(known) if each.key == "liver-early")
    assert (early.state, early.arrived_on) == ("done", day(5))


def test_that_nothing_given_and_an_ended_course_are_not_followed() -> None:
    assert not follow_up_schedule(case(session(state=SessionState.NOTHING_GIVEN)))
    known = case()
    ended = tuple(replace(each, ended_on=day(20)) for each in known.courses)
    assert not open_visits(replace(known, courses=ended))


def test_that_what_is_booked_is_said() -> None:
    known = case(session(discharge={"imaging_booked": day(35).isoformat(), "laboratory_booked": "soon"}))
    booked = {each.what: each.booked_on for each in open_visits(known)}
    assert booked == {"imaging": day(35), "laboratory": None}


def test_that_beads_and_an_unknown_technique_each_have_their_rows() -> None:
    beads = open_visits(case(session(decision={"technique": "deb-tace"})))
    assert "beads-1" in [each.key for each in beads]
    assert "oil-first-weeks" not in [each.key for each in beads]
    unknown = [each.key for each in open_visits(case(session())) if each.what == "imaging"]
    assert unknown == ["unknown-first-weeks"]


def test_that_a_marker_measured_once_is_followed() -> None:
    assert not marker_visits(case())
    (visit,) = marker_visits(case(laboratory=(lab("ctdna", 0.4, 10, "%"),)))
    assert (visit.due_on, visit.tag) == (day(101), "P")


def test_that_a_device_waits_until_it_is_out() -> None:
    row = {"device": "Drain 8 F", "kind": "drain", "site": "left duct", "action": "placed", "due_on": "2026-05-25"}
    placed = session(sign_out={"device_register": [row, "damaged", {"due_on": "never"}]})
    (device,) = devices_due(case(placed))
    assert (str(device.due_on), device.placed_on, device.session_id) == ("2026-05-25", TREATED, "session-1")
    assert len(devices_of(case(placed))) == 2
    gone = session("session-2", "drainage", day(50), sign_out={"device_register": [{**row, "action": "removed"}]})
    assert not devices_due(case(placed, gone))
    elsewhere = {"device_register": [{**row, "action": "removed", "site": "right duct"}]}
    assert devices_due(case(placed, session("session-2", "drainage", day(50), sign_out=elsewhere)))


@pytest.mark.parametrize("gone", [{"device": "port A"}, {"device": "Port A", "kind": "port"}, {"kind": "port a"}])
def test_that_a_typed_implant_is_out_when_its_name_or_kind_is_taken_out_there(gone: dict[str, str]) -> None:
    row = {**gone, "site": "left arm", "action": "removed"}
    out = session("session-2", "drainage", day(50), sign_out={"device_register": [row]})
    known = replace(case(out), implants=(Implant("Port A", "Left arm"), Implant("Port A", "Right arm")))
    assert [each.site for each in devices_of(known)] == ["Right arm"]


def test_that_a_session_of_no_course_is_followed_all_the_same() -> None:
    known = replace(case(), courses=(Course("a", "A"), Course("b", "B")))
    assert open_visits(known)
