"""The form of a decision: every entry of the meeting, beside it what the case already says."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from planner.app.board_suggestions import Suggestion
from planner.model.codec import to_json
from planner.workflow.template import FieldKind
from viewers.panels.board_content import SECTIONS, BoardActs, BoardView, board_field, mandatory
from viewers.panels.board_growth import GrowthPart
from viewers.panels.board_leads import LeadsPart
from viewers.panels.board_opinions import OpinionsPart
from viewers.panels.editors import FieldEditor, LongTextEditor, editor_for
from viewers.panels.parts import PlainLabel, button, plain_tip, row

MISSING = "○ "
"""In front of a mandatory entry that nobody filled; the words of the list say the same."""


class SuggestionLine(QWidget):
    """What the case says of an entry, with where it is from; taken over by its button only."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.value: object = None
        self._act = act
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 2)
        self.label = PlainLabel("", role="quiet", wrap=True)
        self.taker = button("Take over", lambda: self._act(self.value))
        layout.addWidget(row(self.label, self.taker, stretch=False))
        self.hide()

    def show_suggestion(self, suggestion: Suggestion | None, present: object) -> None:
        """Show it while it is not what stands in the field."""
        wanted = suggestion is not None and suggestion.value != present
        self.setVisible(wanted)
        if suggestion is not None:
            self.value = suggestion.value
            self.label.setText(f"The case says: {suggestion.value} · {suggestion.why}")


class BoardForm(QWidget):
    """The entries under their headings. A change is one step of undo; a refused one is marked where it stands."""

    def __init__(self, acts: BoardActs) -> None:
        super().__init__()
        self._acts = acts
        self.editors: dict[str, FieldEditor] = {}
        self.labels: dict[str, PlainLabel] = {}
        self.suggestions: dict[str, SuggestionLine] = {}
        self.headings: dict[str, PlainLabel] = {}
        self.opinions = OpinionsPart(acts.say_opinion, acts.take_back)
        self.growth = GrowthPart(acts.growth, lambda words: self._commit("growth_rate", words))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._line = 0
        for heading, names in SECTIONS:
            self.headings[heading] = PlainLabel(heading, role="section")
            self._whole(self.headings[heading])
            for name in names:
                self._add(name)
            if not names:
                self._whole(self.opinions)
        self.leads = LeadsPart(acts.lead)
        self._grid.addWidget(PlainLabel("Carried out by"), self._line, 0)
        self._grid.addWidget(self.leads, self._line, 1)
        self._grid.setRowStretch(self._line + 1, 1)

    def _whole(self, widget: QWidget) -> None:
        self._grid.addWidget(widget, self._line, 0, 1, 2)
        self._line += 1

    def _add(self, name: str) -> None:
        field = board_field(name)
        editor = editor_for(field)
        editor.changed.connect(lambda value: self._commit(name, value))
        label = PlainLabel(field.label, wrap=True)
        label.setFixedWidth(round(self.fontMetrics().averageCharWidth() * 27))
        if field.help:
            label.setToolTip(field.help)
        self.editors[name], self.labels[name] = editor, label
        self._grid.addWidget(label, self._line, 0)
        entry = mandatory().get(name)
        if entry is not None and entry.rule is not None:
            asker = button("Calculate…", lambda: self._acts.calculate(name), tip=f"From its questions ({entry.rule})")
            self._grid.addWidget(row(editor, asker, stretch=False), self._line, 1)
        else:
            self._grid.addWidget(editor, self._line, 1)
        if name == "decision":
            _make_large(editor)
        self._line += 1
        line = SuggestionLine(lambda value: self._commit(name, value))
        self.suggestions[name] = line
        self._grid.addWidget(line, self._line, 1)
        self._line += 1
        if name == "growth_rate":
            self._grid.addWidget(self.growth, self._line, 1)
            self._line += 1

    def show_view(self, view: BoardView) -> None:
        """Show a decision; what is being typed stays as it is."""
        decision = view.decision
        self.setEnabled(decision is not None)
        if decision is None:
            return
        values = to_json(decision)
        offered = {each.field: each for each in view.suggestions}
        lacking = {each.field for each in view.missing}
        for name, editor in self.editors.items():
            # An empty list of words reads as an empty field.
            value = values.get(name) if values.get(name) != "" else None
            editor.show_value(value)
            label = board_field(name).label
            self.labels[name].setText(f"{MISSING}{label}" if name in lacking else label)
            self.suggestions[name].show_suggestion(offered.get(name), values.get(name))
        self.opinions.show_opinions(decision)
        self.growth.show_lesions(view.case.lesions)
        self.leads.show_decision(view.case, decision)

    def go_to(self, name: str) -> QWidget:
        """Where an entry is filled; it gets the keyboard."""
        wanted: QWidget = self.opinions.words if name == "opinions" else self.editors[name]
        wanted.setFocus()
        return wanted

    def _commit(self, name: str, value: Any) -> None:
        editor = self.editors[name]
        refusal = self._acts.write(name, value)
        editor.show_problem(refusal)
        if refusal is not None and board_field(name).kind is not FieldKind.LONG_TEXT:
            editor.setToolTip(plain_tip(refusal))


def _make_large(editor: FieldEditor) -> None:
    """The decision is typed before the eyes of the meeting."""
    if isinstance(editor, LongTextEditor):
        font = editor.text.font()
        font.setPixelSize(round(font.pixelSize() * 1.25) if font.pixelSize() > 0 else 17)
        editor.text.setFont(font)
