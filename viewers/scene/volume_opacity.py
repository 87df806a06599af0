"""A preset as the rays read it: colour and opacity of a segment between two samples, by the values at both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from viewers.scene.volume_transfer import REFERENCE_STEP_MM, RenderPreset, value_range

TABLE_ENTRIES = 4096
SHOWN_NODES, BELOW_NODES = 288, 32
"""Nodes of the table of segments within the preset's values, and below them down to air."""
BELOW_SPANS = 4.0
"""How far below the preset's values segments are told apart, in units of their range."""
LEAST_SEEN = 0.002
"""Opacity per mm below which a value is as good as clear."""
MOST_OPAQUE = 0.9999


@dataclass(frozen=True, eq=False, slots=True)
class OpacityTable:
    """A preset in entries of equal distance.

    Attributes
    ----------
    values
        (n,) of the entries, from far below the preset's values, where nothing is seen, to its highest.
    colours
        (n, 4) red, green, blue and the opacity of a segment of `REFERENCE_STEP_MM`.
    nodes
        (n,) int32: which node of `segments` an entry is nearest to.
    """

    values: NDArray[np.float64]
    colours: NDArray[np.float64]
    nodes: NDArray[np.int32]
    shade: bool
    _made: dict[float, NDArray[np.float32]] = field(default_factory=dict)

    @staticmethod
    def of(preset: RenderPreset, volume: Volume) -> OpacityTable:
        points = np.asarray(preset.points, dtype=np.float64)
        at = points[:, 0]
        if preset.relative:
            lowest, highest = value_range(volume)
            at = lowest + at * (highest - lowest)
        low, high = float(at[0]), float(at[-1])
        values = np.linspace(low - BELOW_SPANS * (high - low), high, TABLE_ENTRIES)
        colours = np.stack([np.interp(values, at, points[:, column]) for column in range(1, 5)], axis=-1)
        placed = _node_values(low, high)
        nodes = np.searchsorted((placed[:-1] + placed[1:]) / 2.0, values).astype(np.int32)
        return OpacityTable(values, colours, nodes, preset.shade)

    @property
    def levels(self) -> tuple[float, float]:
        """Value of the first entry, and entries per unit of the values."""
        return float(self.values[0]), (len(self.values) - 1) / float(self.values[-1] - self.values[0])

    def segments(self, length_mm: float) -> NDArray[np.float32]:
        """(nodes, nodes, 5) red, green, blue and opacity between two samples, and where in between most of it lies.

        Values run evenly between the samples, and what hides what within a segment is left out. The place is a share
        of the way from the nearer sample to the farther one.
        """
        if length_mm not in self._made:
            self._made[length_mm] = self._segments(length_mm)
        return self._made[length_mm]

    def _segments(self, length_mm: float) -> NDArray[np.float32]:
        extinction = -np.log1p(-np.minimum(self.colours[:, 3], MOST_OPAQUE)) / REFERENCE_STEP_MM
        weighted = np.column_stack([self.colours[:, :3] * extinction[:, None], extinction, self.values * extinction])
        middles = (weighted[1:] + weighted[:-1]) / 2.0 * (self.values[1] - self.values[0])
        summed = np.concatenate([np.zeros((1, 5)), np.cumsum(middles, axis=0)])
        highest = float(self.values[-1])
        at = _node_values(highest - (highest - float(self.values[0])) / (1.0 + BELOW_SPANS), highest)
        here = np.stack([np.interp(at, self.values, weighted[:, column]) for column in range(5)], axis=-1)
        until = np.stack([np.interp(at, self.values, summed[:, column]) for column in range(5)], axis=-1)
        apart = at[None, :] - at[:, None]
        same = np.eye(len(at), dtype=np.bool_)
        mean = (until[None, :] - until[:, None]) / np.where(same, 1.0, apart)[..., None]
        mean[same] = here
        seen = np.maximum(mean[..., 3], 1e-12)
        table = np.empty(mean.shape, dtype=np.float32)
        table[..., :3] = mean[..., :3] / seen[..., None]
        table[..., 3] = -np.expm1(-mean[..., 3] * length_mm)
        place = (mean[..., 4] / seen - at[:, None]) / np.where(same, 1.0, apart)
        table[..., 4] = np.where(same | (mean[..., 3] < 1e-9), 0.5, np.clip(place, 0.0, 1.0))
        return table

    def shows_between(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether any value of a range has an opacity."""
        counted = np.concatenate([[0], np.cumsum(self.colours[:, 3] > LEAST_SEEN)])
        lowest, per_unit = self.levels
        first, last = (
            np.clip((ends - lowest) * per_unit, 0, len(self.values) - 1).astype(np.int64) for ends in (low, high)
        )
        some: NDArray[np.bool_] = counted[np.minimum(last + 2, len(self.values))] > counted[first]
        return some


def _node_values(low: float, high: float) -> NDArray[np.float64]:
    """Rising values of the nodes: even from `low` to `high`, further and further apart below."""
    below = low - BELOW_SPANS * (high - low) * np.linspace(1.0, 0.0, BELOW_NODES, endpoint=False) ** 2
    return np.concatenate([below, np.linspace(low, high, SHOWN_NODES)])
