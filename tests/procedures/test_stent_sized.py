"""Stents that were really sized in a lumen, put into the plan: what the rules said of them reaches the gates."""

from __future__ import annotations

import needle_walks as nw
import numpy as np
import pytest
import stent_walks as sw
from stored_cases import DOCTOR

from planner.app.stents import put_stent, stent_proposals
from planner.findings import Severity
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.packed import packed
from planner.model.vessel_items import LumenMark, StenosisMeasures
from planner.model.vessel_reading import stent_of

WIDTH = {"svc": 12.0, "ivc": 20.0, "arterial": 5.6, "tracheobronchial": 15.0}
MARK = {"arterial": ("Bleeding point",)}


def course(variant: str | None, *marks: tuple[str, float], width: float | None = None) -> PlanItem:
    """A lumen of 200 mm as wide as the site is, narrowed from 80 to 110 mm, with landmarks where they are said."""
    wide = width or WIDTH.get(variant or "", 12.0)
    along = np.arange(0.0, 201.0, 1.0)
    across = np.where((along > 80.0) & (along < 110.0), 0.3 * wide, wide)
    nothing = np.zeros_like(along)
    table = np.column_stack([nothing, nothing, along, across, across, across, across, nothing, nothing])
    stenosis = StenosisMeasures(80.0, 110.0, 95.0, 0.3 * wide, 70.0, wide, wide, wide)
    marked = tuple(LumenMark(name, at, (0.0, 0.0, at)) for name, at in marks)
    return sw.lumen(variant, table=packed(table), marks=marked, stenosis=stenosis)


def planned(variant: str | None, lumen: PlanItem, type_wish: str | None = None) -> Case:
    """The example with the stent that the rules give first in this lumen."""
    _, site, made, _, _, indication = sw.sized(variant)
    case = nw.with_items(nw.without_items(sw.filled(variant), "stent-1"), lumen)
    session = nw.session_of(case)
    wish = type_wish or made
    sized = stent_proposals(session, "lumen-1", site=site, indication=indication, type_wish=wish)
    return put_stent(session, "lumen-1", sized, sized.proposals[0], by=DOCTOR, stent_id="stent-1")(case)


def said(case: Case, check: str) -> dict[str, Severity]:
    return {each.code: each.severity for each in nw.checked(sw.NAME, case, "stent_plan", check)}


@pytest.mark.parametrize(
    "variant", ["biliary", "oesophageal", "tracheobronchial", "duodenal", "svc", "ivc", "arterial"]
)
def test_that_a_stent_of_the_rules_own_size_passes_the_gates(variant: str) -> None:
    name = None if variant == "biliary" else variant
    marks = [(mark, 95.0) for mark in MARK.get(variant, ())]
    case = planned(name, course(name, *marks))
    for check in ("stents-planned", "stents-fresh", "stents-of-site"):
        assert said(case, check) == {}, check
    assert Severity.BLOCK not in said(case, "size-rules").values()


def test_that_a_cover_across_the_confluence_is_asked_about_once() -> None:
    lumen = course(None, ("Hepatic confluence", 95.0), ("Cystic duct", 100.0))
    case = nw.answers("stent_plan", stents=[{"order": 1, "stent": "stent-1", "type": "covered", "covered": "yes"}])(
        planned(None, lumen, "covered")
    )
    spoken = said(case, "size-rules")
    assert spoken["crosses-hepatic-confluence"] is Severity.BLOCK
    assert spoken["crosses-cystic-duct"] is Severity.BLOCK
    hilar = nw.answers("obstruction", obstruction_level="II")(case)
    assert said(hilar, "covered-branches") == {}


def test_that_a_stent_into_the_atrium_and_across_the_junction_is_said() -> None:
    vein = planned("svc", course("svc", ("Right atrium", 112.0)))
    assert said(vein, "size-rules")["crosses-right-atrium"] is Severity.WARN
    gullet = planned("oesophageal", course("oesophageal", ("Cardia", 115.0)))
    crossed = nw.answers("stent_plan", junction="not-crossed")(gullet)
    assert said(crossed, "reflux") == {"reflux-unplanned": Severity.WARN}


def test_that_bare_metal_in_benign_disease_is_said_once() -> None:
    item = planned("tracheobronchial", course("tracheobronchial"), "bare")
    body = stent_of(next(each for each in nw.session_of(item).items if each.id == "stent-1"))
    assert body.type == "bare"
    rows = [{"order": 1, "stent": "stent-1", "type": "bare"}]
    benign = sw.both(sw.answers("obstruction", indication="benign"), sw.answers("stent_plan", stents=rows))(item)
    assert said(benign, "benign-metal") == {"benign-bare-metal": Severity.BLOCK}
    assert "benign-bare-metal" not in said(benign, "size-rules")


def test_that_a_lumen_that_is_clicked_again_asks_for_a_new_judgement() -> None:
    case = nw.with_items(planned("svc", course("svc")), course("svc", width=14.0))
    assert said(case, "stents-fresh") == {"lumen-changed": Severity.BLOCK}
