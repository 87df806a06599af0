"""Portal vein and hepatic veins in the portal venous phase: each by its root, parted where they touch."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume, vessel_lumen_veins
from planner.imaging.vessel_lumen_veins import hepatic_vein_lumen, portal_lumen
from planner.imaging.vessel_warming import warm_up_vessels

SIZE, SPACING = (56, 64, 72), (1.5, 1.2, 1.2)
LIVER, BLOOD, NOISE = 105.0, 185.0, 6.0
LINES = {
    "trunk": ((4.0, 24.0, 60.0), (22.0, 28.0, 44.0), 5.0),
    "portal": ((22.0, 28.0, 44.0), (40.0, 30.0, 16.0), 2.8),
    "cava": ((4.0, 52.0, 30.0), (52.0, 52.0, 30.0), 8.0),
    "hepatic": ((41.7, 52.0, 30.0), (33.7, 18.0, 30.0), 3.0),
}
"""Start and end (k, j, i) and radius (mm); where they cross, portal branch and hepatic vein
come to within a voxel of each other."""


def _grid() -> Grid:
    return Grid.of(SIZE, spacing_kji_mm=SPACING, frame_uid="1.2.5")


@cache
def _scene() -> tuple[Volume, dict[str, NDArray[np.bool_]]]:
    grid = _grid()
    points = grid.lps_from_kji.points(np.stack(np.meshgrid(*map(np.arange, SIZE), indexing="ij"), axis=-1))
    liver = np.linalg.norm(points - grid.centre_lps_mm, axis=-1) < 40.0
    hu = np.where(liver, LIVER, 50.0)
    vessels = {}
    for name, (start, end, radius) in LINES.items():
        first, last = grid.lps_from_kji.points(start), grid.lps_from_kji.points(end)
        way = last - first
        share = np.clip((points - first) @ way / (way @ way), 0.0, 1.0)
        away = np.linalg.norm(points - first - share[..., None] * way, axis=-1)
        hu += (BLOOD - hu) / (1.0 + np.exp(np.clip((away - radius) / 0.25, -40.0, 40.0)))
        vessels[name] = away < radius - 0.8
    hu += np.random.default_rng(5).normal(0.0, NOISE, SIZE)
    source = ImageSource("1.2.6", modality="CT", unit="HU", phase="portal-venous")
    return Volume(np.rint(hu).astype(np.int16), grid, source), vessels


def _roots(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    at = volume.grid.lps_from_kji.points
    return at([(8.0, 25.0, 57.0)]), at([(20.0, 52.0, 30.0), (30.0, 52.0, 30.0)])


def _shares(mask: NDArray[np.bool_], vessels: dict[str, NDArray[np.bool_]]) -> dict[str, float]:
    return {name: float(mask[place].mean()) for name, place in vessels.items()}


def test_that_portal_and_hepatic_veins_that_touch_go_each_to_their_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vessel_lumen_veins, "find_vein_roots", _roots)
    volume, vessels = _scene()
    portal, hepatic = portal_lumen(volume), hepatic_vein_lumen(volume)
    assert (portal.kind, hepatic.kind) == ("portal-vein", "hepatic-vein")
    own, theirs = _shares(portal.mask.full(), vessels), _shares(hepatic.mask.full(), vessels)
    assert min(own["trunk"], own["portal"]) > 0.85
    assert max(own["cava"], own["hepatic"]) < 0.15
    assert min(theirs["cava"], theirs["hepatic"]) > 0.85
    assert max(theirs["trunk"], theirs["portal"]) < 0.15
    assert not (portal.mask.full() & hepatic.mask.full()).any()
    assert "veins-parted" in {finding.code for finding in portal.findings}
    assert np.count_nonzero(portal.mask.full()) < 1.6 * (np.count_nonzero(_wide("trunk") | _wide("portal")))


def _wide(name: str) -> NDArray[np.bool_]:
    from scipy import ndimage

    grown: NDArray[np.bool_] = ndimage.binary_dilation(_scene()[1][name], iterations=1)
    return grown


def test_that_veins_without_a_known_other_root_are_said_not_to_be_told_apart() -> None:
    volume, vessels = _scene()
    found = portal_lumen(volume, _roots(volume)[0][0])
    shares = _shares(found.mask.full(), vessels)
    assert min(shares["trunk"], shares["portal"]) > 0.85
    assert "veins-not-separated" in {finding.code for finding in found.findings}


def test_that_a_root_that_is_not_recognised_asks_for_a_click() -> None:
    volume, _ = _scene()
    with pytest.raises(OperatorError, match="click into it") as refused:
        hepatic_vein_lumen(volume)
    assert refused.value.code == "root-not-found"


def test_that_warming_up_follows_arteries_and_parts_veins() -> None:
    warm_up_vessels()
