"""Vessel trees as panes share them: places, words, colours, the diagram's layout. No widgets."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from vessel_scenes import hand_tree, place_on, shown_tree

from viewers.scene.vessel_colours import FAINT, STRONG, looks_of, point_colours
from viewers.state.vessel_diagram import lay_out
from viewers.state.vessel_words import segment_name, short_vessel
from viewers.state.vessels import (
    FEEDER,
    INJECTED,
    MAIN,
    PASSES,
    InjectionShown,
    Supply,
    TipShown,
    TreeShown,
    VesselDesk,
    tips_in,
)
from viewers.state.working_view import ViewMapShown, spoken_angles


@pytest.fixture
def vessels() -> VesselDesk:
    desk = VesselDesk()
    desk.trees.set((shown_tree(),))
    return desk


def test_that_the_nearest_place_lies_between_points_and_on_the_right_vessel(vessels: VesselDesk) -> None:
    place, distance = vessels.nearest("1.2.3", (-10.0, -4.0, 7.0))
    assert place.segment == "right"
    assert place.along_mm == pytest.approx(hand_tree().segment("right").length_mm / 2.0, abs=0.2)
    assert distance == pytest.approx(2.0, abs=0.1)
    assert vessels.nearest("another frame", (0.0, 0.0, 0.0)) is None
    assert vessels.nearest("1.2.3", (0.0, 0.0, 0.0), frozenset({"tree-1"})) is None


def test_that_words_say_the_name_the_calibre_and_how_far_it_is_to_be_trusted(vessels: VesselDesk) -> None:
    assert vessels.words_of(place_on("right")) == "Right hepatic artery · Ø 4.0 mm · 22 mm long"
    assert "100 % doubtful" in vessels.words_of(place_on("thin"))
    assert vessels.words_of(place_on("thin")).startswith("branch of the right hepatic artery")
    proposed = TreeShown("tree-1", "", hand_tree(proposed=("right",)))
    vessels.trees.set((proposed,))
    assert "(proposed)" in vessels.words_of(place_on("right"))


def test_that_short_names_drop_the_word_all_share() -> None:
    assert short_vessel("artery", "right_hepatic") == "Right hepatic"
    assert short_vessel("artery", "a8") == "A8"
    assert short_vessel("artery", "my own words") == "my own words"
    assert short_vessel("artery", None) == ""
    assert segment_name(hand_tree(), "upper") != segment_name(hand_tree(), "aorta")


def test_that_a_vessel_has_the_colour_of_the_name_it_comes_from() -> None:
    colours = shown_tree().colours
    assert colours["thin"] == colours["right"]
    assert colours["left"] != colours["right"]
    assert colours["coeliac"] != colours["right"]


def test_that_what_is_injected_lights_up_and_the_rest_is_faint(vessels: VesselDesk) -> None:
    shown = vessels.shown
    tip = TipShown(place_on("right", 0.5), (0.0, 0.0, 0.0))
    vessels.injection.set(InjectionShown(tip, "1.2.3", frozenset({"right", "a8", "thin"})))
    looks = looks_of(shown, vessels)
    assert looks["a8"].colour == INJECTED
    assert looks["a8"].strength == STRONG
    assert looks["left"].strength == FAINT
    colours = point_colours(shown, looks, vessels, "#000000")
    own = colours[shown.flat.number == 3]
    assert tuple(own[-1]) == (0x4F, 0xD0, 0xE6), "lit beyond the tip"
    assert tuple(own[0]) != tuple(own[-1]), "not lit before it"


def test_that_feeders_stand_out_and_passers_by_do_not(vessels: VesselDesk) -> None:
    standing = MappingProxyType({"a8": MAIN, "thin": PASSES})
    vessels.supply.set(Supply("tree-1", "lesion-1", standing))
    looks = looks_of(vessels.shown, vessels)
    assert (looks["a8"].colour, looks["a8"].strength) == (FEEDER, STRONG)
    assert looks["thin"].strength == FAINT


def test_that_the_way_to_a_place_is_strong_to_its_root(vessels: VesselDesk) -> None:
    vessels.way.set(place_on("a8"))
    strong = {key for key, look in looks_of(vessels.shown, vessels).items() if look.strength == STRONG}
    assert strong == {"aorta", "coeliac", "right", "a8"}


def test_that_the_diagram_is_to_scale_along_the_vessels() -> None:
    tree = hand_tree()
    diagram = lay_out(tree)
    for bar in diagram.bars:
        way = tree.way_to(bar.segment)
        assert bar.end_mm == pytest.approx(sum(each.length_mm for each in way))
        assert bar.end_mm - bar.start_mm == pytest.approx(way[-1].length_mm)
    assert diagram.length_mm == pytest.approx(max(bar.end_mm for bar in diagram.bars))


def test_that_no_two_ends_of_the_diagram_share_a_row_and_the_thickest_runs_straight_on() -> None:
    tree = hand_tree()
    diagram = lay_out(tree)
    ends = [diagram.bar(key).row for key in ("upper", "left", "a8", "thin")]
    assert len(set(ends)) == len(ends)
    assert diagram.bar("aorta").row == diagram.bar("upper").row
    assert diagram.bar("right").row == diagram.bar("a8").row
    assert diagram.bar("coeliac").parent_row == diagram.bar("aorta").row


def test_that_what_matters_gets_more_room() -> None:
    plain, wide = lay_out(hand_tree()), lay_out(hand_tree(), frozenset({"a8"}))
    assert wide.rows > plain.rows


def test_that_a_tip_under_the_hand_takes_the_place_of_its_position() -> None:
    stored = TipShown(place_on("right"), (0.0, 0.0, 0.0), "P1", "item-1")
    other = TipShown(place_on("left"), (1.0, 0.0, 0.0), "P2", "item-2")
    moved = TipShown(place_on("a8"), (2.0, 0.0, 0.0), "P1", "item-1")
    assert tips_in((stored, other), InjectionShown(moved, "1.2.3", frozenset())) == (other, moved)
    assert tips_in((stored, other), None) == (stored, other)


def test_that_a_tree_that_lost_a_segment_forgets_no_other_case(vessels: VesselDesk) -> None:
    vessels.choose(place_on("a8"))
    vessels.forget()
    assert vessels.chosen.value is None
    assert vessels.shown is None


def view_map(primary: np.ndarray | None = None) -> ViewMapShown:
    angles = np.arange(-60.0, 61.0, 10.0) if primary is None else primary
    secondary = np.arange(-40.0, 41.0, 10.0)
    short = np.abs(angles[None, :] - angles[len(angles) // 2]) / 60.0 + 0.0 * secondary[:, None]
    size = short.shape
    return ViewMapShown(
        "1.2.3", "tree-1", "right", angles, secondary, short.astype(np.float32), np.zeros(size, np.float32),
        np.ones(size, np.bool_), (0.0, 0.0),
    )  # fmt: skip


def test_that_angles_are_spoken_as_a_c_arm_shows_them() -> None:
    assert spoken_angles((-24.0, -23.0)) == "RAO 24 CAU 23"
    assert spoken_angles((200.0, 10.0)) == "RAO 160 CRA 10"
    prone = view_map(np.arange(120.0, 241.0, 10.0))
    assert prone.on_map((-170.0, 5.0)) == pytest.approx((190.0, 5.0))
    assert view_map().at((-60.0, 0.0))[0] == pytest.approx(1.0)
