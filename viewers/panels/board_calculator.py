"""A small calculator for points of a meeting, made from the inputs of its rule. What nobody answered is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtWidgets import QDialog, QFormLayout, QScrollArea, QVBoxLayout, QWidget

from planner.clinical.inputs import InputSpec
from planner.clinical.registry import evaluate, rule
from planner.clinical.results import RuleResult
from planner.errors import OperatorError
from planner.units import symbol
from planner.workflow.template import Choice
from viewers.panels.editors import YES_NO, ChoiceEditor, FieldEditor, NumberEditor, ToggleEditor
from viewers.panels.parts import PlainLabel, button, row, sized

SHOWN_OUTPUTS = ("points", "age_adjusted", "class", "risk")


def words_of(code: str) -> str:
    """``over-5-in-3-months`` as it is read."""
    return code.replace("_", " ").replace("-", " ")


class RuleDialog(QDialog):
    """Every input of a rule; the points as soon as all are answered. Enter takes nothing over.

    Parameters
    ----------
    known
        Inputs that the case holds, such as the age; a person may change them.
    take
        Given the result when a person takes it over; a sentence when it was refused.
    """

    def __init__(
        self,
        rule_id: str,
        known: Mapping[str, Any],
        take: Callable[[RuleResult], str | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._rule, self._take = rule(rule_id), take
        self.values: dict[str, Any] = dict(known)
        self.found: RuleResult | None = None
        self.setWindowTitle(self._rule.title)
        outer = QVBoxLayout(self)
        outer.addWidget(PlainLabel(self._rule.title, role="title"))
        self.editors: dict[str, FieldEditor] = {}
        outer.addWidget(self._form(), 1)
        self.answer = PlainLabel("", wrap=True)
        outer.addWidget(self.answer)
        self.source = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.source)
        self.rest = button("All others: no", self._rest, tip="Answers no for every condition that is not answered yet")
        self.rest.setVisible(any(spec.kind == "boolean" for spec in self._rule.inputs.values()))
        self.go = button("Take the points over", self._go, primary=True)
        outer.addWidget(row(self.rest, self.go, button("Cancel", self.reject)))
        self._compute()
        sized(self, 34, 40)

    def _form(self) -> QScrollArea:
        scroll, page = QScrollArea(), QWidget()
        scroll.setWidgetResizable(True)
        form = QFormLayout(page)
        for name, spec in self._rule.inputs.items():
            editor = _editor(spec)
            editor.show_value(self.values.get(name))
            editor.changed.connect(lambda value, name=name: self._answered(name, value))
            unit = symbol(spec.units[0]) if spec.units else ""
            form.addRow(PlainLabel(f"{words_of(name).capitalize()}{f' ({unit})' if unit else ''}"), editor)
            self.editors[name] = editor
        scroll.setWidget(page)
        return scroll

    def _answered(self, name: str, value: Any) -> None:
        self.values[name] = value
        self._compute()

    def _rest(self) -> None:
        """What is left of the conditions is no, said by a person; choices and numbers stay asked."""
        for name, spec in self._rule.inputs.items():
            if spec.kind == "boolean" and self.values.get(name) is None:
                self.values[name] = "no"
                self.editors[name].show_value("no")
        self._compute()

    def _compute(self) -> None:
        """Points once everything is answered; before that, what is still asked."""
        self.found = None
        open_inputs = [words_of(name) for name in self._rule.inputs if self.values.get(name) is None]
        if open_inputs:
            self.answer.setText(f"Still asked: {', '.join(open_inputs)}")
        else:
            try:
                result = evaluate(self._rule.id, self.values)
            except OperatorError as error:
                self.answer.setText(error.message)
            else:
                self.answer.setText(result_words(result))
                self.found = result if result.outputs["points"].value is not None else None
        unread = "" if self.found is None or self.found.verified else "unverified default · "
        self.source.setText(f"{unread}{self._rule.source} · version {self._rule.version}")
        self.go.setEnabled(self.found is not None)

    def _go(self) -> None:
        if self.found is None:
            return
        refusal = self._take(self.found)
        if refusal is None:
            self.accept()
        else:
            self.answer.setText(refusal)


def result_words(result: RuleResult) -> str:
    """``points 5, age adjusted 7, class high``, with what the rule found."""
    shown = [
        f"{words_of(name)} {_word(result.outputs[name].value)}"
        for name in SHOWN_OUTPUTS
        if name in result.outputs and result.outputs[name].value is not None
    ]
    said = [finding.text for finding in result.findings]
    return " · ".join([", ".join(shown), *said] if shown else said)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _editor(spec: InputSpec) -> FieldEditor:
    if spec.kind == "boolean":
        return ToggleEditor(YES_NO)
    if spec.kind == "choice":
        return ChoiceEditor([Choice(each, words_of(each)) for each in spec.choices])
    return NumberEditor(integer=spec.integer)
