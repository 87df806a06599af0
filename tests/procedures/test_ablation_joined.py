"""What the search of a session stores is what the gates of the ablation read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ablation_walk as aw
import pytest
from needle_bench import scene
from needle_walks import session_of
from shapes import FRAME
from stored_cases import DOCTOR

from planner.app.needle_paths import NeedleTask, put_found_path, search_paths
from planner.app.needle_structures import StructureStore, regions_from_automatic, seed_structures
from planner.imaging.volumes import ImageSource
from planner.model.case import Case
from planner.model.edits import with_session
from planner.model.items import REGION
from planner.model.needle_items import NEEDLE_PATH
from planner.store.library import Library

NOW = datetime(2026, 5, 8, 9, 30, tzinfo=UTC)
SOURCE = ImageSource("1.2.826.1", modality="CT", study_date="2026-05-01")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder: Path = tmp_path_factory.mktemp("joined")
    opened = Library.open(f"sqlite:///{folder / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def planned(library: Library) -> Case:
    """The bench's structures, the others confirmed absent, and the best path of the search taken into the plan."""
    made = scene()
    session = replace(session_of(aw.filled_case()), items=())
    case = aw.with_answers(with_session(aw.filled_case(), session), "structures", structures=None)
    names = dict(zip(("stomach", "portal_vein", "rib_left_7"), (each.mask for each in made.obstacles), strict=True))
    masks = {"skin": made.body, "liver": made.organ, "lesion": made.target, **names}
    case = regions_from_automatic(library, session_of(case), masks, SOURCE, by=DOCTOR)(case)
    case = seed_structures(aw.SESSION, aw.ablation(), "liver", by="Dr Example", now=NOW)(case)
    case = _confirmed_absent(case)
    target = next(i for i in session_of(case).items if i.type == REGION and i.body.get("structure") == "lesion")
    series = aw.SERIES["today"]
    task = NeedleTask(
        FRAME, target.id, organ="liver", diameter_mm=1.6, usable_length_mm=90.0, series=series, gauge="16 G"
    )
    found = search_paths(StructureStore(library), session_of(case), aw.ablation(), task)
    case = put_found_path(aw.SESSION, found, found.found.paths(1)[0], name="Needle 1", by=DOCTOR)(case)
    needle = next(item for item in session_of(case).items if item.type == NEEDLE_PATH)
    row = {"needle": needle.id, "lesion": "lesion-2", "judged": "admissible"}
    return aw.with_answers(case, "paths", needles=[row])


def _confirmed_absent(case: Case) -> Case:
    rows = [dict(row) for row in session_of(case).answer("structures", "structures")]
    absent = {"status": "absent", "confirmed_by": "Dr Example"}
    settled = [{**row, **absent} if row["status"] == "not-segmented" else row for row in rows]
    return aw.with_answers(case, "structures", structures=settled)


@pytest.mark.parametrize(
    "check",
    ["target-has-needle", "needle-length", "needle-limits", "needle-checked", "needle-measured", "needle-position"],
)
def test_that_a_path_of_the_search_passes_its_gates(planned: Case, check: str) -> None:
    assert [each.text for each in aw.checked(planned, "paths", check)] == []


def test_that_the_structures_of_the_search_are_those_of_the_gate(planned: Case) -> None:
    assert aw.checked(planned, "structures", "required-structures") == []


def test_that_the_read_out_is_taken_from_todays_scan_only(planned: Case) -> None:
    assert aw.checked(planned, "scan_today", "readout-from-today") == []
    moved = aw.roles(today=aw.SERIES["completion"])(planned)
    assert aw.codes(aw.checked(moved, "scan_today", "readout-from-today")) == {"readout-refused"}


def test_that_a_changed_distance_asks_for_a_new_measurement(planned: Case) -> None:
    changed = aw.structure("stomach", hard_mm=7.5)(planned)
    found = aw.checked(changed, "paths", "needle-measured")
    assert aw.codes(found) == {"needle-stale"}
    assert "measure again" in found[0].text


def test_that_a_structure_drawn_or_gone_since_asks_for_a_new_measurement(planned: Case) -> None:
    stomach = next(item for item in session_of(planned).items if item.body.get("structure") == "stomach")
    assert aw.codes(aw.checked(aw.gone(stomach.id)(planned), "paths", "needle-measured")) == {"needle-stale"}
    spleen = replace(stomach, id="region-spleen", body={**stomach.body, "structure": "spleen"})
    assert aw.codes(aw.checked(aw.items(spleen)(planned), "paths", "needle-measured")) == {"needle-stale"}


def test_that_a_structure_nobody_looked_at_refuses_the_word_admissible(planned: Case) -> None:
    open_again = aw.structure("gallbladder", status="not-segmented", confirmed_by=None)(planned)
    found = aw.checked(open_again, "paths", "needle-checked")
    assert [(each.code, each.overridable) for each in found] == [("not-admissible", False)]
    assert "gallbladder" in found[0].text
