"""One reader's observation of one lesion on one day: typed by field, or taken from the drawn region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from planner.app.response import lipiodol_codes
from planner.catalogues import catalogue
from planner.clinical.response_course_types import ENHANCEMENTS, STATES
from planner.model.disease import Lesion, Observation
from planner.workflow.template import Choice
from viewers.panels.editors import ChoiceEditor, FieldEditor, NumberEditor
from viewers.panels.parts import PlainLabel, button, panel, row
from viewers.panels.response_content import READER_NAMES

LABELS = {
    "longest_mm": "Longest axial (mm)",
    "short_axis_mm": "Short axis of a node (mm)",
    "viable_mm": "Viable, arterially enhancing (mm)",
    "enhancing_a": "Enhancing, longest (mm)",
    "enhancing_b": "Enhancing, across (mm)",
    "enhancing_ml": "Enhancing volume (mL)",
    "volume_ml": "Volume (mL)",
    "density_hu": "Portal mean (HU)",
    "state": "State",
    "masslike_enhancement": "Masslike enhancement",
    "mri_ancillary": "MRI ancillary favours viable",
    "therapy": "Treated by",
    "assessable": "Assessable",
    "lipiodol": "Lipiodol retention",
    "modality": "Modality",
}
ALWAYS = ("state", "lipiodol", "modality")
ASKED = {
    "recist-1.1": ("longest_mm", "short_axis_mm"),
    "mrecist": ("viable_mm", "longest_mm", "short_axis_mm"),
    "easl": ("enhancing_a", "enhancing_b"),
    "qeasl": ("enhancing_ml", "volume_ml"),
    "choi": ("longest_mm", "density_hu"),
    "lirads-tr-2024": ("masslike_enhancement", "mri_ancillary", "therapy", "assessable"),
    "volumetric": ("volume_ml",),
}
"""Criteria -> what they read, in the order in which it is typed."""
YES_NO = (Choice("yes", "yes"), Choice("no", "no"))
MODALITIES = ("CT", "MR", "PET-CT", "US")


@dataclass(frozen=True, slots=True)
class CardActs:
    """What the card asks for; each answers a sentence when it was refused.

    Attributes
    ----------
    write
        Which of the day's observations, field and value.
    take
        Measures the drawn region in the background.
    show
        The images of that day.
    """

    write: Callable[[int, str, Any], str | None]
    take: Callable[[], str | None]
    show: Callable[[], str | None]


class ObservationCard(QWidget):
    """Editors of what the criteria read; each value is one step of undo."""

    def __init__(self, acts: CardActs) -> None:
        super().__init__()
        self._acts = acts
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        frame, layout = panel()
        outer.addWidget(frame)
        self.title = PlainLabel("", role="section", wrap=True)
        self.origin = PlainLabel("", role="quiet", wrap=True)
        self.which = QComboBox()
        self.which.setToolTip("Observations of this day")
        self.which.activated.connect(self._show_row)
        self.which.setVisible(False)
        self._rows: tuple[Observation, ...] = ()
        self.told = PlainLabel("", role="quiet", wrap=True)
        self.grid = QGridLayout()
        self.grid.setColumnStretch(1, 1)
        self.grid.setVerticalSpacing(3)
        self.editors: dict[str, FieldEditor] = {}
        self._labels: dict[str, PlainLabel] = {}
        for line, (name, label) in enumerate(LABELS.items()):
            editor = _editor(name)
            editor.changed.connect(lambda value, name=name: self._write(name, value))
            self.editors[name], self._labels[name] = editor, PlainLabel(label, wrap=True)
            self.grid.addWidget(self._labels[name], line, 0)
            self.grid.addWidget(editor, line, 1)
        self.take = button("Measure the drawn region", self._take, tip="In the background, by subtraction where it can")
        self.show_images = button("Show the images", lambda: self.say(acts.show()))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        for each in (self.title, self.which, self.origin):
            layout.addWidget(each)
        layout.addLayout(self.grid)
        layout.addWidget(row(self.take, self.show_images))
        layout.addWidget(self.told)
        layout.addWidget(self.problem)
        self.key: tuple[str, date, str] | None = None

    def show_observation(
        self,
        lesion: Lesion | None,
        day: date | None,
        rows: Sequence[Observation],
        criteria: str,
        reader: str,
    ) -> None:
        """Show what is typed of a lesion on a day, with the fields that the criteria read."""
        if lesion is None or day is None:
            self.title.setText("Choose a lesion and a day in the table.")
            self.origin.setText("")
            self._only(())
            self.take.setVisible(False)
            self.show_images.setVisible(False)
            self.say(None)
            self.tell("")
            self.which.setVisible(False)
            self.key = None
            return
        key = (lesion.id, day, reader)
        if key != self.key:
            self.say(None)
            self.tell("")
        self._choose_among(rows, 0 if key != self.key else self.at)
        self.key = key
        seen = rows[self.at] if rows else None
        self.title.setText(f"{lesion.name} · {day.isoformat()} · {READER_NAMES[reader].lower()}")
        self.origin.setText(_origin(seen))
        self._only((*ASKED[criteria], *ALWAYS))
        self.take.setVisible(True)
        self.show_images.setVisible(True)
        for name, editor in self.editors.items():
            editor.show_value(value_of(seen, name))

    def begin_typing(self) -> None:
        """The first line that can be typed into gets the keyboard."""
        first = next((each for each in self.editors.values() if each.isVisible()), None)
        if first is not None:
            first.setFocus()

    def explain(self, title: str, lines: Sequence[str]) -> None:
        """In the place of an observation: how numbers of a day came about."""
        self.show_observation(None, None, (), "", "")
        self.title.setText(title)
        self.origin.setText("\n".join(lines))

    @property
    def at(self) -> int:
        """Which of several observations of the day is on show."""
        return max(0, self.which.currentIndex())

    def _choose_among(self, rows: Sequence[Observation], at: int) -> None:
        """CT and MR of one day are two observations; one of them is on show."""
        self._rows = tuple(rows)
        self.which.clear()
        for each in rows:
            self.which.addItem(f"{each.modality or 'modality unknown'} · {_origin(each)}")
        self.which.setCurrentIndex(min(at, len(rows) - 1))
        self.which.setVisible(len(rows) > 1)

    def _show_row(self, at: int) -> None:
        seen = self._rows[at] if 0 <= at < len(self._rows) else None
        self.origin.setText(_origin(seen))
        for name, editor in self.editors.items():
            editor.show_value(value_of(seen, name))

    def tell(self, text: str) -> None:
        """What a measurement stands on, and what it could not measure."""
        self.told.setText(text)
        self.told.setVisible(bool(text))

    def _only(self, names: tuple[str, ...]) -> None:
        for name, editor in self.editors.items():
            for widget in (editor, self._labels[name]):
                widget.setVisible(name in names)

    def _write(self, name: str, value: Any) -> None:
        refusal = self._acts.write(self.at, name, value)
        self.editors[name].show_problem(refusal)
        self.say(refusal)

    def _take(self) -> None:
        self.say(self._acts.take())

    def say(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))

    def box(self, name: str) -> QComboBox:
        """The list of a field that is chosen from."""
        editor = self.editors[name]
        assert isinstance(editor, ChoiceEditor)
        return editor.box


def _editor(name: str) -> FieldEditor:
    if name in ("mri_ancillary", "assessable"):
        return ChoiceEditor(YES_NO)
    words = {
        "state": STATES,
        "masslike_enhancement": ENHANCEMENTS,
        "therapy": ("non-radiation", "radiation"),
        "modality": MODALITIES,
    }
    if name in words:
        return ChoiceEditor([Choice(each, each.replace("-", " ")) for each in words[name]])
    if name == "lipiodol":
        titles = {str(each["code"]): str(each["title"]) for each in catalogue("lipiodol.toml")["retention"]["grade"]}
        return ChoiceEditor([Choice(each, titles.get(each, "not evaluated")) for each in lipiodol_codes()])
    return NumberEditor()


def value_of(seen: Observation | None, name: str) -> Any:
    """What an editor shows of an observation."""
    if seen is None:
        return None
    if name in ("enhancing_a", "enhancing_b"):
        return None if seen.enhancing_mm is None else seen.enhancing_mm[name == "enhancing_b"]
    value = getattr(seen, name)
    if name in ("mri_ancillary", "assessable"):
        return None if value is None else "yes" if value else "no"
    return value


def _origin(seen: Observation | None) -> str:
    if seen is None:
        return "Not read yet."
    words = ["from the drawn region" if seen.region_item_id is not None else "typed"]
    words += [f"by {seen.read_by}"] if seen.read_by else []
    words += [seen.note] if seen.note else []
    return " · ".join(words)
