"""Zone and margin of a stage: what the margin is, which device and setting it stands on, planning of applicators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QGridLayout, QVBoxLayout, QWidget

from planner.findings import Finding
from planner.workflow.template import Choice
from viewers.panels.editors import LineEditor
from viewers.panels.look import colour
from viewers.panels.parts import ClickLabel, PlainLabel, button, clear, panel, plain_tip, row
from viewers.state import theme
from viewers.state.theme import SEVERITY_MARKS

Line = tuple[str, str]
"""Text and the key of `SEVERITY_MARKS` it is coloured by, or empty."""
FINDINGS_SHOWN = 4
NO_TARGET = "No target yet: mark a lesion, and select it or an applicator that aims at it."
CHOOSE = "choose a setting"


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One row of a chart; `why_not` says why it gives no zone."""

    key: str
    words: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class MarginContent:
    """Everything the panel shows.

    Attributes
    ----------
    target
        Whose margin it is, in words; empty for none.
    numbers
        Label and value.
    state
        How the margin in the plan stands to what is on the screen.
    can_put
        The whole margin is known and is not the one in the plan.
    applicator
        Whose device is shown: an applicator's name, or empty for the next ones.
    chart
        Of the setting: axes, tissue, source.
    plan
        What the last planning of applicators found.
    findings
        Of the margin and the applicators as they lie.
    """

    target: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    state: Line = ("", "")
    can_put: bool = False
    problem: str = ""
    applicator: str = ""
    locked: bool = False
    devices: tuple[Choice, ...] = ()
    device: str | None = None
    settings: tuple[SettingLine, ...] = ()
    setting: str | None = None
    chart: tuple[Line, ...] = ()
    plan: tuple[Line, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class MarginActs:
    """What the panel asks for; what may be refused answers a sentence."""

    put: Callable[[], str | None]
    set_device: Callable[[str], str | None]
    set_setting: Callable[[str], str | None]
    plan: Callable[[], str | None]
    edit_devices: Callable[[], object]


class MarginPanel(QWidget):
    """Margin above, applicator below; each part is rebuilt only when it differs."""

    def __init__(self, acts: MarginActs) -> None:
        super().__init__()
        self.acts = acts
        self.content = MarginContent()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.title = PlainLabel("Margin", role="section")
        frame, card = panel(theme.CARD)
        self._numbers, self._chart, self._plan = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self._findings = QVBoxLayout()
        self.state = PlainLabel("", wrap=True)
        self.put = button(
            "Put the margin into the plan",
            lambda: self.say(acts.put()),
            tip="What is checked and printed is the margin in the plan; undo takes it out",
        )
        card.addWidget(self.title)
        card.addLayout(self._numbers)
        card.addWidget(self.state)
        card.addWidget(row(self.put))
        outer.addWidget(frame)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        outer.addWidget(self.problem)
        self._build_device(outer)
        outer.addLayout(self._plan)
        outer.addLayout(self._findings)
        self._show_numbers(self.content)
        self.say(None)

    def _build_device(self, outer: QVBoxLayout) -> None:
        self.whose = PlainLabel("", role="section", wrap=True)
        outer.addWidget(self.whose)
        self.device, self.setting = QComboBox(), QComboBox()
        self.typed = LineEditor("or power and time: 60W 7min")
        self.typed.setToolTip(plain_tip("Between two rows of one chart and one tissue; never beyond them"))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for line, (word, box) in enumerate((("Device", self.device), ("Setting", self.setting))):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
            grid.addWidget(PlainLabel(word, role="quiet"), line, 0)
            grid.addWidget(box, line, 1)
        grid.addWidget(self.typed, 2, 1)
        outer.addLayout(grid)
        self.device.activated.connect(lambda at: self.say(self.acts.set_device(str(self.device.itemData(at)))))
        self.setting.activated.connect(self._choose_setting)
        self.typed.changed.connect(self._type_setting)
        outer.addLayout(self._chart)
        self.plan = button(
            "Plan applicators",
            lambda: self.say(self.acts.plan()),
            primary=True,
            tip="The fewest found that cover target and margin, each with a path; one step of undo",
        )
        self.rows = button("Device rows…", self.acts.edit_devices, tip="The maker's rows, each with its citation")
        outer.addWidget(row(self.plan, self.rows))

    def _choose_setting(self, at: int) -> None:
        key = self.setting.itemData(at)
        if key is not None:
            self.say(self.acts.set_setting(str(key)))

    def _type_setting(self, text: object) -> None:
        if text:
            refusal = self.acts.set_setting(str(text))
            self.say(refusal)
            if refusal is None:
                self.typed.show_value(None)

    def show_content(self, content: MarginContent) -> None:
        """Show everything anew; parts that are the same stay as they are."""
        before, self.content = self.content, content
        if _margin_part(content) != _margin_part(before):
            self._show_numbers(content)
        if (content.devices, content.device) != (before.devices, before.device):
            _fill(self.device, content.devices, content.device)
        if (content.settings, content.setting) != (before.settings, before.setting):
            self._show_settings(content)
        if content.chart != before.chart:
            _show_lines(self._chart, content.chart)
        if content.plan != before.plan:
            _show_lines(self._plan, content.plan)
        if content.findings != before.findings:
            self._show_findings(content.findings)
        self.whose.setText(
            f"Device of {content.applicator}" if content.applicator else "Device of the next applicators"
        )
        for box in (self.device, self.setting, self.typed):
            box.setEnabled(not content.locked)

    def _show_numbers(self, content: MarginContent) -> None:
        self.title.setText(f"Margin of {content.target}" if content.target else "Margin")
        clear(self._numbers)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(1)
        for line, (label, value) in enumerate(content.numbers):
            grid.addWidget(PlainLabel(label, role="quiet"), line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(PlainLabel(value, wrap=True), line, 1)
        self._numbers.addLayout(grid)
        if not content.target or content.problem:
            self._numbers.addWidget(PlainLabel(content.problem or NO_TARGET, role="quiet", wrap=True))
        _colour_line(self.state, content.state)
        self.put.setEnabled(content.can_put)

    def _show_settings(self, content: MarginContent) -> None:
        """Rows that give no zone are listed with the reason, and cannot be chosen."""
        box = self.setting
        box.clear()
        box.addItem(CHOOSE, None)
        for each in content.settings:
            box.addItem(f"{each.words}: no zone, {each.why_not}" if each.why_not else each.words, each.key)
            box.setItemData(box.count() - 1, plain_tip(each.why_not or each.words), Qt.ItemDataRole.ToolTipRole)
            model = box.model()
            if each.why_not and isinstance(model, QStandardItemModel):
                model.item(box.count() - 1).setEnabled(False)
        if content.setting is not None and box.findData(content.setting) < 0:
            box.addItem(content.setting, content.setting)
        box.setCurrentIndex(max(0, box.findData(content.setting)))

    def _show_findings(self, findings: Sequence[Finding]) -> None:
        clear(self._findings)
        order = list(SEVERITY_MARKS)
        ranked = sorted(findings, key=lambda each: order.index(each.severity.value))
        lines = [(f"{SEVERITY_MARKS[each.severity.value].shape} {each.text}", each.severity.value) for each in ranked]
        _add_lines(self._findings, lines[:FINDINGS_SHOWN])
        rest = lines[FINDINGS_SHOWN:]
        if rest:
            folded = QWidget()
            inner = QVBoxLayout(folded)
            inner.setContentsMargins(0, 0, 0, 0)
            _add_lines(inner, rest)
            folded.setVisible(False)
            more = ClickLabel(f"▾ {len(rest)} more findings", tip="Opens and folds the list")
            more.clicked.connect(lambda: folded.setVisible(not folded.isVisible()))
            self._findings.addWidget(more)
            self._findings.addWidget(folded)

    def say(self, refusal: str | None) -> None:
        """Why something was not done; empty for nothing."""
        self.problem.setText(refusal or "")
        self.problem.setVisible(bool(refusal))


def _margin_part(content: MarginContent) -> tuple[object, ...]:
    return content.target, content.numbers, content.state, content.can_put, content.problem


def _fill(box: QComboBox, choices: Sequence[Choice], chosen: str | None) -> None:
    box.clear()
    for each in choices:
        box.addItem(each.label, each.code)
    box.setCurrentIndex(box.findData(chosen))


def _show_lines(layout: QVBoxLayout, lines: Sequence[Line]) -> None:
    clear(layout)
    _add_lines(layout, lines)


def _add_lines(layout: QVBoxLayout, lines: Sequence[Line]) -> None:
    for line in lines:
        label = PlainLabel("", wrap=True)
        _colour_line(label, line)
        layout.addWidget(label)


def _colour_line(label: PlainLabel, line: Line) -> None:
    text, key = line
    label.setText(text)
    label.setVisible(bool(text))
    mark = SEVERITY_MARKS.get(key)
    colour(label, text=theme.QUIET if mark is None or key == "info" else mark.colour)
