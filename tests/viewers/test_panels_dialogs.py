"""Laboratory, import, facts, course, history, profile and help dialogs, driven as a person drives them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton

from planner.app.templates import installed
from planner.dicom.series import SeriesEntry, Skipped
from planner.findings import Finding, Severity
from planner.geometry import Grid
from planner.imaging import ImageSource
from planner.model.case import Case
from planner.model.people import Patient, PriorTreatment
from planner.store.audit import ChainReport
from planner.store.library import PrintRecord
from planner.workflow.values import read_path, write_path
from viewers.panels.facts_dialog import FactsDialog, fact_fields
from viewers.panels.help_dialog import HelpDialog, stage_help
from viewers.panels.history_dialog import HistoryDialog, outdated_paper
from viewers.panels.import_dialog import ImportChoice, ImportDialog
from viewers.panels.lab_dialog import LabDialog
from viewers.panels.profile_dialog import ProfileDialog

LEFT = Qt.MouseButton.LeftButton
TABLE = """Test\tResult\tUnit\tDate
Bilirubin total\t23\tµmol/L\t2026-03-02
Albumin\t36\tg/L\t2026-03-02
INR\t1,14\t\t2026-03-02
Creatinine\t80\tmg/dL\t2026-03-02
"""
TODAY = date(2026, 3, 12)


def push(dialog: QDialog, text: str) -> None:
    found = [each for each in dialog.findChildren(QPushButton) if each.text().startswith(text)]
    assert found, text
    assert found[0].isEnabled(), f"{text} is greyed out"
    QTest.mouseClick(found[0], LEFT)


def entry(patient_id: str = "T-1", *, loadable: bool = True, name: str = "Test^Ball") -> SeriesEntry:
    source = ImageSource(f"1.2.{patient_id}", modality="CT", patient_id=patient_id, patient_name=name)
    fault = () if loadable else (Finding("gantry-tilt", Severity.BLOCK, "The gantry is tilted.", overridable=False),)
    grid = Grid.of((4, 4, 4), frame_uid="1.2.3")
    return SeriesEntry(source, "volume" if loadable else "refused", None, None, 4, grid, fault, ())


def test_that_a_pasted_table_is_understood_and_its_unit_trap_left_out(qapp: QApplication) -> None:
    taken: list[object] = []
    dialog = LabDialog(taken.extend)
    dialog.show()
    QApplication.clipboard().setText(TABLE)
    dialog.text.setFocus()
    dialog.text.paste()
    assert dialog.table.rowCount() == 4
    cells = [[dialog.table.item(line, column).text() for column in range(5)] for line in range(4)]
    assert cells[0][:3] == ["Total bilirubin", "23 µmol/L", "2026-03-02"]
    assert cells[3][4], "80 mg/dL of creatinine passed without a remark"
    assert "cannot be added" in dialog.remarks.text()
    assert not taken
    push(dialog, "Add to the case")
    assert [(each.analyte, each.value) for each in taken] == [("bilirubin", 23.0), ("albumin", 36.0), ("inr", 1.14)]


def test_that_nothing_can_be_added_from_a_text_without_values(qapp: QApplication) -> None:
    dialog = LabDialog(lambda readings: pytest.fail("nothing was to be taken"))
    dialog.text.setPlainText("the patient feels well")
    assert not dialog.add_button.isEnabled()
    dialog.deleteLater()


def make_import(chosen: list[tuple[str, ImportChoice]], *entries: SeriesEntry, skipped: int = 0) -> ImportDialog:
    left_out = [Skipped(Path(f"notes{n}.txt"), "not-dicom", "notes.txt is no image.") for n in range(skipped)]
    dialog = ImportDialog(entries, left_out, into=None, chosen=lambda how, choice: chosen.append((how, choice)))
    dialog.show()
    return dialog


def test_that_two_patients_never_become_one_case(qapp: QApplication) -> None:
    chosen: list[tuple[str, ImportChoice]] = []
    dialog = make_import(chosen, entry("T-1"), entry("T-2"))
    push(dialog, "New case")
    assert not chosen
    assert "different patients" in dialog.problem.text()
    dialog.table.item(1, 0).setCheckState(Qt.CheckState.Unchecked)
    push(dialog, "New case")
    assert [each.uid for each, _ in chosen[0][1].entries] == ["1.2.T-1"]


def test_that_files_that_name_nobody_ask_whose_they_are_and_when_they_were_taken(qapp: QApplication) -> None:
    chosen: list[tuple[str, ImportChoice]] = []
    nameless = entry()
    nameless = replace(nameless, source=replace(nameless.source, patient_id=None, study_date=None))
    dialog = make_import(chosen, nameless)
    push(dialog, "New case")
    assert not chosen
    assert "patient ID" in dialog.problem.text()
    QTest.keyClicks(dialog.identity["patient_id"], "T-9")
    QTest.keyClicks(dialog.identity["taken_on"], "3.2.2026")
    push(dialog, "New case")
    assert "YYYY-MM-DD" in dialog.problem.text()
    dialog.identity["taken_on"].setText("2026-02-03")
    push(dialog, "New case")
    (_, choice), patient = chosen[0], chosen[0][1].patient
    assert patient is not None
    assert (patient.patient_id, choice.taken_on) == ("T-9", date(2026, 2, 3))


def test_that_an_unpacked_archive_is_always_copied(qapp: QApplication) -> None:
    dialog = make_import([], replace(entry(), workspace=object()))
    assert dialog.copy_box.isChecked()
    assert not dialog.copy_box.isEnabled()
    dialog.reject()


def test_that_skipped_files_are_listed_with_the_reason(qapp: QApplication) -> None:
    dialog = make_import([], entry(), skipped=3)
    assert "3 files skipped" in dialog.findChildren(type(dialog.problem))[0].text()
    tables = [each for each in dialog.findChildren(type(dialog.table)) if each is not dialog.table]
    assert tables[0].rowCount() == 3
    assert tables[0].item(0, 2).text() == "notes.txt is no image."
    dialog.reject()


def test_that_a_refused_series_cannot_be_ticked(qapp: QApplication) -> None:
    dialog = make_import([], entry("T-1", loadable=False))
    assert not dialog.table.item(0, 0).flags() & Qt.ItemFlag.ItemIsUserCheckable
    push(dialog, "New case")
    assert dialog.problem.text() == "Tick at least one series."
    dialog.reject()


def test_that_enter_presses_no_button_of_a_dialog(qapp: QApplication) -> None:
    chosen: list[tuple[str, ImportChoice]] = []
    dialog = make_import(chosen, entry())
    QTest.keyClick(dialog.table, Qt.Key.Key_Return)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert not chosen
    assert all(not each.isDefault() and not each.autoDefault() for each in dialog.findChildren(QPushButton))
    dialog.reject()


class Facts:
    """A case that a dialog edits."""

    def __init__(self) -> None:
        self.case = Case("case-1", Patient("T-1", "Test^Ball"))

    def write(self, path: str, value: object) -> str | None:
        self.case = write_path(self.case, path, value, by="Dr F", on=TODAY)
        return None


def test_that_the_facts_of_the_patient_are_edited_in_the_templates_own_fields(qapp: QApplication) -> None:
    facts = Facts()
    dialog = FactsDialog(fact_fields(list(installed().templates.values())), lambda: facts.case, facts.write)
    dialog.show()
    weight = dialog.editors["patient.weight_kg"]
    weight.line.setFocus()
    QTest.keyClicks(weight.line, "71,5")
    QTest.keyClick(weight.line, Qt.Key.Key_Return)
    assert facts.case.patient.weight_kg == 71.5
    table = dialog.editors["medication"]
    QTest.mouseClick(table.add_button, LEFT)
    cells = table.cards[0].editors
    for name, text in (("name", "Warfarin"), ("hold_from", "2026-03-10"), ("restart_on", "2026-03-20")):
        cells[name].line.setFocus()
        QTest.keyClicks(cells[name].line, text)
        QTest.keyClick(cells[name].line, Qt.Key.Key_Return)
    held = facts.case.medication[0]
    assert (held.name, held.hold_from, held.restart_on) == ("Warfarin", date(2026, 3, 10), date(2026, 3, 20))
    assert read_path(facts.case, "implants") is None
    assert "implants" in dialog.editors
    dialog.accept()


def test_that_an_earlier_treatment_that_lasted_gets_its_last_day(qapp: QApplication) -> None:
    facts = Facts()
    dialog = FactsDialog(fact_fields(list(installed().templates.values())), lambda: facts.case, facts.write)
    dialog.show()
    table = dialog.editors["prior_treatments"]
    QTest.mouseClick(table.add_button, LEFT)
    cells = table.cards[0].editors
    assert list(cells).index("until") == list(cells).index("on") + 1
    for name, text in (("kind", "systemic"), ("on", "2025-10-01"), ("until", "2026-01-15")):
        cells[name].line.setFocus()
        QTest.keyClicks(cells[name].line, text)
        QTest.keyClick(cells[name].line, Qt.Key.Key_Return)
    assert facts.case.prior_treatments == (PriorTreatment("systemic", on=date(2025, 10, 1), until=date(2026, 1, 15)),)
    cells["until"].line.setFocus()
    cells["until"].line.clear()
    QTest.keyClick(cells["until"].line, Qt.Key.Key_Return)
    assert facts.case.prior_treatments[0].until is None
    dialog.accept()


def test_that_a_name_with_markup_is_shown_as_it_is(qapp: QApplication) -> None:
    dialog = make_import([], entry(name="<b>Bold</b>^<i>x</i>"))
    assert dialog.table.item(0, 1).text() == "<b>Bold</b> <i>x</i>"
    dialog.reject()


def test_that_an_older_paper_is_named_and_a_current_one_is_not(qapp: QApplication) -> None:
    paper = PrintRecord(1, 4, "plan s-1", "a" * 64, "2026-03-02T10:00:00+00:00", "Dr F")
    assert "revision 4" in str(outdated_paper([paper], 6))
    assert outdated_paper([paper], 4) is None
    assert outdated_paper([], 6) is None
    dialog = HistoryDialog((), (paper,), (), ChainReport(False, 0, "", "The audit trail was tampered with: entry 2."))
    assert dialog.prints.rowCount() == 1
    assert "tampered" in dialog.chain.text()
    dialog.deleteLater()


def test_that_the_profile_shows_every_limit_with_source_and_how_sure(qapp: QApplication) -> None:
    profile = installed().profiles["bclc-cirse"]
    dialog = ProfileDialog(profile, lambda *_: None)
    assert dialog.table.rowCount() == len(profile.limits)
    texts = [dialog.table.item(line, 2).text() for line in range(dialog.table.rowCount())]
    assert "unverified default" in texts
    QTest.keyClicks(dialog.search, "bilirubin accepted")
    shown = [line for line in range(dialog.table.rowCount()) if not dialog.table.isRowHidden(line)]
    assert "Oldest bilirubin accepted" in [dialog.table.item(line, 0).text() for line in shown]
    assert len(shown) < 5
    dialog.deleteLater()


def test_that_help_names_purpose_fields_and_sources_of_the_stage(qapp: QApplication) -> None:
    stage = installed().templates["tace"].stage("fitness")
    text = stage_help(stage)
    assert stage.purpose in text
    assert "SIR 2019" in text
    assert all(field.label in text for field in stage.fields)
    dialog = HelpDialog(stage)
    assert dialog.keys.rowCount() > 15
    dialog.deleteLater()


def test_that_a_limit_is_changed_by_a_named_person_and_nothing_else_is_taken(qapp: QApplication) -> None:
    changes: list[tuple[str, object, str]] = []

    def change(name: str, value: object, by: str) -> str | None:
        if not by:
            return "A changed limit needs the name of the person who changed it."
        changes.append((name, value, by))
        return None

    dialog = ProfileDialog(installed().profiles["bclc-cirse"], change)
    dialog.show()
    QTest.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "Choose a limit" in dialog.problem.text()
    dialog.table.selectRow(dialog.names.index("inr_window_days"))
    dialog.value.clear()
    QTest.keyClicks(dialog.value, "soon")
    QTest.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "no number" in dialog.problem.text()
    dialog.value.clear()
    QTest.keyClicks(dialog.value, "7")
    QTest.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert "needs the name" in dialog.problem.text()
    QTest.keyClicks(dialog.person, "Dr Lee")
    QTest.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    assert changes == [("inr_window_days", 7, "Dr Lee")]
    assert not dialog.isVisible()
