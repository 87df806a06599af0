"""Where planes cut zones: every point of the ellipse lies on both."""

from __future__ import annotations

import numpy as np
import pytest

from planner.planning.zone_sections import section
from planner.planning.zones import Zone

ZONE = Zone((10.0, -5.0, 3.0), (0.6, 0.0, 0.8), 20.0, 12.0)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.3, -0.5, 0.8), (1.0, 0.0, 0.0)])
@pytest.mark.parametrize("away", [0.0, 4.0, -7.0])
def test_that_the_outline_lies_on_the_zone_and_in_the_plane(normal: tuple[float, float, float], away: float) -> None:
    unit = np.asarray(normal) / np.linalg.norm(normal)
    point = np.asarray(ZONE.centre_lps_mm) + away * unit + np.cross(unit, (1.0, 2.0, 3.0))
    cut = section(ZONE, point, normal)
    assert cut is not None
    outline = cut.outline_lps_mm()
    assert np.allclose((outline - point) @ unit, 0.0, atol=1e-9)
    assert np.allclose(ZONE.level(outline), 1.0, atol=1e-9)


def test_that_a_plane_beside_the_zone_cuts_nothing() -> None:
    assert section(ZONE, (10.0, 30.0, 3.0), (0.0, 1.0, 0.0)) is None


def test_that_a_plane_across_the_shaft_cuts_a_circle_of_the_short_axis() -> None:
    cut = section(ZONE, ZONE.centre_lps_mm, ZONE.axis_lps)
    assert cut is not None
    assert np.linalg.norm(cut.first_lps_mm) == pytest.approx(12.0)
    assert np.linalg.norm(cut.second_lps_mm) == pytest.approx(12.0)
