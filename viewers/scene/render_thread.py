"""One thread owns every VTK object and hands over finished images. The newest request wins; older ones are dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewers.scene.volume_renderer import Quality, VolumeRenderer
from viewers.state.scene3d import Scene3D


@dataclass(frozen=True, eq=False, slots=True)
class RenderRequest:
    """What one pane wants drawn. `deliver` is called in the render thread with the picture."""

    scene: Scene3D
    size_px: tuple[int, int]
    quality: Quality
    deliver: Callable[[NDArray[np.uint8]], object]


class RenderThread:
    """Draws requests one after the other; `failed` hears of an error once, the thread lives on.

    Parameters
    ----------
    failed
        Called in the render thread with one sentence.
    """

    def __init__(self, failed: Callable[[str], object]) -> None:
        self._failed = failed
        self._condition = threading.Condition()
        self._waiting: RenderRequest | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)
        self._thread.start()

    def request(self, request: RenderRequest) -> None:
        with self._condition:
            self._waiting = request
            self._condition.notify()

    def close(self, timeout_s: float = 10.0) -> None:
        """End after the picture being drawn, and free the graphics memory in the owning thread."""
        with self._condition:
            self._closing = True
            self._waiting = None
            self._condition.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        renderer: VolumeRenderer | None = None
        while (request := self._next()) is not None:
            try:
                renderer = renderer or VolumeRenderer()
                wanted = _always if request.quality.coarse else self._is_newest
                picture = renderer.draw_while(request.scene, request.size_px, request.quality, wanted)
                if picture is not None:
                    request.deliver(picture)
            except Exception as error:
                self._failed(f"The 3D picture could not be drawn ({type(error).__name__}: {error}).")
        if renderer is not None:
            renderer.close()

    def _is_newest(self) -> bool:
        """A fine picture is given up when the hand moves again; a coarse one is always finished, or nothing moved."""
        return self._waiting is None and not self._closing

    def _next(self) -> RenderRequest | None:
        with self._condition:
            while self._waiting is None and not self._closing:
                self._condition.wait()
            request, self._waiting = self._waiting, None
            return request


def _always() -> bool:
    return True
