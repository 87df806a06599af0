"""Starts Seldinger: no verb opens the desktop, a verb runs the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.app.rendering import Renderer


def open_desktop(paths: list[Path], library_url: str | None) -> int:
    """The window; Qt and VTK are loaded here and not before."""
    from viewers.window.start import start

    return start(paths, library_url)


def make_renderer() -> Renderer:
    """The one who draws pictures of record without a window."""
    from viewers.offscreen import OffscreenRenderer

    return OffscreenRenderer()


def main() -> int:
    from planner.cli.entry import run

    return run(sys.argv[1:], open_desktop=open_desktop, make_renderer=make_renderer)


if __name__ == "__main__":
    sys.exit(main())
