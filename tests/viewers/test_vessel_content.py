"""What the panels say of vessels and catheter positions. Values only."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from vessel_scenes import hand_tree, place_on, shown_tree

from planner.app.injections import MODEL, PositionsTogether
from planner.model.vessel_items import CatheterPositionBody, InjectionMeasures, NonTarget, ViewMeasures, WayMeasures
from planner.planning.catheters import shipped_catheters
from planner.planning.territories import AddedUp
from planner.planning.tree_packing import body_of_tree
from viewers.state.vessel_words import known_names, short_segment, short_vessel
from viewers.window.case_vessel_content import (
    access_words,
    comparison_of,
    coverage_line,
    flow_words,
    name_choices,
    non_target_lines,
    position_summary,
    reached_pairs,
    seen_of,
    through_words,
    tip_words,
    total_lines,
    view_words,
    warnings_of,
    way_line,
)

NAMES = {"l1": "Lesion 1", "l2": "Lesion 2"}
SEEN = "Seen on CT of 2024-03-12, slices 2 mm; confirm by DSA/CBCT."


def measures(**more: object) -> InjectionMeasures:
    given: dict[str, object] = {
        "flow_share": 0.2,
        "territory_ml": 300.0,
        "healthy_ml": 280.0,
        "organ_ml": 1200.0,
        "coverage": MappingProxyType({"l1": 0.92, "l2": 0.0}),
        "findings": (MODEL, SEEN, "3 mL of the organ are not connected."),
    }
    return InjectionMeasures(**{**given, **more})


def position(segment: str = "a8", **more: object) -> CatheterPositionBody:
    return CatheterPositionBody("tree-1", "digest", segment, 2.0, (0.0, 0.0, 0.0), injection=measures(**more))


def test_that_not_reached_partly_and_whole_are_told_apart_by_shape_and_word() -> None:
    lines = [coverage_line("L", share) for share in (None, 0.0, 0.5, 1.0)]
    assert [line.text[0] for line in lines] == ["◆", "○", "◐", "●"]
    assert "cannot be told" in lines[0].text
    assert "50 %" in lines[2].text
    assert lines[3].text == "● L: covered whole"


def test_that_not_found_is_never_read_as_absent_and_danger_comes_first() -> None:
    found = (
        NonTarget("falciform", "not-found"),
        NonTarget("cystic", "downstream", "s9", 12.0),
        NonTarget("right_gastric", "reflux", "s3", 4.0),
    )
    lines = non_target_lines(found)
    assert [line.tone for line in lines] == ["block", "warn", "unknown"]
    assert lines[0].text == "▲ Cystic artery: downstream, 12 mm beyond the tip"
    assert "before the tip" in lines[1].text
    assert lines[2].text == "◆ Not found, which is not absent: Falciform artery"


def test_that_unknown_numbers_are_not_printed_as_nought() -> None:
    pairs = dict(reached_pairs(measures(territory_ml=None, healthy_ml=None, flow_share=None)))
    assert pairs["Territory"] == "NOT TOLD"
    assert pairs["Healthy at risk"] == pairs["Share of flow"] == "–"
    assert dict(reached_pairs(measures()))["Territory"] == "300 mL, 25 % of the organ"
    assert flow_words(0.002).startswith("below 1 %")


def test_that_warnings_stand_apart_from_what_is_always_said() -> None:
    assert warnings_of(measures()) == ("3 mL of the organ are not connected.",)
    assert seen_of(measures()) == (SEEN,)


def test_that_a_tip_under_the_hand_says_what_it_covers_and_what_is_in_danger() -> None:
    found = measures(non_targets=(NonTarget("cystic", "downstream"), NonTarget("falciform", "not-found")))
    texts = [text for text, _ in tip_words(found, NAMES)]
    assert texts == ["Lesion 1 92 %", "healthy 280 mL", "▲ Cystic artery"]
    assert tip_words(measures(coverage={"l1": 0.0}), NAMES)[0][0] == "no lesion reached"


def test_that_positions_are_compared_second_minus_first() -> None:
    way = WayMeasures("femoral_right", 200.0, 3.0, 1.2, 400.0)
    one = CatheterPositionBody("t", "d", "a8", 1.0, (0.0, 0.0, 0.0), injection=measures(), way=way)
    other = CatheterPositionBody(
        "t", "d", "a8", 1.0, (0.0, 0.0, 0.0), injection=measures(territory_ml=100.0, coverage={"l1": 0.5, "l2": None}),
        way=WayMeasures("femoral_right", 200.0, 3.0, 1.2, 350.0),
    )  # fmt: skip
    rows = {row[0]: row[1:] for row in comparison_of("A", one, "B", other, NAMES).rows}
    assert rows["Territory"] == ("300 mL", "100 mL", "-200 mL")
    assert rows["Lesion 1"] == ("92 %", "50 %", "-42 %")
    assert rows["Lesion 2"][1:] == ("–", "–"), "unknown stays unknown"
    assert rows["Turning"] == ("400°", "350°", "-50°")
    assert comparison_of("A", one, "B", CatheterPositionBody("t", "d", "a8", 1.0, (0.0, 0.0, 0.0)), NAMES) is None


def test_that_the_sum_says_what_is_left_and_by_whom() -> None:
    added = AddedUp(None, 500.0, 400.0, {"l1": 1.0, "l2": 0.3}, ())
    lines = total_lines(
        PositionsTogether(added, ("i1", "i2"), (), ("Lesion 2: 70 % of it is reached by none.",)), NAMES
    )
    assert lines[0].text.startswith("2 positions to embolise · healthy at risk 400 mL")
    assert lines[1].text == "● Lesion 1: covered whole"
    assert (lines[-1].text, lines[-1].tone) == ("▲ Lesion 2: 70 % of it is reached by none.", "warn")
    none = total_lines(PositionsTogether(added, (), (), ()), NAMES)
    assert none[0].text == "○ No position embolises yet."


def test_that_a_way_says_length_calibre_turns_and_what_fits() -> None:
    line = way_line(WayMeasures("femoral_right", 243.0, 5.3, 1.4, 533.0, outside_image_mm=202.0))
    pairs = dict(line.pairs)
    assert line.title == "Femoral right"
    assert pairs["In the image"] == "243 mm"
    assert pairs["Turning in all"] == "533°"
    assert pairs["Narrowest"] == "5.3 mm"
    assert pairs["fits"]
    assert any("Take-offs" in note for note in line.notes)
    assert any("goes through Selective catheter" in note for note in line.notes), "which base catheter it needs"
    assert access_words("radial_left") == "Radial left"


def test_that_no_microcatheter_is_said_to_go_through_what_is_narrower_or_not_known() -> None:
    rows = shipped_catheters().catheters
    inner, narrow, unknown = rows["micro-2.8f-130"], rows["micro-1.7f-130"], rows["base-3.5f"]
    assert through_words(inner, (narrow,)).startswith("goes through no base catheter")
    assert "NOT CHECKED" in through_words(inner, (narrow, unknown))
    assert "NOT CHECKED" in through_words(inner, ())
    assert through_words(inner, (rows["base-4f-65"], unknown)) == f"goes through {rows['base-4f-65'].title}"


def test_that_a_view_says_its_angles_the_patients_position_and_who_chose_it() -> None:
    view = ViewMeasures(-24.0, -23.0, 0.11, 0.1, "supine", True)
    assert view_words(view) == ("RAO 24 CAU 23, patient supine · foreshortening 11 % · overlap 10 % · chosen by hand")
    assert view_words(None) == ""
    assert "no lesion reached" in position_summary(position(coverage={"l1": 0.0}), NAMES)
    assert position_summary(position(), NAMES) == "Lesion 1 92 % · healthy 280 mL"


def test_that_each_kind_of_tree_is_named_from_its_own_catalogue() -> None:
    assert "right_hepatic" in known_names("artery")
    portal, hepatic = known_names("portal-vein"), known_names("hepatic-vein")
    assert "portal_main" in portal
    assert not set(portal) & set(hepatic)
    assert hepatic
    assert short_vessel("portal-vein", "p2") == "P2"
    assert short_vessel("portal-vein", "p1") == "P1"
    assert {each.code for each in name_choices("artery")} == set(known_names("artery"))
    assert short_segment(hand_tree(), "thin") == "Right hepatic branch"


def test_that_places_of_a_tree_keep_their_measures_through_the_plan() -> None:
    tree = hand_tree()
    body = body_of_tree(tree, method="ct")
    row = next(each for each in body.segments if each.id == place_on("a8").segment)
    assert row.mean_diameter_mm == pytest.approx(2.0 * shown_tree().radius_at(place_on("a8")))
