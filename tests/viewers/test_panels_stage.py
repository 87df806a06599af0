"""Form editors, findings, tables, lesions, marks, banner and worklist, as values in and acts out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMainWindow, QPushButton

from planner.findings import Finding, Severity
from planner.model.disease import Lesion, Observation
from planner.model.edits import new_id
from planner.model.items import PlanItem, VesselPathBody
from planner.store.summary import CaseFacts, CaseSummary, SessionSummary
from planner.workflow.template import Choice, Field, FieldKind
from viewers.panels.banner import BannerText, PatientBanner
from viewers.panels.editors import ChoiceEditor, LineEditor, LongTextEditor, NumberEditor, ToggleEditor
from viewers.panels.findings_panel import FindingCard, FindingsPanel, FoldedFindings
from viewers.panels.lesions_panel import LesionActs, LesionsPanel, lesion_line
from viewers.panels.library_page import LibraryPage
from viewers.panels.mark_card import MarkActs, MarkCard, segment_cells
from viewers.panels.parts import PlainLabel, plain_tip
from viewers.panels.table_editor import TableEditor
from viewers.panels.words import group_title
from viewers.panels.worklist import WORKLISTS
from viewers.state.marking import Mark, mark_of
from viewers.state.theme import SEVERITY_MARKS, STAGE_MARKS

LEFT = Qt.MouseButton.LeftButton
TODAY = date(2026, 3, 12)


def type_into(line: QLineEdit, text: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)


def empty(name: str) -> Finding:
    return Finding("required-empty", Severity.BLOCK, f"{name} is not filled in.", subject=f"stage.{name}")


def test_that_a_number_takes_a_decimal_comma_and_refuses_words(qapp: QApplication) -> None:
    editor, given = NumberEditor(), []
    editor.changed.connect(given.append)
    editor.show()
    type_into(editor.line, "3,5")
    type_into(editor.line, "three")
    assert given == [3.5]
    assert "not a number" in editor.line.toolTip()
    whole = NumberEditor(integer=True)
    with pytest.raises(ValueError, match="whole number"):
        whole.parse("2.5")


def test_that_an_answer_is_taken_back_by_pressing_it_again(qapp: QApplication) -> None:
    editor, given = ToggleEditor((("yes", "Yes"), ("no", "No"))), []
    editor.changed.connect(given.append)
    editor.show()
    QTest.mouseClick(editor.buttons["no"], LEFT)
    QTest.mouseClick(editor.buttons["no"], LEFT)
    assert given == ["no", None]


def test_that_a_wheel_over_a_list_changes_no_answer(qapp: QApplication) -> None:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent

    editor, given = ChoiceEditor([Choice("a", "A"), Choice("b", "B")]), []
    editor.changed.connect(given.append)
    editor.show()
    turn = QWheelEvent(
        QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(editor.box, turn)
    assert editor.box.currentIndex() == 0
    assert not given


def test_that_undo_belongs_to_the_plan_until_something_is_typed(qapp: QApplication) -> None:
    from PySide6.QtGui import QAction, QKeySequence

    window, undone = QMainWindow(), []
    editor = LineEditor()
    window.setCentralWidget(editor)
    action = QAction("Undo", window)
    action.setShortcut(QKeySequence("Ctrl+Z"))
    action.triggered.connect(lambda: undone.append(True))
    window.addAction(action)
    window.show()
    editor.show_value("Dr A")
    editor.line.setFocus()
    QTest.keyClick(editor.line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert undone == [True]
    QTest.keyClicks(editor.line, "x")
    QTest.keyClick(editor.line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert undone == [True]
    assert editor.line.text() == "Dr A"
    window.close()


def test_that_long_text_is_taken_over_at_a_pause_and_when_left(qapp: QApplication) -> None:
    editor, given = LongTextEditor(), []
    editor.changed.connect(given.append)
    editor.show()
    editor.activateWindow()
    assert QTest.qWaitForWindowActive(editor)
    editor.text.setFocus()
    QTest.keyClicks(editor.text, "Two HCC")
    pause = editor.findChild(QTimer, options=Qt.FindChildOption.FindDirectChildrenOnly)
    assert pause.isActive()
    assert pause.interval() < 2000, "a crash may cost two seconds of work and no more"
    pause.timeout.emit()
    assert given == ["Two HCC"]
    QTest.keyClicks(editor.text, ", TACE?")
    editor.text.clearFocus()
    assert given[-1] == "Two HCC, TACE?"


def table_field() -> Field:
    columns = (Field("drug", "Drug", FieldKind.TEXT), Field("amount", "Amount", FieldKind.NUMBER, unit="mg"))
    return Field("drugs", "Drugs", FieldKind.TABLE, columns=columns)


def test_that_rows_are_added_filled_moved_and_removed(qapp: QApplication) -> None:
    editor, given = TableEditor(table_field()), []
    editor.changed.connect(given.append)
    editor.show()
    for name in ("Doxorubicin", "Cisplatin"):
        QTest.mouseClick(editor.add_button, LEFT)
        type_into(editor.cards[-1].editors["drug"].line, name)
    assert given[-1] == [{"drug": "Doxorubicin"}, {"drug": "Cisplatin"}]
    buttons = {each.text(): each for each in editor.cards[1].findChildren(QPushButton)}
    QTest.mouseClick(buttons["↑"], LEFT)
    assert [each["drug"] for each in given[-1]] == ["Cisplatin", "Doxorubicin"]
    removal = {each.text(): each for each in editor.cards[0].findChildren(QPushButton)}["Remove row"]
    QTest.mouseClick(removal, LEFT)
    assert given[-1] == [{"drug": "Doxorubicin"}]


def test_that_a_blocking_finding_is_passed_only_with_a_reason(qapp: QApplication) -> None:
    passed: list[tuple[Finding, str]] = []
    panel = FindingsPanel()
    ask = Finding("portal-flow", Severity.BLOCK, "The portal vein is occluded.", source="Raoul 2011", tag="M")
    refuse = Finding("two-patients", Severity.BLOCK, "Images of two patients.", overridable=False)
    panel.show_findings((ask, refuse), (), lambda finding, reason: passed.append((finding, reason)))
    panel.show()
    assert "2 block" in panel.findChildren(QLabel)[0].text()
    assert not hasattr(panel.card_of("two-patients"), "offer")
    card = panel.card_of("portal-flow")
    QTest.mouseClick(card.offer, LEFT)
    QTest.mouseClick(card.override_button, LEFT)
    assert not passed
    QTest.keyClicks(card.reason, "collaterals are large")
    QTest.keyClick(card.reason, Qt.Key.Key_Return)
    assert not passed, "Enter must not pass a gate"
    QTest.mouseClick(card.override_button, LEFT)
    assert passed == [(ask, "collaterals are large")]
    assert any("unverified default" in label.text() for label in card.findChildren(QLabel))


def test_that_many_empty_fields_are_one_line_that_opens_and_leads_to_each(qapp: QApplication) -> None:
    gone: list[Finding] = []
    panel = FindingsPanel()
    found = tuple(empty(name) for name in ("ECOG", "ASA class", "Height"))
    panel.show_findings(found, (), lambda finding, reason: None, gone.append)
    panel.show()
    folded = panel.cards[0]
    assert isinstance(folded, FoldedFindings)
    assert "Still empty (3): ECOG, ASA class, Height" in folded.head.text()
    QTest.mouseClick(folded.head, LEFT)
    QTest.mouseClick(folded.cards[1].head, LEFT)
    assert gone == [found[1]]


def test_that_an_overridden_finding_names_person_and_reason(qapp: QApplication) -> None:
    card = FindingCard(empty("ECOG"), None, "Dr A, 2026-03-12: judged tomorrow")
    assert "overridden · Dr A, 2026-03-12: judged tomorrow" in card.head.text()


def test_that_codes_nobody_named_are_still_words() -> None:
    assert group_title([Finding("portal-flow", Severity.WARN, "x")]) == "Portal flow"


def test_that_states_differ_by_shape_and_word_as_well_as_colour() -> None:
    for marks in (STAGE_MARKS, SEVERITY_MARKS):
        for part in ("shape", "word", "colour"):
            values = [getattr(mark, part) for mark in marks.values()]
            assert len(set(values)) == len(values), part


def test_that_the_banner_says_who_and_turns_loud(qapp: QApplication) -> None:
    banner = PatientBanner(lambda: None, lambda: None, lambda: None)
    quiet = BannerText("<b>Bold</b>", ("ID T-1", "born 1961-03-17 (65 y)"), "TACE 1 · draft")
    banner.show_text(quiet)
    assert banner.name.text() == "<b>Bold</b>"
    assert banner.name.textFormat() == Qt.TextFormat.PlainText
    ground = banner.palette().window().color().name()
    banner.show_text(replace(quiet, alarm="An image on the screen belongs to patient X"))
    assert banner.facts.text().startswith("⚠ An image on the screen belongs to patient X")
    assert banner.palette().window().color().name() != ground
    banner.show_text(replace(quiet, simulated=True))
    assert banner.name.text().startswith("SIMULATED")


def test_that_no_label_and_no_tip_reads_markup(qapp: QApplication) -> None:
    label = PlainLabel("<img src=x>")
    label.setToolTip("<a href=x>name</a>")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;a href" in label.toolTip()
    assert plain_tip("") == ""


def lesion(name: str = "L1", **more: object) -> Lesion:
    return Lesion(f"id-{name}", name, observations=(Observation(date(2026, 3, 1), longest_mm=35.0),), **more)


def make_lesions(log: list[object]) -> LesionsPanel:
    def note(kind: str) -> Callable[..., None]:
        return lambda *given: log.append((kind, *given))

    return LesionsPanel(LesionActs(*(note(kind) for kind in ("add", "change", "measure", "remove", "show"))))


def test_that_a_lesion_is_changed_measured_shown_and_removed_in_its_card(qapp: QApplication) -> None:
    log: list[object] = []
    panel = make_lesions(log)
    panel.show_lesions((lesion(),), confirmed=False)
    panel.show()
    assert "not confirmed complete" in panel.title.text()
    card = panel.cards["id-L1"]
    assert card.head.text() == "▸ L1 · liver · 35 mm · 2026-03-01"
    QTest.mouseClick(card.head, LEFT)
    type_into(card.editors["segment"].line, "VIII")
    type_into(card.editors["viable_mm"].line, "12")
    buttons = {each.text(): each for each in card.findChildren(QPushButton)}
    QTest.mouseClick(buttons["Show"], LEFT)
    QTest.mouseClick(buttons["Remove"], LEFT)
    assert log == [
        ("change", "id-L1", "segment", "VIII"),
        ("measure", "id-L1", date(2026, 3, 1), 35.0, 12.0),
        ("show", "id-L1"),
        ("remove", "id-L1"),
    ]


def test_that_a_lesion_is_typed_from_a_report(qapp: QApplication) -> None:
    log: list[object] = []
    panel = make_lesions(log)
    panel.show_lesions((), confirmed=False)
    panel.show()
    QTest.mouseClick(panel.add_button, LEFT)
    form = panel.form
    for name, text in (("name", "L3"), ("segment", "VI"), ("longest_mm", "18"), ("seen_on", "2026-03-01")):
        type_into(form.editors[name].line, text)
    QTest.mouseClick(form.add_button, LEFT)
    facts = log[0][1]
    assert (facts["name"], facts["segment"], facts["longest_mm"], facts["seen_on"], facts["organ"]) == (
        "L3", "VI", 18.0, date(2026, 3, 1), "liver",
    )  # fmt: skip


def test_that_an_unmeasured_lesion_says_so() -> None:
    assert "size not measured" in lesion_line(Lesion("id", "L1"))


def path_mark() -> Mark:
    from types import MappingProxyType

    from planner.model.codec import to_json

    points = tuple((0.0, 0.0, float(z)) for z in range(41))
    body = VesselPathBody(points, radius_mm=(2.0,) * 41)
    return mark_of(PlanItem(new_id("item"), "vessel-path", "Path 1", "1.2.3", MappingProxyType(to_json(body))))


def test_that_a_path_shows_its_length_and_takes_segments_and_targets(qapp: QApplication) -> None:
    log: list[object] = []
    card = MarkCard(
        MarkActs(
            *((lambda *given, kind=kind: log.append((kind, *given))) for kind in ("name", "colour", "confirm")),
            segments=lambda item, ends: log.append(("segments", item, ends)),
            aim=lambda item, ids: log.append(("aim", item, ids)),
        )
    )
    mark = path_mark()
    card.show_mark(mark, (lesion(),))
    card.show()
    assert any("40 mm along the vessel" in label.text() for label in card.findChildren(QLabel))
    QTest.keyClicks(card.end.line, "25")
    QTest.mouseClick(card.add_segment, LEFT)
    box = card.targets.boxes["id-L1"]
    QTest.mouseClick(box, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(8, box.height() // 2))
    type_into(card.name.line, "Aorta to L1")
    assert log == [
        ("segments", mark.id, [("aorta", 25.0)]),
        ("aim", mark.id, ("id-L1",)),
        ("name", mark.id, "Aorta to L1"),
    ]


def test_that_a_named_segment_keeps_length_and_diameter() -> None:
    from planner.app.item_edits import name_segments
    from planner.model.case import Case
    from planner.model.people import Patient
    from planner.model.session import Session, TemplateRef

    item = path_mark().item
    session = Session("s", "TACE 1", TemplateRef("tace", "1", "d", "p", "1"), items=(item,))
    case = Case("c", Patient("T-1", "Test"), sessions=(session,))
    named = name_segments("s", item, [("aorta", 25.0), ("coeliac", 40.0)])(case).session("s").items[0]
    segments = mark_of(named).body.segments
    assert [segment_cells(each) for each in segments] == [
        ("Aorta", "25", "4.0 (4.0)"),
        ("Coeliac trunk", "15", "4.0 (4.0)"),
    ]


def summary(case_id: str, state: str | None, planned: date | None = None, name: str = "Test") -> CaseSummary:
    sessions = () if state is None else (SessionSummary("s", "TACE 1", "tace", state, planned_on=planned),)
    return CaseSummary(case_id, 1, CaseFacts("T-1", name, sessions=sessions), "2026-03-01T10:00:00+00:00", "Dr F")


def test_that_worklists_hold_what_waits_for_a_person() -> None:
    past = date(2026, 3, 1)
    cases = [
        summary("new", None),
        summary("late", "planned", past),
        summary("booked", "booked", date(2026, 4, 1)),
        summary("done", "done", past),
        summary("closed", "closed", past),
    ]
    lists = {name: [each.case_id for each in cases if belongs(each, TODAY)] for name, belongs in WORKLISTS}
    assert lists == {
        "All": ["new", "late", "booked", "done", "closed"],
        "In preparation": ["new", "late"],
        "Ready": ["booked"],
        "To review": ["done"],
        "Overdue": ["late"],
    }


def test_that_the_library_searches_as_you_type_and_says_why_it_is_empty(qapp: QApplication) -> None:
    from planner.model.case import Case
    from planner.model.people import Patient

    asked: list[str] = []
    known = [summary("c1", "done", name="<b>Muller</b>"), summary("c2", None)]

    def search(text: str) -> list[CaseSummary]:
        asked.append(text)
        return [each for each in known if text in each.facts.patient_name]

    page = LibraryPage(
        search=search,
        look=lambda case_id, revision: Case(case_id, Patient("T-1", "Test")),
        open_case=lambda case_id: asked.append(case_id),
        open_session=lambda *_: None,
        import_folder=lambda: None,
        import_file=lambda: None,
    )
    page.show()
    page.refresh()
    assert page.table.item(0, 0).text() == "<b>Muller</b>"
    QTest.keyClicks(page.search_line, "Mu")
    assert asked[-2:] == ["M", "Mu"]
    assert page.table.rowCount() == 1
    QTest.mouseClick(page.worklist.buttons["Ready"], LEFT)
    assert "“All” shows the others" in page.empty.text()
    QTest.mouseClick(page.worklist.buttons["To review"], LEFT)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    assert asked[-1] == "c1"
    QTest.keyClicks(page.search_line, "xyz")
    assert "No case matches" in page.empty.text()
