"""TACE on the vessel tree: positions point at the model, and the gates it shares with every embolisation speak."""

from __future__ import annotations

import embolisation_walks as ew
import pytest
import tace_model as tm
import tace_walk as tw

from planner.workflow.template import FieldKind

CASES = [(check, *row) for check, rows in tm.FIRES.items() for row in rows]


@pytest.mark.parametrize(("check", "change", "code", "acts"), CASES, ids=[f"{c}-{code}" for c, _, code, _ in CASES])
def test_that_a_gate_of_the_model_fires(check: str, change: ew.nw.Change, code: str, acts: str) -> None:
    found = tw.checked(change(tw.filled_case()), tm.STAGE, check)
    mine = [each for each in found if each.code == code]
    assert mine, [(each.code, each.text) for each in found]
    assert ew.weight(mine) == acts
    assert all(each.source and each.tag for each in found)


def test_that_positions_on_the_tree_silence_the_gates() -> None:
    case = tm.on_the_tree(ew.feeders(), ew.feeders("lesion-2", "lower"))(tw.filled_case())
    for check in tm.FIRES:
        found = tw.checked(case, tm.STAGE, check)
        assert not [each for each in found if each.severity != "info"], (check, found)


def test_that_a_branch_a_person_found_and_planned_for_is_settled() -> None:
    change = tm.on_the_tree(ew.position(non_targets=(ew.branch(),)), cystic="found")
    assert tw.checked(change(tw.filled_case()), tm.STAGE, "model-branches") == []
    no_plan = ew.both(change, ew.answers(tm.STAGE, non_target_plan=None))
    assert tw.codes(tw.checked(no_plan(tw.filled_case()), tm.STAGE, "model-branches")) == {"branch-downstream"}


def test_that_a_plan_without_a_tree_says_what_was_not_measured() -> None:
    found = tw.checked(tw.filled_case(), tm.STAGE, "positions-measured")
    assert [(each.code, each.severity) for each in found] == [("no-model", "info")]
    assert found[0].text.startswith("NOT CHECKED")


def test_that_the_stage_offers_the_tools_of_the_tree() -> None:
    stage = tw.tace().stage(tm.STAGE)
    assert {"vessel-tree", "feeders", "injection"} <= set(stage.tools)
    assert {"vessel-tree", "feeders", "catheter-position"} <= set(stage.reads)
    assert stage.layout == "injection"
    columns = {each.id: each for each in stage.fields[0].columns}
    assert columns["position"].kind is FieldKind.CATHETER_POSITION
    assert not columns["position"].required
