"""The dark look, by palette and font: a style sheet over hundreds of editors would cost seconds on a slow machine."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from viewers.state import theme

POINT_PIXELS = 13
"""Height of the text in pixels at 1080 lines."""


def dark_palette() -> QPalette:
    """Every role of the palette, in the colours of `viewers.state.theme`."""
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.WINDOW,
        role.WindowText: theme.TEXT,
        role.Base: theme.RAISED,
        role.AlternateBase: theme.PANEL,
        role.Text: theme.TEXT,
        role.Button: theme.BUTTON,
        role.ButtonText: theme.TEXT,
        role.BrightText: theme.BLOCK,
        role.Highlight: theme.CHOSEN,
        role.HighlightedText: theme.TEXT,
        role.Link: theme.ACCENT,
        role.PlaceholderText: theme.WAITING,
        role.ToolTipBase: theme.RAISED,
        role.ToolTipText: theme.TEXT,
        role.Light: theme.LINE,
        role.Midlight: theme.LINE,
        role.Mid: theme.PANEL,
        role.Dark: "#101214",
        role.Shadow: "#000000",
        role.Accent: theme.ACCENT,
    }
    palette = QPalette()
    for each, colour in colours.items():
        palette.setColor(each, QColor(colour))
    for each in (role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(theme.WAITING))
    # What was frozen by the time-out cannot be typed in any more, but it must be read.
    palette.setColor(QPalette.ColorGroup.Disabled, role.Text, QColor(theme.QUIET))
    return palette


def apply_look(application: QApplication, scale: float) -> None:
    """Style, palette and font of the whole program at a scale (see `theme.scale_for`)."""
    application.setStyle("Fusion")
    application.setPalette(dark_palette())
    font = application.font()
    font.setPixelSize(round(POINT_PIXELS * scale))
    application.setFont(font)
    application.setStyleSheet("")


def colour(widget: QWidget, *, text: str | None = None, ground: str | None = None, base: str | None = None) -> None:
    """Give one widget its own colours; None leaves what it inherits."""
    palette = widget.palette()
    if text is not None:
        for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(role, QColor(text))
    if ground is not None:
        palette.setColor(QPalette.ColorRole.Window, QColor(ground))
        widget.setAutoFillBackground(True)
    if base is not None:
        palette.setColor(QPalette.ColorRole.Base, QColor(base))
    widget.setPalette(palette)
