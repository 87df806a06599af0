"""A line for a day beside a button: what stands in it counts, committed or not."""

from __future__ import annotations

from datetime import date

from PySide6.QtWidgets import QLineEdit

from planner.workflow.template import Field, FieldKind
from viewers.panels.editors import FieldEditor, editor_for


def day_editor(day: date | None) -> FieldEditor:
    """A line for a day, as wide as one."""
    editor = editor_for(Field("on", "Day", FieldKind.DATE))
    editor.show_value(day.isoformat() if day else None)
    editor.setFixedWidth(round(editor.fontMetrics().averageCharWidth() * 15))
    return editor


def typed_day(editor: FieldEditor) -> date | None | str:
    """The day that stands in a line, None for an empty one; a sentence for what is no day."""
    line = editor.findChild(QLineEdit)
    text = line.text().strip() if line is not None else ""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return f"“{text}” is no day; write it as YYYY-MM-DD."
