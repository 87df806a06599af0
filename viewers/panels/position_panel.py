"""Catheter positions of a stage: what each reaches and must not hit, the way there, the view; compared and summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.editors import ChoicesEditor, LineEditor
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, panel, row
from viewers.panels.vessel_panel import fill, folded, pairs_grid
from viewers.state import theme

ACTIONS = (Choice("embolise", "Embolise"), Choice("spare", "Spare"), Choice("protect", "Protect"))
SHAPES = {"embolise": "▼", "spare": "◇", "protect": "■"}
MEANT_FOR = "Meant for"
NO_POSITION = "No position yet: pick the catheter tip (C) and click a vessel; drag it along to see what is reached."
MODEL = "A model (Murray's law, nearest artery seen): confirm by angiography or cone-beam CT before treating."
FINDINGS_SHOWN = 2
Tone = str
"""``plain``, ``good``, ``warn``, ``block``, ``unknown`` or ``quiet``."""
TONES = {
    "plain": theme.TEXT,
    "good": theme.SIGNED,
    "warn": theme.WARN,
    "block": theme.BLOCK,
    "unknown": theme.STALE,
    "quiet": theme.QUIET,
}


@dataclass(frozen=True, slots=True)
class ToneLine:
    """A sentence with how it is meant; the shape before it says what its colour says."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class WayLine:
    """One access with its way: title, facts, catheters that fit, findings."""

    title: str
    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PositionCard:
    """The position selected, or the tip under the hand.

    Attributes
    ----------
    item_id
        None while it is under the hand and not in the plan.
    reached
        Territory, healthy liver, flow.
    coverage, non_targets
        Lesions and branches, one line each.
    seen
        On what images it stands.
    ways
        One for each access compared.
    view
        The C-arm angle stored; empty for none.
    lesions, lesion_ids
        Lesions to choose from, and those that the position is meant for.
    """

    item_id: str | None
    name: str
    action: str = "embolise"
    where: str = ""
    reached: tuple[tuple[str, str], ...] = ()
    coverage: tuple[ToneLine, ...] = ()
    non_targets: tuple[ToneLine, ...] = ()
    findings: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    ways: tuple[WayLine, ...] = ()
    view: str = ""
    stale: str = ""
    lesions: tuple[Choice, ...] = ()
    lesion_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One position of the list."""

    item_id: str
    name: str
    action: str
    summary: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two positions side by side: label, first, second, difference."""

    first: str
    second: str
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PositionContent:
    """Everything the panel shows."""

    card: PositionCard | None = None
    positions: tuple[PositionLine, ...] = ()
    selected: str | None = None
    total: tuple[ToneLine, ...] = ()
    others: tuple[Choice, ...] = ()
    compared_with: str | None = None
    comparison: Comparison | None = None
    organ: str = ""
    accesses: tuple[Choice, ...] = ()
    access: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True)
class PositionActs:
    """What the panel asks for; what may be refused answers a sentence."""

    pick_tool: Callable[[], object]
    select: Callable[[str], object]
    rename: Callable[[str, str], str | None]
    set_action: Callable[[str, str], str | None]
    set_lesions: Callable[[str, tuple[str, ...]], str | None]
    measure: Callable[[str], str | None]
    compare: Callable[[str | None], object]
    set_access: Callable[[str], object]
    show_view: Callable[[], str | None]


class PositionPanel(QWidget):
    """Rebuilt part by part; while a tip is dragged only its card changes."""

    def __init__(self, acts: PositionActs) -> None:
        super().__init__()
        self.acts = acts
        self._content: PositionContent | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Catheter positions", role="section"))
        self.tool = button("Put a catheter tip  [C]", lambda: self.acts.pick_tool(), tip="Then click a vessel, or drag")
        outer.addWidget(row(self.tool))
        self.organ = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.organ)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._card, self._list, self._total, self._compare = (QVBoxLayout() for _ in range(4))
        for part in (self._card, self._list, self._total, self._compare):
            outer.addLayout(part)
        self.lines: dict[str, PositionRow] = {}
        self.say(None)
        self.show_content(PositionContent())

    def show_content(self, content: PositionContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self._content = self._content, content
        self.organ.setText(content.organ)
        self.organ.setVisible(bool(content.organ))
        # What a position reaches is the work of a moment: in the middle of a drag its card is shown anew each time.
        if before is None or (content.card, content.access, content.held) != (before.card, before.access, before.held):
            self._show_card(content)
        if before is None or (content.positions, content.selected) != (before.positions, before.selected):
            self._show_list(content)
        if before is None or content.total != before.total:
            self._show_total(content)
        compared = (content.others, content.compared_with, content.comparison)
        if before is None or compared != (before.others, before.compared_with, before.comparison):
            self._show_compare(content)

    # The card

    def _show_card(self, content: PositionContent) -> None:
        clear(self._card)
        card = content.card
        if card is None:
            return
        frame, layout = panel(theme.CARD)
        self._card.addWidget(frame)
        self._add_head(layout, card, held=content.held)
        if card.stale:
            layout.addWidget(PlainLabel(f"↻ {card.stale}", role="unverified", wrap=True))
        for line in (*card.coverage, *card.non_targets):
            layout.addWidget(toned(line))
        if card.reached:
            layout.addLayout(pairs_grid(card.reached))
        for finding in card.findings[:FINDINGS_SHOWN]:
            layout.addWidget(PlainLabel(f"▲ {finding}", role="unverified", wrap=True))
        rest = [PlainLabel(f"▲ {each}", role="unverified", wrap=True) for each in card.findings[FINDINGS_SHOWN:]]
        if rest:
            layout.addWidget(folded(rest, "findings more"))
        quiet = (MODEL, *card.seen)
        layout.addWidget(PlainLabel(" ".join(quiet), role="quiet", wrap=True))
        if not content.held:
            self._add_lesions(layout, card)
            self._add_view(layout, card)
        self._add_ways(layout, card, content)

    def _add_head(self, layout: QVBoxLayout, card: PositionCard, *, held: bool) -> None:
        if card.item_id is None or held:
            title = PlainLabel(f"{SHAPES.get(card.action, '')} {card.name or 'Tip under the hand'}", role="section")
            layout.addWidget(title)
        else:
            key = card.item_id
            self.name = LineEditor("name")
            self.name.show_value(card.name)
            self.name.changed.connect(lambda value: self.say(self.acts.rename(key, str(value or ""))))
            self.action = QComboBox()
            self.action.setAccessibleName("what is done here")
            fill(self.action, ACTIONS, card.action)
            narrow(self.action, 8)
            self.action.activated.connect(
                lambda index: self.say(self.acts.set_action(key, str(self.action.itemData(index))))
            )
            line = QHBoxLayout()
            line.addWidget(self.name, 1)
            line.addWidget(self.action)
            layout.addLayout(line)
        if card.where:
            layout.addWidget(PlainLabel(card.where, role="quiet", wrap=True))
        if card.stale and card.item_id is not None:
            key = card.item_id
            self.measure = button("Measure again", lambda: self.say(self.acts.measure(key)), primary=True)
            layout.addWidget(row(self.measure))

    def _add_lesions(self, layout: QVBoxLayout, card: PositionCard) -> None:
        """Which lesions the position is meant for: not always all those that it reaches."""
        if card.item_id is None or not card.lesions:
            return
        key = card.item_id
        layout.addWidget(PlainLabel(MEANT_FOR, role="section"))
        self.lesions = ChoicesEditor(card.lesions)
        self.lesions.show_value(card.lesion_ids)
        for box in self.lesions.boxes.values():
            # The card is made anew after a click: keys of tools would otherwise be typed into its name.
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.lesions.changed.connect(lambda chosen: self.say(self.acts.set_lesions(key, tuple(chosen or ()))))
        layout.addWidget(self.lesions)

    def _add_view(self, layout: QVBoxLayout, card: PositionCard) -> None:
        layout.addWidget(PlainLabel("Working view", role="section"))
        layout.addWidget(PlainLabel(card.view or "Not chosen yet.", role=None if card.view else "quiet", wrap=True))
        self.view = button(
            "Find the working view", lambda: self.say(self.acts.show_view()), tip="The map over LAO/RAO x CRA/CAU"
        )
        layout.addWidget(row(self.view))

    def _add_ways(self, layout: QVBoxLayout, card: PositionCard, content: PositionContent) -> None:
        if not card.ways:
            return
        heading = QHBoxLayout()
        heading.addWidget(PlainLabel("The way there", role="section"), 1)
        if content.accesses:
            self.access = QComboBox()
            self.access.setAccessibleName("access that is stored")
            fill(self.access, content.accesses, content.access)
            narrow(self.access, 9)
            self.access.activated.connect(lambda index: self.acts.set_access(str(self.access.itemData(index))))
            heading.addWidget(self.access)
        layout.addLayout(heading)
        layout.addLayout(side_by_side(card.ways))
        for way in card.ways:
            if way.notes:
                notes = [PlainLabel(each, role="quiet", wrap=True) for each in way.notes]
                layout.addWidget(folded(notes, f"notes: {way.title}"))

    # List, sum, comparison

    def _show_list(self, content: PositionContent) -> None:
        clear(self._list)
        self.lines = {}
        if not content.positions:
            self._list.addWidget(PlainLabel(NO_POSITION, role="quiet", wrap=True))
            return
        for number, each in enumerate(content.positions, start=1):
            made = PositionRow(number, each, chosen=each.item_id == content.selected)
            made.looked = partial(self.acts.select, each.item_id)
            self.lines[each.item_id] = made
            self._list.addWidget(made)

    def _show_total(self, content: PositionContent) -> None:
        clear(self._total)
        if not content.total:
            return
        self._total.addWidget(PlainLabel("All positions together", role="section"))
        for line in content.total:
            self._total.addWidget(toned(line))

    def _show_compare(self, content: PositionContent) -> None:
        clear(self._compare)
        if len(content.others) < 2:
            return
        self.compare = QComboBox()
        self.compare.setAccessibleName("compare with")
        self.compare.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.compare.setMinimumContentsLength(14)
        fill(self.compare, content.others, content.compared_with or "")
        self.compare.activated.connect(lambda index: self.acts.compare(str(self.compare.itemData(index) or "") or None))
        self._compare.addWidget(row(PlainLabel("Compare with", role="quiet"), self.compare, stretch=False))
        found = content.comparison
        if found is None:
            return
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        grid.setHorizontalSpacing(8)
        for column, text in enumerate(("", found.first, found.second, "difference")):
            grid.addWidget(PlainLabel(text, role="quiet", wrap=True), 0, column)
        for number, cells in enumerate(found.rows, start=1):
            for column, text in enumerate(cells):
                grid.addWidget(PlainLabel(text, role="quiet" if column == 0 else None, wrap=True), number, column)
        self._compare.addLayout(grid)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


class PositionRow(QFrame):
    """A position of the list; a click shows it everywhere."""

    def __init__(self, number: int, line: PositionLine, *, chosen: bool) -> None:
        super().__init__()
        self.looked: Callable[[], object] = lambda: None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(line.name)
        colour(self, ground=theme.CHOSEN if chosen else theme.RAISED)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(6, 3, 6, 3)
        rows.setSpacing(0)
        word = next(each.label for each in ACTIONS if each.code == line.action).lower()
        stale = " · ↻ measure again" if line.stale else ""
        rows.addWidget(PlainLabel(f"{number}  {SHAPES.get(line.action, '')} {line.name} · {word}{stale}", wrap=True))
        if line.summary:
            rows.addWidget(PlainLabel(line.summary, role="quiet", wrap=True))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Look at it."""
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.looked()


def narrow(box: QComboBox, characters: int) -> None:
    """A list that gives way to what stands beside it; its entries are read when it opens."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(characters)
    box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)


def toned(line: ToneLine) -> PlainLabel:
    label = PlainLabel(line.text, wrap=True)
    colour(label, text=TONES.get(line.tone, theme.TEXT))
    return label


def side_by_side(ways: Sequence[WayLine]) -> QGridLayout:
    """Facts of several accesses in columns."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(1)
    grid.setHorizontalSpacing(8)
    labels = list(dict.fromkeys(label for way in ways for label, _ in way.pairs))
    for column, way in enumerate(ways, start=1):
        grid.addWidget(PlainLabel(way.title, role="quiet", wrap=True), 0, column)
        grid.setColumnStretch(column, 1)
    for number, label in enumerate(labels, start=1):
        grid.addWidget(PlainLabel(label, role="quiet", wrap=True), number, 0)
        for column, way in enumerate(ways, start=1):
            grid.addWidget(PlainLabel(dict(way.pairs).get(label, "–"), wrap=True), number, column)
    return grid
