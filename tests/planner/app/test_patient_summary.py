"""The patient's summary: open slots stay open, the stage stays out, a draft says so, and a release is earned."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from paper import pages_of, text_of
from tace_walk import SESSION, tace, walked, with_answers

from planner.app.patient_summary import (
    basis_changed,
    composed_summary,
    draft_summary,
    edit_summary,
    keep_text,
    release_refusals,
    release_summary,
    summaries_of,
    summary_letter,
    withdraw_summary,
    write_summary,
)
from planner.app.summary_words import languages, open_slots, words_of
from planner.app.templates import installed
from planner.catalogues import catalogue
from planner.errors import InputRefused, UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Diagnosis
from planner.model.dossier import PatientSummary
from planner.report.letter import set_letter
from planner.store.actors import Actor
from planner.store.library import Library

TEMPLATES = {"tace": tace()}
BY = Actor("Dr Print", "approver", "room-2")
REASSURING = (" well", "success", "no complication", "without problems", "顺利", "成功", "没有并发症", "良好")


@pytest.fixture(scope="module")
def case() -> Case:
    return walked().case


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def drafted(case: Case, **chosen: str) -> Case:
    return draft_summary(SESSION, TEMPLATES, by="Dr Draft", at=walked().now, **chosen)(case)


def composed(case: Case, **chosen: str) -> PatientSummary:
    return composed_summary(case, SESSION, TEMPLATES, by="Dr Draft", at=walked().now, **chosen)


def filled(case: Case) -> Case:
    """The newest summary with every slot filled by a person."""
    summary = case.summaries[-1]
    text = [f"{each.partition(chr(10))[0]}\nWords of the doctor." for each in summary.paragraphs]
    return edit_summary(summary.id, text, by="Dr Draft", at=walked().now)(case)


def released(case: Case) -> Case:
    return release_summary(case.summaries[-1].id, TEMPLATES, by="Dr Release", at=walked().now)(case)


def page(case: Case, summary: PatientSummary) -> str:
    content, count = set_letter(summary_letter(case, summary, TEMPLATES, walked().now))
    assert count == 1
    return text_of(content)


def test_that_the_summary_says_what_the_record_says_in_plain_words(case: Case) -> None:
    text = "\n".join(composed(case).paragraphs)
    assert "On 12 May 2026: medicine and small particles or oil" in text
    assert "number of places treated: 2" in text
    assert "Ward 4, day and night" in text
    assert "Images: 16 June 2026." in text
    for code in ("tace", "TACE", "completed,", "sign_out", "lesion-1", "CIRSE"):
        assert code not in text


def test_that_nothing_reassuring_is_said_where_nothing_was_recorded(case: Case) -> None:
    bare = replace(case.sessions[0], answers={}, performed_on=None)
    empty = replace(case, sessions=(bare,), disease_stage=None, diagnosis=Diagnosis())
    for language in languages():
        for addressee in ("patient", "follow-up-doctor"):
            made = composed(empty, language=language, addressee=addressee, disclosure="full")
            said = "\n".join(made.paragraphs).casefold()
            assert [word for word in REASSURING if word in said] == []
            begins = [each.partition("\n")[0] for each in made.paragraphs if each in open_slots(made.paragraphs)]
            headings = words_of(language).data["headings"]
            assert {headings[key] for key in ("done", "where", "course", "images", "outlook", "call", "next")} <= set(
                begins
            )


def test_that_no_complication_is_said_only_where_somebody_asked_and_none_is_listed(case: Case) -> None:
    def course_of(changed: Case) -> str:
        return next(each for each in composed(changed).paragraphs if each.startswith("How it went"))

    asked = with_answers(case, "events_30d", none="yes", adverse_events=None)
    assert "no complication was recorded" in course_of(asked)
    assert "no complication" not in course_of(with_answers(asked, "events_30d", none=None))
    assert "no complication" not in course_of(with_answers(asked, "sign_out", events=[{"event": "Spasm"}]))


def test_that_of_a_session_that_was_stopped_the_program_does_not_say_what_was_done(case: Case) -> None:
    stopped = with_answers(case, "sign_out", ended_as="attempted-nothing-given", ended_reason="Shunt")
    first = composed(stopped).paragraphs[0]
    assert "medicine and small particles" not in first
    assert open_slots((first,))


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_that_stage_and_diagnosis_wait_for_their_level(case: Case, language: str) -> None:
    text = {
        level: "\n".join(composed(case, language=language, disclosure=level).paragraphs)
        for level in ("procedure-only", "diagnosis", "full")
    }
    illness = words_of(language).data["diagnoses"]["HCC"]
    assert [illness in text[each] for each in ("procedure-only", "diagnosis", "full")] == [False, True, True]
    for word in ("BCLC", "T2 N0"):
        assert [word in text[each] for each in ("procedure-only", "diagnosis", "full")] == [False, False, True]
    outlook = words_of(language).data["headings"]["outlook"]
    assert [outlook in text[each] for each in ("procedure-only", "diagnosis", "full")] == [False, False, True]


def test_that_a_draft_says_so_on_its_page_and_a_released_page_says_by_whom(case: Case) -> None:
    draft = drafted(case)
    assert page(draft, draft.summaries[-1]).count("DRAFT") == 2
    done = released(filled(draft))
    text = page(done, done.summaries[-1])
    assert "DRAFT" not in text
    assert "Read and released by Dr Release on 17 June 2026" in text


def test_that_chinese_glyphs_are_text_of_the_page(case: Case, tmp_path: Path) -> None:
    made = composed(case, language="zh-Hans", disclosure="diagnosis")
    content, count = set_letter(summary_letter(case, made, TEMPLATES, walked().now))
    file = tmp_path / "summary.pdf"
    file.write_bytes(content)
    said = subprocess.run(["pdftotext", str(file), "-"], check=True, capture_output=True).stdout.decode()
    assert count == 1
    for words in ("做了什么治疗", "肝细胞癌", "2026年5月12日", "草稿", "DRAFT", "由医生填写"):
        assert words in said


def test_that_a_release_is_refused_while_a_slot_is_open(case: Case) -> None:
    draft = drafted(case)
    with pytest.raises(InputRefused, match="still to be filled") as refused:
        released(draft)
    assert refused.value.code == "open-slots"
    assert released(filled(draft)).summaries[-1].released_by == "Dr Release"


@pytest.mark.parametrize(
    ("answer", "level", "refused"),
    [
        ("full", "full", False),
        ("no-prognosis", "full", True),
        ("no-prognosis", "diagnosis", False),
        ("limited", "diagnosis", True),
        ("not-asked", "diagnosis", True),
        (None, "full", True),
        (None, "procedure-only", False),
    ],
)
def test_that_a_page_says_no_more_than_the_patient_wishes(
    case: Case, answer: str | None, level: str, refused: bool
) -> None:
    asked = with_answers(case, "consent", disclosure_level=answer)
    ready = filled(drafted(asked, disclosure=level))
    codes = [each.code for each in release_refusals(ready, ready.summaries[-1], TEMPLATES)]
    assert codes == (["says-more-than-wished"] if refused else [])
    doctor = filled(drafted(asked, disclosure=level, addressee="follow-up-doctor"))
    assert release_refusals(doctor, doctor.summaries[-1], TEMPLATES) == ()
    assert ("Do not hand this page" in page(doctor, doctor.summaries[-1])) is refused


@pytest.mark.parametrize(
    "typed", ["The tumour is T2 N0 M0.", "It is bclc B.", "The prognosis is open.", "肿瘤已到晚期。"]
)
def test_that_a_typed_stage_is_found_below_its_level(case: Case, typed: str) -> None:
    def codes(level: str) -> list[str]:
        draft = drafted(with_answers(case, "consent", disclosure_level="full"), disclosure=level)
        text = edit_summary(draft.summaries[-1].id, [f"Illness\n{typed}"], by="Dr Draft", at=walked().now)(draft)
        return [each.code for each in release_refusals(text, text.summaries[-1], TEMPLATES)]

    assert codes("diagnosis") == ["names-the-stage"]
    assert codes("full") == []


def test_that_a_word_within_another_is_no_stage(case: Case) -> None:
    draft = drafted(case)
    plain = edit_summary(draft.summaries[-1].id, ["Done\nAt this stage terminals."], by="Dr Draft", at=walked().now)(
        draft
    )
    assert release_refusals(plain, plain.summaries[-1], TEMPLATES) == ()


def test_that_a_record_changed_since_the_draft_is_said_and_a_person_may_keep_the_text(case: Case) -> None:
    ready = filled(drafted(case))
    later = with_answers(ready, "discharge", contact="Another ward")
    with pytest.raises(InputRefused, match="record has changed"):
        released(later)
    kept = keep_text(later.summaries[-1].id, TEMPLATES, by="Dr Draft", at=walked().now)(later)
    done = released(kept)
    assert done.summaries[-1].paragraphs == ready.summaries[-1].paragraphs
    after = with_answers(done, "discharge", contact="A third ward")
    assert basis_changed(after, after.summaries[-1], TEMPLATES)
    assert "record has changed since this page was released" in page(after, after.summaries[-1])


def test_that_what_a_level_leaves_out_does_not_change_its_basis(case: Case) -> None:
    draft = drafted(case)
    staged = replace(draft, disease_stage="BCLC C")
    assert not basis_changed(staged, staged.summaries[-1], TEMPLATES)
    full = drafted(case, disclosure="full")
    assert basis_changed(replace(full, disease_stage="BCLC C"), full.summaries[-1], TEMPLATES)


def test_that_an_edit_or_a_withdrawal_makes_a_released_page_a_draft_again(case: Case) -> None:
    done = released(filled(drafted(case)))
    one = done.summaries[-1].id
    edited = edit_summary(one, ["Done\nOther words"], by="Dr Edit", at=walked().now)(done)
    assert not edited.summaries[-1].is_released
    assert edited.summaries[-1].drafted_by == "Dr Edit"
    assert edit_summary(one, done.summaries[-1].paragraphs, by="Dr Edit", at=walked().now)(done) is done
    taken_back = withdraw_summary(one)(done)
    assert [each.is_released for each in taken_back.summaries] == [False]
    assert withdraw_summary(one)(taken_back).summaries == ()


def test_that_a_new_draft_replaces_the_old_one_and_leaves_a_released_page(case: Case) -> None:
    assert len(drafted(drafted(case)).summaries) == 1
    both = drafted(released(filled(drafted(case))))
    assert [each.is_released for each in summaries_of(both, SESSION)] == [True, False]
    restored = codec.from_json(Case, codec.plain(codec.to_json(both)))
    assert restored.summaries == both.summaries


def test_that_names_are_asked_for_and_unknown_words_refused(case: Case) -> None:
    draft = drafted(case)
    one = draft.summaries[-1].id
    with pytest.raises(UsageError):
        release_summary(one, TEMPLATES, by=" ", at=walked().now)
    for chosen in ({"language": "xx"}, {"addressee": "neighbour"}, {"disclosure": "all"}):
        with pytest.raises(UsageError):
            composed(case, **chosen)
    with pytest.raises(UsageError):
        withdraw_summary("summary-none")(draft)
    with pytest.raises(InputRefused):
        edit_summary(one, [" "], by="Dr Edit", at=walked().now)


def test_that_both_languages_have_the_same_words_and_every_procedure() -> None:
    def keys(table: object, path: str = "") -> set[str]:
        if not isinstance(table, dict):
            return {path}
        return {found for name, value in table.items() for found in keys(value, f"{path}.{name}")}

    english, chinese = (catalogue(f"summary/{each}.toml") for each in ("en", "zh-Hans"))
    assert keys(english) == keys(chinese)
    assert set(installed().templates) == set(english["procedures"])
    for data in (english, chinese):
        rows = [*data["procedures"].values()]
        rows += [one for each in rows for one in each.get("techniques", {}).values()]
        assert all(set(each["signs"]) <= set(data["signs"]) for each in rows)
    # The name of a procedure must not give the illness away.
    for word in ("tumour", "cancer", "肿瘤", "癌"):
        assert not any(word in str(each["what"]) for data in (english, chinese) for each in data["procedures"].values())


def test_that_untrusted_text_is_text_and_a_simulated_case_is_marked(case: Case) -> None:
    draft = drafted(replace(case, simulated=True))
    typed = edit_summary(draft.summaries[-1].id, ["Head\n<b>bold & <font size=90>big"], by="Dr Edit", at=walked().now)(
        draft
    )
    text = page(typed, typed.summaries[-1])
    assert "<b>bold & <font size=90>big" in text
    assert "SIMULATED" in text


def test_that_a_print_is_noted_and_a_text_of_two_pages_is_refused(case: Case, library: Library, tmp_path: Path) -> None:
    draft = drafted(case)
    revision = library.create_case(draft, BY)
    file = tmp_path / "summary.pdf"
    given = {"by": BY, "now": walked().now + timedelta(days=1)}
    assert write_summary(library, draft, revision, draft.summaries[-1], TEMPLATES, file, **given) == 1
    assert len(pages_of(file)) == 1
    assert library.prints(case.id)[0].what == f"summary {SESSION} en patient DRAFT"
    long = edit_summary(draft.summaries[-1].id, ["word " * 2000], by="Dr Edit", at=walked().now)(draft)
    with pytest.raises(InputRefused, match="one page"):
        write_summary(library, long, revision, long.summaries[-1], TEMPLATES, tmp_path / "long.pdf", **given)
    assert not (tmp_path / "long.pdf").exists()
