"""Starts Seldinger: no verb opens the desktop, a verb runs the command line."""

from __future__ import annotations

import sys


def main() -> int:
    from planner.cli.entry import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
