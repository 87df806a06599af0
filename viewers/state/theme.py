"""Colours and sizes of the dark reading room, as plain values. States differ by shape and word as well as colour."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = "#1b1d21"
PANEL = "#22252a"
RAISED = "#2b2f36"
BUTTON = "#343941"
CHOSEN = "#2c5a7d"
CARD = "#272b32"
BAD = "#4a2b20"
LINE = "#3a3f47"
TEXT = "#d7dae0"
QUIET = "#9aa1ac"
ACCENT = "#56b4e9"
ACCENT_DEEP = "#1f6f9f"
PANE = "#000000"

# Okabe-Ito hues, safe for the colour-blind.
BLOCK = "#e8743b"
BLOCK_DEEP = "#7a2f0d"
SIMULATED_DEEP = "#1d3a33"
WARN = "#e6b13a"
INFO = "#7fb2d9"
SIGNED = "#35b58a"
STALE = "#cc79a7"
WAITING = "#7d848f"


@dataclass(frozen=True, slots=True)
class StateMark:
    """How a state is shown: shape, word, colour."""

    shape: str
    word: str
    colour: str


STAGE_MARKS = {
    "open": StateMark("○", "open", TEXT),
    "blocked": StateMark("■", "blocked", BLOCK),
    "signed": StateMark("✓", "signed", SIGNED),
    "stale": StateMark("↻", "stale", STALE),
    "waiting": StateMark("·", "waiting", WAITING),
}

SEVERITY_MARKS = {
    "block": StateMark("■", "blocks", BLOCK),
    "warn": StateMark("▲", "warning", WARN),
    "info": StateMark("●", "note", INFO),
}


def scale_for(screen_height: float) -> float:
    """How much larger than at 1080 lines everything is drawn, from the height of the screen in logical pixels."""
    return min(2.2, max(0.9, screen_height / 1080.0))
