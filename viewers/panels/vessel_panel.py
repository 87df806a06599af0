"""Vessel trees of a stage: find them, read what cannot be seen, name and edit the vessel chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, plain_tip, row
from viewers.state import theme

NO_TREE = "No vessels yet: press Find, or pick the tree tool (Y) and click in the aorta or in the vein."


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One tree of the session.

    Attributes
    ----------
    notes
        Always shown: on which images it was seen, and what cannot be.
    findings
        What was cut, bridged or left out.
    """

    id: str
    title: str
    kind: str = "artery"
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentCard:
    """The vessel chosen.

    Attributes
    ----------
    name
        Key of the catalogue or a person's own words; None for an unnamed one.
    facts
        Label and value.
    """

    title: str
    name: str | None
    proposed: bool
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VesselContent:
    """Everything the panel shows.

    Attributes
    ----------
    source
        In which images they would be looked for.
    proposals
        How many names nobody has confirmed yet, on the tree on show.
    """

    kinds: tuple[Choice, ...] = ()
    kind: str = "artery"
    source: str = ""
    trees: tuple[TreeLine, ...] = ()
    on_show: str | None = None
    segment: SegmentCard | None = None
    names: tuple[Choice, ...] = ()
    proposals: int = 0


@dataclass(frozen=True, slots=True)
class VesselActs:
    """What the panel asks for; what may be refused answers a sentence. Edits are of the vessel chosen."""

    set_kind: Callable[[str], object]
    find: Callable[[], str | None]
    show_tree: Callable[[str], object]
    rename: Callable[[str | None], str | None]
    confirm: Callable[[], str | None]
    confirm_all: Callable[[], str | None]
    cut: Callable[[bool], str | None]
    reroot: Callable[[], str | None]
    pick_tool: Callable[[], object]


class VesselPanel(QWidget):
    """Find, list, and the card of the vessel chosen; parts are rebuilt only when they differ."""

    def __init__(self, acts: VesselActs) -> None:
        super().__init__()
        self.acts = acts
        self._content = VesselContent()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Vessels", role="section"))
        self.kind = QComboBox()
        self.kind.setAccessibleName("kind of vessels")
        self.kind.activated.connect(lambda index: self.acts.set_kind(str(self.kind.itemData(index))))
        self.find_button = button(
            "Find the vessels",
            lambda: self.say(self.acts.find()),
            primary=True,
            tip="In the CT of the stage, from the trunk on; runs in the background. Found again, a tree is replaced",
        )
        outer.addWidget(row(self.kind, self.find_button))
        self.source = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.source)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._trees, self._segment = QVBoxLayout(), QVBoxLayout()
        outer.addLayout(self._segment)
        outer.addLayout(self._trees)
        self.tree_labels: dict[str, ClickLabel] = {}
        self.say(None)
        self._show_trees(self._content)
        self._show_segment(self._content)

    def show_content(self, content: VesselContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self._content = self._content, content
        fill(self.kind, content.kinds, content.kind)
        self.source.setText(content.source)
        self.source.setVisible(bool(content.source))
        again = any(each.kind == content.kind for each in content.trees)
        self.find_button.setText("Find again" if again else "Find the vessels")
        if (content.trees, content.on_show) != (before.trees, before.on_show):
            self._show_trees(content)
        shown = (content.segment, content.names, content.proposals, bool(content.trees))
        if shown != (before.segment, before.names, before.proposals, bool(before.trees)):
            self._show_segment(content)

    def _show_trees(self, content: VesselContent) -> None:
        clear(self._trees)
        self.tree_labels = {}
        if not content.trees:
            self._trees.addWidget(PlainLabel(NO_TREE, role="quiet", wrap=True))
        for line in content.trees:
            here = line.id == content.on_show
            label = ClickLabel(f"{'●' if here else '○'} {line.title}", tip="Draw this tree in the diagram")
            label.clicked.connect(lambda key=line.id: self.acts.show_tree(key))
            self.tree_labels[line.id] = label
            self._trees.addWidget(label)
            for note in line.notes:
                self._trees.addWidget(PlainLabel(note, role="quiet", wrap=True))
            if line.findings:
                warned = [_warned(each) for each in line.findings]
                self._trees.addWidget(folded(warned, "notes of the search: what was cut, bridged or left out"))

    def _show_segment(self, content: VesselContent) -> None:
        clear(self._segment)
        card = content.segment
        if card is None:
            if content.trees:
                hint = "Click a vessel in a slice, in 3D or in the diagram to name or edit it."
                self._segment.addWidget(PlainLabel(hint, role="quiet", wrap=True))
            self._add_confirm_all(self._segment, content)
            return
        frame, layout = panel(theme.CARD)
        self._segment.addWidget(frame)
        title = PlainLabel(card.title, wrap=True)
        leaning = QFont(title.font())
        leaning.setBold(True)
        leaning.setItalic(card.proposed)
        title.setFont(leaning)
        layout.addWidget(title)
        if card.proposed:
            layout.addWidget(PlainLabel("The name is a proposal: confirm it or choose another.", role="unverified"))
        self._add_names(layout, card, content.names)
        self._add_edits(layout)
        layout.addLayout(pairs_grid(card.facts))
        self._add_confirm_all(layout, content)

    def _add_names(self, layout: QVBoxLayout, card: SegmentCard, names: Sequence[Choice]) -> None:
        self.name = QComboBox()
        self.name.setAccessibleName("name of the vessel")
        self.name.setEditable(True)
        self.name.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.name.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.name.setMinimumContentsLength(14)
        self.name.addItem("(no name)", None)
        for each in names:
            self.name.addItem(each.label, each.code)
        known = self.name.findData(card.name) if card.name is not None else 0
        self.name.setCurrentIndex(known)
        if known < 0:
            self.name.setEditText(card.name or "")
        self.name.setToolTip(plain_tip("Choose from the catalogue, or type your own words and press Enter"))
        self.name.activated.connect(lambda index: self.say(self.acts.rename(self.name.itemData(index))))
        line = self.name.lineEdit()
        if line is not None:
            line.returnPressed.connect(self._typed)
        self.confirm = button("Confirm", lambda: self.say(self.acts.confirm()), tip="Enter with the tree tool")
        self.confirm.setVisible(card.proposed)
        holder = row(self.name, self.confirm, stretch=False)
        layout.addWidget(holder)

    def _typed(self) -> None:
        """Words that are no entry of the list; an entry has told of itself already."""
        text = " ".join(self.name.currentText().split())
        if self.name.findText(text, Qt.MatchFlag.MatchFixedString) < 0:
            self.say(self.acts.rename(text or None))

    def _add_edits(self, layout: QVBoxLayout) -> None:
        self.cut = button("Cut here  [X]", lambda: self.say(self.acts.cut(False)), tip="What lies beyond goes")
        self.remove = button(
            "Remove  [Del]", lambda: self.say(self.acts.cut(True)), tip="This vessel and all beyond it; undoable"
        )
        self.root = button("Root here  [U]", lambda: self.say(self.acts.reroot()), tip="The nearer end is the root")
        self.more = button(
            "Edit by hand  [Y]",
            lambda: self.acts.pick_tool(),
            tip="The tree tool: Ctrl+click adds a branch that ends there, J joins a loose piece",
        )
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for number, each in enumerate((self.cut, self.remove, self.root, self.more)):
            grid.addWidget(each, number // 2, number % 2)
        layout.addLayout(grid)

    def _add_confirm_all(self, layout: QVBoxLayout, content: VesselContent) -> None:
        if content.proposals:
            word = "name" if content.proposals == 1 else "names"
            self.confirm_all = button(
                f"Confirm all {content.proposals} proposed {word}",
                lambda: self.say(self.acts.confirm_all()),
                tip="A person has looked at every name in the diagram",
            )
            layout.addWidget(row(self.confirm_all))

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _warned(text: str) -> PlainLabel:
    label = PlainLabel(f"▲ {text}", wrap=True)
    colour(label, text=theme.WARN)
    return label


def fill(box: QComboBox, choices: Sequence[Choice], chosen: str | None) -> None:
    """Entries of a list, rebuilt only when they differ; the chosen one on show."""
    known = tuple((box.itemData(at), box.itemText(at)) for at in range(box.count()))
    wanted = tuple((each.code, each.label) for each in choices)
    if known != wanted:
        box.clear()
        for code, label in wanted:
            box.addItem(label, code)
    box.setCurrentIndex(box.findData(chosen))


def pairs_grid(pairs: Sequence[tuple[str, str]]) -> QGridLayout:
    """Label and value in two columns."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setColumnStretch(1, 1)
    grid.setVerticalSpacing(1)
    for line, (label, value) in enumerate(pairs):
        grid.addWidget(PlainLabel(label, role="quiet"), line, 0)
        grid.addWidget(PlainLabel(value, wrap=True), line, 1)
    return grid


def folded(widgets: Sequence[QWidget], words: str) -> QWidget:
    """Lines that open with a click on how many there are."""
    holder = QWidget()
    outer = QVBoxLayout(holder)
    outer.setContentsMargins(0, 0, 0, 0)
    inner = QWidget()
    rows = QVBoxLayout(inner)
    rows.setContentsMargins(0, 0, 0, 0)
    for each in widgets:
        rows.addWidget(each)
    inner.setVisible(False)
    more = ClickLabel(f"▾ {len(widgets)} {words}", tip="Opens and folds the list")
    more.clicked.connect(lambda: inner.setVisible(not inner.isVisible()))
    outer.addWidget(more)
    outer.addWidget(inner)
    return holder
