"""What an injection at a place of the arterial tree would reach: a model, to be confirmed by angiography.

A territory is prepared once for a tree, an organ and its lesions: every voxel learns the number of the place of the
tree that supplies it (`planner.planning.territories_supply`; distances run inside the organ, so that none jumps across
a fissure). Numbers beyond a catheter's tip are one stretch, so that an injection is one comparison per voxel, and its
volumes are differences of running sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging.bands import in_bands
from planner.imaging.masks import EMPTY_BOX, Box, Mask, box_size, box_slices, union_box
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model.vessel_items import NonTarget
from planner.planning.non_targets import NonTargets
from planner.planning.territories_cells import Cells, Flooded, Orders, places_inside
from planner.planning.territories_supply import NONE, Supply, branch_after_branch, murray_shares, supply_of
from planner.planning.vessel_tree import VesselTree

_LEAST_LOST_ML = 0.5
"""Less is not worth a sentence: it would be printed as nothing."""
NO_ORGAN = "Without a region of the organ there is no territory; mark the organ, or let it be found."
NO_SUPPLY = (
    "No part of the organ lies nearest to what is seen beyond this position; an artery too fine to be seen, or one "
    "from elsewhere, may still supply it."
)


@dataclass(frozen=True, eq=False)
class Injection:
    """What lies beyond a catheter's tip.

    Attributes
    ----------
    lit
        Segments beyond the tip, one branch after the other; its own is first and lit from the tip on.
    flow_share
        Of the root's flow that passes the tip, by Murray's law; None where a calibre on the way is unknown.
    territory
        Voxels on the grid of the organ; None without an organ.
    coverage
        Lesion -> share of its volume in the territory, 0 to 1; None where nothing could be told of the lesion.
    healthy_ml
        Of the territory outside every lesion.
    organ_ml
        Of the organ with its lesions.
    non_targets
        See `planner.planning.non_targets.reached`.
    stretch
        Half-open numbers of the supplying places beyond the tip; empty without an organ.
    """

    segment: str
    along_mm: float
    lit: tuple[str, ...]
    flow_share: float | None
    territory: Mask | None
    territory_ml: float | None
    healthy_ml: float | None
    organ_ml: float | None
    coverage: Mapping[str, float | None]
    non_targets: tuple[NonTarget, ...]
    findings: tuple[str, ...]
    stretch: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Uncovered:
    """What of a lesion no injection reaches: its share, and the segments that supply it, the largest part first."""

    lesion: str
    share: float
    segments: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AddedUp:
    """Several injections together; what two of them reach counts once."""

    territory: Mask | None
    territory_ml: float | None
    healthy_ml: float | None
    coverage: Mapping[str, float | None]
    uncovered: tuple[Uncovered, ...]


@dataclass(frozen=True, eq=False)
class Compared:
    """Two injections against each other; differences are second minus first. None is unknown."""

    territory_ml: float | None
    healthy_ml: float | None
    shared_ml: float | None
    coverage: Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class _Branches:
    """Segments so that everything beyond one follows it at once."""

    order: tuple[str, ...]
    first: Mapping[str, int]
    last: Mapping[str, int]

    @staticmethod
    def of(tree: VesselTree) -> _Branches:
        order = tuple(each.id for each in branch_after_branch(tree))
        first = {key: at for at, key in enumerate(order)}
        last: dict[str, int] = {}
        for segment in reversed(tree.segments):
            last[segment.id] = max([first[segment.id] + 1, *(last[each.id] for each in tree.children(segment.id))])
        return _Branches(order, first, last)

    def beyond(self, key: str) -> tuple[str, ...]:
        return self.order[self.first[key] : self.last[key]]


@dataclass(frozen=True, eq=False)
class _Counts:
    """Voxels of a structure by their number: running sums from 0, and how many no vessel reaches."""

    below: NDArray[np.int64]
    unreached: int

    @staticmethod
    def of(orders: Orders, sources: int) -> _Counts:
        counts = np.bincount(orders, minlength=NONE + 1)
        return _Counts(np.concatenate([[0], np.cumsum(counts[:sources])]).astype(np.int64), int(counts[NONE]))

    @property
    def total(self) -> int:
        return int(self.below[-1]) + self.unreached

    def between(self, low: int, high: int) -> int:
        return int(self.below[high] - self.below[low])


@dataclass(frozen=True, eq=False)
class _Organ:
    """An organ whose voxels know their number.

    Attributes
    ----------
    orders
        uint16 in `box` of `grid`; `NONE` outside the organ and where no vessel reaches.
    low, high
        (n, 3) box of every number, in `orders`.
    """

    grid: Grid
    box: Box
    orders: Orders
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    counts: _Counts
    within_lesions: _Counts

    def territory(self, stretches: Sequence[tuple[int, int]]) -> Mask:
        """Voxels whose number lies in one of the stretches."""
        parts = [(low, high, self._span(low, high)) for low, high in stretches]
        whole = union_box(box for _, _, box in parts)
        if box_size(whole) == (0, 0, 0):
            return Mask.empty(self.grid)
        voxels = np.zeros(box_size(whole), dtype=np.bool_)
        for low, high, box in parts:
            if box != EMPTY_BOX:
                inner = self._between(low, high, box)
                place = box_slices(box, whole[0])
                voxels[place] |= inner
        origin = tuple(int(a + b) for a, b in zip(whole[0], self.box[0], strict=True))
        high_kji = tuple(int(a + b) for a, b in zip(whole[1], self.box[0], strict=True))
        return Mask(self.grid, ((origin[0], origin[1], origin[2]), (high_kji[0], high_kji[1], high_kji[2])), voxels)

    def _span(self, low: int, high: int) -> Box:
        if low >= high:
            return EMPTY_BOX
        first, last = self.low[low:high].min(axis=0), self.high[low:high].max(axis=0) + 1
        if np.any(last <= first):
            return EMPTY_BOX
        return (int(first[0]), int(first[1]), int(first[2])), (int(last[0]), int(last[1]), int(last[2]))

    def _between(self, low: int, high: int, box: Box) -> NDArray[np.bool_]:
        from planner.planning.territories_kernels import between

        part = self.orders[box_slices(box)]
        found = np.empty(part.shape, dtype=np.bool_)
        in_bands(part.shape[0], lambda first, last: between(part, low, high, found, first, last), least_rows=4)
        return found


@dataclass(frozen=True, eq=False)
class Territories:
    """A tree with what its places supply, prepared once (`Territories.of`); an injection takes milliseconds.

    Attributes
    ----------
    treated
        Key of ``resources/structures.toml`` of the organ that is treated; chooses the non-target branches.
    findings
        What holds for every injection.
    """

    tree: VesselTree
    treated: str
    findings: tuple[str, ...]
    _supply: Supply | None
    _organ: _Organ | None
    _lesions: Mapping[str, Orders]
    _lesion_counts: Mapping[str, _Counts]
    _flow: Mapping[str, float | None]
    _lit: _Branches
    _non_targets: NonTargets

    @staticmethod
    def of(
        tree: VesselTree,
        organ: Mask | None,
        lesions: Mapping[str, Mask],
        *,
        treated: str = "liver",
        context: Context | None = None,
    ) -> Territories:
        """Prepare; one to three seconds for a liver. A job.

        Parameters
        ----------
        organ
            None gives injections without a territory.
        lesions
            By id; each counts as part of the organ, on a grid of its own.

        Raises
        ------
        FrameMismatch
            ``mixed-frames``.
        InputRefused
            ``empty-mask``, for an organ or a lesion without a voxel.
        Cancelled
            When the operator cancelled.
        """
        for what, mask in (("organ", organ), *(("lesion", each) for each in lesions.values())):
            _check(tree, mask, what)
        flow = murray_shares(tree)
        nothing = MappingProxyType(dict.fromkeys(lesions, _Counts(np.zeros(1, dtype=np.int64), 0)))
        if organ is None:
            known = NonTargets.of(tree, treated)
            return Territories(tree, treated, (NO_ORGAN,), None, None, {}, nothing, flow, _Branches.of(tree), known)
        return _prepared(tree, organ, lesions, treated, flow, context or Context())

    @property
    def organ_ml(self) -> float | None:
        return None if self._organ is None else self._organ.counts.total * self._organ.grid.voxel_ml

    def inject(self, segment: str, along_mm: float) -> Injection:
        """What an injection with the tip at a place of the tree reaches.

        Raises
        ------
        KeyError
            For a segment that is not of the tree.
        """
        along = float(np.clip(along_mm, 0.0, self.tree.segment(segment).length_mm))
        lit = self._lit.beyond(segment)
        branches = self._non_targets.reached(segment, along)
        findings = list(self.findings)
        if self._organ is None or self._supply is None:
            coverage: dict[str, float | None] = dict.fromkeys(self._lesion_counts)
            return Injection(
                segment, along, lit, self._flow[segment], None, None, None, None, coverage, branches, tuple(findings)
            )
        low, high = self._supply.beyond(segment, along)
        whole = self._organ.counts.between(low, high)
        if not whole:
            findings.append(NO_SUPPLY)
        return Injection(
            segment,
            along,
            lit,
            self._flow[segment],
            self._organ.territory([(low, high)]),
            whole * self._organ.grid.voxel_ml,
            (whole - self._organ.within_lesions.between(low, high)) * self._organ.grid.voxel_ml,
            self.organ_ml,
            self._coverage([(low, high)]),
            branches,
            tuple(findings),
            (low, high),
        )

    def added_up(self, injections: Iterable[Injection]) -> AddedUp:
        """Several injections of this tree together, and what they leave of each lesion."""
        stretches = _united(each.stretch for each in injections)
        coverage = self._coverage(stretches)
        left = [self._left(lesion, share, stretches) for lesion, share in coverage.items() if share is not None]
        uncovered = tuple(each for each in left if each is not None)
        if self._organ is None:
            return AddedUp(None, None, None, coverage, uncovered)
        voxel_ml = self._organ.grid.voxel_ml
        whole = sum(self._organ.counts.between(*each) for each in stretches)
        lesions = sum(self._organ.within_lesions.between(*each) for each in stretches)
        territory = self._organ.territory(stretches)
        return AddedUp(territory, whole * voxel_ml, (whole - lesions) * voxel_ml, coverage, uncovered)

    def compare(self, first: Injection, second: Injection) -> Compared:
        """Two injections of this tree against each other."""
        both = max(first.stretch[0], second.stretch[0]), min(first.stretch[1], second.stretch[1])
        shared = None
        if self._organ is not None:
            shared = self._organ.counts.between(both[0], max(both)) * self._organ.grid.voxel_ml
        return Compared(
            _difference(first.territory_ml, second.territory_ml),
            _difference(first.healthy_ml, second.healthy_ml),
            shared,
            {key: _difference(share, second.coverage.get(key)) for key, share in first.coverage.items()},
        )

    def _coverage(self, stretches: Sequence[tuple[int, int]]) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for key, counts in self._lesion_counts.items():
            known = counts.total - counts.unreached
            reached_voxels = sum(counts.between(*each) for each in stretches) if known else 0
            found[key] = reached_voxels / counts.total if known else None
        return found

    def _left(self, lesion: str, share: float, stretches: Sequence[tuple[int, int]]) -> Uncovered | None:
        orders = self._lesions[lesion]
        outside = np.ones(orders.shape, dtype=np.bool_)
        for low, high in stretches:
            outside &= (orders < low) | (orders >= high)
        if not outside.any():
            return None
        return Uncovered(lesion, 1.0 - share, self._by_segment(orders[outside]))

    def _by_segment(self, orders: Orders) -> tuple[str, ...]:
        """Segments that supply voxels of these numbers, those of the most voxels first."""
        if self._supply is None or not len(orders):
            return ()
        counts = np.bincount(self._supply.segment[orders[orders != NONE]], minlength=max(1, len(self.tree.segments)))
        largest = np.argsort(-counts, kind="stable")
        return tuple(self.tree.segments[at].id for at in largest if counts[at] > 0)


def _check(tree: VesselTree, mask: Mask | None, what: str) -> None:
    if mask is None:
        return
    if mask.grid.frame_uid != tree.frame_uid:
        text = f"The {what} and the arteries lie in different frames of reference; link the two studies first."
        raise FrameMismatch("mixed-frames", text)
    if mask.is_empty:
        raise InputRefused("empty-mask", f"The mask of the {what} is empty; mark it again.")


def _prepared(
    tree: VesselTree,
    organ: Mask,
    lesions: Mapping[str, Mask],
    treated: str,
    flow: Mapping[str, float | None],
    job: Context,
) -> Territories:
    from planner.planning.territories_kernels import spans

    job.step(0.0, "Places of the arteries in the organ")
    tumours, whole = _with_lesions(organ, lesions)
    cells = Cells.around(whole, lesions.values())
    supply = supply_of(tree, places_inside(tree, cells, treated))
    job.step(0.1, "Distances inside the organ")
    flooded = Flooded.of(cells, supply)
    job.step(0.7, "Voxels of the organ")
    orders = flooded.orders(whole)
    sources = len(supply.weight)
    low, high = np.full((sources, 3), np.iinfo(np.int32).max, np.int32), np.full((sources, 3), -1, np.int32)
    spans(orders, low, high)
    tumour_orders = orders[tumours.within(whole.box)]
    prepared = _Organ(
        whole.grid, whole.box, orders, low, high,
        _Counts.of(orders[whole.voxels], sources), _Counts.of(tumour_orders, sources),
    )  # fmt: skip
    job.step(0.9, "Lesions")
    own = {key: flooded.orders(mask)[mask.voxels] for key, mask in lesions.items()}
    job.step(1.0, "Territories prepared")
    counts = {key: _Counts.of(each, sources) for key, each in own.items()}
    return Territories(
        tree, treated, _findings(prepared), supply, prepared, own, counts, flow, _Branches.of(tree),
        NonTargets.of(tree, treated),
    )  # fmt: skip


def _findings(organ: _Organ) -> tuple[str, ...]:
    lost = organ.counts.unreached * organ.grid.voxel_ml
    if lost < _LEAST_LOST_ML:
        return ()
    return (f"{lost:.0f} mL of the organ are not connected to any artery that is seen, and count as not supplied.",)


def _with_lesions(organ: Mask, lesions: Mapping[str, Mask]) -> tuple[Mask, Mask]:
    """The lesions on the grid of the organ, and the organ with them."""
    placed = [resampled_mask(each, organ.grid) for each in lesions.values()]
    if not placed:
        return Mask.empty(organ.grid), organ
    box = union_box(each.box for each in placed)
    tumours = np.zeros(box_size(box), dtype=np.bool_)
    for each in placed:
        tumours |= each.within(box)
    outer = union_box((organ.box, box))
    both = Mask.of(organ.grid, tumours, box[0])
    return both, Mask.of(organ.grid, organ.within(outer) | both.within(outer), outer[0])


def _united(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in stretches that do not overlap."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(each for each in stretches if each[0] < each[1]):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else second - first
