"""The lesions of the case: name, place, size, earlier treatment. Marked ones come from the images, others are typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from planner.model.disease import Lesion
from planner.units import shown
from planner.workflow.template import Choice, FieldKind
from viewers.panels.editors import ChoiceEditor, DateEditor, FieldEditor, LineEditor, NumberEditor
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.state import theme

ORGANS = (
    *("liver", "kidney", "lung", "bone", "spine", "pancreas", "adrenal", "spleen", "uterus", "prostate"),
    *("bile-duct", "oesophagus", "stomach", "bowel", "bladder", "head-neck", "soft-tissue", "other"),
)
"""Where a lesion lies, as rules ask for it; another organ is typed in the template's own fields."""


@dataclass(frozen=True, slots=True)
class LesionActs:
    """What the panel asks for. Every function answers a sentence when it was refused.

    Attributes
    ----------
    add
        Facts of a typed lesion: name, organ, segment, longest_mm, viable_mm, seen_on.
    change
        (lesion id, fact, value).
    measure
        (lesion id, day, longest mm, viable mm).
    show
        Moves the cursor to a lesion.
    """

    add: Callable[[dict[str, Any]], str | None]
    change: Callable[[str, str, Any], str | None]
    measure: Callable[[str, date | None, float | None, float | None], str | None]
    remove: Callable[[str], str | None]
    show: Callable[[str], object]


def lesion_line(lesion: Lesion) -> str:
    """Name first, then where and how large, and on which day; what is not known is said."""
    seen = lesion.latest
    where = f"segment {lesion.segment}" if lesion.segment else lesion.organ
    if seen is None or seen.longest_mm is None:
        return f"{lesion.name} · {where} · size not measured"
    viable = f", viable {shown(seen.viable_mm, 'mm')}" if seen.viable_mm is not None else ""
    return f"{lesion.name} · {where} · {shown(seen.longest_mm, 'mm')}{viable} · {seen.study_date.isoformat()}"


def _form(owner: QWidget, lines: Sequence[tuple[str, FieldEditor]]) -> None:
    form = QFormLayout(owner)
    form.setContentsMargins(0, 0, 0, 0)
    form.setSpacing(3)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    for label, editor in lines:
        form.addRow(PlainLabel(label), editor)


def _organ_editor() -> ChoiceEditor:
    return ChoiceEditor([Choice(each, each) for each in ORGANS])


class LesionCard(QWidget):
    """One lesion: a line, and its editors when it is opened."""

    def __init__(self, lesion: Lesion, acts: LesionActs, opened: bool, toggled: Callable[[str, bool], object]) -> None:
        super().__init__()
        self.lesion, self._acts, self._toggled = lesion, acts, toggled
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 3)
        frame, layout = panel(theme.CARD)
        outer.addWidget(frame)
        self.head = ClickLabel("", tip="Opens and folds the lesion")
        self.head.clicked.connect(self._toggle)
        layout.addWidget(self.head)
        self.body = QWidget()
        layout.addWidget(self.body)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self.problem.setVisible(False)
        layout.addWidget(self.problem)
        self.editors: dict[str, FieldEditor] = {}
        if opened:
            self._build()
        self.body.setVisible(opened)
        self.show_lesion(lesion)

    def _build(self) -> None:
        """Editors are made when the lesion is opened: a long list costs nothing."""
        self.editors = {
            "name": LineEditor(),
            "segment": LineEditor("I to VIII"),
            "organ": _organ_editor(),
            "prior_treatment": LineEditor("none known"),
            "seen_on": DateEditor(FieldKind.DATE),
            "longest_mm": NumberEditor(hint="mm"),
            "viable_mm": NumberEditor(hint="mm"),
        }
        labels = ("Name", "Segment", "Organ", "Earlier treatment", "Images of", "Longest (mm)", "Viable (mm)")
        holder = QWidget()
        _form(holder, list(zip(labels, self.editors.values(), strict=True)))
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(holder)
        layout.addWidget(
            row(
                button("Show", lambda: self._acts.show(self.lesion.id), tip="Moves the cursor to it"),
                button("Remove", lambda: self._say(self._acts.remove(self.lesion.id)), tip="Undo brings it back"),
            )
        )
        for name in ("name", "segment", "organ", "prior_treatment"):
            self.editors[name].changed.connect(lambda value, name=name: self._change(name, value))
        for name in ("seen_on", "longest_mm", "viable_mm"):
            self.editors[name].changed.connect(lambda value, name=name: self._measure(name, value))

    def show_lesion(self, lesion: Lesion) -> None:
        """Show the lesion as it is now."""
        self.lesion = lesion
        mark = "▾" if self.body.isVisibleTo(self) else "▸"
        self.head.setText(f"{mark} {lesion_line(lesion)}")
        seen = lesion.latest
        for name, editor in self.editors.items():
            if name == "seen_on":
                editor.show_value(seen.study_date.isoformat() if seen else None)
            elif name in ("longest_mm", "viable_mm"):
                editor.show_value(getattr(seen, name) if seen else None)
            else:
                editor.show_value(getattr(lesion, name))

    def _change(self, name: str, value: Any) -> None:
        self._say(self._acts.change(self.lesion.id, name, value))

    def _measure(self, name: str, value: Any) -> None:
        seen = self.lesion.latest
        facts: dict[str, Any] = {
            "seen_on": seen.study_date if seen else None,
            "longest_mm": seen.longest_mm if seen else None,
            "viable_mm": seen.viable_mm if seen else None,
        }
        facts[name] = date.fromisoformat(value) if name == "seen_on" and value else value
        if name == "seen_on":
            # Another day is another observation: sizes of the day before are not carried to it.
            facts["longest_mm"] = facts["viable_mm"] = None
        self._say(self._acts.measure(self.lesion.id, facts["seen_on"], facts["longest_mm"], facts["viable_mm"]))

    def _say(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))

    def _toggle(self) -> None:
        opening = not self.body.isVisibleTo(self)
        if opening and not self.editors:
            self._build()
        self.body.setVisible(opening)
        self.show_lesion(self.lesion)
        self._toggled(self.lesion.id, opening)


class NewLesion(QWidget):
    """A lesion typed from a report: it has no mask."""

    def __init__(self, add: Callable[[dict[str, Any]], str | None]) -> None:
        super().__init__()
        self._add = add
        self.editors: dict[str, FieldEditor] = {
            "name": LineEditor("L3"),
            "segment": LineEditor("I to VIII"),
            "organ": _organ_editor(),
            "longest_mm": NumberEditor(hint="mm"),
            "viable_mm": NumberEditor(hint="mm"),
            "seen_on": DateEditor(FieldKind.DATE),
        }
        self.editors["organ"].show_value("liver")
        self.values: dict[str, Any] = {"organ": "liver"}
        frame, layout = panel(theme.CARD)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(frame)
        holder = QWidget()
        labels = ("Name", "Segment", "Organ", "Longest (mm)", "Viable (mm)", "Images of")
        _form(holder, list(zip(labels, self.editors.values(), strict=True)))
        layout.addWidget(holder)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)
        self.add_button = button("Add this lesion", self._finish, primary=True)
        layout.addWidget(row(self.add_button, button("Cancel", self._leave)))
        for name, editor in self.editors.items():
            editor.changed.connect(lambda value, name=name: self.values.__setitem__(name, value))

    def _finish(self) -> None:
        seen = self.values.get("seen_on")
        facts = {
            "name": self.values.get("name") or "",
            "organ": self.values.get("organ") or "liver",
            "segment": self.values.get("segment"),
            "longest_mm": self.values.get("longest_mm"),
            "viable_mm": self.values.get("viable_mm"),
            "seen_on": date.fromisoformat(seen) if seen else None,
        }
        refusal = self._add(facts)
        self.problem.setText(refusal or "")
        if refusal is None:
            self._leave()

    def _leave(self) -> None:
        self.hide()
        self.deleteLater()


class LesionsPanel(QWidget):
    """The list, and a form to add a lesion by hand."""

    def __init__(self, acts: LesionActs) -> None:
        super().__init__()
        self._acts = acts
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self.title = PlainLabel("Lesions", role="section")
        layout.addWidget(self.title)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        layout.addLayout(self._rows)
        self._new = QVBoxLayout()
        layout.addLayout(self._new)
        self.add_button = button("Add a lesion by hand…", self.begin, tip="From a report: place, size and date")
        layout.addWidget(row(self.add_button))
        self.cards: dict[str, LesionCard] = {}
        self.form: NewLesion | None = None
        self._opened: set[str] = set()

    def begin(self) -> NewLesion:
        """Offer the form of a typed lesion, empty."""
        clear(self._new)
        self.form = NewLesion(self._acts.add)
        self._new.addWidget(self.form)
        self.form.editors["name"].setFocus()
        return self.form

    def show_lesions(self, lesions: Sequence[Lesion], confirmed: bool) -> None:
        """Show the case's lesions and whether a person said that these are all."""
        state = "confirmed complete" if confirmed else "not confirmed complete"
        self.title.setText(f"Lesions: {len(lesions)}, list {state}" if lesions else "Lesions: none marked or typed yet")
        if list(self.cards) != [lesion.id for lesion in lesions]:
            clear(self._rows)
            self.cards = {
                each.id: LesionCard(each, self._acts, each.id in self._opened, self._remember) for each in lesions
            }
            for card in self.cards.values():
                self._rows.addWidget(card)
        for lesion in lesions:
            card = self.cards[lesion.id]
            if card.lesion != lesion:
                card.show_lesion(lesion)

    def _remember(self, lesion_id: str, opened: bool) -> None:
        if opened:
            self._opened.add(lesion_id)
        else:
            self._opened.discard(lesion_id)
