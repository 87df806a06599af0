"""Minutes of a decision on paper: every entry, dissent in front, and what nobody filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from planner.app.board import entries
from planner.app.board_minutes import board_minutes
from planner.errors import UsageError
from planner.model.disease import BoardDecision, Opinion
from tests.course_cases import hcc_case
from tests.paper import text_of

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
DECISION = BoardDecision(
    "decision-1",
    question="Ablate?",
    decision="Ablation",
    charlson=0,
    comorbidity="none known",
    opinions=(Opinion("surgery", "Dr S", "Resect <i>now</i>", True),),
    discussion={"images-shown": "yes"},
)


def test_that_minutes_have_every_entry_and_say_what_was_not_recorded() -> None:
    found = board_minutes(hcc_case(decisions=(DECISION,)), "decision-1", NOW)
    lines = {each.label: each.value for each in found.summary}
    assert {each.label for each in entries()} - set(lines) == {"Opinion per discipline"}
    assert lines["Comorbidity (Charlson)"] == "0"
    assert lines["Social situation"] == "not recorded"
    assert "Social situation" in found.warnings[0]
    assert "Comorbidity" not in found.warnings[0]
    assert found.warnings[1] == "Disagrees: Surgery"
    assert ("The images were shown", "yes") in found.tables[1].rows
    assert ("A trial was thought of", "not answered") in found.tables[1].rows


def test_that_minutes_without_a_decision_are_a_draft() -> None:
    case = hcc_case(decisions=(replace(DECISION, decision=""),))
    assert board_minutes(case, "decision-1", NOW).draft
    with pytest.raises(UsageError, match="no decision"):
        board_minutes(case, "decision-9", NOW)


def test_that_the_paper_shows_markup_as_it_was_typed() -> None:
    from planner.report.pdf import set_pdf

    content, pages = set_pdf(board_minutes(hcc_case(decisions=(DECISION,)), "decision-1", NOW))
    assert pages >= 1
    assert "Resect <i>now</i>" in text_of(content)
