"""Small dialogs for decisions. Enter never makes one: no button is a default button."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.parts import PlainLabel, button, row


class ChoiceDialog(QDialog):
    """A sentence, some lists to choose from, a line for a reason, and what to do.

    Parameters
    ----------
    lists
        Label and choices of each list.
    act
        Called with the chosen codes and the text; returns a sentence to stay open, or None to close.
    reason
        Label of the text line, or None for none.
    other
        Another way out: its label and what it does.
    """

    def __init__(
        self,
        title: str,
        sentence: str,
        *,
        lists: Sequence[tuple[str, Sequence[Choice]]],
        verb: str,
        act: Callable[[list[str], str], str | None],
        reason: str | None = None,
        other: tuple[str, Callable[[], object]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._act = act
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(title, role="title"))
        layout.addWidget(PlainLabel(sentence, role="quiet", wrap=True))
        form = QFormLayout()
        self.boxes: list[QComboBox] = []
        for label, choices in lists:
            box = QComboBox()
            for choice in choices:
                box.addItem(choice.label, choice.code)
            form.addRow(PlainLabel(label), box)
            self.boxes.append(box)
        self.reason = QLineEdit()
        if reason is not None:
            form.addRow(PlainLabel(reason), self.reason)
        layout.addLayout(form)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.go = button(verb, self._go, primary=True)
        buttons: list[QWidget] = [self.go]
        if other is not None:
            buttons.append(button(other[0], lambda: self._leave(other[1])))
        layout.addWidget(row(*buttons, button("Not now" if other else "Cancel", self.reject)))
        self.setMinimumWidth(28 * self.fontMetrics().height())

    def _go(self) -> None:
        refusal = self._act([box.currentData() for box in self.boxes], self.reason.text().strip())
        if refusal is None:
            self.accept()
        else:
            self.problem.setText(refusal)

    def _leave(self, act: Callable[[], object]) -> None:
        act()
        self.reject()
