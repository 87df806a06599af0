"""Words of the vertebra panel: levels counted, needles judged by what is stored, volumes never called safe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.model.items import PlanItem
from planner.model.needle_items import NeedlePathBody, PedicleMeasures, VertebraPlanBody, WallDefect
from planner.planning.vertebra_trajectories import needle_limits
from viewers.panels.vertebra_panel import NeedleLine
from viewers.state.marking import Mark
from viewers.window.case_vertebra_content import cement_lines, count_words, level_choices, needle_line

LEVEL = "vertebrae_L2"
GOOD = PedicleMeasures(
    LEVEL, "left", "transpedicular", (0.0, 0.0, 0.0), 9.0, 2.1, False, 21.0, 0.75, 8.0, convergence_deg=12.0
)
BODY = VertebraPlanBody(
    LEVEL, "region", (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), body_ml=30.0
)


def line_of(measured: PedicleMeasures) -> NeedleLine:
    body = NeedlePathBody((0.0, 80.0, 0.0), (0.0, 0.0, 0.0), "vertebra", 3.4, gauge="10 G", pedicle=measured)
    item = PlanItem("n1", "needle-path", "L2 left", "1.2", {})
    return needle_line(Mark(item, body), body, measured, needle_limits())


@pytest.mark.parametrize(
    ("change", "standing", "said"),
    [
        ({}, "", ""),
        ({"breach": True, "wall_clearance_mm": -0.4}, "block", "Leaves the bone"),
        ({"wall_clearance_mm": 0.6}, "warn", "wanted"),
        ({"posterior_wall_mm": 2.0}, "block", "posterior wall"),
        ({"approach": "parapedicular"}, "warn", "NOT CHECKED"),
        ({"wall_clearance_mm": None, "breach": None}, "warn", "NOT MEASURED"),
    ],
)
def test_that_what_stands_against_a_needle_is_said_beside_it(change: dict, standing: str, said: str) -> None:
    line = line_of(replace(GOOD, **change))
    assert line.standing == standing
    assert said in line.said


def test_that_an_unmeasured_needle_shows_no_number_and_no_all_clear() -> None:
    bare = PedicleMeasures(LEVEL, "left", "transpedicular", (0.0, 0.0, 0.0))
    pairs = dict(line_of(bare).pairs)
    assert pairs["Breach"] == "not measured"
    assert pairs["To the wall"] == "–"
    assert pairs["One is enough"] == "not known"


def test_that_one_needle_is_enough_only_at_the_midline() -> None:
    assert dict(line_of(GOOD).pairs)["One is enough"] == "no"
    assert dict(line_of(replace(GOOD, midline_mm=-1.0)).pairs)["One is enough"] == "yes"


def test_that_cement_is_a_usual_upper_volume_and_never_a_safe_one() -> None:
    volumes = {"low": 4.5, "high": 5.8, "usual_upper": 6.0}
    defect = WallDefect("posterior", 42.0, (0.0, 0.0, 0.0))
    said = " ".join(cement_lines(replace(BODY, cement_ml=volumes, defects=(defect,))))
    assert "Usual upper volume 6.0 mL, not a safe limit; stop on fluoroscopy." in said
    assert "unverified default" in said
    assert "No cortex on 42 mm² at the posterior" in said
    assert "safe" not in said.replace("not a safe limit", "")
    unknown = " ".join(cement_lines(BODY))
    assert "No usual cement volume" in unknown
    assert "stop on fluoroscopy" in unknown


def test_that_levels_are_counted_against_the_usual_number() -> None:
    levels = [f"vertebrae_L{number}" for number in range(1, 5)]
    assert count_words(levels[:1]) == ("", False)
    text, too_many = count_words(levels[:3])
    assert not too_many
    assert "3 levels" in text
    text, too_many = count_words(levels)
    assert too_many
    assert "usual are at most 3" in text


def test_that_every_level_can_be_chosen_and_labels_are_told_from_names() -> None:
    choices = level_choices({LEVEL: "in a label map"}, ["vertebrae_L3"])
    words = {each.code: each.label for each in choices}
    assert len(words) == 25
    assert words[LEVEL] == "L2: in a label map"
    assert words["vertebrae_L3"] == "L3: to be treated"
    assert words["vertebrae_T1"] == "T1"
