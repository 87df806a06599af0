"""Stents of a stage: what the rule and the catalogue propose for the lumen on show, and the stents that are planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QComboBox, QFrame, QVBoxLayout, QWidget

from planner.workflow.template import Choice
from viewers.panels.editors import NumberEditor
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, card, clear, panel, row
from viewers.panels.vessel_panel import fill, folded, pairs_grid
from viewers.state import theme

NO_LUMEN = "Measure a lumen first; stents are sized in the lumen on show."
NO_STENT = "No stent planned yet: choose one of the proposals."
PROPOSALS_SHOWN = 3
UNVERIFIED = "unverified default"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A sentence of a rule; `severity` as in `planner.findings`."""

    severity: str
    text: str


@dataclass(frozen=True, slots=True)
class ProposalCard:
    """One size that may be chosen.

    Attributes
    ----------
    number
        Its place among the proposals.
    is_rule
        The rule's own size, without a product.
    evidence
        Source and tag, with *unverified default* where nobody has checked it.
    """

    number: int
    title: str
    is_rule: bool
    size: str
    facts: str
    evidence: str
    findings: tuple[Judgement, ...] = ()
    can_choose: bool = True


@dataclass(frozen=True, slots=True)
class StentLine:
    """One stent of the session."""

    id: str
    title: str
    facts: str
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class StentCard:
    """The stent selected.

    Attributes
    ----------
    lengths, diameters
        What its product is made in; empty for any.
    partners
        Other stents of the session, by id; empty code for none.
    drains
        It lies in a bile duct: the share of the liver that it drains can be asked for.
    """

    id: str
    name: str
    diameter_mm: float
    length_mm: float
    type: str
    types: tuple[Choice, ...]
    facts: tuple[tuple[str, str], ...] = ()
    findings: tuple[Judgement, ...] = ()
    stale: str = ""
    partner: str = ""
    partners: tuple[Choice, ...] = ()
    made_in: str = ""
    drains: bool = False


@dataclass(frozen=True, slots=True)
class StentContent:
    """Everything the panel shows.

    Attributes
    ----------
    lumen
        Name of the lumen that is sized; empty for none.
    target
        The range of the site's rule with its evidence.
    general
        What concerns all proposals.
    """

    lumen: str = ""
    sites: tuple[Choice, ...] = ()
    site: str = ""
    indications: tuple[Choice, ...] = ()
    indication: str = ""
    types: tuple[Choice, ...] = ()
    type_wish: str = ""
    target: str = ""
    general: tuple[Judgement, ...] = ()
    proposals: tuple[ProposalCard, ...] = ()
    stents: tuple[StentLine, ...] = ()
    card: StentCard | None = None


@dataclass(frozen=True, slots=True)
class StentActs:
    """What the panel asks for; what may be refused answers a sentence."""

    set_site: Callable[[str], str | None]
    set_indication: Callable[[str], object]
    set_type: Callable[[str], object]
    choose: Callable[[int], str | None]
    select: Callable[[str], object]
    change: Callable[[str, float | None, float | None, str | None], str | None]
    judge: Callable[[str], str | None]
    pair: Callable[[str, str], str | None]
    remove: Callable[[str], str | None]
    sheet: Callable[[str], object]
    drain: Callable[[str], str | None]


class StentPanel(QWidget):
    """Parts are rebuilt only when they differ."""

    def __init__(self, acts: StentActs) -> None:
        super().__init__()
        self.acts = acts
        self._content: StentContent | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(PlainLabel("Stents", role="section"))
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._stents, self._wishes, self._proposals = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        for part in (self._stents, self._wishes, self._proposals):
            outer.addLayout(part)
        self.lines: dict[str, StentRow] = {}
        self.choose_buttons: dict[int, QWidget] = {}
        self.say(None)
        self.show_content(StentContent())

    def show_content(self, content: StentContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self._content = self._content, content
        if before is None or (content.stents, content.card) != (before.stents, before.card):
            self._show_stents(content)
        wishes = _wishes_of(content)
        if before is None or wishes != _wishes_of(before):
            self._show_wishes(content)
        proposed = (content.proposals, content.lumen, bool(content.stents))
        if before is None or proposed != (before.proposals, before.lumen, bool(before.stents)):
            self._show_proposals(content)

    # What is planned

    def _show_stents(self, content: StentContent) -> None:
        clear(self._stents)
        self.lines = {}
        selected = None if content.card is None else content.card.id
        for line in content.stents:
            made = StentRow(line, chosen=line.id == selected)
            made.looked = partial(self.acts.select, line.id)
            self.lines[line.id] = made
            self._stents.addWidget(made)
        if content.card is not None:
            self._show_card(content.card)

    def _show_card(self, chosen: StentCard) -> None:
        frame, layout = panel(theme.CARD)
        self._stents.addWidget(frame)
        if chosen.stale:
            layout.addWidget(PlainLabel(f"↻ {chosen.stale}", role="unverified", wrap=True))
            self.judge = button("Judge it again", lambda: self.say(self.acts.judge(chosen.id)), primary=True)
            layout.addWidget(row(self.judge))
        self._add_size(layout, chosen)
        layout.addLayout(pairs_grid(chosen.facts))
        for finding in chosen.findings:
            layout.addWidget(judged(finding))
        if len(chosen.partners) > 1:
            self.partner = QComboBox()
            self.partner.setAccessibleName("pair with")
            fill(self.partner, chosen.partners, chosen.partner)
            self.partner.activated.connect(
                lambda index: self.say(self.acts.pair(chosen.id, str(self.partner.itemData(index) or "")))
            )
            layout.addWidget(row(PlainLabel("Pair or Y with", role="quiet"), self.partner, stretch=False))
        if chosen.drains:
            self.drain = button(
                "Estimate the liver drained", lambda: self.say(self.acts.drain(chosen.id)),
                tip="By the tree and the liver marked, else by the shares answered for each segment; approximate",
            )  # fmt: skip
            layout.addWidget(row(self.drain))
        self.sheet = button(
            "Sizing sheet (PDF)…", lambda: self.acts.sheet(chosen.id), primary=True,
            tip="One page: what was measured, what is planned, what speaks against it",
        )  # fmt: skip
        self.remove = button("Remove", lambda: self.say(self.acts.remove(chosen.id)), tip="Undoable")
        layout.addWidget(row(self.sheet, self.remove))

    def _add_size(self, layout: QVBoxLayout, chosen: StentCard) -> None:
        self.diameter, self.length = NumberEditor(hint="mm"), NumberEditor(hint="mm")
        for editor, value, name in (
            (self.diameter, chosen.diameter_mm, "diameter in mm"),
            (self.length, chosen.length_mm, "length in mm"),
        ):
            editor.setAccessibleName(name)
            editor.show_value(round(value, 1))
            editor.setMaximumWidth(editor.fontMetrics().height() * 4)
        self.diameter.changed.connect(lambda value: self._sized(chosen.id, value, None))
        self.length.changed.connect(lambda value: self._sized(chosen.id, None, value))
        sizes = row(PlainLabel("Ø"), self.diameter, PlainLabel("×"), self.length, PlainLabel("mm"))
        layout.addWidget(sizes)
        self.type = QComboBox()
        self.type.setAccessibleName("type of the stent")
        fill(self.type, chosen.types, chosen.type)
        self.type.activated.connect(
            lambda index: self.say(self.acts.change(chosen.id, None, None, str(self.type.itemData(index))))
        )
        layout.addWidget(self.type)
        if chosen.made_in:
            layout.addWidget(PlainLabel(chosen.made_in, role="quiet", wrap=True))

    def _sized(self, stent_id: str, diameter: object, length: object) -> None:
        """An emptied field changes nothing."""
        wide = float(diameter) if isinstance(diameter, (int, float)) else None
        long = float(length) if isinstance(length, (int, float)) else None
        if wide is not None or long is not None:
            self.say(self.acts.change(stent_id, wide, long, None))

    # What is proposed

    def _show_wishes(self, content: StentContent) -> None:
        clear(self._wishes)
        if not content.lumen:
            self._wishes.addWidget(PlainLabel(NO_LUMEN, role="quiet", wrap=True))
            return
        self._wishes.addWidget(PlainLabel(f"Sizes for {content.lumen}", role="section", wrap=True))
        self.site, self.indication, self.wish = QComboBox(), QComboBox(), QComboBox()
        given: tuple[tuple[QComboBox, str, Sequence[Choice], str, Callable[[str], object]], ...] = (
            (self.site, "site", content.sites, content.site, lambda key: self.say(self.acts.set_site(key))),
            (self.indication, "indication", content.indications, content.indication, self.acts.set_indication),
            (self.wish, "type", content.types, content.type_wish, self.acts.set_type),
        )
        for box, name, choices, now, act in given:
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(10)
            fill(box, choices, now)
            box.activated.connect(lambda index, asked=box, told=act: told(str(asked.itemData(index) or "")))
        self._wishes.addWidget(row(self.site, self.indication, stretch=False))
        self._wishes.addWidget(row(self.wish, stretch=False))
        if content.target:
            self._wishes.addWidget(PlainLabel(content.target, wrap=True))
        for finding in content.general:
            self._wishes.addWidget(judged(finding))

    def _show_proposals(self, content: StentContent) -> None:
        clear(self._proposals)
        self.choose_buttons = {}
        made = [self._proposal(each) for each in content.proposals]
        # With a stent planned its own card is what is worked on.
        open_ones = 0 if content.stents else PROPOSALS_SHOWN
        for widget in made[:open_ones]:
            self._proposals.addWidget(widget)
        if rest := made[open_ones:]:
            self._proposals.addWidget(folded(rest, "products more" if open_ones else "sizes proposed"))
        if content.lumen and not content.stents:
            self._proposals.addWidget(PlainLabel(NO_STENT, role="quiet", wrap=True))

    def _proposal(self, each: ProposalCard) -> QWidget:
        against = any(finding.severity != "info" for finding in each.findings)
        holder, layout = card(theme.WARN if against else theme.SIGNED)
        layout.setSpacing(2)
        title = PlainLabel(f"{'Rule' if each.is_rule else 'Product'}: {each.title}", wrap=True)
        bold = title.font()
        bold.setBold(True)
        title.setFont(bold)
        layout.addWidget(title)
        layout.addWidget(PlainLabel(each.size, wrap=True))
        if each.facts:
            layout.addWidget(PlainLabel(each.facts, wrap=True))
        for finding in each.findings:
            layout.addWidget(judged(finding))
        layout.addWidget(PlainLabel(each.evidence, role="quiet", wrap=True))
        if each.can_choose:
            chosen = button("Plan this stent", lambda: self.say(self.acts.choose(each.number)))
            self.choose_buttons[each.number] = chosen
            layout.addWidget(row(chosen))
        return holder

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _wishes_of(content: StentContent) -> tuple[object, ...]:
    return (
        content.lumen, content.sites, content.site, content.indications, content.indication, content.types,
        content.type_wish, content.target, content.general,
    )  # fmt: skip


class StentRow(QFrame):
    """A stent of the list; a click selects it everywhere."""

    def __init__(self, line: StentLine, *, chosen: bool) -> None:
        super().__init__()
        self.looked: Callable[[], object] = lambda: None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(line.title)
        colour(self, ground=theme.CHOSEN if chosen else theme.RAISED)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(6, 3, 6, 3)
        rows.setSpacing(0)
        stale = " · ↻ judge again" if line.is_stale else ""
        rows.addWidget(PlainLabel(f"{line.title}{stale}", wrap=True))
        rows.addWidget(PlainLabel(line.facts, role="quiet", wrap=True))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Look at it."""
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.looked()


def judged(finding: Judgement) -> PlainLabel:
    """A sentence of a rule, with the shape of its severity."""
    mark = theme.SEVERITY_MARKS.get(finding.severity, theme.SEVERITY_MARKS["info"])
    label = PlainLabel(f"{mark.shape} {finding.text}", wrap=True)
    colour(label, text=mark.colour)
    return label
