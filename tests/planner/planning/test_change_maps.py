"""Maps over a new study: oil is neither viable nor necrotic, and a rim of the link's error is no change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.planning.change_maps import (
    GROWN,
    KEPT,
    NEW,
    UNTOLD,
    VANISHED,
    changed_structures,
    difference,
    enhancement,
    lipiodol_map,
    not_evaluable_beside,
    viability_map,
)
from planner.planning.lesion_matching import Identity, IdentityKind, ball_mask
from planner.planning.size_change import size_change

GRID = Grid.of((40, 48, 48), origin_lps_mm=(-36, -36, -30), spacing_kji_mm=(1.5, 1.5, 1.5), frame_uid="1.2.9")
PLAIN = ImageSource("1", modality="CT", unit="HU", phase="non-contrast", description="plain")
ARTERIAL = replace(PLAIN, series_uid="2", phase="arterial", description="arterial")
LESION = ball_mask(GRID, (0, 0, 0), 30.0)
RIM = Mask.of(GRID, LESION.full() & ~ball_mask(GRID, (0, 0, 0), 18.0).full())
OIL = ball_mask(GRID, (6, 0, 0), 10.0)
LIVER = ball_mask(GRID, (0, 0, 0), 55.0)


def image(source: ImageSource, added: NDArray[np.bool_], hu: float, *, oil: bool = True, noise: float = 12.0) -> Volume:
    random = np.random.default_rng(int(source.series_uid))
    voxels = 55.0 + noise * random.standard_normal(GRID.size_kji)
    voxels[added] += hu
    if oil:
        voxels[OIL.full()] += 400.0
    return Volume(voxels.astype(np.float32), GRID, source)


def test_that_what_enhances_is_told_from_what_does_not_through_noise() -> None:
    before = image(PLAIN, RIM.full(), 0.0, oil=False)
    after = image(ARTERIAL, RIM.full(), 60.0, oil=False)
    found = viability_map(LESION, enhancement(after, before), lipiodol_map(before, LIVER))
    core = ball_mask(GRID, (0, 0, 0), 12.0)
    edge = Mask.of(GRID, LESION.full() & ~ball_mask(GRID, (0, 0, 0), 24.0).full())
    assert (found.necrotic.full() & core.full()).sum() > 0.95 * core.count
    assert (found.viable.full() & edge.full()).sum() > 0.95 * edge.count
    total = found.viable.count + found.necrotic.count + found.unsure.count + found.not_evaluable.count
    assert total == LESION.count
    assert found.necrotic_share == pytest.approx(found.necrotic.count / LESION.count)


def test_that_oil_and_its_rim_are_neither_viable_nor_necrotic() -> None:
    before, after = image(PLAIN, RIM.full(), 0.0), image(ARTERIAL, RIM.full(), 60.0)
    oil = lipiodol_map(before, LIVER)
    assert oil.count == OIL.count
    found = viability_map(LESION, enhancement(after, before), oil)
    judged = found.viable.full() | found.necrotic.full() | found.unsure.full()
    assert not (judged & not_evaluable_beside(oil).full()).any()
    assert found.not_evaluable.count > OIL.count
    assert found.necrotic_share is None
    assert "MR or not evaluable" in found.notes[0]


def test_that_oil_beside_an_enhancing_part_does_not_leak_into_it() -> None:
    before, after = image(PLAIN, RIM.full(), 0.0), image(ARTERIAL, RIM.full(), 0.0)
    np.asarray(after.voxels)[OIL.full()] += 300.0
    found = viability_map(LESION, enhancement(after, before), lipiodol_map(before, LIVER))
    assert found.viable.count < 0.005 * LESION.count


def test_that_viability_on_ct_is_refused_while_oil_was_not_looked_for() -> None:
    before, after = image(PLAIN, RIM.full(), 0.0), image(ARTERIAL, RIM.full(), 60.0)
    with pytest.raises(InputRefused, match="Lipiodol"):
        viability_map(LESION, enhancement(after, before))


def test_that_oil_is_mapped_on_unenhanced_ct_only() -> None:
    with pytest.raises(InputRefused, match="unenhanced"):
        lipiodol_map(image(ARTERIAL, RIM.full(), 60.0), LIVER)
    unknown = replace(PLAIN, phase=None)
    with pytest.raises(InputRefused, match="unknown phase"):
        lipiodol_map(image(unknown, RIM.full(), 0.0), LIVER)
    assert lipiodol_map(image(unknown, RIM.full(), 0.0), LIVER, said_unenhanced=True).count == OIL.count
    with pytest.raises(InputRefused, match="no CT"):
        lipiodol_map(image(replace(PLAIN, modality="MR", unit=None), RIM.full(), 0.0), LIVER)


def test_that_enhancement_on_mr_is_judged_in_per_cent_and_needs_no_oil_map() -> None:
    plain = replace(PLAIN, modality="MR", unit=None)
    arterial = replace(ARTERIAL, modality="MR", unit=None)
    before = image(plain, RIM.full(), 0.0, oil=False, noise=2.0)
    after = image(arterial, RIM.full(), 30.0, oil=False, noise=2.0)
    rise = enhancement(after, before)
    assert rise.source.unit == "%"
    found = viability_map(LESION, rise)
    assert found.unit == "%"
    assert found.viable.count == pytest.approx(RIM.count, rel=0.25)


def test_that_what_an_image_does_not_show_cannot_be_told() -> None:
    before, after = image(PLAIN, RIM.full(), 0.0, oil=False), image(ARTERIAL, RIM.full(), 60.0, oil=False)
    np.asarray(before.voxels)[:20] = np.nan
    found = viability_map(LESION, enhancement(after, before), Mask.empty(GRID))
    half = LESION.full()
    half[20:] = False
    assert (found.unsure.full() & half).sum() == half.sum()


def test_that_two_modalities_or_grids_are_not_subtracted() -> None:
    one = image(PLAIN, RIM.full(), 0.0)
    with pytest.raises(InputRefused, match="MR"):
        difference(one, image(replace(PLAIN, modality="MR"), RIM.full(), 0.0))
    other = Grid.of((4, 4, 4), frame_uid="1.2.9")
    with pytest.raises(FrameMismatch):
        difference(one, Volume(np.zeros((4, 4, 4), np.float32), other, PLAIN))


def identity(kind: IdentityKind, earlier: tuple[str, ...], later: tuple[str, ...]) -> Identity:
    change = size_change([(4.0, 20.0)], [(8.0, 25.0)], 1.5) if kind is IdentityKind.SAME else None
    return Identity(kind, earlier, later, change, (), ())


def test_that_changes_are_painted_beyond_the_link_s_error_only() -> None:
    masks = {
        "L1": ball_mask(GRID, (-12, 0, 0), 16.0),
        "a": ball_mask(GRID, (-12, 0, 0), 26.0),
        "L2": ball_mask(GRID, (18, 10, 10), 10.0),
        "b": ball_mask(GRID, (18, -15, -12), 10.0),
        "c": ball_mask(GRID, (20, -15, 15), 8.0),
    }
    proposals = [
        identity(IdentityKind.SAME, ("L1",), ("a",)),
        identity(IdentityKind.VANISHED, ("L2",), ()),
        identity(IdentityKind.NEW, (), ("b",)),
        identity(IdentityKind.AMBIGUOUS, (), ("c",)),
    ]
    labels, rows = changed_structures(GRID, masks, proposals, 3.0)
    assert [each.kind for each in rows] == ["grown", "vanished", "new", "ambiguous"]
    values = np.asarray(labels.voxels)
    shell = ball_mask(GRID, (-12, 0, 0), 26.0).count - ball_mask(GRID, (-12, 0, 0), 22.0).count
    assert (values == GROWN).sum() == pytest.approx(shell, rel=0.15)
    assert (values == KEPT).sum() == pytest.approx(masks["a"].count - shell, rel=0.1)
    assert (values == VANISHED).sum() == masks["L2"].count
    assert (values == NEW).sum() == masks["b"].count
    assert (values == UNTOLD).sum() == masks["c"].count
    assert rows[0].gained_ml == pytest.approx((values == GROWN).sum() * GRID.voxel_ml)
    np.testing.assert_allclose(rows[1].place_lps_mm, (18, 10, 10), atol=1.0)


def test_that_a_shift_within_the_error_is_no_change() -> None:
    masks = {"L1": ball_mask(GRID, (0, 0, 0), 20.0), "a": ball_mask(GRID, (2.5, 0, 0), 20.0)}
    labels, rows = changed_structures(GRID, masks, [identity(IdentityKind.SAME, ("L1",), ("a",))], 3.0)
    assert rows[0].gained_ml == 0.0
    assert rows[0].lost_ml == 0.0
    assert set(np.unique(np.asarray(labels.voxels))) == {0, KEPT}
