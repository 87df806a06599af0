"""The whole path through the window, by the events a person causes: folder to signed plan to the second session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from phantoms import tiny_patient, tiny_series
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from window_hands import Hands

from planner.findings import Severity
from planner.model.session import SessionState
from planner.phantom import DigitalPatient, Written
from planner.workflow.examples import example_stages
from planner.workflow.status import Status
from planner.workflow.template import FieldKind, Inherit
from planner.workflow.values import is_empty
from viewers.panels.case_editors import ComputedView
from viewers.panels.editors import ChoiceEditor, LineEditor, ToggleEditor

__all__ = ["tiny_series"]


@dataclass
class Clock:
    """The day the test plays on."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Story:
    """What the chapters of the walk share; each test is one chapter and leaves the window where the next begins.

    Attributes
    ----------
    told, begun
        Chapters that were played to their end, and those that were tried.
    """

    folder: Path
    written: Written
    patient: DigitalPatient
    hands: Hands
    day: date
    clock: Clock
    told: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)

    def reached(self, chapter: str) -> None:
        """Play the chapters up to this one, unless this process has already; one that failed is not tried again."""
        if chapter in self.told:
            return
        if chapter in self.begun:
            pytest.skip(f"the chapter before this one failed: {chapter}")
        self.begun.add(chapter)
        CHAPTERS[chapter](self)

    def ends(self, chapter: str) -> None:
        self.told.append(chapter)

    def use_clock(self) -> None:
        desk = self.hands.work.session_desk
        assert desk is not None
        desk.clock = self.clock


@pytest.fixture(scope="module")
def story(qapp: QApplication, tiny_series: Written, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("walk-library")
    patient = tiny_patient()
    studied = date.fromisoformat(str(patient.arterial.source.study_date))
    day = studied + timedelta(days=8)
    clock = Clock(datetime.combine(day - timedelta(days=3), time(9)).astimezone())
    made = Story(folder, tiny_series, patient, Hands(folder), day, clock)
    yield made
    made.hands.close()


def steps(story: Story) -> dict[str, object]:
    case = story.hands.work.opened.case
    roles = {str(ref.phase): f"{ref.series_uid}#{ref.part}" for ref in case.studies if ref.phase is not None}
    lesions = tuple(each.id for each in case.lesions)
    return {each.stage: each for each in example_stages("tace", story.day, lesions=lesions, series=roles)}


def sign_all(story: Story, people: dict[str, str]) -> None:
    """Type a name per role and press its button."""
    signing = story.hands.window.case_page.signing
    for role, person in people.items():
        story.hands.type(signing.names[role], person, leave=False)
        story.hands.press(signing.buttons[role])
        assert signing.problem.text() == "", f"{story.hands.work.stage_id}: {signing.problem.text()}"


def status_of(story: Story, stage: str) -> Status:
    desk = story.hands.work.session_desk
    assert desk is not None
    return desk.status().stage(stage).status


def fill(story: Story, stage: str) -> None:
    """The answers of the example that nobody has typed by hand yet, as one burst."""
    step = steps(story)[stage]
    for name, value in step.answers.items():
        refusal = story.hands.work.answer(stage, name, value)
        assert refusal is None, f"{stage}.{name}: {refusal}"
    story.hands.turn()


def test_that_a_dropped_folder_becomes_a_case_with_a_session(story: Story) -> None:
    hands, window = story.hands, story.hands.window
    hands.drop(*story.written.series)
    hands.until(lambda: window.import_dialog is not None, "the list of series")
    dialog = window.import_dialog
    assert [entry.loadable for entry in dialog.entries] == [True, True]
    hands.press(hands.button(dialog, "New case"))
    hands.until(lambda: window.case_menu.dialog is not None, "the question for a template")
    question = window.case_menu.dialog
    hands.pick(question.boxes[0], "tace")
    hands.pick(question.boxes[1], "bclc-cirse")
    hands.press(question.go)
    story.use_clock()
    hands.settle()
    case = hands.work.opened.case
    assert len(case.studies) == 2
    assert [each.template.id for each in case.sessions] == ["tace"]
    assert window.desk.state.images.volumes
    story.ends("case")


def test_that_phases_are_given_by_the_lists_of_the_form(story: Story) -> None:
    story.reached("case")
    hands = story.hands
    hands.go("images_lesions")
    editors = hands.window.case_page.form.editors
    refs = {ref.phase: f"{ref.series_uid}#{ref.part}" for ref in hands.work.opened.case.studies}
    for name, phase in (("arterial_series", "arterial"), ("portal_series", "portal-venous")):
        editor = editors[name]
        assert isinstance(editor, ChoiceEditor)
        hands.pick(editor.box, None)
        assert phase not in hands.work.session_desk.session.series_roles
        hands.pick(editor.box, refs[phase])
    hands.settle()
    assert dict(hands.work.session_desk.session.series_roles) == {
        "arterial": refs["arterial"],
        "portal-venous": refs["portal-venous"],
    }
    assert set(hands.window.desk.state.images.volumes) >= set(refs.values())
    story.ends("phases")


def test_that_clicks_mark_the_lesions(story: Story) -> None:
    story.reached("phases")
    hands, page = story.hands, story.hands.window.case_page
    for number, lesion in enumerate(story.patient.truth.lesions, start=1):
        hands.window.desk.state.selected_id.set(None)
        hands.press(page.items.tool_buttons["lesion"])
        hands.click_at("axial", lesion.centre_lps_mm)
        hands.until(lambda number=number: len(hands.work.opened.case.lesions) == number, "the lesion")
        hands.settle()
        if number == 1:
            # Its core is dead and dark: the rim is added by a second click.
            rim = np.asarray(lesion.centre_lps_mm) + (0.0, 9.0, 0.0)
            hands.click_at("axial", rim, Qt.KeyboardModifier.ShiftModifier)
        marked = hands.work.opened.case.lesions[-1].latest
        assert marked is not None
        assert marked.volume_ml == pytest.approx(lesion.volume_ml, rel=0.5)
    assert list(page.lesions.cards) == [each.id for each in hands.work.opened.case.lesions]
    story.ends("lesions")


def test_that_a_lesion_is_named_and_placed_in_its_card(story: Story) -> None:
    story.reached("lesions")
    hands, page = story.hands, story.hands.window.case_page
    for number, lesion in enumerate(hands.work.opened.case.lesions, start=1):
        card = page.lesions.cards[lesion.id]
        hands.press(card.head)
        hands.type(card.editors["name"].line, f"L{number}")
        hands.type(card.editors["segment"].line, "VIII")
    lesions = hands.work.opened.case.lesions
    assert [(each.name, each.segment) for each in lesions] == [("L1", "VIII"), ("L2", "VIII")]
    assert {mark.item.name for mark in hands.window.desk.marks.marks.value} >= {"L1", "L2"}
    for number, lesion in enumerate(lesions):
        hands.type(page.lesions.cards[lesion.id].editors["viable_mm"].line, str(30 - 10 * number))
    assert [each.latest.viable_mm for each in hands.work.opened.case.lesions] == [30.0, 20.0]
    story.ends("named")


def test_that_clicks_along_an_artery_make_a_path_with_named_segments(story: Story) -> None:
    story.reached("named")
    hands, page = story.hands, story.hands.window.case_page
    hands.go("arteries_access")
    aorta = story.patient.truth.path_to(story.patient.truth.lesions[0].feeders[0])[0].points_lps_mm
    hands.press(page.items.tool_buttons["path"])
    for point in (aorta[len(aorta) // 2], aorta[len(aorta) // 2 + 12]):
        hands.click_at("axial", point)
    hands.key(Qt.Key.Key_Return)
    hands.settle()
    paths = [item for item in hands.work.session_desk.session.items if item.type == "vessel-path"]
    kit = hands.window.desk.kit
    assert len(paths) == 1, f"{QApplication.focusWidget()} {kit.hint.value} {kit.notice.value} {len(aorta)}"
    card = page.items.card
    assert card.mark is not None
    hands.pick(card.artery, "aorta_abdominal")
    hands.press(card.add_segment)
    body = hands.work.session_desk.session.item(paths[0].id).body
    assert [each["artery"] for each in body["segments"]] == ["aorta_abdominal"]
    assert page.items.card.table.item(0, 0).text() == "Abdominal aorta"
    hands.press(page.items.card.targets.boxes[hands.work.opened.case.lesions[0].id])
    assert hands.work.session_desk.session.item(paths[0].id).body["lesion_ids"] == [
        hands.work.opened.case.lesions[0].id
    ]
    story.ends("path")


def test_that_fields_of_every_kind_are_filled_by_hand(story: Story) -> None:
    story.reached("path")
    hands, form = story.hands, story.hands.window.case_page.form
    hands.go("referral")
    referrer, urgency = form.editors["referrer"], form.editors["urgency"]
    assert isinstance(referrer, LineEditor)
    hands.type(referrer.line, "Dr N. Okafor")
    assert isinstance(urgency, ChoiceEditor)
    hands.pick(urgency.box, "elective")
    hands.press(form.editors["outside_sessions"].buttons["no"])
    desk = hands.work.session_desk
    assert desk.session.answer("referral", "referrer") == "Dr N. Okafor"
    assert desk.session.answer("referral", "urgency") == "elective"
    assert hands.work.opened.case.outside_sessions == "no"
    hands.go("fitness")
    inr = form.editors["inr"]
    hands.type(inr.number.line, "1,14", leave=False)
    hands.type(inr.taken.line, (story.day - timedelta(days=4)).isoformat(), leave=False)
    hands.press(inr.add)
    assert hands.work.opened.case.latest_lab("inr").value == 1.14
    hands.type(form.editors["weight_kg"].line, "a lot")
    assert "not a number" in form.editors["weight_kg"].line.toolTip()
    hands.type(form.editors["weight_kg"].line, "71")
    assert hands.work.opened.case.patient.weight_kg == 71.0
    table = form.editors["allergies"]
    hands.press(table.add_button)
    hands.type(table.cards[0].editors["substance"].line, "Penicillin")
    assert [each.substance for each in hands.work.opened.case.allergies] == ["Penicillin"]
    assert isinstance(form.editors["pacemaker"], ToggleEditor)
    assert isinstance(form.editors["egfr"], ComputedView)
    story.ends("fields")


def test_that_a_signature_goes_and_comes_with_undo_and_turns_stale(story: Story) -> None:
    story.reached("fields")
    hands, page = story.hands, story.hands.window.case_page
    hands.go("referral")
    fill(story, "referral")
    assert status_of(story, "referral") is Status.OPEN
    sign_all(story, {"coordinator": "A. Lindqvist"})
    assert status_of(story, "referral") is Status.SIGNED
    hands.shortcut(Qt.Key.Key_Z)
    assert status_of(story, "referral") is Status.OPEN
    assert "coordinator" in page.signing.buttons
    hands.shortcut(Qt.Key.Key_Y)
    assert status_of(story, "referral") is Status.SIGNED
    hands.type(page.form.editors["referrer"].line, "Dr Somebody Else")
    assert status_of(story, "referral") is Status.STALE
    assert "stale" in page.signing.state.text()
    hands.shortcut(Qt.Key.Key_Z)
    assert status_of(story, "referral") is Status.SIGNED
    hands.shortcut(Qt.Key.Key_Right)
    assert hands.work.stage_id == "images_lesions"
    hands.shortcut(Qt.Key.Key_Left)
    assert hands.work.stage_id == "referral"
    story.ends("signed")


def test_that_a_blocking_finding_is_passed_with_a_reason_and_stands_again(story: Story) -> None:
    story.reached("signed")
    hands, page = story.hands, story.hands.window.case_page
    hands.go("images_lesions")
    fill(story, "images_lesions")
    hands.work.answer("images_lesions", "arterial_timing", None)
    hands.turn()
    card = page.stage_panel.findings.card_of("required-empty")
    assert card is not None
    hands.press(card.offer)
    assert not card.override_button.isEnabled()
    hands.type(card.reason, "the series is judged tomorrow", leave=False)
    hands.press(card.override_button)
    desk = hands.work.session_desk
    assert [each.override.reason for each in desk.status().overrides] == ["the series is judged tomorrow"]
    assert status_of(story, "images_lesions") is Status.OPEN
    assert any("1 override" in each.text() for each in page.signing.buttons.values())
    hands.work.answer("images_lesions", "arterial_timing", "adequate")
    hands.turn()
    assert not desk.status().overrides
    story.ends("override")


def test_that_every_stage_is_signed_through_the_time_out_to_the_end(story: Story) -> None:
    story.reached("override")
    hands, page = story.hands, story.hands.window.case_page
    desk = hands.work.session_desk
    for stage in desk.template.stages:
        step = steps(story)[stage.id]
        story.clock.now = datetime.combine(step.day, time(9)).astimezone()
        hands.go(stage.id)
        if stage.id != "referral":
            fill(story, stage.id)
        blocking = [f for f in desk.status().stage(stage.id).findings if f.severity is Severity.BLOCK]
        for finding in blocking:
            hands.work.override(finding, "the phantom is not a patient")
        hands.turn()
        missing = desk.status().stage(stage.id).missing_roles
        sign_all(story, {role: person for role, person in step.signed_by.items() if role in missing})
        if stage.freezes:
            hands.type(page.signing.names["time-out"], "Dr M. Keller, T. Nowak", leave=False)
            hands.press(page.signing.buttons["time-out"])
            assert page.signing.problem.text() == ""
            assert desk.session.time_out is not None
            assert desk.session.time_out.by == ("Dr M. Keller", "T. Nowak")
    undone = [each.stage.id for each in desk.status().stages if not each.complete]
    assert undone == []
    hands.go("liver_stage")
    assert not page.form.editors["ascites"].isEnabled()
    used = page.form.editors["bilirubin"].present.text()
    assert used.startswith("18 µmol/L"), f"the value used at the time-out is shown, not {used}"
    texts = [label.text() for label in page.stage_panel.findChildren(type(page.stage_panel.title))]
    assert any("Newer value since the time-out: bilirubin 24 µmol/L" in text for text in texts)
    story.ends("signed to the end")


def test_that_the_session_moves_through_its_states(story: Story) -> None:
    story.reached("signed to the end")
    hands, window = story.hands, story.hands.window
    window.case_menu.ask_for_state()
    dialog = window.case_menu.dialog
    hands.pick(dialog.boxes[0], "in-room")
    hands.press(dialog.go)
    hands.work.advance(SessionState.DONE, None)
    hands.turn()
    assert hands.work.session_desk.session.state is SessionState.DONE
    assert "done" in window.case_page.banner.session.text()
    story.ends("states")


def test_that_the_plan_is_printed(story: Story, tmp_path: Path) -> None:
    story.reached("states")
    hands = story.hands
    paper = tmp_path / "plan.pdf"
    hands.window.case_menu.print_to(paper)
    hands.settle()
    assert paper.read_bytes().startswith(b"%PDF"), hands.window.jobs.message.text()
    assert [each.what for each in hands.library.prints(hands.work.opened.case.id)]


def test_that_a_new_window_opens_the_case_where_it_was_left(story: Story) -> None:
    story.reached("states")
    before = story.hands.work.opened.case
    story.hands.close()
    story.hands = hands = Hands(story.folder)
    table = hands.window.library_page.table
    assert table.rowCount() == 1
    table.setFocus()
    hands.key(Qt.Key.Key_Return)
    hands.settle()
    assert hands.work.opened.case == before
    assert [each.id for each in hands.work.opened.case.sessions] == [each.id for each in before.sessions]
    assert hands.window.desk.state.images.volumes
    story.use_clock()
    story.ends("reopened")


def test_that_a_second_session_carries_what_it_may_and_nothing_else(story: Story) -> None:
    story.reached("reopened")
    hands, page = story.hands, story.hands.window.case_page
    story.clock.now = datetime.combine(story.day + timedelta(days=49), time(9)).astimezone()
    hands.shortcut(Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    story.use_clock()
    hands.settle()
    desk = hands.work.session_desk
    assert desk.session.started_from is not None
    hands.go("arteries_access")
    shown = [label.text() for label in page.stage_panel.findChildren(type(page.stage_panel.title))]
    assert any(text.startswith("Last time") for text in shown)
    assert any("review" in text for text in shown)
    carried = [each for stage in desk.template.stages for each in stage.fields if each.inherit is Inherit.NEVER]
    assert carried
    for stage in desk.template.stages:
        for each in stage.fields:
            if (
                each.inherit is Inherit.NEVER
                and each.binds is None
                and each.kind not in (FieldKind.LAB, FieldKind.SERIES)
            ):
                assert is_empty(desk.session.answer(stage.id, each.id)), f"{stage.id}.{each.id} was carried"
    assert desk.session.time_out is None
    assert desk.session.signoffs == ()
    confirm = next(b for b in page.form.findChildren(QPushButton) if b.text() == "Confirm" and b.isVisible())
    marked = sum(answer.inherited_from is not None for answer in desk.session.answers["arteries_access"].values())
    hands.press(confirm)
    now = sum(answer.inherited_from is not None for answer in desk.session.answers["arteries_access"].values())
    assert now == marked - 1


CHAPTERS = {
    "case": test_that_a_dropped_folder_becomes_a_case_with_a_session,
    "phases": test_that_phases_are_given_by_the_lists_of_the_form,
    "lesions": test_that_clicks_mark_the_lesions,
    "named": test_that_a_lesion_is_named_and_placed_in_its_card,
    "path": test_that_clicks_along_an_artery_make_a_path_with_named_segments,
    "fields": test_that_fields_of_every_kind_are_filled_by_hand,
    "signed": test_that_a_signature_goes_and_comes_with_undo_and_turns_stale,
    "override": test_that_a_blocking_finding_is_passed_with_a_reason_and_stands_again,
    "signed to the end": test_that_every_stage_is_signed_through_the_time_out_to_the_end,
    "states": test_that_the_session_moves_through_its_states,
    "reopened": test_that_a_new_window_opens_the_case_where_it_was_left,
}
"""Chapter -> the test that plays it: when tests are shared out over processes, each plays what comes before its own."""
