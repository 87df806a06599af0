"""Response over time: nadir, the millimetre rule, nodes, new lesions, what vanished and came back, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from planner.clinical.response_course_types import Assessment
from tests.response_requests import codes, course, day, lesion, overall


def test_that_response_is_against_the_baseline_and_progression_against_the_nadir() -> None:
    found = course(lesion("a", 60, 30, 37, 34))
    assert overall(found) == ["PR", "PD", "PR"]
    last = found.timepoints[-1]
    assert (last.sum_mm, last.nadir_mm, last.nadir_on) == (34.0, 30.0, day(1))
    assert last.change_from_baseline == pytest.approx(-43.333, abs=1e-3)
    assert last.change_from_nadir == pytest.approx(13.333, abs=1e-3)


def test_that_the_nadir_of_a_timepoint_is_the_smallest_sum_before_it() -> None:
    found = course(lesion("a", 60, 50, 30, 45))
    assert [point.nadir_mm for point in found.timepoints] == [60, 60, 50, 30]
    assert [point.is_baseline for point in found.timepoints] == [True, False, False, False]
    assert found.timepoints[0].overall is None


def test_that_growth_under_five_millimetres_is_no_progression_by_recist() -> None:
    assert overall(course(lesion("a", 20, 24.5))) == ["SD"]
    assert overall(course(lesion("a", 20, 25))) == ["PD"]
    assert overall(course(lesion("a", 50, 59.9))) == ["SD"]
    assert overall(course(lesion("a", 50, 60))) == ["PD"]


def test_that_mrecist_calls_the_same_growth_progression_and_flags_it() -> None:
    found = course(lesion("a", 20, 24.5, key="viable_mm"), criteria="mrecist")
    assert overall(found) == ["PD"]
    assert found.timepoints[1].flag == "increase-lt-5mm"
    unflagged = course(lesion("a", 20, 26, key="viable_mm"), criteria="mrecist").timepoints[1]
    assert (unflagged.overall, unflagged.flag) == ("PD", None)
    assert "increase-lt-5mm" in codes(found)


def test_that_mrecist_adds_viable_diameters() -> None:
    one, two = ({"diameter_mm": 40, "viable_mm": size} for size in (32, 20))
    found = course(lesion("a", one, two), lesion("b", 25, 15, key="viable_mm"), criteria="mrecist")
    assert found.timepoints[1].change_from_baseline == pytest.approx(-38.6, abs=0.01)
    assert overall(found) == ["PR"]


def test_that_a_wholly_necrotic_lesion_is_a_complete_response_by_mrecist_only() -> None:
    before, after = {"diameter_mm": 40, "viable_mm": 40}, {"diameter_mm": 38, "viable_mm": 0, "state": "present"}
    assert overall(course(lesion("a", before, after), criteria="mrecist")) == ["CR"]
    assert overall(course(lesion("a", before, after))) == ["SD"]


def test_that_a_new_lesion_is_progression_whatever_the_targets_do() -> None:
    found = course(lesion("a", 60, 30, 30), lesion("n", None, 8, None, role="new"))
    assert overall(found) == ["PD", "PD"]
    assert [point.target for point in found.timepoints[1:]] == ["PR", "PR"]
    assert [point.new_lesion for point in found.timepoints] == [False, True, True]


def test_that_a_new_lesion_that_has_gone_counts_no_more() -> None:
    found = course(lesion("a", 60, 30, 30), lesion("n", None, 8, {"state": "absent"}, role="new"))
    assert overall(found) == ["PD", "PR"]


def test_that_a_new_lesion_nobody_could_evaluate_leaves_the_response_open() -> None:
    found = course(lesion("a", 60, 30), lesion("n", None, {"state": "not-evaluable"}, role="new"))
    assert (found.timepoints[1].new_lesion, overall(found)) == (None, ["NE"])
    assert "new-lesion-not-evaluated" in codes(found)


def test_that_a_new_lesion_of_the_baseline_is_asked_about() -> None:
    found = course(lesion("a", 60, 30), lesion("n", 12, 12, role="new"))
    assert "new-at-baseline" in codes(found)
    assert found.blocks


@pytest.mark.parametrize(
    ("seen", "counts"),
    [
        ({"diameter_mm": 12, "typical_pattern": True}, True),
        ({"diameter_mm": 12}, True),
        ({"diameter_mm": 9.9, "typical_pattern": True}, False),
        ({"diameter_mm": 12, "typical_pattern": False}, False),
        ({"state": "present"}, None),
    ],
)
def test_that_a_new_lesion_of_mrecist_needs_size_and_pattern(seen: dict[str, Any], counts: bool | None) -> None:
    target = lesion("a", 40, 20, key="viable_mm")
    found = course(target, lesion("n", None, seen, role="new"), criteria="mrecist")
    assert found.timepoints[1].new_lesion is counts
    assert overall(found) == [{True: "PD", False: "PR", None: "NE"}[counts]]


def test_that_a_new_lesion_of_mrecist_counts_once_it_has_grown() -> None:
    target = lesion("a", 40, 20, 20, key="viable_mm")
    grown = ({"diameter_mm": size, "typical_pattern": False} for size in (8, 18))
    found = course(target, lesion("n", None, *grown, role="new"), criteria="mrecist")
    assert overall(found) == ["PR", "PD"]


def test_that_new_fluid_is_no_progression_by_mrecist_without_cytology() -> None:
    fluid = lesion("f", None, {"state": "present"}, role="new", organ="ascites")
    found = course(lesion("a", 40, 20, key="viable_mm"), fluid, criteria="mrecist")
    assert overall(found) == ["PR"]
    assert "fluid-needs-cytology" in codes(found)


def node(name: str, *sizes: Any, **more: Any) -> dict[str, Any]:
    return lesion(name, *sizes, organ="lymph node", key="short_axis_mm", **more)


def test_that_nodes_count_by_their_short_axis_and_are_gone_below_ten() -> None:
    both = [{"short_axis_mm": short, "diameter_mm": long} for short, long in ((18, 30), (9.9, 25))]
    found = course(node("n", *both), lesion("a", 30, 0))
    assert [point.sum_mm for point in found.timepoints] == [48, pytest.approx(9.9)]
    assert overall(found) == ["CR"]
    assert overall(course(node("n", 18, 10), lesion("a", 30, 0))) == ["PR"]


@pytest.mark.parametrize(("short", "blocks"), [(14.9, True), (15, False)])
def test_that_a_target_node_has_at_least_fifteen_millimetres(short: float, blocks: bool) -> None:
    found = course(node("n", short, short))
    assert ("not-measurable" in codes(found)) is blocks is found.blocks


def test_that_a_node_is_known_by_what_is_measured_when_its_organ_is_a_region() -> None:
    seen = [{"short_axis_mm": 16, "diameter_mm": 30}, {"short_axis_mm": 8, "diameter_mm": 20}]
    assert overall(course(lesion("n", *seen, organ="mediastinum"))) == ["CR"]
    of_liver = course(lesion("n", *seen))
    assert overall(of_liver) == ["PR"]
    assert "short-axis-of-no-node" in codes(of_liver)
    assert overall(course(lesion("n", *seen, node=True))) == ["CR"]


def test_that_growth_of_a_normal_node_is_no_progression() -> None:
    found = course(node("n", 16, 3, 9.5))
    assert overall(found) == ["CR", "CR"]
    assert "normal-nodes" in codes(found)


def test_that_non_target_nodes_are_gone_below_ten_and_new_nodes_count_from_ten() -> None:
    target = lesion("a", 30, 0)
    assert overall(course(target, node("n", 12, 9, role="non-target"))) == ["CR"]
    assert overall(course(target, node("n", 12, 11, role="non-target"))) == ["PR"]
    assert overall(course(target, node("n", None, 9, role="new"))) == ["CR"]
    assert overall(course(target, node("n", None, 10, role="new"))) == ["PD"]


def test_that_a_porta_hepatis_node_is_malignant_from_twenty_by_mrecist() -> None:
    target = lesion("a", 40, 0, key="viable_mm")

    def at(short: float, criteria: str = "mrecist") -> list[str | None]:
        found = {"short_axis_mm": short}
        new = lesion("n", None, found, role="new", organ="porta hepatis lymph node")
        first = target if criteria == "mrecist" else lesion("a", 40, 0)
        return overall(course(first, new, criteria=criteria))

    assert at(19.9) == ["CR"]
    assert at(20) == ["PD"]
    assert at(19.9, "recist-1.1") == ["PD"]


def test_that_a_lesion_reappearing_after_a_complete_response_is_progression_of_any_size() -> None:
    found = course(lesion("a", 30, 0, 4, 4))
    assert overall(found) == ["CR", "PD", "PD"]
    assert "reappeared" in codes(found)
    assert found.timepoints[2].lesions[0].note == "reappeared"


def test_that_a_lesion_reappearing_among_others_is_only_added_again() -> None:
    found = course(lesion("a", 30, 0, 6), lesion("b", 50, 30, 28))
    assert overall(found) == ["PR", "PR"]
    assert found.timepoints[2].sum_mm == 34
    assert overall(course(lesion("a", 30, 0, 10), lesion("b", 50, 30, 30))) == ["PR", "PD"]


def test_that_a_node_has_reappeared_from_ten_millimetres() -> None:
    assert overall(course(node("n", 18, 8, 9.9))) == ["CR", "CR"]
    assert overall(course(node("n", 18, 8, 10))) == ["CR", "PD"]


def test_that_a_non_target_reappearing_after_a_complete_response_is_progression() -> None:
    gone, back = {"state": "absent"}, {"state": "present"}
    found = course(lesion("a", 30, 0, 0), lesion("b", back, gone, back, role="non-target"))
    assert overall(found) == ["CR", "PD"]
    before = course(lesion("a", 30, 20, 20), lesion("b", back, gone, back, role="non-target"))
    assert overall(before) == ["PR", "PR"]


def test_that_absent_is_zero_and_missing_is_never_zero() -> None:
    assert overall(course(lesion("a", 30, {"state": "absent"}))) == ["CR"]
    for missing in (None, {}, {"state": "not-evaluable"}, {"state": "present"}, {"assessable": False}):
        found = course(lesion("a", 30, missing), lesion("b", 30, 10))
        point = found.timepoints[1]
        assert (point.sum_mm, point.change_from_baseline, point.change_from_nadir) == (None, None, None)
        assert (point.target, point.overall) == ("NE", "NE")
        assert "missing-measurement" in codes(found)


def test_that_a_measurement_that_is_not_evaluable_does_not_count() -> None:
    assert overall(course(lesion("a", 30, {"diameter_mm": 5, "state": "not-evaluable"}))) == ["NE"]


def test_that_progression_stands_where_the_measured_targets_alone_show_it() -> None:
    found = course(lesion("a", 25, 80), lesion("b", 25, None))
    assert (found.timepoints[1].target, overall(found)) == ("PD", ["PD"])
    assert found.timepoints[1].sum_mm is None
    assert "progression-evident" in codes(found)


def test_that_a_missing_measurement_is_outdone_by_a_new_lesion() -> None:
    assert overall(course(lesion("a", 30, None), lesion("n", None, 12, role="new"))) == ["PD"]


def test_that_a_timepoint_with_a_missing_lesion_makes_no_nadir() -> None:
    found = course(lesion("a", 30, 5, 20), lesion("b", 30, None, 20))
    assert (found.timepoints[2].nadir_mm, overall(found)) == (60, ["NE", "PR"])


def test_that_too_small_counts_five_millimetres_unless_it_was_measured() -> None:
    found = course(lesion("a", 30, {"state": "too-small"}))
    assert (found.timepoints[1].sum_mm, overall(found)) == (5, ["PR"])
    assert "too-small" in codes(found)
    measured = course(lesion("a", 30, {"state": "too-small", "diameter_mm": 3}))
    assert measured.timepoints[1].sum_mm == 3


def test_that_a_target_without_baseline_compares_nothing() -> None:
    found = course(lesion("a", None, 30, 10), lesion("b", 30, 30, 5))
    assert overall(found) == ["NE", "NE"]
    assert "no-baseline-measurement" in codes(found)
    assert found.blocks
    assert found.timepoints[0].sum_mm is None


STATES = {"CR": {"state": "absent"}, "non": {"state": "present"}, "NE": {"state": "not-evaluable"}}
STATES |= {"PD": {"state": "progressed"}}


@pytest.mark.parametrize(
    ("size", "others", "expected"),
    [
        (0, "CR", "CR"),
        (0, "non", "PR"),
        (0, "NE", "PR"),
        (10, "non", "PR"),
        (10, "NE", "PR"),
        (30, "CR", "SD"),
        (30, "NE", "SD"),
        (None, "non", "NE"),
        (None, "CR", "NE"),
        (0, "PD", "PD"),
        (None, "PD", "PD"),
        (40, "CR", "PD"),
    ],
)
def test_that_the_overall_response_follows_the_table(size: float | None, others: str, expected: str) -> None:
    non_target = lesion("b", {"state": "present"}, STATES[others], role="non-target")
    assert overall(course(lesion("a", 30, size), non_target)) == [expected]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("CR", "CR"), "CR"),
        (("CR", "non"), "non-CR/non-PD"),
        (("CR", "NE"), "NE"),
        (("non", "NE"), "NE"),
        (("NE", "PD"), "PD"),
    ],
)
def test_that_without_targets_the_non_target_lesions_decide(states: tuple[str, str], expected: str) -> None:
    others = [
        lesion(name, {"state": "present"}, STATES[state], role="non-target")
        for name, state in zip("ab", states, strict=True)
    ]
    found = course(*others)
    assert (overall(found), found.timepoints[1].target) == ([expected], None)
    assert "no-target" in codes(found)


def test_that_a_non_target_not_seen_is_not_evaluable() -> None:
    found = course(lesion("a", 30, 0), lesion("b", {"state": "present"}, None, role="non-target"))
    assert (found.timepoints[1].non_target, overall(found)) == ("NE", ["PR"])


def test_that_mrecist_speaks_its_own_words() -> None:
    def found(viable: float, state: str) -> Assessment:
        non_target = lesion("b", {"state": "present"}, STATES[state], role="non-target")
        return course(lesion("a", 40, viable, key="viable_mm"), non_target, criteria="mrecist")

    assert (found(0, "CR").timepoints[1].overall, found(0, "non").timepoints[1].overall) == ("CR", "PR")
    assert found(0, "non").timepoints[1].non_target == "IR/SD"
    assert found(20, "PD").timepoints[1].overall == "PD"
    assert found(0, "NE").timepoints[1].overall == "PR"


def test_that_only_a_new_lesion_is_progression_and_nothing_else_is_evaluable() -> None:
    found = course(lesion("b", {"state": "absent"}, 12, {"state": "absent"}, role="new"))
    assert overall(found) == ["PD", "NE"]


def test_that_more_than_five_targets_or_two_per_organ_are_asked_about() -> None:
    three = [lesion(name, 20, 20) for name in "abc"]
    assert "too-many-in-organ" in codes(course(*three))
    assert course(*three).blocks
    organs = ("liver", "liver", "lung", "lung", "kidney")
    five = [lesion(str(at), 20, 20, organ=organ) for at, organ in enumerate(organs)]
    assert codes(course(*five)) == set()
    assert "too-many-targets" in codes(course(*five, lesion("6", 20, 20, organ="spleen")))


def test_that_all_nodes_are_one_organ() -> None:
    nodes = [lesion(organ, 20, 20, organ=organ, key="short_axis_mm") for organ in ("axilla node", "groin node", "node")]
    assert "too-many-in-organ" in codes(course(*nodes))


@pytest.mark.parametrize(
    ("first", "measurable"),
    [
        ({"diameter_mm": 10}, True),
        ({"diameter_mm": 9.9}, False),
        ({"diameter_mm": 15, "slice_mm": 8}, False),
        ({"diameter_mm": 16, "slice_mm": 8}, True),
        ({"diameter_mm": 10, "slice_mm": 5}, True),
        ({"diameter_mm": 19, "modality": "DX"}, False),
        ({"state": "too-small"}, False),
    ],
)
def test_that_a_target_is_measurable(first: dict[str, Any], measurable: bool) -> None:
    assert ("not-measurable" in codes(course(lesion("a", first, 10)))) is not measurable


def test_that_a_viable_part_under_ten_millimetres_is_no_target_of_mrecist() -> None:
    first = {"diameter_mm": 40, "viable_mm": 9}
    assert "not-measurable" in codes(course(lesion("a", first, first), criteria="mrecist"))


@pytest.mark.parametrize("organ", ["portal vein thrombus", "infiltrative liver tumour"])
def test_that_a_thrombus_or_infiltration_is_no_target_of_mrecist(organ: str) -> None:
    found = course(lesion("a", 40, 40, key="viable_mm", organ=organ), criteria="mrecist")
    assert "non-measurable" in codes(found)


def test_that_an_ablated_lesion_is_no_target_by_size() -> None:
    by_word = lesion("a", 30, {"diameter_mm": 50, "therapy": "ablation"})
    by_day = lesion("a", 30, 50, ablated_on=day(1).isoformat())
    later = lesion("a", 30, 50, ablated_on=day(4).isoformat())
    assert "ablated-target" in codes(course(by_word)) & codes(course(by_day))
    assert "ablated-target" not in codes(course(later))


def test_that_another_modality_is_said() -> None:
    ct, mr = ({"diameter_mm": 30, "modality": name} for name in ("CT", "MRI"))
    assert "modality-changed" in codes(course(lesion("a", ct, mr)))
    again = {"diameter_mm": 30, "modality": "MR"}
    assert "modality-changed" not in codes(course(lesion("a", mr, again)))


def test_that_days_are_timepoints_and_split_ones_are_said() -> None:
    found = course(lesion("a", 30, 20, None), lesion("b", 30, None, 20))
    assert overall(found) == ["NE", "NE"]
    assert "split-timepoint" in codes(found)


def test_that_a_person_chooses_the_baseline() -> None:
    found = course(lesion("a", 60, 20, 24, 30), baseline_date=day(1).isoformat())
    assert [point.on for point in found.timepoints] == [day(1), day(2), day(3)]
    assert overall(found) == ["SD", "PD"]
    assert "before-baseline" in codes(found)
