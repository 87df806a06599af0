"""The catalogue of embolics: every row has a source, bad rows are refused, products are found by their names."""

from __future__ import annotations

from typing import Any

import pytest

from planner.errors import InputRefused
from planner.planning.embolics import KINDS, embolics, embolics_from, of_product

ROW = {
    "id": "a",
    "product": "Beads",
    "kind": "microspheres",
    "source": "label",
    "tag": "S",
    "low_um": 100,
    "high_um": 300,
}


def read(**changes: Any) -> str:
    """What a row is refused with; empty when it is read."""
    row = {key: value for key, value in {**ROW, **changes}.items() if value is not None}
    try:
        embolics_from({"embolic": [row]}, "test.toml")
    except InputRefused as error:
        return str(error)
    return ""


def test_that_every_shipped_row_has_a_source_and_every_kind_is_there() -> None:
    rows = embolics().values()
    assert {each.kind for each in rows} == set(KINDS)
    assert all(each.source and each.tag in ("S", "S2", "M", "P") for each in rows)
    assert all("not read" in each.source or "practice" in each.source for each in rows if each.tag == "P")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": None}, "names no source"),
        ({"source": "  "}, "names no source"),
        ({"tag": "X"}, "unknown evidence tag"),
        ({"kind": "sand"}, "unknown kind"),
        ({"size": 3}, "unknown key 'size'"),
        ({"high_um": None}, "needs low_um and high_um"),
        ({"low_um": 400}, "the first not above the second"),
    ],
)
def test_that_a_bad_row_is_refused_with_its_fault(changes: dict[str, Any], said: str) -> None:
    assert read() == ""
    assert said in read(**changes)


def test_that_a_row_may_not_stand_twice() -> None:
    with pytest.raises(InputRefused, match="stands twice"):
        embolics_from({"embolic": [ROW, ROW]}, "test.toml")


def test_that_a_product_is_found_by_what_was_typed() -> None:
    sizes = [(each.low_um, each.high_um) for each in of_product("EMBOSPHERE 2 mL")]
    assert (300, 500) in sizes
    assert [each.id for each in of_product("Histoacryl blue")] == ["nbca"]
    assert of_product("Nobody's beads") == ()
    assert of_product("") == ()


def test_that_sizes_are_printed_with_their_unit() -> None:
    assert embolics()["bearing-500-710"].size_text == "500-710 µm"
    assert embolics()["nbca"].size_text == "1:1 to 1:5"
    assert embolics()["embozene"].size_text is None
