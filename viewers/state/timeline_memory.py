"""Which curves a person has switched off and which lanes go by powers of ten: kept for the next time. No Qt."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from viewers.state.course_lanes import Curve

LOG = logging.getLogger(__name__)


class TimelineMemory:
    """What all timelines of a window share.

    Parameters
    ----------
    path
        A JSON file; None keeps it for this run only. A file that cannot be read or written loses the choice, no more.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.switched: dict[str, bool] = {}
        self.logarithmic: dict[str, bool] = {}
        if path is not None and path.is_file():
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.switched = {str(key): bool(value) for key, value in kept["switched"].items()}
            self.logarithmic = {str(key): bool(value) for key, value in kept["logarithmic"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            LOG.warning("choices of the timeline could not be read: %s", type(error).__name__)

    def hidden_of(self, curves: Iterable[Curve]) -> frozenset[str]:
        """Keys of the curves that are not seen: switched off, or offered only and never switched on."""
        return frozenset(each.key for each in curves if not self.switched.get(each.key, each.offered))

    def show(self, key: str, visible: bool) -> None:
        """Switch a curve, by its key."""
        self.switched = {**self.switched, key: visible}
        self._write()

    def set_logarithmic(self, lane: str, logarithmic: bool) -> None:
        self.logarithmic = {**self.logarithmic, lane: logarithmic}
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        kept = {"switched": self.switched, "logarithmic": self.logarithmic}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
        except OSError as error:
            LOG.warning("choices of the timeline could not be kept: %s", type(error).__name__)
