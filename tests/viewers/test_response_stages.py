"""The next step, doses over the course and the next session by hand, on a case with a first TACE on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from response_scene import TODAY, image_library
from window_hands import LEFT, Hands

from planner.app.lesion_identity import RESIDUAL
from planner.model.items import REGION
from viewers.panels.identity_dialogs import NewLesionDialog, OtherLesionDialog
from viewers.panels.identity_panel import IdentityPanel
from viewers.panels.next_step_plan import CarriedDialog, NextPlanDialog
from viewers.window.case_response_menu import CaseJudging

SHIFT = Qt.KeyboardModifier.ShiftModifier
NEW, CARRIED = 2, 0


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    folder = tmp_path_factory.mktemp("judging")
    image_library(folder)
    made = Hands(folder)
    made.window.library_page.table.setFocus()
    made.key(Qt.Key.Key_Return)
    made.settle()
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """The open case as it was at first; what a test does is undone after it."""
    monkeypatch.setattr(type(window.work), "today", property(lambda self: TODAY))
    yield window
    for each in (judging(window).identity.dialog, judging(window).plan.dialog):
        if each is not None:
            each.reject()
    judging(window).identity.close()
    window.window.case_page.cover(None)
    while window.work.opened.document.undo_label is not None:
        window.work.opened.document.undo()
    window.work.use_session("session-1")
    window.turn()


def judging(hands: Hands) -> CaseJudging:
    return hands.window.dialogs.judging


def words(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if each.isVisibleTo(widget))


def test_that_the_card_says_met_not_met_and_unknown_with_evidence_and_orders_nothing(hands: Hands) -> None:
    hands.shortcut(Qt.Key.Key_X, SHIFT)
    page = judging(hands).next_step.page
    assert page is not None
    hands.until(lambda: page.shown is not None and len(page.cards) == len(page.shown.sets), "all cards")
    first = page.cards[0]
    assert first.judged.rule_set.id == "tace-on-demand"
    shown = words(first)
    assert "? unknown" in shown
    assert "✓ met" in shown
    assert "L1: no viable diameter read since the last treatment" in shown
    assert "unverified default" in shown
    assert "How well it holds: On demand and not at fixed intervals" in shown
    assert "– not met" in words(page)
    assert "Advice, not an order" in page.note.text()
    assert "? Viable tumour is seen after the last treatment" in words(page).split("What is unknown")[1]
    last = page.cards[-1]
    assert last.body is None, "a set that does not apply is folded"
    assert "Does not apply: no performed session" in words(last)
    QTest.mouseClick(last.head, LEFT)
    assert last.body is not None
    page.setFocus()
    hands.key(Qt.Key.Key_Escape)
    assert hands.window.case_page.splitter.isVisible()


def test_that_the_stage_of_the_next_step_shows_the_card_in_short(hands: Hands) -> None:
    hands.go("next_step")
    brief = judging(hands).next_step.brief
    assert brief is not None
    assert "? Repeat on demand: Not decided" in words(brief)
    hands.window.case_page.stage_panel.scroll.ensureWidgetVisible(brief.open)
    hands.press(brief.open)
    assert judging(hands).next_step.is_open
    hands.window.case_page.cover(None)
    hands.go("referral")
    assert not brief.isVisible()


def test_that_a_number_of_the_ledger_shows_what_it_is_made_of(hands: Hands) -> None:
    hands.shortcut(Qt.Key.Key_G, SHIFT)
    page = judging(hands).ledgers.page
    assert page is not None
    assert page.note.text().startswith("Known sessions only;")
    assert "anaesthesia: sedation 1×" in page.facts.text()
    rows = [page.table.item(line, 0).text() for line in range(page.table.rowCount())]
    line = rows.index("Doxorubicin")
    item = page.table.item(line, 1)
    assert item.text() == "45 mg (24.4 mg/m²)"
    QTest.mouseClick(
        page.table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, page.table.visualItemRect(item).center()
    )
    hands.turn()
    below = words(page)
    assert "Doxorubicin: what it is made of" in below
    assert "2026-05-12 · 30 mg · TACE / DEB-TACE 1" in below
    assert "2026-05-12 · 15 mg · TACE / DEB-TACE 1" in below
    assert "R10: warn from 400" in below
    hands.shortcut(Qt.Key.Key_G, SHIFT)
    assert not judging(hands).ledgers.is_open


def test_that_the_bar_of_a_dose_is_as_long_as_its_share_of_the_limit(hands: Hands) -> None:
    from viewers.panels.ledger_panel import ShareBar

    def filled(share: float) -> int:
        bar = ShareBar(share)
        bar.resize(212, 26)
        picture = bar.grab().toImage()
        ground = picture.pixelColor(205, 13)
        return sum(picture.pixelColor(x, 7) != ground for x in range(6, 166))

    assert filled(0.5) == pytest.approx(80, abs=3)
    assert filled(1.0) == pytest.approx(160, abs=4)


def test_that_totals_with_the_plan_stand_where_the_plan_is_signed(hands: Hands) -> None:
    hands.go("plan_signed")
    brief = judging(hands).ledgers.brief
    assert brief is not None
    assert brief.isVisibleTo(hands.window.case_page.stage_panel)
    assert brief.head.text() == "Totals of the course ▸", "this one was performed"
    assert hands.work.next_session() is None
    hands.turn()
    hands.go("plan_signed")
    assert brief.head.text() == "Totals of the course with this plan ▸"
    assert "The plan gives no amount of" in words(brief)
    assert "Known sessions only" in words(brief)
    QTest.mouseClick(brief.head, LEFT)
    page = judging(hands).ledgers.page
    assert page is not None
    assert page.of.currentText().startswith("With the plan of")


def panel(hands: Hands) -> IdentityPanel:
    """Both dates beside each other, the panel under them, the proposals made."""
    hands.shortcut(Qt.Key.Key_I, SHIFT)
    hands.until(lambda: judging(hands).identity.panel is not None, "the panel")
    found = judging(hands).identity.panel
    assert found is not None
    hands.until(lambda: found.content.lines, "proposals")
    hands.settle()
    return found


def press(hands: Hands, line: int, text: str) -> None:
    found = judging(hands).identity.panel
    assert found is not None
    wanted = found.button_of(line, text)
    assert wanted is not None, f"row {line} offers no {text}"
    hands.press(wanted)


def test_that_proposals_show_both_sizes_and_preselect_nothing_for_a_new_one(hands: Hands) -> None:
    lines = panel(hands).content.lines
    assert [each.kind for each in lines] == ["= same ▼ shrunk", "∅ vanished?", "+ new?"]
    assert lines[0].sizes == "26.9 mm → 17.2 mm · 8.70 mL → 2.14 mL"
    assert lines[1].sizes.endswith("→ –")
    assert lines[2].sizes.startswith("– → 1")
    assert "error 2.0 mm (5 landmarks" in panel_of(hands).link.text()
    assert panel_of(hands).button_of(NEW, "Confirm") is None
    assert panel_of(hands).button_of(0, "Confirm: the same") is not None
    assert not hands.work.opened.case.lesion("lesion-1").identity_by


def panel_of(hands: Hands) -> IdentityPanel:
    found = judging(hands).identity.panel
    assert found is not None
    return found


def test_that_two_linked_studies_offer_to_say_which_lesion_is_which(hands: Hands) -> None:
    assert hands.window.case_page.compare.start() is None
    hands.settle()
    offer = judging(hands).identity.offer
    assert offer is not None
    hands.press(offer.ask)
    hands.until(lambda: panel_of(hands).content.lines, "proposals")
    assert not offer.isVisible()
    hands.press(panel_of(hands).close_button)
    assert offer.isVisible()
    hands.window.case_page.compare.leave()
    assert not offer.isVisible()


def test_that_a_click_on_a_row_shows_both_places(hands: Hands) -> None:
    table, state = panel(hands).table, hands.window.desk.state
    frames = [str(each.frame_uid) for each in hands.work.opened.case.studies]
    for line, later in ((0, (-20.0, 1.0, 0.0)), (NEW, (10.0, -22.0, -8.0))):
        item = table.item(line, 0)
        QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, table.visualItemRect(item).center())
        hands.settle()
        assert state.cursor_lps_mm(frames[1]) == pytest.approx(later, abs=1.5)
        assert state.cursor_lps_mm(frames[0]) == pytest.approx([6 + later[0], later[1] - 4, later[2] + 10], abs=1.5)


def test_that_a_row_brings_both_dates_back_when_another_layout_is_on_show(hands: Hands) -> None:
    table = panel(hands).table
    hands.window.case_page.compare.leave()
    item = table.item(NEW, 0)
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, table.visualItemRect(item).center())
    hands.settle()
    assert hands.window.case_page.compare.is_open
    hands.shortcut(Qt.Key.Key_R, SHIFT)
    assert not panel_of(hands).isVisible()
    hands.shortcut(Qt.Key.Key_I, SHIFT)
    assert panel_of(hands).isVisible(), "from a page that covers the images it is shown, not closed"
    assert not judging(hands).response.is_open


def test_that_each_confirmation_is_one_step_of_undo(hands: Hands) -> None:
    panel(hands)
    before = hands.work.opened.case
    press(hands, 0, "Confirm: the same")
    lesion = hands.work.opened.case.lesion("lesion-1")
    assert lesion.identity_by == "Dr Fellow"
    assert [each.study_date.isoformat() for each in lesion.observations] == ["2026-05-01", "2026-06-24"]
    assert panel_of(hands).content.lines[0].answer == "✓ is L1 · Dr Fellow"
    assert panel_of(hands).button_of(0, "Confirm") is None
    press(hands, 1, "Not evaluable")
    assert panel_of(hands).content.lines[1].answer == "✓ L2 not evaluable · Dr Fellow"
    hands.shortcut(Qt.Key.Key_Z)
    assert panel_of(hands).content.lines[1].answer is None
    press(hands, 1, "Confirm: gone")
    assert hands.work.opened.case.lesion("lesion-2").latest.state == "absent"
    hands.shortcut(Qt.Key.Key_Z)
    hands.shortcut(Qt.Key.Key_Z)
    assert hands.work.opened.case.lesions == before.lesions


def test_that_a_new_lesion_is_asked_twice(hands: Hands) -> None:
    panel(hands)
    press(hands, NEW, "New lesion")
    dialog = judging(hands).identity.dialog
    assert isinstance(dialog, NewLesionDialog)
    assert "A wrong match looks new" in dialog.text.text()
    assert not dialog.second.isVisible()
    hands.press(dialog.first)
    assert len(hands.work.opened.case.lesions) == 2, "asked again first"
    assert not dialog.first.isVisible()
    hands.press(dialog.second)
    lesion = hands.work.opened.case.lesions[-1]
    assert (lesion.name, lesion.role, lesion.identity_by) == ("R3", "new", "Dr Fellow")
    assert panel_of(hands).content.lines[NEW].answer == "✓ new lesion R3 · Dr Fellow"
    hands.shortcut(Qt.Key.Key_Z)
    assert len(hands.work.opened.case.lesions) == 2


def test_that_a_region_can_be_said_to_be_another_lesion_and_none_is_chosen_at_first(hands: Hands) -> None:
    panel(hands)
    press(hands, NEW, "A known lesion")
    dialog = judging(hands).identity.dialog
    assert isinstance(dialog, OtherLesionDialog)
    assert dialog.lesion.currentData() is None
    hands.press(dialog.go)
    assert dialog.problem.text() == "Choose both."
    hands.pick(dialog.lesion, "lesion-2")
    hands.press(dialog.go)
    assert hands.work.opened.case.lesion("lesion-2").latest.region_item_id == "region-R3"
    assert panel_of(hands).content.lines[NEW].answer == "✓ is L2 · Dr Fellow"


def test_that_something_drawn_since_makes_the_proposals_stale(hands: Hands) -> None:
    found = panel(hands)
    case = hands.work.opened.case
    session = case.sessions[0]
    fewer = replace(session, items=tuple(each for each in session.items if each.id != "region-R3"))
    hands.work.opened.document.apply("Remove a region", lambda before: replace(before, sessions=(fewer,)))
    hands.turn()
    assert found.content.stale
    assert "propose again" in found.link.text()
    hands.press(found.again)
    hands.until(lambda: len(found.content.lines) == 2, "new proposals")
    assert not found.content.stale


def test_that_the_next_session_starts_with_chosen_targets_and_shows_what_is_carried(hands: Hands) -> None:
    hands.window.case_page.compare.leave()
    hands.shortcut(Qt.Key.Key_N, SHIFT)
    dialog = judging(hands).plan.dialog
    assert isinstance(dialog, NextPlanDialog)
    assert dialog.chosen == (), "nothing is chosen by itself"
    assert {"region-R1", "region-R3"} == set(dialog.boxes)
    table = dialog.tabs.widget(CARRIED)
    kinds = [table.item(line, 0).text() for line in range(table.rowCount())]
    assert "▲ Reactions" in kinds
    assert any("Doxorubicin" in table.item(line, 1).text().capitalize() for line in range(table.rowCount()))
    hands.press(dialog.boxes["region-R1"])
    hands.press(dialog.go)
    hands.settle()
    session = hands.work.opened.case.sessions[-1]
    regions = [each for each in session.items if each.type == REGION]
    assert [(each.name, each.inherited_from) for each in regions] == [("R1", "session-1")]
    assert RESIDUAL not in {each.tool for each in regions}
    desk = hands.work.session_desk
    assert desk is not None
    assert desk.session_id == session.id
    judging(hands).plan.show_carried()
    shown = judging(hands).plan.dialog
    assert isinstance(shown, CarriedDialog)
    assert "TACE / DEB-TACE 2" in words(shown)
    shown.reject()
    hands.shortcut(Qt.Key.Key_Z)
    assert len(hands.work.opened.case.sessions) == 1


def test_that_the_drawn_region_is_measured_in_the_background_and_says_what_it_could_not(hands: Hands) -> None:
    hands.window.case_page.compare.leave()
    hands.shortcut(Qt.Key.Key_R, SHIFT)
    page = judging(hands).response.page
    assert page is not None
    page.choose("lesion-2", page.table.days[-1])
    hands.press(page.card.take)
    assert "Nothing is drawn as L2 on images of 2026-06-24" in page.card.problem.text()
    page.choose("lesion-1", page.table.days[0])
    before = hands.work.opened.case.lesion("lesion-1").observations
    hands.press(page.card.take)
    hands.settle()
    assert "no image without contrast medium" in page.card.told.text()
    after = hands.work.opened.case.lesion("lesion-1").observations
    assert (len(after), after[0].longest_mm) == (1, before[0].longest_mm)
    assert after[0].read_by == "Dr Fellow"
