"""What changed between two studies: the maps with their colours, and the list of structures; a click goes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from viewers.panels.parts import ClickLabel, PlainLabel, clear
from viewers.state.compare import Change, ChangeMap

KIND_MARKS = {
    "new": "＋",
    "grown": "▲",
    "shrunk": "▼",
    "vanished": "○",
    "stable": "＝",
    "split": "⋔",
    "merged": "⋎",
    "ambiguous": "?",
    "not-shown": "–",
}
NOTHING_FOUND = "Nothing is marked in both studies that could be compared."
PLACE_NOT_SHOWN = "its place is not on the new images"


class MapsList(QWidget):
    """Every map with a tick and what it stands on; its colours stand in the legend of the images.

    Parameters
    ----------
    show_map
        (key it is hidden by, visible).
    """

    def __init__(self, show_map: Callable[[str, bool], object]) -> None:
        super().__init__()
        self._show_map = show_map
        self._shown: tuple[ChangeMap, ...] = ()
        self.ticks: dict[str, QCheckBox] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("Maps over the new study", role="section"))
        self._rows = QVBoxLayout()
        layout.addLayout(self._rows)
        self.setVisible(False)

    def show_maps(self, maps: Sequence[ChangeMap], hidden: frozenset[str]) -> None:
        """Rows are built anew only for other maps."""
        if tuple(maps) != self._shown:
            self._shown = tuple(maps)
            self._build()
        for key, tick in self.ticks.items():
            tick.blockSignals(True)
            tick.setChecked(key not in hidden)
            tick.blockSignals(False)
        self.setVisible(bool(maps))

    def _build(self) -> None:
        clear(self._rows)
        self.ticks = {}
        for each in self._shown:
            tick = QCheckBox(each.title.replace("&", "&&"))
            tick.toggled.connect(lambda shown, key=each.hidden_key: self._show_map(key, shown))
            self.ticks[each.hidden_key] = tick
            self._rows.addWidget(tick)
            if each.note:
                self._rows.addWidget(PlainLabel(each.note, role="quiet", wrap=True))


class ChangesList(QWidget):
    """New, grown, shrunk, vanished; a click brings both studies there.

    Attributes
    ----------
    lines
        One for each change, in their order.
    """

    def __init__(self, go_to: Callable[[Change], object]) -> None:
        super().__init__()
        self._go_to = go_to
        self._shown: tuple[tuple[Change, ...], tuple[str, ...]] | None = None
        self.lines: list[ClickLabel] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("What changed", role="section"))
        self._rows = QVBoxLayout()
        layout.addLayout(self._rows)
        self.setVisible(False)

    def show_changes(self, changes: Sequence[Change], computed: bool, notes: Sequence[str] = ()) -> None:
        """Hidden until something was looked for; `notes` say what could not be told."""
        self.setVisible(computed or bool(changes))
        given = tuple(changes), tuple(notes)
        if given == self._shown:
            return
        self._shown = given
        clear(self._rows)
        self.lines = []
        for each in changes:
            short, rest = first_part(each.words)
            where = "" if each.place_lps_mm is not None else f" ({PLACE_NOT_SHOWN})"
            line = ClickLabel(f"{KIND_MARKS.get(each.kind, '·')} {each.kind}: {short}{where}", tip=rest or each.name)
            line.clicked.connect(lambda change=each: self._go_to(change))
            self.lines.append(line)
            self._rows.addWidget(line)
        for note in notes or (() if changes else (NOTHING_FOUND,)):
            self._rows.addWidget(PlainLabel(note, role="quiet", wrap=True))


def first_part(words: str) -> tuple[str, str]:
    """What comes before the first semicolon that stands in no brackets, and the rest."""
    depth = 0
    for place, letter in enumerate(words):
        depth += (letter == "(") - (letter == ")")
        if letter == ";" and depth <= 0:
            return words[:place], words[place + 1 :].strip()
    return words, ""
