"""Window and level with the left button, for laptops without a right one."""

from __future__ import annotations

from viewers.panes.tools.base import Pointer, Tool

WINDOW_PART_PER_PX = 1.0 / 256.0
"""One pixel changes the window by this part of its width, so every modality feels alike."""


class WindowTool(Tool):
    """Right widens, up brightens."""

    id = "window"
    name = "Window / level"
    shortcut = "W"
    enlarges = True

    _at: tuple[float, float] | None = None

    def hint(self) -> str:
        return "Drag right for a wider window, up for a brighter picture."

    def press(self, pointer: Pointer) -> None:
        self._at = (pointer.x, pointer.y)

    def drag(self, pointer: Pointer) -> None:
        if self._at is None:
            return
        right, down = pointer.x - self._at[0], pointer.y - self._at[1]
        self._at = (pointer.x, pointer.y)
        window = self.kit.state.window(pointer.series).window
        step = max(window.width, 1.0 if window.function == "LINEAR" else 1e-3) * WINDOW_PART_PER_PX
        self.kit.state.set_window(pointer.series, window.centre + down * step, window.width + right * step)

    def release(self, pointer: Pointer) -> None:
        del pointer
        self._at = None
