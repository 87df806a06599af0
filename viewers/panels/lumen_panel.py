"""Lumens of a stage: choose the kind, click them, and read length, stricture and references; landmarks and branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtWidgets import QComboBox, QGridLayout, QMenu, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, row
from viewers.panels.vessel_panel import fill, folded, pairs_grid
from viewers.state import theme

NO_LUMEN = "No lumen yet: choose its kind, press the button (I), and click its start and its end."
FINDINGS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LumenLine:
    """One lumen of the session."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class LumenCard:
    """The lumen on show.

    Attributes
    ----------
    facts
        Label and value; what was not measured says so.
    marks
        Name as stored, and as it is read with its place.
    names
        What a landmark may be called.
    tree
        Name of the tree whose branches can be marked along it; empty for none.
    """

    id: str
    name: str
    site: str | None
    sites: tuple[Choice, ...]
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[str, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    has_stenosis: bool = False
    names: tuple[Choice, ...] = ()
    tree: str = ""


@dataclass(frozen=True, slots=True)
class LumenContent:
    """Everything the panel shows.

    Attributes
    ----------
    source
        In which images the next lumen is followed.
    branch
        The branch of a tree that is chosen, in words; empty for none.
    """

    kinds: tuple[Choice, ...] = ()
    kind: str = "airway"
    source: str = ""
    lumens: tuple[LumenLine, ...] = ()
    card: LumenCard | None = None
    branch: str = ""


@dataclass(frozen=True, slots=True)
class LumenActs:
    """What the panel asks for; what may be refused answers a sentence."""

    set_kind: Callable[[str], object]
    pick_tool: Callable[[], object]
    airway_tree: Callable[[], str | None]
    along_branch: Callable[[], str | None]
    show_lumen: Callable[[str], object]
    set_site: Callable[[str | None], str | None]
    find_again: Callable[[], str | None]
    clear_stenosis: Callable[[], str | None]
    stenosis_here: Callable[[], str | None]
    show_layout: Callable[[], object]
    mark: Callable[[str], str | None]
    unmark: Callable[[str], str | None]
    mark_branches: Callable[[], str | None]


class LumenPanel(QWidget):
    """Parts are rebuilt only when they differ."""

    def __init__(self, acts: LumenActs) -> None:
        super().__init__()
        self.acts = acts
        self._content: LumenContent | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Lumens", role="section"))
        self.kind = QComboBox()
        self.kind.setAccessibleName("kind of lumen")
        self.kind.activated.connect(lambda index: self.acts.set_kind(str(self.kind.itemData(index))))
        self.tool = button(
            "Click a lumen  [I]",
            lambda: self.acts.pick_tool(),
            primary=True,
            tip="Start, points along it, end; Enter or a double-click ends, Backspace takes the last click back",
        )
        outer.addWidget(row(self.kind, self.tool))
        self.tree = button(
            "Find the airway tree",
            lambda: self.say(self.acts.airway_tree()),
            tip="From the windpipe, as far as the CT shows it; runs in the background",
        )
        self.branch = button("Lumen along the branch chosen", lambda: self.say(self.acts.along_branch()))
        outer.addWidget(row(self.tree, self.branch))
        self.source = PlainLabel("", role="quiet", wrap=True)
        outer.addWidget(self.source)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._list, self._card = QVBoxLayout(), QVBoxLayout()
        outer.addLayout(self._list)
        outer.addLayout(self._card)
        self.labels: dict[str, ClickLabel] = {}
        self.say(None)
        self.show_content(LumenContent())

    def show_content(self, content: LumenContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self._content = self._content, content
        fill(self.kind, content.kinds, content.kind)
        self.source.setText(content.source)
        self.source.setVisible(bool(content.source))
        self.tree.setVisible(content.kind == "airway")
        self.branch.setVisible(bool(content.branch))
        self.branch.setToolTip(content.branch)
        shown = None if content.card is None else content.card.id
        was = None if before is None or before.card is None else before.card.id
        if before is None or (content.lumens, shown) != (before.lumens, was):
            self._show_list(content, shown)
        if before is None or content.card != before.card:
            self._show_card(content.card)

    def _show_list(self, content: LumenContent, on_show: str | None) -> None:
        clear(self._list)
        self.labels = {}
        if not content.lumens:
            self._list.addWidget(PlainLabel(NO_LUMEN, role="quiet", wrap=True))
        for line in content.lumens:
            label = ClickLabel(f"{'●' if line.id == on_show else '○'} {line.title}", tip="Draw this lumen")
            label.clicked.connect(partial(self.acts.show_lumen, line.id))
            self.labels[line.id] = label
            self._list.addWidget(label)

    def _show_card(self, card: LumenCard | None) -> None:
        clear(self._card)
        if card is None:
            return
        frame, layout = panel(theme.CARD)
        self._card.addWidget(frame)
        self.site = QComboBox()
        self.site.setAccessibleName("site of the lumen")
        fill(self.site, (Choice("", "Site not named"), *card.sites), card.site or "")
        self.site.activated.connect(
            lambda index: self.say(self.acts.set_site(str(self.site.itemData(index) or "") or None))
        )
        self.layout_button = button("Show straightened", lambda: self.acts.show_layout(), tip="The layout of lumens")
        layout.addWidget(row(self.site, self.layout_button))
        layout.addLayout(pairs_grid(card.facts))
        for finding in card.findings[:FINDINGS_SHOWN]:
            layout.addWidget(_warned(finding))
        if rest := card.findings[FINDINGS_SHOWN:]:
            layout.addWidget(folded([_warned(each) for each in rest], "findings more"))
        self._add_stenosis(layout, card)
        self._add_marks(layout, card)

    def _add_stenosis(self, layout: QVBoxLayout, card: LumenCard) -> None:
        self.here = button(
            "Set by hand here", lambda: self.say(self.acts.stenosis_here()),
            tip="A stricture around the line; then drag its ends in the chart of diameters",
        )  # fmt: skip
        self.again = button("Find the stricture", lambda: self.say(self.acts.find_again()), tip="By the program")
        self.none = button("There is none", lambda: self.say(self.acts.clear_stenosis()), tip="By your word; undoable")
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.addWidget(self.again, 0, 0)
        grid.addWidget(self.here, 0, 1)
        if card.has_stenosis:
            grid.addWidget(self.none, 1, 0)
        layout.addLayout(grid)

    def _add_marks(self, layout: QVBoxLayout, card: LumenCard) -> None:
        self.mark = button("Mark at the line  [K]", lambda: None, tip="A landmark, or an opening to be covered")
        menu = QMenu(self.mark)
        for each in card.names:
            words = each.label.replace("&", "&&")
            menu.addAction(words, partial(self._mark, each.code))
        self.mark.setMenu(menu)
        layout.addWidget(row(self.mark))
        if card.tree:
            self.branches = button(
                "Mark side branches from the tree", lambda: self.say(self.acts.mark_branches()),
                tip=f"Where branches of {card.tree} leave this lumen; a branch that the tree lacks is not marked",
            )  # fmt: skip
            layout.addWidget(row(self.branches))
        self.marks: dict[str, ClickLabel] = {}
        for name, words in card.marks:
            label = ClickLabel(f"▾ {words}  ✕", tip="Take this mark away; undoable")
            label.clicked.connect(lambda chosen=name: self.say(self.acts.unmark(chosen)))
            self.marks[name] = label
            layout.addWidget(label)

    def _mark(self, code: str) -> None:
        self.say(self.acts.mark(code))

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _warned(text: str) -> PlainLabel:
    label = PlainLabel(f"▲ {text}", wrap=True)
    colour(label, text=theme.WARN)
    return label
