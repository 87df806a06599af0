"""How two studies are shown: side by side or over each other, and by which means."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QGridLayout, QSlider, QVBoxLayout, QWidget

from viewers.panels.parts import PlainLabel, button, row
from viewers.state.compare import (
    COMPARE_LAYOUTS,
    FUSE_MODES,
    FUSE_NAMES,
    LARGEST_DIFFERENCE,
    LEAST_DIFFERENCE,
    FuseMode,
    FusionLook,
)

LAYOUT_WORDS = dict(zip(COMPARE_LAYOUTS, ("Side by side", "Two planes", "Over each other"), strict=True))
KEYS = "Space: one study at a time · K: next way · , and . : slide"
_FINE = 1000
_TILES = (2, 32)


class LookBar(QWidget):
    """Buttons for layouts and ways of fusing, and the slider that belongs to the way."""

    def __init__(
        self,
        show: Callable[[str], object],
        mode: Callable[[FuseMode], object],
        slide: Callable[[float], object],
        tiles: Callable[[int], object],
        limit: Callable[[float], object],
    ) -> None:
        super().__init__()
        self._slide, self._tiles, self._limit = slide, tiles, limit
        self._look = FusionLook()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("Show", role="section"))
        layout.addWidget(
            row(*(button(word, lambda key=key: show(key)) for key, word in LAYOUT_WORDS.items()), spacing=4)
        )
        self._fused = QWidget()
        inner = QVBoxLayout(self._fused)
        inner.setContentsMargins(0, 0, 0, 0)
        grid = QGridLayout()
        grid.setSpacing(4)
        self.modes = {
            each: button(FUSE_NAMES[each], lambda each=each: mode(each), checkable=True) for each in FUSE_MODES
        }
        for number, made in enumerate(self.modes.values()):
            grid.addWidget(made, number // 3, number % 3)
        self.words = PlainLabel("", role="quiet", wrap=True)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.valueChanged.connect(self._slid)
        inner.addLayout(grid)
        inner.addWidget(self.words)
        inner.addWidget(self.slider)
        inner.addWidget(PlainLabel(KEYS, role="quiet", wrap=True))
        layout.addWidget(self._fused)

    def show_look(self, look: FusionLook, fused: bool) -> None:
        """The look of the panes; the slider stands where they stand."""
        self._look = look
        self._fused.setVisible(fused)
        for key, made in self.modes.items():
            made.setChecked(key == look.mode)
        low, high, value, words = _slider_of(look)
        with QSignalBlocker(self.slider):
            self.slider.setRange(low, high)
            self.slider.setValue(value)
        self.slider.setVisible(look.mode != "edges")
        self.slider.setAccessibleName(words)
        self.words.setText(words)

    def _slid(self, value: int) -> None:
        if self._look.mode == "chequerboard":
            self._tiles(value)
        elif self._look.mode == "difference":
            self._limit(float(value))
        else:
            self._slide(value / _FINE)


def _slider_of(look: FusionLook) -> tuple[int, int, int, str]:
    """Range, position and words of the slider of a look."""
    if look.mode == "chequerboard":
        return *_TILES, look.tiles, f"{look.tiles} squares along the shorter side"
    if look.mode == "difference":
        words = f"New minus earlier, shown from −{look.limit:.0f} to +{look.limit:.0f}"
        return int(LEAST_DIFFERENCE), int(LARGEST_DIFFERENCE) // 4, round(look.limit), words
    if look.mode == "swipe":
        return 0, _FINE, round(look.divider * _FINE), "Earlier study left of the divider; drag it in the image"
    if look.mode == "edges":
        return 0, _FINE, 0, "Edges of the earlier study over the new one"
    return 0, _FINE, round(look.share * _FINE), f"Earlier study {100.0 * look.share:.0f} %"
