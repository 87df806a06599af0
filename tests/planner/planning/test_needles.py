"""Angles of a needle in every posture, and the read-out of the CT operator."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import ellipsoid, grid_of

from planner.errors import InputRefused
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.masks import Mask
from planner.planning.needle_readout import read_out
from planner.planning.needles import (
    Needle,
    above_horizontal_deg,
    between_deg,
    in_plane_deg,
    out_of_plane_deg,
)

SUPINE, PRONE = PatientPosition("supine"), PatientPosition("prone")
LEFT_DOWN, RIGHT_DOWN = PatientPosition("left-decubitus"), PatientPosition("right-decubitus")
# LPS: +x left, +y back, +z head. The hub's direction, seen from the tip.
FRONT, BACK, LEFT, RIGHT = (0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("position", "hub", "expected"),
    [
        (SUPINE, FRONT, 0.0),
        (SUPINE, LEFT, 90.0),
        (SUPINE, RIGHT, -90.0),
        (SUPINE, BACK, 180.0),
        (SUPINE, (1.0, -1.0, 5.0), 45.0),
        (PRONE, BACK, 0.0),
        (PRONE, LEFT, 90.0),
        (PRONE, (-1.0, np.sqrt(3.0), 0.0), -30.0),
        (LEFT_DOWN, RIGHT, 0.0),
        (LEFT_DOWN, FRONT, 90.0),
        (LEFT_DOWN, BACK, -90.0),
        (RIGHT_DOWN, LEFT, 0.0),
        (RIGHT_DOWN, FRONT, 90.0),
    ],
)
def test_that_in_plane_angles_start_above_and_lean_to_the_patients_left(
    position: PatientPosition, hub: tuple[float, float, float], expected: float
) -> None:
    assert float(in_plane_deg(hub, position)) == pytest.approx(expected)


def test_that_out_of_plane_angles_are_positive_towards_the_head_in_every_posture() -> None:
    hub = np.array([0.0, -np.cos(np.radians(20.0)), np.sin(np.radians(20.0))])
    assert float(out_of_plane_deg(hub)) == pytest.approx(20.0)
    assert float(out_of_plane_deg(hub * (1.0, 1.0, -1.0))) == pytest.approx(-20.0)
    assert float(above_horizontal_deg(hub, SUPINE)) == pytest.approx(70.0)
    assert float(above_horizontal_deg(hub, PRONE)) == pytest.approx(-70.0)
    assert float(above_horizontal_deg(hub, LEFT_DOWN)) == pytest.approx(0.0)


def test_that_a_needle_knows_its_length_direction_and_depths() -> None:
    needle = Needle.of((10.0, -80.0, 40.0), (10.0, 0.0, -20.0), 1.8)
    assert needle.length_mm == pytest.approx(100.0)
    np.testing.assert_allclose(needle.hub_lps, (0.0, -0.8, 0.6))
    assert between_deg(needle.hub_lps, (0.0, -1.0, 0.0)) == pytest.approx(np.degrees(np.arccos(0.8)))


@pytest.mark.parametrize(
    ("entry", "tip", "diameter"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.2), 1.0),
        ((0.0, 0.0, np.nan), (0.0, 0.0, 50.0), 1.0),
        ((0.0, 0.0, 0.0), (0.0, 50.0, 0.0), -1.0),
        ((0.0, 0.0), (0.0, 50.0), 1.0),
    ],
)
def test_that_what_is_no_needle_is_refused(entry: tuple[float, ...], tip: tuple[float, ...], diameter: float) -> None:
    with pytest.raises(InputRefused):
        Needle.of(entry, tip, diameter)


def _body() -> Mask:
    grid = grid_of((20, 120, 150), (3.0, 1.5, 1.5))
    return Mask.of(grid, ellipsoid(grid, grid.centre_lps_mm + (4.0, 0.0, 0.0), (80.0, 60.0, 1e4)))


def test_that_the_read_out_has_slice_midline_angles_and_depth() -> None:
    body = _body()
    centre = body.grid.centre_lps_mm + (4.0, 0.0, 0.0)
    entry = centre + (40.0, -60.0 * np.sqrt(0.75), 12.0)
    needle = Needle.of(entry, centre + (0.0, 0.0, -3.0))
    found = read_out(needle, SUPINE, body.grid, body, (-1.0, 1500.0))
    assert found.table_z_mm == pytest.approx(entry[2])
    assert found.table_location_mm == pytest.approx(1500.0 - entry[2])
    assert found.image_number == round((entry[2] - 100.0) / 3.0) + 1
    assert found.images == 20
    assert (found.midline_mm, found.side) == (pytest.approx(40.0, abs=1.0), "left")
    # Arc of the ellipse with half axes 80 and 60 from its top to x = 40, by numbers.
    x = np.linspace(0.0, 40.0, 4001)
    arc = np.hypot(np.diff(x), np.diff(60.0 * np.sqrt(1.0 - (x / 80.0) ** 2))).sum()
    assert found.along_skin_mm == pytest.approx(arc, abs=3.0)
    assert found.depth_mm == pytest.approx(needle.length_mm)
    assert found.tip_below_entry_mm == pytest.approx(60.0 * np.sqrt(0.75))
    assert found.in_plane_deg == pytest.approx(np.degrees(np.arctan2(40.0, 60.0 * np.sqrt(0.75))))
    assert found.out_of_plane_deg > 0.0


def test_that_the_words_name_the_patients_sides_and_the_posture() -> None:
    body = _body()
    centre = body.grid.centre_lps_mm + (4.0, 0.0, 0.0)
    needle = Needle.of(centre + (-50.0, -40.0, 9.0), centre)
    words = dict(read_out(needle, SUPINE, body.grid, body).lines)
    assert words["Patient"] == "supine, head first"
    assert words["Entry"].startswith("50 mm right of the midline")
    assert "hub towards the patient's right" in words["In plane"]
    assert "hub towards the head" in words["Out of plane (gantry tilt)"]
    assert words["Tip"].startswith("40 mm below the entry, 9 mm towards the feet")
    assert "image" in words["Table position"]
    prone = dict(read_out(Needle.of(centre + (0.0, 50.0, 0.0), centre), PRONE, body.grid, None).lines)
    assert prone["Patient"] == "prone, head first"
    assert prone["Entry"] == "not measured: no skin is segmented"
    assert prone["In plane"] == "0 ° from the vertical"
    assert prone["Out of plane (gantry tilt)"].endswith("within the slice")
    side = dict(read_out(Needle.of(centre + (-50.0, -20.0, 0.0), centre), LEFT_DOWN, body.grid, body).lines)
    assert "hub towards the patient's front" in side["In plane"]


def test_that_the_read_out_gives_the_same_skin_in_a_turned_grid() -> None:
    body = _body()
    flipped = Mask.of(
        type(body.grid).of(
            body.grid.size_kji,
            origin_lps_mm=body.grid.lps_from_kji.points((19.0, 119.0, 149.0)),
            spacing_kji_mm=body.grid.spacing_kji_mm,
            axes_lps=-body.grid.axes_lps,
            frame_uid=body.grid.frame_uid,
        ),
        body.full()[::-1, ::-1, ::-1],
    )
    centre = body.grid.centre_lps_mm
    needle = Needle.of(centre + (30.0, -55.0, 2.0), centre)
    one, other = read_out(needle, SUPINE, body.grid, body), read_out(needle, SUPINE, body.grid, flipped)
    assert one.midline_mm == pytest.approx(other.midline_mm, abs=1e-6)
    assert one.along_skin_mm == pytest.approx(other.along_skin_mm, abs=1e-6)
