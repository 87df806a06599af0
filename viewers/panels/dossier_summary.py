"""The summary for patient and follow-up doctor: drafted from the record, edited in place, released by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QComboBox, QLineEdit, QVBoxLayout, QWidget

from planner.app.patient_summary import ADDRESSEES, split_paragraph
from planner.app.summary_facts import LEVELS, allowed_level
from planner.app.summary_words import languages, open_slots, words_of
from planner.model.dossier import PatientSummary
from viewers.panels.dossier_content import (
    DossierActs,
    DossierJudged,
    DossierView,
    addressee_word,
    disclosure_word,
    language_choices,
    summary_line,
)
from viewers.panels.editors import LongTextEditor
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, row
from viewers.state import theme

OPEN_NOTE = "▲ still open: fill it in, or take the sentence out"
NOTHING_YET = (
    "No summary has been drafted for this session. “Draft from the record” writes one from what is recorded; it stays "
    "a DRAFT until a named person releases it."
)


class _OpenSlots(QSyntaxHighlighter):
    """Marks what a person still has to fill in, in any language."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._marks = [(words_of(each)["open_begin"], words_of(each)["open_slot"][-1]) for each in languages()]

    def highlightBlock(self, text: str) -> None:
        shape = QTextCharFormat()
        shape.setBackground(QColor(theme.BLOCK_DEEP))
        shape.setForeground(QColor(theme.TEXT))
        for begin, end in self._marks:
            start = text.find(begin)
            while start >= 0:
                stop = text.find(end, start)
                length = (stop if stop >= 0 else len(text)) - start + 1
                self.setFormat(start, length, shape)
                start = text.find(begin, start + length)


class ParagraphEditor(LongTextEditor):
    """A text as high as its lines."""

    def __init__(self) -> None:
        super().__init__()
        self._slots = _OpenSlots(self.text.document())
        self.text.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.textChanged.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """As high as its lines really are: Chinese ones are higher than what the font says."""
        height, block = 0.0, self.text.document().firstBlock()
        while block.isValid():
            height += self.text.document().documentLayout().blockBoundingRect(block).height()
            block = block.next()
        around = 2 * (self.text.document().documentMargin() + self.text.frameWidth() + 1)
        self.text.setFixedHeight(math.ceil(max(height, self.fontMetrics().lineSpacing()) + around))


class Paragraph(QWidget):
    """Heading and text of a paragraph; an open one says so."""

    changed = Signal()

    def __init__(self, text: str, *, locked: bool) -> None:
        super().__init__()
        self.heading, body = split_paragraph(text)
        self.body = body
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(2)
        self.open = PlainLabel(OPEN_NOTE, role="unverified")
        layout.addWidget(row(PlainLabel(self.heading, role="section"), self.open))
        self.editor = ParagraphEditor()
        self.editor.show_value(body)
        self.editor.text.setReadOnly(locked)
        self.editor.changed.connect(self._take)
        layout.addWidget(self.editor)
        self.open.setVisible(bool(open_slots((body,))))

    def _take(self, value: object) -> None:
        self.body = str(value or "")
        self.open.setVisible(bool(open_slots((self.body,))))
        self.changed.emit()

    def written(self) -> str:
        """The paragraph as it is kept; empty when its text was taken out."""
        return f"{self.heading}\n{self.body}" if self.heading and self.body else self.body


class SummaryPart(QWidget):
    """Choose, draft, edit, release. Nothing is released by Enter: the name is typed, the button is pressed."""

    def __init__(self, acts: DossierActs) -> None:
        super().__init__()
        self._acts = acts
        self._filling = False
        self._shown: tuple[object, ...] | None = None
        self._levelled: str | None = None
        self.paragraphs: list[Paragraph] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.language, self.addressee, self.disclosure = QComboBox(), QComboBox(), QComboBox()
        for each in language_choices():
            self.language.addItem(each.label, each.code)
        for code in ADDRESSEES:
            self.addressee.addItem(addressee_word(code), code)
        for code in LEVELS:
            self.disclosure.addItem(disclosure_word(code), code)
        self.drafter = button(
            "Draft from the record", self._draft, tip="An unreleased draft of the same kind is replaced"
        )
        layout.addWidget(row(self.language, self.addressee, self.disclosure, self.drafter))
        self.chooser = QComboBox()
        self.chooser.currentIndexChanged.connect(self._choose)
        self.printer = button("Print…", acts.print_summary, tip="As PDF; a draft prints DRAFT across the page")
        layout.addWidget(row(self.chooser, self.printer))
        self.mark = PlainLabel("", role="title")
        layout.addWidget(self.mark)
        self.empty = PlainLabel(NOTHING_YET, role="quiet", wrap=True)
        layout.addWidget(self.empty)
        self._texts = QVBoxLayout()
        layout.addLayout(self._texts)
        self.against = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.against)
        self._build_release(layout)

    def _build_release(self, layout: QVBoxLayout) -> None:
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of who has read it")
        self.releaser = button("Release", lambda: self._named(self._acts.release), tip="Lets the page go out by name")
        self.keeper = button(
            "Keep the text", lambda: self._named(self._acts.keep), tip="The record has changed; the text was read again"
        )
        self.withdrawer = button("Withdraw", self._withdraw, tip="A released page becomes a draft; a draft goes")
        self.name.setMinimumWidth(round(self.fontMetrics().averageCharWidth() * 34))
        self.releasing = row(self.name, self.releaser, self.keeper, self.withdrawer)
        layout.addWidget(self.releasing)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        layout.addWidget(self.problem)

    def show_view(self, view: DossierView) -> None:
        """Show the summary that was chosen; what is being typed stays."""
        summary = view.summary
        self._offer(view)
        self._offer_level(view)
        self.drafter.setEnabled(view.session is not None)
        self.empty.setVisible(summary is None)
        for widget in (self.chooser, self.printer, self.mark, self.releasing):
            widget.setVisible(summary is not None)
        self._show_judged(summary, view.judged)
        if summary is None:
            clear(self._texts)
            self.paragraphs, self._shown = [], None
            return
        self._show_mark(summary)
        self._show_texts(summary)

    def _offer_level(self, view: DossierView) -> None:
        """For another session the level that its consent allows is chosen beforehand, and stays to be changed."""
        session = view.session
        if session is None or session.id == self._levelled:
            return
        self._levelled = session.id
        level = self.disclosure.findData(allowed_level(session))
        self.disclosure.setCurrentIndex(max(0, level))

    def _show_mark(self, summary: PatientSummary) -> None:
        released, on = summary.released_by, summary.released_at
        if released is not None and on is not None:
            words, shade = f"✓ Released by {released} on {on.date().isoformat()}", theme.SIGNED
        else:
            words, shade = "DRAFT · not released", theme.WARN
        self.mark.setText(words)
        colour(self.mark, text=shade)
        self.name.setVisible(not summary.is_released)
        self.releaser.setVisible(not summary.is_released)

    def _show_texts(self, summary: PatientSummary) -> None:
        """Built anew only where the text is not what stands in the fields."""
        standing = tuple(each.written() for each in self.paragraphs if each.written())
        state = (summary.id, summary.is_released)
        if state == self._shown and standing == summary.paragraphs:
            return
        self._shown = state
        clear(self._texts)
        self.paragraphs = [Paragraph(text, locked=summary.is_released) for text in summary.paragraphs]
        for each in self.paragraphs:
            each.changed.connect(self._write)
            self._texts.addWidget(each)

    def _show_judged(self, summary: PatientSummary | None, judged: DossierJudged | None) -> None:
        refusals = judged.refusals if judged is not None and summary is not None and not summary.is_released else ()
        self.against.setText("\n".join(f"■ {each}" for each in refusals))
        self.against.setVisible(bool(refusals))
        self.keeper.setVisible(any("record has changed" in each for each in refusals))

    def _offer(self, view: DossierView) -> None:
        self._filling = True
        wanted = [(each.id, summary_line(each)) for each in view.summaries]
        known = [(self.chooser.itemData(n), self.chooser.itemText(n)) for n in range(self.chooser.count())]
        if wanted != known:
            self.chooser.clear()
            for identifier, text in wanted:
                self.chooser.addItem(text, identifier)
        if view.summary is not None:
            self.chooser.setCurrentIndex(self.chooser.findData(view.summary.id))
        self._filling = False

    def _choose(self, number: int) -> None:
        if not self._filling and number >= 0:
            self._acts.choose_summary(str(self.chooser.itemData(number)))

    def _draft(self) -> None:
        boxes = (self.language, self.addressee, self.disclosure)
        self._said(self._acts.draft(*(str(each.currentData()) for each in boxes)))

    def _write(self) -> None:
        self._said(self._acts.write(tuple(each.written() for each in self.paragraphs)))

    def _named(self, act: Callable[[str], str | None]) -> None:
        refusal = act(self.name.text())
        self._said(refusal)
        if refusal is None:
            self.name.clear()

    def _withdraw(self) -> None:
        self._said(self._acts.withdraw())

    def _said(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
