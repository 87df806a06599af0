"""Stent sizes by the site's rule and from the catalogue, and what speaks against a stent at its place."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from planner.catalogues import catalogue
from planner.clinical.registry import evaluate
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.model.vessel_items import LumenMark, StenosisMeasures
from planner.planning.stent_catalogue import FILE, read_stents, stent_catalogue
from planner.planning.stent_findings import LumenFacts, Placed, Plan, placed_findings
from planner.planning.stent_pairs import size_side_by_side, size_y_stent
from planner.planning.stents import need_of, size_stent


def lumen(
    kind: str,
    proximal: float | None,
    distal: float | None,
    *marks: tuple[str, float],
    start: float = 60.0,
    end: float = 80.0,
    length: float = 200.0,
) -> LumenFacts:
    stenosis = StenosisMeasures(start, end, (start + end) / 2.0, 4.0, 60.0, 12.0, proximal, distal)
    return LumenFacts(kind, length, stenosis, tuple(LumenMark(name, at, (0.0, 0.0, at)) for name, at in marks))


def codes(findings: Iterable[Finding]) -> set[str]:
    return {each.code for each in findings}


@pytest.mark.parametrize(
    ("kind", "site", "reference"),
    [("airway", "trachea", 14.0), ("airway", "main-bronchus", 12.0), ("vein", "svc", 14.3), ("vein", "ivc", 20.0)],
)
def test_that_the_first_size_is_the_rules_and_names_no_device(kind: str, site: str, reference: float) -> None:
    found = size_stent(lumen(kind, reference, reference), site)
    rule = evaluate("stent_diameter", {"site": site, "lumen": reference})
    first = found.proposals[0]
    assert first.device is None
    assert first.diameter_mm is not None
    assert rule.number("low") <= first.diameter_mm <= rule.number("high")
    assert first.oversize_percent == pytest.approx(100.0 * (first.diameter_mm / reference - 1.0))
    landing = stent_catalogue().site(site).landing_low_mm
    assert first.length_mm == pytest.approx(20.0 + 2.0 * landing)
    assert first.start_mm == pytest.approx(60.0 - landing)
    assert found.proposals[1:]
    assert all(each.device is not None and each.source and each.tag for each in found.proposals[1:])


def test_that_an_artery_of_decimals_gets_no_size_beyond_its_narrow_range() -> None:
    found = size_stent(lumen("artery", 5.6, 5.6), "artery", "bleeding")
    assert found.proposals[0].diameter_mm == pytest.approx(6.1)
    assert found.proposals[1].diameter_mm == pytest.approx(7.0)
    assert "oversize" in codes(found.proposals[1].findings)


def test_that_a_product_is_as_long_as_the_rule_asks_and_lies_around_the_stricture() -> None:
    for each in size_stent(lumen("oesophagus", 19.0, 18.0), "oesophagus").proposals[1:]:
        assert each.length_mm >= 20.0 + 2.0 * 20.0
        assert each.start_mm <= 40.0
        assert each.end_mm >= 100.0
        assert "landing-short" not in codes(each.findings)


def test_that_without_a_reference_there_is_a_sentence_and_no_size() -> None:
    found = size_stent(lumen("vein", None, None), "svc")
    assert [each.device for each in found.proposals] == [None]
    assert found.proposals[0].diameter_mm is None
    assert found.proposals[0].length_mm == pytest.approx(40.0)
    assert "no-reference" in codes(found.findings)
    assert "no-size" in codes(found.proposals[0].findings)


def test_that_a_site_with_a_range_of_its_own_needs_no_lumen() -> None:
    found = size_stent(lumen("oesophagus", None, None), "oesophagus")
    assert found.proposals[0].diameter_mm == 18.0
    assert found.proposals[0].oversize_percent is None
    assert len(found.proposals) > 1


def test_that_a_small_duct_gets_the_small_stent() -> None:
    assert size_stent(lumen("bile", 9.0, 6.0), "biliary").proposals[0].diameter_mm == 10.0
    assert size_stent(lumen("bile", 7.0, 6.0), "biliary").proposals[0].diameter_mm == 8.0


def test_that_an_end_above_the_sites_upper_end_is_warned_of() -> None:
    found = size_stent(lumen("vein", 14.0, 10.0), "svc")
    assert "tapered" in codes(found.findings)
    oversize = [each for each in found.proposals[0].findings if each.code == "oversize"]
    assert len(oversize) == 1
    assert oversize[0].severity is Severity.WARN
    assert "distal" in oversize[0].text
    assert oversize[0].source


def test_that_the_cava_is_not_warned_inside_its_own_range_of_oversize() -> None:
    found = size_stent(lumen("vein", 20.0, 20.0), "ivc")
    assert found.proposals[0].oversize_percent == pytest.approx(20.0)
    assert all("oversize" not in codes(each.findings) for each in found.proposals)


@pytest.mark.parametrize(
    ("kind", "site", "mark", "code", "severity"),
    [
        ("bile", "biliary", "cystic duct", "crosses-cystic-duct", Severity.BLOCK),
        ("bile", "biliary", "confluence", "crosses-hepatic-confluence", Severity.BLOCK),
        ("vein", "hepatic-vein", "hepatic vein", "crosses-hepatic-vein-mouth", Severity.BLOCK),
        ("vein", "svc", "azygos", "crosses-azygos", Severity.WARN),
        ("vein", "svc", "right atrium", "crosses-right-atrium", Severity.WARN),
        ("airway", "main-bronchus", "left upper lobe", "crosses-lobar-bronchus", Severity.BLOCK),
        ("airway", "trachea", "Carina", "crosses-carina", Severity.BLOCK),
    ],
)
def test_that_a_covered_stent_across_a_landmark_is_said(
    kind: str, site: str, mark: str, code: str, severity: Severity
) -> None:
    inside = size_stent(lumen(kind, 10.0, 10.0, (mark, 70.0)), site, type_wish="covered")
    found = [each for each in inside.proposals[0].findings if each.code == code]
    assert [each.severity for each in found] == [severity]
    assert found[0].overridable
    beyond = size_stent(lumen(kind, 10.0, 10.0, (mark, 190.0)), site, type_wish="covered")
    assert code not in codes(beyond.proposals[0].findings)


def test_that_a_bare_stent_leaves_branches_open() -> None:
    found = size_stent(lumen("bile", 10.0, 9.0, ("cystic duct", 70.0)), "biliary", type_wish="bare")
    assert "crosses-cystic-duct" not in codes(found.proposals[0].findings)


def test_that_a_distal_duct_with_clear_branches_is_covered_and_a_hilar_one_is_bare() -> None:
    clear = lumen("bile", 10.0, 9.0, ("cystic duct", 10.0), ("confluence", 5.0))
    assert size_stent(clear, "biliary").proposals[0].type == "covered"
    hilar = lumen("bile", 10.0, 9.0, ("cystic duct", 10.0), ("confluence", 65.0))
    assert size_stent(hilar, "biliary").proposals[0].type == "bare"
    assert size_stent(lumen("bile", 10.0, 9.0), "biliary").proposals[0].type == "bare"


def test_that_the_upper_edge_keeps_two_centimetres_from_the_cricopharyngeus() -> None:
    near = size_stent(lumen("oesophagus", 19.0, 19.0, ("cricopharyngeus", 25.0)), "oesophagus").proposals[0]
    said = [each for each in near.findings if each.code == "near-cricopharyngeus"]
    assert said[0].measured == pytest.approx(15.0)
    assert said[0].limit == 20.0
    far = size_stent(lumen("oesophagus", 19.0, 19.0, ("cricopharyngeus", 20.0)), "oesophagus").proposals[0]
    assert "near-cricopharyngeus" not in codes(far.findings)


def test_that_benign_disease_and_uncovered_metal_is_asked_about() -> None:
    bare = size_stent(lumen("airway", 14.0, 14.0), "trachea", "benign", type_wish="bare").proposals[0]
    assert [each.severity for each in bare.findings if each.code == "benign-bare-metal"] == [Severity.BLOCK]
    assert size_stent(lumen("bile", 10.0, 9.0), "biliary", "benign").proposals[0].type == "covered"
    assert size_stent(lumen("vein", 14.0, 14.0), "svc", "benign").proposals[0].type == "bare"


def test_that_a_fistula_is_overlapped_on_both_sides() -> None:
    marked = lumen("oesophagus", 19.0, 19.0, ("fistula", 62.0))
    found = size_stent(marked, "oesophagus", "fistula").proposals[0]
    assert found.type == "covered"
    assert found.start_mm == pytest.approx(62.0 - 25.0)
    assert found.end_mm == pytest.approx(100.0)
    assert "overlap-short" not in codes(found.findings)
    place = _plan(marked, "oesophagus", "fistula")
    short = placed_findings(place, Placed(40.0, 100.0, 20.0, stent_catalogue().type("covered")))
    assert [each.measured for each in short if each.code == "overlap-short"] == [pytest.approx(22.0)]
    bare = placed_findings(place, Placed(37.0, 100.0, 20.0, stent_catalogue().type("bare")))
    assert "not-sealing" in codes(bare)


def _plan(facts: LumenFacts, site: str, indication: str, way_mm: float | None = None) -> Plan:
    known = stent_catalogue()
    place = known.site(site)
    return Plan(known, facts, place, known.indication(indication), need_of(facts, place, known), way_mm)


def test_that_a_bleeding_artery_without_a_stricture_is_sized_beside_its_opening() -> None:
    along = np.linspace(0.0, 100.0, 201)
    facts = LumenFacts(
        "artery", 100.0, None, (LumenMark("bleeding point", 50.0, (0.0, 0.0, 0.0)),), along, np.full(201, 6.0)
    )
    found = size_stent(facts, "artery", "bleeding")
    assert found.proposals[0].diameter_mm == pytest.approx(7.0)
    assert (found.proposals[0].start_mm, found.proposals[0].end_mm) == (40.0, 60.0)
    assert found.proposals[0].type == "covered"


def test_that_nothing_to_stent_is_said_and_gives_no_length() -> None:
    found = size_stent(LumenFacts("airway", 100.0, None), "trachea")
    assert "no-stenosis" in codes(found.findings)
    assert found.proposals[0].length_mm is None


def test_that_a_site_without_a_rule_gives_no_size() -> None:
    found = size_stent(lumen("vein", 14.0, 14.0), "portal-vein")
    assert [each.diameter_mm for each in found.proposals] == [None]
    assert "no-size" in codes(found.proposals[0].findings)


def test_that_delivery_is_held_against_the_way() -> None:
    facts = lumen("oesophagus", 18.0, 18.0)
    for way, code in ((7.0, "delivery-too-wide"), (9.0, None), (None, "delivery-not-checked")):
        found = {each.device: each for each in size_stent(facts, "oesophagus", way_mm=way).proposals}
        said = codes(found["ultraflex-oesophagus"].findings) & {"delivery-too-wide", "delivery-not-checked"}
        assert said == (set() if code is None else {code})


def test_that_short_landing_and_leaving_the_measured_lumen_are_said() -> None:
    plan = _plan(lumen("vein", 14.0, 14.0, length=90.0), "svc", "malignant")
    said = placed_findings(plan, Placed(55.0, 95.0, 16.0, stent_catalogue().type("bare")))
    assert {"landing-short", "not-measured"} <= codes(said)


def test_that_seeds_come_without_a_dose_and_only_when_asked_for() -> None:
    usual = size_stent(lumen("bile", 10.0, 9.0), "biliary")
    assert all(each.type != "iodine-125" for each in usual.proposals)
    loaded = size_stent(lumen("bile", 10.0, 9.0), "biliary", type_wish="iodine-125")
    assert [each.device for each in loaded.proposals] == [None, "iodine-biliary"]
    assert "type-iodine-125" in codes(loaded.proposals[0].findings)
    assert stent_catalogue().type("iodine-125").fields == (
        "activity",
        "seed_number",
        "radiation_safety_discharge_note",
    )


def test_that_a_y_has_a_limb_for_each_lumen_and_says_what_is_missing() -> None:
    first, product = size_y_stent(14.0, 11.0, 10.0)
    assert (first.device, first.trunk_mm, first.right_mm, first.left_mm) == (None, 16.0, 13.0, 11.0)
    assert (product.trunk_mm, product.right_mm, product.left_mm) == (16.0, 13.0, 12.0)
    (unknown, _) = size_y_stent(14.0, None, 10.0)
    assert unknown.right_mm is None
    assert "no-size" in codes(unknown.findings)


def test_that_two_stents_side_by_side_are_held_against_the_common_lumen() -> None:
    one, other = lumen("vein", 11.0, 11.0), lumen("vein", 12.0, 12.0)
    first, second, said = size_side_by_side(one, other, 14.0, "svc")
    both = math.hypot(first.proposals[0].diameter_mm, second.proposals[0].diameter_mm)
    assert [each.measured for each in said] == [pytest.approx(both)]
    assert size_side_by_side(one, other, 18.0, "svc")[2] == ()
    assert codes(size_side_by_side(one, other, None, "svc")[2]) == {"pair-not-checked"}


def test_that_every_row_of_the_catalogue_has_a_source_and_a_bad_one_is_refused() -> None:
    data = catalogue(FILE)
    for row in stent_catalogue().rows.values():
        assert row.source
        assert row.tag in ("S", "S2", "M", "P")
    rows = [{key: held for key, held in data["stent"][0].items() if key != "source"}]
    rows.append({**data["stent"][1], "diameters_mm": [800], "colour": "red", "sites": ["knee"]})
    with pytest.raises(InputRefused, match="has no source") as refused:
        read_stents({**data, "stent": rows})
    assert "unknown key 'colour'" in refused.value.message
    rows = [{**data["stent"][1], "diameters_mm": [800], "sites": ["knee"]}]
    with pytest.raises(InputRefused, match="unknown site knee") as refused:
        read_stents({**data, "stent": rows})
    assert "impossible diameters_mm of 800" in refused.value.message


def test_that_a_product_longer_than_needed_rather_stays_in_the_measured_lumen() -> None:
    found = {each.device: each for each in size_stent(lumen("bile", 10.0, 9.0, length=92.0), "biliary").proposals}
    product = found["generic-biliary-bare"]
    assert (product.start_mm, product.end_mm) == (50.0, 90.0)
    longer = size_stent(lumen("bile", 10.0, 9.0, start=50.0, end=85.0, length=95.0), "biliary").proposals[1]
    assert (longer.length_mm, longer.end_mm) == (60.0, 95.0)
    assert "not-measured" not in codes(longer.findings)


def test_that_no_fitting_product_is_said() -> None:
    found = size_stent(lumen("airway", 19.0, 19.0), "trachea")
    assert [each.device for each in found.proposals] == [None]
    assert "no-product" in codes(found.findings)


def test_that_unknown_words_are_wrong_usage() -> None:
    for wrong in ({"site": "knee"}, {"indication": "boredom"}, {"type_wish": "gold"}):
        with pytest.raises(UsageError, match="one of"):
            size_stent(lumen("vein", 14.0, 14.0), **wrong)
