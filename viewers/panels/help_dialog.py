"""F1: help for the stage on show, and the sheet of keys and mouse."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from planner.units import symbol
from planner.workflow.template import Field, FieldKind, Stage
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import text_table
from viewers.panels.words import TAGS, role_word

KEYS = (
    ("Scroll slices", "wheel", "↑ ↓, Page, Home, End"),
    ("Move the crosshair", "left", "Esc comes back to it"),
    ("Grey-scale window", "right drag", "1-9 presets, 0 from the file"),
    ("Pan", "middle drag", ""),
    ("Zoom", "Ctrl + wheel", "R resets, F fits"),
    ("Oblique planes", "drag the dots on the crosshair", "Ctrl+R resets"),
    ("Slab", "Shift + wheel", "M cycles mean, MIP, MinIP"),
    ("Enlarge a pane", "double-click", "Enter in the pane"),
    ("Next layout", "", "Tab in a pane"),
    ("Measure: distance, angle, ellipse", "left", "D, A, E"),
    ("One-click lesion", "left; Ctrl + left takes away", "O"),
    ("Brush, eraser", "left, Ctrl + left", "B, [ and ] size"),
    ("Vessel path", "click, double-click ends", "P, Enter ends, Backspace takes back"),
    ("Needle: target, entry", "left; Alt + left does not look for the skin", "T, N"),
    ("Needle: move an end or the shaft", "drag with the needle tool", "L locks and unlocks"),
    ("Along the needle: turn the plane", "wheel", "↑ ↓"),
    ("Across the needle, probe's eye: depth", "wheel, or drag on the profile", "↑ ↓, Home skin, End tip"),
    ("Vessels: find, choose, edit", "left chooses; Ctrl + left adds a branch that ends there", "Y"),
    ("Vessels: cut here, take away, join, root here", "", "X, Delete, J, U; Enter confirms a name"),
    ("Catheter tip: put, drag along", "left on a vessel, in slices, 3D or the diagram", "C"),
    ("Tree diagram: rows, along the tree", "wheel, middle drag", "arrows, R shows all"),
    ("Working view: turn the C-arm", "drag on the map or on the projection", "arrows, Home recommended, Enter keeps"),
    ("Remove the selected mark", "", "Delete"),
    ("3D: turn, pan, zoom", "left, middle, wheel", "1-6 standard views, M preset, R resets"),
    ("DSA: play, step, rate", "wheel steps", "Space, ← →, + -, L loops"),
    ("DSA: pixel shift", "", "Alt+arrows 0.1 px, Shift+arrows 1 px"),
    ("DSA: unsubtracted, inverted", "", "V, I"),
    ("DSA: composite, time to peak, curves", "", "O, T, C"),
    ("DSA: mask", "drag on the frame strip", ""),
    ("DSA: distance, diameter, stenosis", "left", "D, W, S"),
    ("DSA: region with its curve, arrow, note", "left", "E, A, N"),
    ("DSA: calibrate by a catheter, keep a frame", "", "G, K"),
    ("DSA: the plan over the run", "Ctrl + left sends a ray into the CT", "P"),
    ("Course of the case; back to the images", "button beside “Course”", "Ctrl+Shift+C; Esc"),
    ("Course: zoom around the pointer, pan, fit", "wheel, drag", "+ -, ← →, F; T today, ↑ ↓ scroll"),
    ("Course: open a session, a study, a reading", "left", "N and P walk, Enter opens"),
    ("Course: compare two studies", "drag one onto the other, or Ctrl + left on both", "C on both"),
    ("Course: log scale of a lane, save as PNG", "right", ""),
    ("Compare two dates", "the offer above the panes", "Ctrl+K"),
    ("Over each other: one study at a time, next way", "", "Space, K"),
    ("Over each other: blend, divider of the swipe", "slider; drag the divider", ", and ."),
    ("Library: every case, what is due", "", "Alt+1, Alt+2"),
    ("Library: the cohort over all cases", "button beside “Cases”", "Alt+3, Ctrl+Shift+K; Esc"),
    ("Cohort: open a case", "left on a bar or lane; double-click in the table", "arrows walk, Enter opens"),
    ("Cohort: all bars at once, read again, save as PNG", "right saves", "F, F5"),
    ("Sessions of a case side by side", "left on a session’s head opens it", "Ctrl+Shift+E; Esc"),
    ("Next, previous stage", "", "Ctrl+→, Ctrl+←"),
    ("Which lesion is which on two linked dates", "left on a row shows both places", "Ctrl+Shift+I"),
    ("Response: lesions by days", "left on a cell, on a sum", "Ctrl+Shift+R; arrows walk, Enter types; Esc"),
    ("Next step: what rule sets say", "", "Ctrl+Shift+X; Esc"),
    ("Doses over the course", "left on a number shows its entries", "Ctrl+Shift+G; Esc"),
    ("Board meeting; its sheet on the whole screen", "", "Ctrl+Shift+B, Shift+F11; Esc"),
    ("Alerts, tasks and diary", "left on the count under “Course”", "Ctrl+Shift+T; Esc"),
    ("Dossier: what is missing, summary, papers", "", "Ctrl+Shift+D; Esc"),
    ("Undo, redo", "", "Ctrl+Z, Ctrl+Y"),
    ("Save", "", "Ctrl+S"),
    ("Print the plan", "", "Ctrl+P"),
    ("Paste laboratory values", "", "Ctrl+Shift+L"),
    ("New session, next session", "", "Ctrl+N, Ctrl+Shift+N"),
    ("Library", "", "Ctrl+L"),
    ("Open a folder, a file", "drop it on the window", "Ctrl+O, Ctrl+Shift+O"),
    ("This help", "", "F1"),
)
"""What is done, with the mouse, with the keyboard."""


def stage_help(stage: Stage) -> str:
    """Everything the template says about a stage, as plain text."""
    lines = [
        stage.title,
        "",
        stage.purpose,
        "",
        f"Filled by the {role_word(stage.fills)}; signed by "
        f"{' and '.join(role_word(each) for each in stage.signs) or 'nobody'}.",
    ]
    if stage.phase.is_record:
        lines.append("A record of what was done: it is never refused, it gets findings.")
    if stage.warns_not_checked:
        lines += ["", "NOT CHECKED by this program:", *(f"  - {each}" for each in stage.warns_not_checked)]
    lines += ["", "Fields"]
    for each in stage.fields:
        lines += _field_lines(each)
    if stage.checks:
        lines += ["", "Checks"]
    acts = {"advice": "note", "warn": "warning", "ask": "blocks, may be passed with a reason", "refuse": "refuses"}
    for check in stage.checks:
        lines.append(f"  {check.title} ({acts.get(check.acts_as, check.acts_as)})")
        lines.append(f"      {check.source} · {TAGS.get(check.tag, check.tag)}")
    return "\n".join(lines)


def _field_lines(field: Field) -> list[str]:
    unit = f" ({symbol(field.unit)})" if symbol(field.unit) else ""
    must = ", required" if field.required else ""
    computed = ", computed" if field.kind is FieldKind.COMPUTED else ""
    lines = [f"  {field.label}{unit}{must}{computed}"]
    if field.help:
        lines.append(f"      {field.help}")
    if field.source:
        lines.append(f"      {field.source}" + (f" · {TAGS.get(field.tag, field.tag)}" if field.tag else ""))
    return lines


class HelpDialog(QDialog):
    """Stays open beside the window while one works."""

    def __init__(self, stage: Stage | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel(stage.title if stage is not None else "Help", role="title"))
        tabs = QTabWidget()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setPlainText(
            stage_help(stage)
            if stage is not None
            else "Open a folder of images (Ctrl+O), or double-click a case. Help for a stage is shown once one is open."
        )
        self.keys = text_table(("What", "Mouse", "Keys"), KEYS)
        tabs.addTab(self.text, "This stage")
        tabs.addTab(self.keys, "Mouse and keys")
        if stage is None:
            tabs.setCurrentIndex(1)
        layout.addWidget(tabs, 1)
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 48, 41)
