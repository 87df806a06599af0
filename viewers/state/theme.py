"""Colours and sizes of the dark reading room, as plain values. States differ by shape and word as well as colour."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW = "#1b1d21"
PANEL = "#22252a"
RAISED = "#2b2f36"
LINE = "#3a3f47"
TEXT = "#d7dae0"
QUIET = "#9aa1ac"
ACCENT = "#56b4e9"
PANE = "#000000"

# Okabe-Ito hues, safe for the colour-blind.
BLOCK = "#e8743b"
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


def style_sheet(scale: float) -> str:
    """The Qt style sheet of the whole program at a scale."""

    def px(size: float) -> str:
        return f"{max(1, round(size * scale))}px"

    return f"""
    * {{ font-size: {px(13)}; color: {TEXT}; }}
    QWidget {{ background: {WINDOW}; selection-background-color: {ACCENT}; selection-color: #101214; }}
    QMainWindow::separator, QSplitter::handle {{ background: {LINE}; }}
    QSplitter::handle:horizontal {{ width: {px(3)}; }} QSplitter::handle:vertical {{ height: {px(3)}; }}
    QFrame[panel="true"], QScrollArea, QScrollArea > QWidget > QWidget {{ background: {PANEL}; border: 0; }}
    QLabel, QCheckBox, QRadioButton {{ background: transparent; }}
    QWidget[clear="true"] {{ background: transparent; }}
    QLabel[role="title"] {{ font-size: {px(17)}; font-weight: 600; }}
    QLabel[role="section"] {{ color: {QUIET}; font-weight: 600; padding-top: {px(8)}; }}
    QLabel[role="quiet"] {{ color: {QUIET}; }}
    QLabel[role="unverified"] {{ color: {WARN}; }}
    QLineEdit, QPlainTextEdit, QComboBox, QDateEdit, QDateTimeEdit, QTimeEdit, QTableWidget, QListWidget, QTreeWidget,
    QTableView, QListView {{
        background: {RAISED}; border: 1px solid {LINE}; border-radius: {px(3)}; padding: {px(3)};
    }}
    QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QTableWidget:focus, QPushButton:focus,
    QToolButton:focus, QListWidget:focus, QTreeWidget:focus {{ border: 1px solid {ACCENT}; }}
    QLineEdit[state="bad"], QPlainTextEdit[state="bad"] {{ border: 1px solid {BLOCK}; }}
    QComboBox QAbstractItemView {{ background: {RAISED}; border: 1px solid {LINE}; }}
    QPushButton, QToolButton {{
        background: {RAISED}; border: 1px solid {LINE}; border-radius: {px(4)}; padding: {px(4)} {px(10)};
    }}
    QPushButton:hover, QToolButton:hover {{ border-color: {ACCENT}; }}
    QPushButton:disabled, QToolButton:disabled {{ color: {WAITING}; border-color: {RAISED}; }}
    QPushButton[primary="true"] {{ background: {ACCENT}; color: #0d1216; font-weight: 600; border-color: {ACCENT}; }}
    QPushButton[primary="true"]:disabled {{ background: {RAISED}; color: {WAITING}; border-color: {LINE}; }}
    QToolButton:checked, QPushButton:checked {{ background: #2c4456; border-color: {ACCENT}; }}
    QHeaderView::section {{ background: {PANEL}; color: {QUIET}; border: 0; padding: {px(4)}; }}
    QTableWidget, QTableView {{ gridline-color: {LINE}; alternate-background-color: {PANEL}; }}
    QScrollBar:vertical {{ background: {PANEL}; width: {px(11)}; margin: 0; }}
    QScrollBar:horizontal {{ background: {PANEL}; height: {px(11)}; margin: 0; }}
    QScrollBar::handle {{ background: {LINE}; border-radius: {px(4)}; min-height: {px(24)}; min-width: {px(24)}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QMenuBar, QMenu, QStatusBar {{ background: {PANEL}; }}
    QMenuBar::item:selected, QMenu::item:selected {{ background: #2c4456; }}
    QMenu {{ border: 1px solid {LINE}; }}
    QTabBar::tab {{ background: {PANEL}; padding: {px(5)} {px(12)}; border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ border-bottom: 2px solid {ACCENT}; }}
    QTabWidget::pane {{ border: 0; }}
    QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; }}
    QProgressBar {{ background: {RAISED}; border: 0; border-radius: {px(3)}; height: {px(8)}; text-align: center; }}
    QProgressBar::chunk {{ background: {ACCENT}; border-radius: {px(3)}; }}
    QCheckBox::indicator, QTableView::indicator, QListView::indicator, QMenu::indicator {{
        width: {px(14)}; height: {px(14)}; border: 1px solid {QUIET}; border-radius: {px(3)}; background: {WINDOW};
    }}
    QCheckBox::indicator:checked, QTableView::indicator:checked, QListView::indicator:checked,
    QMenu::indicator:checked {{ background: {ACCENT}; border: {px(3)} solid {WINDOW}; outline: 1px solid {ACCENT}; }}
    QMenu::indicator:non-exclusive:unchecked {{ background: {WINDOW}; }}
    """
