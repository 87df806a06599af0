"""Dialogs of a referral: whom it is for and why; and what came in one, before any of it is taken over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from planner.app.referral import NextStep, Referral
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.task_page import OwnedLine
from viewers.scene.slice_text import shown_name

OUT_NOTE = (
    "One file with the whole case, a summary as text and PDF, the next steps and the codes (ICD-11, LOINC). "
    "It names the patient; the export stands in the audit trail."
)

MakeTask = Callable[[NextStep, str, date | None, bool], str | None]


class ReferralOutDialog(QDialog):
    """To whom and why; the button asks where to write it.

    Parameters
    ----------
    write
        Given to whom and why.
    """

    def __init__(self, write: Callable[[str, str], object], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Refer this case")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("Refer this case", role="title"))
        layout.addWidget(PlainLabel(OUT_NOTE, role="quiet", wrap=True))
        form = QFormLayout()
        self.to, self.reason = QLineEdit(), QLineEdit()
        self.to.setPlaceholderText("Hospital, department, person")
        self.reason.setPlaceholderText("What is asked")
        form.addRow(PlainLabel("To"), self.to)
        form.addRow(PlainLabel("Why"), self.reason)
        layout.addLayout(form)

        def go() -> None:
            self.accept()
            write(self.to.text().strip(), self.reason.text().strip())

        self.go = button("Write the referral…", go, primary=True)
        layout.addWidget(row(self.go, button("Cancel", self.reject)))
        self.setMinimumWidth(34 * self.fontMetrics().height())


class ReferralInDialog(QDialog):
    """A referral that was read whole. Its words come from elsewhere and are shown as plain text.

    Parameters
    ----------
    here
        The open case it could be taken into, in words; None without one.
    take_over
        Takes treatments and values into the open case, with whether a person has compared both sides; a sentence when
        it was refused.
    make_task
        Makes a task in the open case of what the sender proposes, with who does it here, by when, and whether a person
        has compared both sides; a sentence when it was refused.
    as_own
        Puts it into the library as a case of its own; a sentence when it was refused.
    """

    def __init__(
        self,
        referral: Referral,
        here: str | None,
        take_over: Callable[[bool], str | None],
        make_task: MakeTask,
        as_own: Callable[[], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_task = make_task
        self.steps: list[OwnedLine] = []
        self.setWindowTitle("A referral came")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("A referral came", role="title"))
        theirs = referral.case.patient
        born = theirs.birth_date.isoformat() if theirs.birth_date else "birth date unknown"
        them = f"{shown_name(theirs.name) or '(no name)'} · {theirs.patient_id or 'no ID'} · {born}"
        for label, words in (
            ("From", f"{referral.sender or 'not said'}, made on {referral.made_on.isoformat()}"),
            ("To", referral.to or "not said"),
            ("Why", referral.reason or "not said"),
            ("Patient in the referral", f"SIMULATED · {them}" if referral.case.simulated else them),
            ("Open case here", here or "none"),
        ):
            layout.addWidget(PlainLabel(f"{label}: {words}", wrap=True))
        layout.addWidget(
            PlainLabel("What the sender says is to be done (proposals; each can be made a task here)", role="section")
        )
        layout.addWidget(self._proposals(referral, here is not None), 3)
        layout.addWidget(PlainLabel("Summary", role="section"))
        self.summary = QPlainTextEdit()
        self.summary.setReadOnly(True)
        self.summary.setPlainText(referral.summary)
        layout.addWidget(self.summary, 3)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.into = button(
            "Take treatments and values into the open case",
            lambda: self._try(lambda: take_over(False)),
            tip="One step of undo",
        )
        self.into.setEnabled(here is not None)
        self.same = button(
            "I compared both sides: the same patient", lambda: self._try(lambda: take_over(True)), tip="Takes it over"
        )
        self.same.hide()
        self.compared = QCheckBox("I compared both sides: it is the same patient, tasks may be made")
        self.compared.hide()
        layout.addWidget(self.compared)
        self.own = button("As a case of its own", lambda: self._try(as_own))
        layout.addWidget(row(self.into, self.same, self.own, button("Not now", self.reject)))
        sized(self, 56, 42)

    def _try(self, act: Callable[[], str | None]) -> None:
        refusal = act()
        if refusal is None:
            self.accept()
            return
        self.problem.setText(refusal)
        self.same.setVisible("cannot be told" in refusal)

    def _proposals(self, referral: Referral, is_case: bool) -> QScrollArea:
        """The sender's next steps, each with who does it here and by when."""
        scroll, page = QScrollArea(), QWidget()
        scroll.setWidgetResizable(True)
        layout = QVBoxLayout(page)
        for each in referral.next_steps:
            day = each.due_on.isoformat() if each.due_on else "no day"
            owner = f" · {each.owner}" if each.owner else ""
            layout.addWidget(PlainLabel(f"{day} · {each.text}{owner}", wrap=True))
            if is_case:
                layout.addWidget(self._owned(each))
        if not referral.next_steps:
            layout.addWidget(PlainLabel("nothing named", role="quiet"))
        layout.addStretch(1)
        scroll.setWidget(page)
        return scroll

    def _owned(self, step: NextStep) -> OwnedLine:
        """Who does it here is typed: whom the sender names works elsewhere."""

        def make(owner: str, day: date | None) -> str | None:
            refusal = self._make_task(step, owner, day, self.compared.isChecked())
            if refusal is None:
                line.setEnabled(False)
                line.go.setText("Task made")
            elif "cannot be told" in refusal:
                self.compared.show()
            return refusal

        line = OwnedLine("Make a task", "", step.due_on, make)
        self.steps.append(line)
        return line
