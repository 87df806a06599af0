"""One editor per kind of template field. An editor shows a value and says when a person has changed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from planner.workflow.template import Choice, Field, FieldKind
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, mark_checked, plain_tip
from viewers.state import theme

UNSET = "–"


class FieldEditor(QWidget):
    """Base of all editors.

    Signals
    -------
    changed(object)
        The new JSON value, None when emptied. Sent when the person is done with it, not at each key.
    """

    changed = Signal(object)

    def show_value(self, value: Any) -> None:
        """Show a value without announcing it."""
        raise TypeError(f"{type(self).__name__} shows nothing")

    def show_problem(self, text: str | None) -> None:
        """Mark the entry as refused, or clear the mark."""


WINDOW_KEYS = (
    QKeySequence.StandardKey.Undo,
    QKeySequence.StandardKey.Redo,
    QKeySequence.StandardKey.MoveToNextWord,
    QKeySequence.StandardKey.MoveToPreviousWord,
)
"""Keys an editor would take for itself, and that mean undo, redo, next and previous stage in the window."""


def taken_by_window(editor: QWidget, event: QKeyEvent) -> bool:
    """Undo, redo and the stage keys, given to the window's menu entry of that key; True when there is one.

    An editor claims these keys before menus see them, so it hands them on while it holds nothing uncommitted: Ctrl+Z
    then undoes the plan, not the letters of a field that was left long ago.
    """
    redo = event.key() == Qt.Key.Key_Y and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
    if not redo and not any(event.matches(key) for key in WINDOW_KEYS):
        return False
    wanted = QKeySequence(event.keyCombination())
    for action in editor.window().findChildren(QAction):
        if wanted in action.shortcuts():
            action.trigger()
            return True
    return False


class _Line(QLineEdit):
    """A line that commits on Enter or when left, and gives up on Esc."""

    committed = Signal()
    given_up = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.committed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.isModified() and taken_by_window(self, event):
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.committed.emit()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        super().keyPressEvent(event)


class LineEditor(FieldEditor):
    """Text, persons, dates and numbers: one line. `parse` turns text into the value or raises ValueError."""

    def __init__(self, hint: str = "") -> None:
        super().__init__()
        self.line = _Line()
        self.line.setPlaceholderText(hint)
        self._shown: Any = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        self.line.committed.connect(self._commit)
        self.line.given_up.connect(lambda: self.show_value(self._shown))
        self.setFocusProxy(self.line)

    def parse(self, text: str) -> Any:
        return text or None

    def written(self, value: Any) -> str:
        return "" if value is None else str(value)

    def show_value(self, value: Any) -> None:
        self._shown = value
        if not self.line.hasFocus() or not self.line.isModified():
            self.line.setText(self.written(value))
            self.line.setModified(False)
        self.show_problem(None)

    def show_problem(self, text: str | None) -> None:
        colour(self.line, base=theme.BAD if text else theme.RAISED)
        self.line.setToolTip(plain_tip(text or ""))

    def _commit(self) -> None:
        if not self.line.isModified():
            return
        self.line.setModified(False)
        try:
            value = self.parse(self.line.text().strip())
        except ValueError as problem:
            self.show_problem(str(problem))
            return
        self.show_problem(None)
        if value != self._shown:
            self._shown = value
            self.changed.emit(value)


class NumberEditor(LineEditor):
    """A number in the field's own unit. Accepts a decimal comma; never guesses."""

    def __init__(self, *, integer: bool = False, hint: str = "") -> None:
        super().__init__(hint)
        self.integer = integer

    def parse(self, text: str) -> float | int | None:
        if not text:
            return None
        try:
            number = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
        except ValueError:
            raise ValueError(f"“{text}” is not a number.") from None
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError("The number must be finite.")
        if self.integer:
            if not number.is_integer():
                raise ValueError("A whole number is expected here.")
            return int(number)
        return number

    def written(self, value: Any) -> str:
        if value is None:
            return ""
        return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


class DateEditor(LineEditor):
    """A date or a date and time in ISO form (2026-03-12, 2026-03-12 14:05). Ambiguous forms are refused."""

    def __init__(self, kind: FieldKind) -> None:
        hints = {FieldKind.DATE: "YYYY-MM-DD", FieldKind.TIME: "hh:mm", FieldKind.DATETIME: "YYYY-MM-DD hh:mm"}
        super().__init__(hints[kind])
        self.kind = kind

    def parse(self, text: str) -> str | None:
        from datetime import date, datetime, time

        if not text:
            return None
        try:
            if self.kind is FieldKind.DATE:
                return date.fromisoformat(text).isoformat()
            if self.kind is FieldKind.TIME:
                return time.fromisoformat(text).isoformat(timespec="minutes")
            return datetime.fromisoformat(text).isoformat(timespec="minutes")
        except ValueError:
            raise ValueError(f"Write it as {self.line.placeholderText()}.") from None


PAUSE_MS = 1500
"""A pause in writing after which long text is taken over: a crash loses no more than that."""


class LongTextEditor(FieldEditor):
    """Free text over several lines; taken over when it is left, and at every pause in writing."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QPlainTextEdit()
        self.text.setTabChangesFocus(True)
        self.text.setMaximumHeight(self.fontMetrics().height() * 4)
        self._shown: Any = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        self.text.installEventFilter(self)
        self.setFocusProxy(self.text)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._take)
        self.text.textChanged.connect(self._written)

    def show_value(self, value: Any) -> None:
        self._shown = value
        if not self.text.hasFocus():
            self.text.setPlainText("" if value is None else str(value))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.text and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return not self.text.document().isModified() and taken_by_window(self, event)
        if watched is self.text and event.type() == QEvent.Type.FocusOut:
            self.text.document().setModified(False)
            self._take()
        return super().eventFilter(watched, event)

    def _written(self) -> None:
        if self.text.hasFocus():
            self._pause.start()

    def _take(self) -> None:
        self._pause.stop()
        value = self.text.toPlainText().strip() or None
        if value != self._shown:
            self._shown = value
            self.changed.emit(value)


class ToggleEditor(FieldEditor):
    """A few choices as buttons side by side: yes / no / unknown. Nothing is pressed until somebody answers."""

    def __init__(self, choices: Sequence[tuple[Any, str]]) -> None:
        super().__init__()
        self.buttons: dict[Any, QPushButton] = {}
        self._shown: Any = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        for value, label in choices:
            made = QPushButton(label)
            made.setCheckable(True)
            made.setAutoDefault(False)
            mark_checked(made)
            made.clicked.connect(lambda _checked=False, chosen=value: self._choose(chosen))
            layout.addWidget(made)
            self.buttons[value] = made
        layout.addStretch(1)
        self.setFocusProxy(next(iter(self.buttons.values())))

    def show_value(self, value: Any) -> None:
        self._shown = value
        for each, made in self.buttons.items():
            made.setChecked(value is not None and each == value)

    def _choose(self, value: Any) -> None:
        chosen = None if value == self._shown else value
        self.show_value(chosen)
        self.changed.emit(chosen)


class ChoiceEditor(FieldEditor):
    """One of many, as a list; the first entry is "not answered"."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.box = QComboBox()
        self.box.addItem(UNSET, None)
        for choice in choices:
            self.box.addItem(choice.label, choice.code)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.installEventFilter(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        self.box.activated.connect(lambda index: self.changed.emit(self.box.itemData(index)))
        self.setFocusProxy(self.box)

    def show_value(self, value: Any) -> None:
        index = self.box.findData(value)
        if index < 0 and value is not None:
            self.box.addItem(str(value), value)
            index = self.box.count() - 1
        self.box.setCurrentIndex(max(0, index))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A wheel over a form scrolls the form; it must never change an answer unseen.
        if event.type() == QEvent.Type.Wheel and not self.box.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class ChoicesEditor(FieldEditor):
    """Any number of choices.

    Parameters
    ----------
    nothing
        Said when there is nothing to choose from yet.
    """

    def __init__(self, choices: Sequence[Choice], *, nothing: str = "") -> None:
        super().__init__()
        self.boxes = {choice.code: QCheckBox(choice.label.replace("&", "&&")) for choice in choices}
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if not choices and nothing:
            layout.addWidget(PlainLabel(nothing, role="quiet", wrap=True), 0, 0)
        for index, box in enumerate(self.boxes.values()):
            layout.addWidget(box, index // 2, index % 2)
            box.clicked.connect(self._announce)

    def show_value(self, value: Any) -> None:
        chosen = set(value or ())
        for code, box in self.boxes.items():
            box.setChecked(code in chosen)

    def _announce(self) -> None:
        chosen = [code for code, box in self.boxes.items() if box.isChecked()]
        self.changed.emit(chosen or None)


YES_NO = (("yes", "Yes"), ("no", "No"))
YES_NO_UNKNOWN = (*YES_NO, ("unknown", "Unknown"))


def editor_for(field: Field) -> FieldEditor:
    """The editor of a simple field (tables, laboratory, series and lesions have panels of their own)."""
    kind = field.kind
    if kind in (FieldKind.NUMBER, FieldKind.INTEGER):
        return NumberEditor(integer=kind is FieldKind.INTEGER, hint=_range_hint(field))
    if kind in (FieldKind.DATE, FieldKind.DATETIME, FieldKind.TIME):
        return DateEditor(kind)
    if kind is FieldKind.LONG_TEXT:
        return LongTextEditor()
    if kind is FieldKind.YES_NO:
        return ToggleEditor(YES_NO)
    if kind is FieldKind.YES_NO_UNKNOWN:
        return ToggleEditor(YES_NO_UNKNOWN)
    if kind is FieldKind.CHOICE:
        return ChoiceEditor(field.choices)
    if kind is FieldKind.CHOICES:
        return ChoicesEditor(field.choices)
    return LineEditor()


def _range_hint(field: Field) -> str:
    if field.minimum is None or field.maximum is None:
        return ""
    return f"{field.minimum:g}–{field.maximum:g}"
