"""Needles of a stage: structures to avoid, the search for paths, the selected needle as a CT operator reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from planner.imaging.structures import spoken_name
from planner.units import shown
from planner.workflow.template import Choice
from viewers.panels.editors import LineEditor
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, plain_tip, row
from viewers.state import theme
from viewers.state.needles import STANDINGS, Clearance, Reading

SEGMENTED, ABSENT, NOT_SEGMENTED = "segmented", "absent", "not-segmented"
STATES = {
    SEGMENTED: ("●", "segmented", theme.INFO),
    ABSENT: ("○", "absent, confirmed", theme.QUIET),
    NOT_SEGMENTED: (STANDINGS["not-checked"].shape, "NOT CHECKED", STANDINGS["not-checked"].colour),
}
"""Status of a structure -> shape, word, colour."""
OPTIONAL = "not segmented (not required)"
ORDER = ("too-near", "near", "not-checked", "beyond", "absent")
CLEARANCES_SHOWN = 5
"""Structures beyond the desired distance that are shown at once."""
NO_STRUCTURES = "The template of this session names no structures to keep away from."


@dataclass(frozen=True, slots=True)
class StructureLine:
    """One structure to keep away from; limits with their source, and whether that is an unverified default."""

    key: str
    status: str
    required: bool
    hard_mm: float
    desired_mm: float
    source: str
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class PathLine:
    """One path of the ranked list."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class NeedleCard:
    """The selected needle.

    Attributes
    ----------
    read_out
        Label and value.
    read_out_note
        What the read-out is not: a planning picture is no scan of today.
    """

    item_id: str
    name: str
    locked: bool
    posture: str
    device: str | None
    reading: Reading | None
    read_out: tuple[tuple[str, str], ...] = ()
    read_out_note: str = ""


@dataclass(frozen=True, slots=True)
class NeedleContent:
    """Everything the panel shows.

    Attributes
    ----------
    target
        What is aimed at, in words; empty for nothing.
    summary, costliest
        Of the last search.
    rejections
        How many entries each limit keeps out, in words.
    devices, postures
        To choose from.
    notes
        What the automatic segmentation did not look for.
    """

    structures: tuple[StructureLine, ...] = ()
    paths: tuple[PathLine, ...] = ()
    target: str = ""
    summary: str = ""
    costliest: str = ""
    rejections: tuple[str, ...] = ()
    needle: NeedleCard | None = None
    devices: tuple[Choice, ...] = ()
    postures: tuple[Choice, ...] = ()
    device: str | None = None
    posture: str = "supine"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedleActs:
    """What the panel asks for; what may be refused answers a sentence."""

    make_structures: Callable[[], str | None]
    take_labels: Callable[[], str | None]
    confirm_absent: Callable[[str, bool], str | None]
    find: Callable[[], str | None]
    look: Callable[[int], object]
    use: Callable[[int], str | None]
    rename: Callable[[str, str], str | None]
    lock: Callable[[str, bool], str | None]
    copy: Callable[[str], str | None]
    measure: Callable[[str], str | None]
    set_posture: Callable[[str], str | None]
    set_device: Callable[[str | None], str | None]


class NeedlePanel(QWidget):
    """Three parts, each rebuilt only when what it shows differs."""

    def __init__(self, acts: NeedleActs) -> None:
        super().__init__()
        self.acts = acts
        self._content = NeedleContent()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._structures, self._paths, self._needle = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self.list = QListWidget()
        self.absent: dict[str, ClickLabel] = {}
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._paths_part, paths = _part()
        self._structures_part, structures = _part()
        outer.addLayout(self._needle)
        outer.addWidget(self.problem)
        outer.addWidget(self._paths_part)
        outer.addWidget(self._structures_part)
        self._build_search(paths)
        self._build_structures(structures)
        self.say(None)
        self._show_structures(self._content)
        self._show_paths(self._content)
        self._show_needle(None)

    def _build_structures(self, outer: QVBoxLayout) -> None:
        outer.addWidget(PlainLabel("Structures to keep away from", role="section"))
        self.automatic = button(
            "Make automatically",
            lambda: self.say(self.acts.make_structures()),
            tip="Skin, bone, lung, gas, and vessels where contrast is seen, from the CT itself",
        )
        self.labels = button(
            "From label map",
            lambda: self.say(self.acts.take_labels()),
            tip="Take over the segmentations that are loaded",
        )
        outer.addWidget(row(self.automatic, self.labels))
        outer.addLayout(self._structures)

    def put_structures_first(self, first: bool) -> None:
        """In the stage that asks for structures they stand above the search; elsewhere below it."""
        outer = self.layout()
        parts = (self._structures_part, self._paths_part) if first else (self._paths_part, self._structures_part)
        if isinstance(outer, QVBoxLayout) and outer.indexOf(parts[0]) > outer.indexOf(parts[1]):
            outer.removeWidget(parts[1])
            outer.addWidget(parts[1])

    def _build_search(self, outer: QVBoxLayout) -> None:
        outer.addWidget(PlainLabel("Paths", role="section"))
        self.target = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.target)
        self.device, self.posture = QComboBox(), QComboBox()
        choices = QGridLayout()
        choices.setColumnStretch(1, 1)
        for line, (word, box) in enumerate((("Device", self.device), ("Patient lies", self.posture))):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
            choices.addWidget(PlainLabel(word, role="quiet"), line, 0)
            choices.addWidget(box, line, 1)
        self.device.activated.connect(lambda index: self.say(self.acts.set_device(self.device.itemData(index))))
        self.posture.activated.connect(lambda index: self.say(self.acts.set_posture(self.posture.itemData(index))))
        outer.addLayout(choices)
        self.search = button(
            "Find paths", lambda: self.say(self.acts.find()), primary=True, tip="Every entry of the skin"
        )
        self.use = button("Use this path", self._use, tip="Puts it into the plan; undo takes it out")
        self.use.setEnabled(False)
        self._titles: list[str] = []
        outer.addWidget(row(self.search, self.use))
        self.summary = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.summary)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("ranked paths")
        self.list.currentRowChanged.connect(self._look)
        self.list.itemDoubleClicked.connect(lambda *_: self._use())
        self.list.setVisible(False)
        outer.addWidget(self.list)
        outer.addLayout(self._paths)

    def show_content(self, content: NeedleContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self._content = self._content, content
        if (content.structures, content.notes) != (before.structures, before.notes):
            self._show_structures(content)
        if (content.paths, content.summary, content.costliest, content.rejections) != (
            before.paths,
            before.summary,
            before.costliest,
            before.rejections,
        ):
            self._show_paths(content)
        if content.needle != before.needle:
            self._show_needle(content.needle)
        self.target.setText(content.target or "Aim: select a lesion or a needle, or press T and click a target.")
        _fill(self.device, content.devices, content.device)
        _fill(self.posture, content.postures, content.posture)

    # Structures

    def _show_structures(self, content: NeedleContent) -> None:
        clear(self._structures)
        self.absent = {}
        if not content.structures:
            self._structures.addWidget(PlainLabel(NO_STRUCTURES, role="quiet", wrap=True))
        for each in content.structures:
            self._structures.addWidget(self._structure_row(each))
        for note in content.notes:
            self._structures.addWidget(PlainLabel(note, role="quiet", wrap=True))

    def _structure_row(self, line: StructureLine) -> QWidget:
        shape, word, ink = STATES.get(line.status, STATES[NOT_SEGMENTED])
        if line.status == NOT_SEGMENTED and not line.required:
            shape, word, ink = "·", OPTIONAL, theme.QUIET
        holder = QWidget()
        inner = QHBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        label = PlainLabel(f"{shape} {spoken_name(line.key)}: {word}", wrap=True)
        colour(label, text=ink)
        limits = f"never nearer than {shown(line.hard_mm, 'mm')}, desired {shown(line.desired_mm, 'mm')}"
        doubt = "\nunverified default" if line.unverified else ""
        label.setToolTip(f"{limits}\n{line.source}{doubt}")
        inner.addWidget(label, 1)
        inner.addWidget(PlainLabel(f"{shown(line.hard_mm)} / {shown(line.desired_mm, 'mm')}", role="quiet"))
        if line.status != SEGMENTED:
            absent = line.status != ABSENT
            ask = ClickLabel("absent" if absent else "undo", tip="A person looked: it is not within reach of any path")
            colour(ask, text=theme.ACCENT)
            ask.setWordWrap(False)
            ask.clicked.connect(lambda key=line.key, absent=absent: self.say(self.acts.confirm_absent(key, absent)))
            self.absent[line.key] = ask
            inner.addWidget(ask)
        return holder

    # Paths

    def _show_paths(self, content: NeedleContent) -> None:
        self.summary.setText(content.summary)
        self.summary.setVisible(bool(content.summary))
        titles = [each.title for each in content.paths]
        chosen = self.list.currentRow()
        # The path that a person looks at stays chosen while only the words around the list change.
        kept = chosen if titles == self._titles and chosen >= 0 else -1
        self._titles = titles
        self.list.blockSignals(True)
        self.list.clear()
        for each in content.paths:
            item = QListWidgetItem(f"{each.title}\n    {each.detail}")
            item.setToolTip(plain_tip(each.detail))
            self.list.addItem(item)
        self.list.setCurrentRow(kept)
        self.list.blockSignals(False)
        self.list.setVisible(bool(content.paths))
        self.list.setFixedHeight(max(1, self.list.sizeHintForRow(0)) * min(4, max(1, len(content.paths))) + 8)
        self.use.setEnabled(kept >= 0)
        clear(self._paths)
        if content.costliest:
            costliest = PlainLabel(content.costliest, wrap=True)
            colour(costliest, text=theme.WARN)
            self._paths.addWidget(costliest)
        for line in content.rejections:
            self._paths.addWidget(PlainLabel(line, role="quiet", wrap=True))

    def _look(self, number: int) -> None:
        self.use.setEnabled(number >= 0)
        if number >= 0:
            self.acts.look(number)

    def _use(self) -> None:
        number = self.list.currentRow()
        if number >= 0:
            self.say(self.acts.use(number))

    # The selected needle

    def _show_needle(self, card: NeedleCard | None) -> None:
        clear(self._needle)
        if card is None:
            hint = "Needles: T and a click place a target, N and a click the entry. Select one to read it out."
            self._needle.addWidget(PlainLabel(hint, role="quiet", wrap=True))
            return
        frame, layout = panel(theme.CARD)
        self._needle.addWidget(frame)
        self.name = LineEditor("name")
        self.name.show_value(card.name)
        self.name.setEnabled(not card.locked)
        self.name.changed.connect(lambda value: self.say(self.acts.rename(card.item_id, str(value or ""))))
        line = QHBoxLayout()
        line.addWidget(PlainLabel("Needle", role="section"))
        line.addWidget(self.name, 1)
        layout.addLayout(line)
        self._add_buttons(layout, card)
        self._add_reading(layout, card.reading)
        if card.read_out:
            layout.addWidget(PlainLabel("Read-out for the CT operator", role="section"))
            self._add_pairs(layout, card.read_out)
        if card.read_out_note:
            layout.addWidget(PlainLabel(f"▲ {card.read_out_note}", role="unverified", wrap=True))

    def _add_buttons(self, layout: QVBoxLayout, card: NeedleCard) -> None:
        self.lock = button(
            "Unlock  [L]" if card.locked else "Lock  [L]",
            lambda: self.say(self.acts.lock(card.item_id, not card.locked)),
            tip="A locked needle is neither dragged nor removed",
        )
        self.copy = button("Parallel copy", lambda: self.say(self.acts.copy(card.item_id)), tip="Beside this one")
        self.measure = button("Measure", lambda: self.say(self.acts.measure(card.item_id)), tip="On the structures now")
        layout.addWidget(row(self.lock, self.copy, self.measure))

    def _add_reading(self, layout: QVBoxLayout, reading: Reading | None) -> None:
        if reading is None:
            layout.addWidget(PlainLabel("Not measured: press Measure.", role="unverified", wrap=True))
            return
        if reading.stale:
            layout.addWidget(PlainLabel(f"▲ {reading.stale}", role="unverified", wrap=True))
        of_device = f" of {shown(reading.usable_length_mm, 'mm')}" if reading.usable_length_mm is not None else ""
        pairs = [("Length", shown(reading.length_mm, "mm", digits=1) + of_device)]
        if reading.in_plane_deg is not None:
            side = "" if abs(reading.in_plane_deg) < 0.5 else ", hub to the left" if reading.in_plane_deg > 0.0 else ""
            side = side or (", hub to the right" if reading.in_plane_deg <= -0.5 else "")
            pairs.append(("In plane", f"{reading.in_plane_deg:.1f}° from vertical{side}"))
        if reading.out_of_plane_deg is not None:
            end = "" if abs(reading.out_of_plane_deg) < 0.5 else "head" if reading.out_of_plane_deg > 0.0 else "feet"
            pairs.append(("Out of plane", f"{reading.out_of_plane_deg:.1f}°{f', hub to the {end}' if end else ''}"))
        if reading.organ_mm is not None:
            pairs.append(("Organ before target", shown(reading.organ_mm, "mm", digits=1)))
        if reading.capsule_deg is not None:
            pairs.append(("To the capsule's normal", f"{reading.capsule_deg:.0f}°"))
        self._add_pairs(layout, pairs)
        block = STANDINGS["too-near"]
        for sentence in reading.rejected:
            broken = PlainLabel(f"{block.shape} {sentence}", wrap=True)
            colour(broken, text=block.colour)
            layout.addWidget(broken)
        self._add_clearances(layout, reading.clearances)

    def _add_pairs(self, layout: QVBoxLayout, pairs: Sequence[tuple[str, str]]) -> None:
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(1)
        for line, (label, value) in enumerate(pairs):
            grid.addWidget(PlainLabel(label, role="quiet"), line, 0)
            grid.addWidget(PlainLabel(value, wrap=True), line, 1)
        layout.addLayout(grid)

    def _add_clearances(self, layout: QVBoxLayout, clearances: Sequence[Clearance]) -> None:
        """One line a structure: how it stands, the distance, where, and its limits; the far ones are folded."""
        ranked = sorted(clearances, key=lambda each: (ORDER.index(each.standing), each.mm or 0.0))
        near = [each for each in ranked if each.standing not in ("beyond", "absent")]
        shown_now = ranked[: max(len(near), CLEARANCES_SHOWN)]
        layout.addLayout(_clearance_grid(shown_now, heading=True))
        rest = ranked[len(shown_now) :]
        if rest:
            folded = QWidget()
            folded.setLayout(_clearance_grid(rest, heading=False))
            folded.setVisible(False)
            more = ClickLabel(f"▾ {len(rest)} more, farther away", tip="Opens and folds the list")
            more.clicked.connect(lambda: folded.setVisible(not folded.isVisible()))
            layout.addWidget(more)
            layout.addWidget(folded)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _part() -> tuple[QWidget, QVBoxLayout]:
    """A part of the panel that can change its place."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    return holder, layout


def _fill(box: QComboBox, choices: Sequence[Choice], chosen: str | None) -> None:
    known = tuple((box.itemData(at), box.itemText(at)) for at in range(box.count()))
    wanted = tuple((each.code or None, each.label) for each in choices)
    if known != wanted:
        box.clear()
        for code, label in wanted:
            box.addItem(label, code)
            box.setItemData(box.count() - 1, plain_tip(label), Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    # The box is narrower than a device's whole name.
    box.setToolTip(plain_tip(box.currentText()))


def _clearance_grid(clearances: Sequence[Clearance], *, heading: bool) -> QGridLayout:
    """Name, distance, depth, limits; units stand above the columns."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setColumnStretch(0, 1)
    grid.setVerticalSpacing(1)
    grid.setHorizontalSpacing(8)
    if heading and clearances:
        for column, text in enumerate(("", "mm", "at mm", "limits mm")):
            grid.addWidget(PlainLabel(text, role="quiet"), 0, column)
    for line, each in enumerate(clearances, start=1):
        mark = STANDINGS[each.standing]
        texts = (
            f"{mark.shape} {each.name}",
            "NOT CHECKED" if each.standing == "not-checked" else shown(each.mm, digits=1),
            "" if each.depth_mm is None else shown(each.depth_mm, digits=0),
            "" if each.hard_mm is None else f"{shown(each.hard_mm)} / {shown(each.desired_mm)}",
        )
        for column, text in enumerate(texts):
            cell = PlainLabel(text, role="quiet" if column > 1 else None, wrap=column == 0)
            if column < 2:
                colour(cell, text=mark.colour)
            cell.setToolTip(f"{mark.word}; limits: never nearer / desired")
            grid.addWidget(cell, line, column)
    return grid
