"""The airway is found, divides at the carina, and does not run out into the lung."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.planning.airway_tree import airway_mask, airway_tree, carina_of, windpipe

CARINA = np.array([70.0, 55.0, 62.0])
RODS = (
    ("trachea", np.array([70.0, 55.0, 118.0]), CARINA, 8.5),
    ("right", CARINA, np.array([46.0, 55.0, 42.0]), 6.0),
    ("left", CARINA, np.array([96.0, 55.0, 38.0]), 5.5),
    ("right upper", np.array([46.0, 55.0, 42.0]), np.array([22.0, 55.0, 48.0]), 4.0),
    ("right lower", np.array([46.0, 55.0, 42.0]), np.array([38.0, 55.0, 12.0]), 4.5),
)


def _distance(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """To the surface of the airway, negative inside."""
    found = np.full(places.shape[:-1], np.inf)
    for _, start, end, radius in RODS:
        edge = end - start
        share = np.clip(((places - start) @ edge) / float(edge @ edge), 0.0, 1.0)
        found = np.minimum(found, np.linalg.norm(places - start - share[..., None] * edge, axis=-1) - radius)
    return found


@cache
def chest() -> Volume:
    """Windpipe and bronchi with a wall, in lung, in a body, in air: 1.5 mm voxels."""
    grid = Grid.of((80, 72, 92), spacing_kji_mm=(1.5, 1.5, 1.5), frame_uid="1.2.3")
    indices = np.stack(np.indices(grid.size_kji), axis=-1).astype(float)
    places = grid.lps_from_kji.points(indices)
    body = np.hypot((places[..., 0] - 70.0) / 64.0, (places[..., 1] - 55.0) / 50.0) < 1.0
    values = np.where(body, 40.0, -1000.0)
    for side in (34.0, 106.0):
        lung = np.linalg.norm((places - (side, 55.0, 40.0)) / (26.0, 36.0, 46.0), axis=-1) < 1.0
        values[lung] = -850.0
    away = _distance(places)
    for depth, level in ((-2.0, 40.0), (0.0, -1000.0)):
        share = np.clip(0.5 - (away + depth) / 1.5, 0.0, 1.0)
        values = values + share * (level - values)
    values += np.random.default_rng(3).normal(0.0, 15.0, values.shape)
    return Volume(values.astype(np.int16), grid, ImageSource("chest", modality="CT", unit="HU"))


def test_that_the_tree_has_the_carina_both_main_bronchi_and_their_names() -> None:
    tree = airway_tree(chest())
    carina = carina_of(tree)
    assert carina is not None
    assert np.linalg.norm(np.subtract(carina.lps_mm, CARINA)) < 5.0
    assert carina.along_mm == pytest.approx(56.0, abs=8.0)
    ends = {each.name: each for each in tree.segments if each.name is not None}
    assert ends["right main bronchus"].points_lps_mm[-1, 0] < 60.0
    assert ends["left main bronchus"].points_lps_mm[-1, 0] > 80.0
    assert ends["right upper lobe bronchus"].points_lps_mm[-1, 2] > ends["bronchus intermedius"].points_lps_mm[-1, 2]
    assert ends["trachea"].proposed
    radius = ends["trachea"].mean_radius_mm
    assert radius is not None
    assert radius == pytest.approx(8.5, abs=0.8)
    assert tree.kind == "airway"
    assert all(not tree.findings or "complete" not in each or "never complete" in each for each in tree.findings)


def test_that_the_air_stops_before_it_runs_out_into_the_lung() -> None:
    volume = chest()
    trachea = windpipe(volume)
    assert trachea is not None
    mask, limit = airway_mask(volume, trachea)
    places = volume.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    assert (_distance(places) < 2.0).mean() > 0.98
    assert limit < -500.0


def test_that_images_without_a_windpipe_are_refused() -> None:
    grid = Grid.of((30, 40, 40), spacing_kji_mm=(4.0, 4.0, 4.0), frame_uid="1.2.3")
    k, j, i = np.indices(grid.size_kji)
    values = np.where(np.hypot(j - 20, i - 20) < 17, 40, -1000).astype(np.int16)
    with pytest.raises(OperatorError) as refused:
        airway_tree(Volume(values, grid, ImageSource("trunk", modality="CT", unit="HU")))
    assert refused.value.code == "no-trachea"
