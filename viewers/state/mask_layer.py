"""Everything painted that panes draw: regions and label maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from viewers.state.signals import Signal


@dataclass(frozen=True, eq=False)
class RegionShape:
    """One region to draw: a plan item's mask, or a preview.

    Attributes
    ----------
    id
        Of the plan item (visibility and selection go by it).
    label
        Printed beside it; empty for none.
    structure
        Key of ``resources/structures.toml``; None for a lesion or an unnamed region.
    """

    id: str
    mask: Mask
    colour: str
    label: str = ""
    structure: str | None = None


class MaskLayer:
    """Everything painted: regions by item id, and label maps by a key of their own.

    Attributes
    ----------
    changed
        Something came, went or was painted.
    """

    def __init__(self) -> None:
        self._regions: dict[str, RegionShape] = {}
        self._label_maps: dict[str, LabelMap] = {}
        self.changed: Signal[[]] = Signal()

    @property
    def regions(self) -> Mapping[str, RegionShape]:
        return MappingProxyType(self._regions)

    @property
    def label_maps(self) -> Mapping[str, LabelMap]:
        return MappingProxyType(self._label_maps)

    def put(self, region: RegionShape) -> None:
        """Draw a region, or draw it anew."""
        self._regions[region.id] = region
        self.changed.emit()

    def replace_all(self, regions: Iterable[RegionShape]) -> None:
        """These regions and no others; silent when they are the very same ones."""
        given = {region.id: region for region in regions}
        if list(given.items()) != list(self._regions.items()):
            self._regions = given
            self.changed.emit()

    def remove(self, region_id: str) -> None:
        if self._regions.pop(region_id, None) is not None:
            self.changed.emit()

    def put_label_map(self, key: str, labels: LabelMap) -> None:
        """Draw a label map; `ViewState.hidden_ids` hides it by ``key`` and one label by ``key/value``."""
        self._label_maps[key] = labels
        self.changed.emit()

    def remove_label_map(self, key: str) -> None:
        if self._label_maps.pop(key, None) is not None:
            self.changed.emit()

    def clear(self) -> None:
        if self._regions or self._label_maps:
            self._regions, self._label_maps = {}, {}
            self.changed.emit()
