"""Colours drawn on images, safe for the colour-blind (Okabe and Ito, 2008); the chrome has its own theme."""

from __future__ import annotations

TEXT = "#e6e8ea"
TEXT_QUIET = "#a9b1ba"
WARNING = "#e69f00"
MEASURE = "#f0e442"
PATH = "#e8575a"
SELECTED = "#ffffff"
NEEDLE = "#f5a3d0"
TARGET = "#f0e442"

PLANE_COLOURS = {"axial": "#e69f00", "coronal": "#56b4e9", "sagittal": "#35c79a"}
"""Each plane's line in the other panes, and its pane's edge."""


def rgb(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as three bytes; a colour from a file that is no colour is drawn grey."""
    text = colour.removeprefix("#")
    try:
        value = int(text, 16) if len(text) == 6 else 0x808080
    except ValueError:
        value = 0x808080
    return value >> 16, value >> 8 & 255, value & 255
