"""Zones and margins in the window of an open case: live under the hand, devices, the margin put into the plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ablation_bench import DEVICE, ENTRY, LESION, SETTING, TIP, AblationHands, make_folder
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QMouseEvent, QStandardItemModel
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox

from planner.app import device_rows
from planner.app.applicators import CoverTask
from planner.app.zone_planning import PlannedCover
from planner.model.needle_reading import margins_of, needle_of
from planner.planning.coverage import CoverPlan
from planner.planning.coverage_access import PlacedApplicator
from planner.planning.coverage_bounds import LowerBound
from planner.planning.coverage_decision import Cover
from planner.planning.devices import zone_for
from planner.planning.zones import Applicator, zone_of
from viewers.panels.margin_panel import MarginPanel
from viewers.window import case_margin_acts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("margins"))


@pytest.fixture
def own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "devices"
    monkeypatch.setattr(device_rows, "device_folder", lambda: place)
    return place


@pytest.fixture
def hands(qapp: QApplication, folder: Path, own_rows: Path) -> Iterator[AblationHands]:
    made = AblationHands(folder)
    made.go("zone_margin")
    made.settle()
    yield made
    made.leave()


def panel_of(hands: AblationHands) -> MarginPanel:
    return hands.window.case_page.margins.panel


def stored(hands: AblationHands) -> list[float | None]:
    return [body.mean.minimum_mm for _, body in margins_of(hands.session.items)]


def drag(
    hands: AblationHands, from_lps: tuple[float, float, float], by: tuple[float, float, float], *, drop: bool
) -> None:
    """Press on the needle with its tool, and move in five steps."""
    pane = hands.pane("axial")
    hands.state.move_cursor(hands.frame, from_lps)
    hands.settle()
    hands.window.desk.tools.pick("needle")
    start, end = (pane.view().px_of(np.asarray(from_lps) + np.asarray(each)) for each in ((0.0, 0.0, 0.0), by))
    QTest.mousePress(
        pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(*np.rint(start).astype(int))
    )
    for share in np.linspace(0.2, 1.0, 5):
        at = (1.0 - share) * start + share * end
        place = QPoint(*np.rint(at).astype(int))
        move = QMouseEvent(
            QEvent.Type.MouseMove, place.toPointF(), pane.mapToGlobal(place).toPointF(), Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(pane, move)
    if drop:
        place = QPoint(*np.rint(end).astype(int))
        QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        hands.settle()


def test_that_an_applicator_without_a_setting_makes_no_zone_and_the_panel_says_so(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark(), setting=None)
    assert hands.state.margins.shown.value is None
    assert hands.state.margins.zones.value is None
    assert "setting" in panel_of(hands).content.problem
    assert not panel_of(hands).put.isEnabled()


def test_that_choosing_a_setting_shows_zone_and_margin_and_undo_takes_them_away(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark(), setting=None)
    hands.pick(panel_of(hands).setting, SETTING)
    hands.settle()
    shown, zones = hands.state.margins.shown.value, hands.state.margins.zones.value
    assert shown is not None
    assert shown.body.mean.minimum_mm == pytest.approx(6.0, abs=0.4)
    assert shown.body.minus_sd is not None
    assert shown.body.covered is not None, "at rest the whole margin is measured"
    assert zones is not None
    assert len(zones.mean) == len(zones.minus_sd or ()) == len(zones.plus_sd or ()) == 1
    assert panel_of(hands).content.numbers[0][0] == "At -1 SD"
    assert any("simulated liver" in text for text, _ in panel_of(hands).content.chart)
    hands.undo()
    assert hands.state.margins.shown.value is None


def test_that_the_margin_follows_the_hand_and_is_whole_once_it_rests(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    before = hands.state.margins.shown.value
    middle = (6.0, -16.0, 4.0)
    seen: list[float] = []
    stop = hands.state.margins.shown.changed.connect(
        lambda shown: seen.append(shown.body.mean.minimum_mm) if shown is not None and shown.moving else None
    )
    drag(hands, middle, (6.0, 0.0, 0.0), drop=False)
    live = hands.state.margins.shown.value
    assert live is not None
    assert live.moving
    assert len(set(seen)) >= 4, "every step of the drag has its own margin"
    assert live.body.mean.minimum_mm < before.body.mean.minimum_mm - 2.0
    assert needle_of(hands.item("needle-1")).tip_lps_mm == TIP, "nothing is in the plan before the hand lets go"
    drag_end = hands.pane("axial").view().px_of(np.asarray(middle) + (6.0, 0.0, 0.0))
    QTest.mouseRelease(
        hands.pane("axial"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        QPoint(*np.rint(drag_end).astype(int)),
    )  # fmt: skip
    hands.settle()
    stop()
    rest = hands.state.margins.shown.value
    assert not rest.moving
    assert rest.stale == ""
    assert rest.body.mean.minimum_mm == pytest.approx(live.body.mean.minimum_mm, abs=0.05)
    hands.undo()
    again = hands.state.margins.shown.value
    assert again.body.mean.minimum_mm == pytest.approx(before.body.mean.minimum_mm, abs=1e-9)


def test_that_a_stored_margin_is_called_stale_after_a_move_until_it_is_put_again(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    panel = panel_of(hands)
    hands.press(panel.put)
    hands.settle()
    assert len(stored(hands)) == 1
    assert panel.content.state[0].startswith("✓")
    assert not panel.put.isEnabled()
    drag(hands, (6.0, -16.0, 4.0), (5.0, 0.0, 0.0), drop=True)
    assert "no longer holds" in panel.content.state[0]
    hands.press(panel.put)
    hands.settle()
    assert panel.content.state[0].startswith("✓")
    first = stored(hands)
    hands.undo()
    assert stored(hands) != first
    assert "no longer holds" in panel.content.state[0]


def test_that_rows_without_a_zone_are_listed_with_the_reason_and_cannot_be_chosen(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    panel = panel_of(hands)
    hands.pick(panel.device, "rfa-cryo-cooled")
    hands.settle()
    model = panel.setting.model()
    assert isinstance(model, QStandardItemModel)
    rows = [(panel.setting.itemText(at), model.item(at).isEnabled()) for at in range(1, panel.setting.count())]
    assert rows
    assert all("no zone, the source gives no" in text and not enabled for text, enabled in rows)
    assert hands.state.margins.shown.value is None


def test_that_power_and_time_beyond_the_chart_are_refused_with_a_sentence(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    panel = panel_of(hands)
    hands.type(panel.typed.line, "500W 60min")
    hands.settle()
    assert "outside the chart" in panel.problem.text()
    assert needle_of(hands.item("needle-1")).setting == SETTING


def test_that_a_locked_applicator_keeps_its_device(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    hands.window.case_page.needles.acts.lock("needle-1", True)
    hands.settle()
    panel = panel_of(hands)
    assert not panel.device.isEnabled()
    assert not panel.setting.isEnabled()
    assert hands.window.case_page.margins.acts.set_setting("60W-5min") is not None


def planned_cover(task: CoverTask) -> PlannedCover:
    """One applicator, as the planner would place it; the planner has tests of its own."""
    chart = zone_for(task.device, task.setting)
    applicator = Applicator("applicator 1", ENTRY, TIP, chart)
    zones = (zone_of(applicator),)
    cover = Cover(True, np.zeros((0, 3)), 0, 0, 1.0, 1.0)
    bound = LowerBound(1, "one zone is the least there can be", 1, 1, 1, 1)
    plan = CoverPlan(zones, chart, (0.0, 1.0, 0.0), cover, bound, {}, (), 9.0, 4.0, task.margin_mm, 0.1, 1)
    placed = (PlacedApplicator(applicator, 0, 38.5, True, {}),)
    return PlannedCover(plan, placed, zones, cover, 6.0, None, 9.0, 4.0, {}, (), (), 0.1)


def test_that_applicators_are_planned_for_the_selected_lesion_in_one_step_of_undo(
    hands: AblationHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CoverTask] = []

    def planning(store: object, case: object, session: object, template: object, task: CoverTask, context: object):
        asked.append(task)
        return planned_cover(task)

    monkeypatch.setattr(case_margin_acts, "plan_session_cover", planning)
    lesion = hands.mark()
    hands.state.selected_id.set(lesion)
    hands.settle()
    panel = panel_of(hands)
    assert panel.device.currentData() == DEVICE
    hands.pick(panel.setting, SETTING)
    hands.press(panel.plan)
    hands.settle()
    assert (asked[0].needle.region_id, asked[0].setting, asked[0].margin_mm) == (lesion, SETTING, 5.0)
    made = hands.needles()
    assert len(made) == 1
    assert needle_of(made[0]).setting == SETTING
    assert needle_of(made[0]).measured is not None, "measured in the same step"
    texts = [text for text, _ in panel.content.plan]
    assert texts[0] == "1 applicator with 40W-5min; at least 1 needed"
    assert "covered" in texts[1]
    assert hands.state.margins.shown.value is not None
    hands.undo()
    assert not hands.needles()


def test_that_a_row_without_its_source_is_refused_and_enter_saves_nothing(hands: AblationHands, own_rows: Path) -> None:
    hands.put_applicator(hands.mark())
    panel = panel_of(hands)
    hands.press(panel.rows)
    dialog = hands.window.case_page.margins.dialog
    dialog.device.setCurrentIndex(dialog.device.findData("rfa-cooled-17g"))
    dialog.device.activated.emit(dialog.device.currentIndex())
    for key, text in (("id", "50W-10min"), ("tissue", "porcine liver"), ("long_mm", "32"), ("short_mm", "25")):
        QTest.keyClicks(dialog.fields[key], text)
    for key, code in (("preparation", "in vivo"), ("tag", "S")):
        box = dialog.fields[key]
        assert isinstance(box, QComboBox)
        box.setCurrentIndex(box.findData(code))
    QTest.keyClick(dialog.fields["short_mm"], Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert not (own_rows / "ablation.toml").exists(), "Enter is not dangerous"
    hands.press(dialog.save)
    assert "source" in dialog.problem.text()
    assert not (own_rows / "ablation.toml").exists()
    QTest.keyClicks(dialog.fields["source"], "Maker's chart, page 3")
    hands.press(dialog.save)
    assert dialog.problem.text() == ""
    row = hands.window.case_page.margins.live.devices["rfa-cooled-17g"].row("50W-10min")
    assert row is not None
    assert row.by_user
    assert row.source == "Maker's chart, page 3"
    assert "Dr Fellow" in (row.seen_by or "")
    dialog.table.selectRow(dialog.table.rowCount() - 1)
    hands.press(dialog.remove)
    assert hands.window.case_page.margins.live.devices["rfa-cooled-17g"].row("50W-10min") is None
    hands.press(dialog.back)
    assert hands.window.case_page.margins.live.devices["rfa-cooled-17g"].row("50W-10min") is not None
    dialog.reject()


def test_that_another_case_leaves_no_margin_behind(hands: AblationHands) -> None:
    hands.put_applicator(hands.mark())
    assert hands.state.margins.shown.value is not None
    hands.window.case_page.margins.follow(None)
    assert hands.state.margins.shown.value is None
    assert hands.state.margins.zones.value is None
    assert np.linalg.norm(np.asarray(ENTRY) - LESION) > 0.0
