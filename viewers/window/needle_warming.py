"""Compiles what needles, zones and vertebrae compute with, ahead of their first use (see `viewers.window.warming`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.imaging import Volume
    from planner.imaging.masks import Mask

_SIDE, _SPACING_MM = 56, 4.0
_BODY_MM, _TARGET_MM = 90.0, 14.0


def needles() -> None:
    """Structures of a small body, the search over its skin, and a needle measured under the hand."""
    from planner.imaging.automatic_structures import automatic_structures
    from planner.model.needle_rules import NeedleRules, SourcedLimit
    from planner.planning.obstacles import Obstacle
    from planner.planning.path_search import Aim, search
    from planner.planning.path_target import target_in

    volume, target = _scene()
    found = automatic_structures(volume)
    beside = _ball(volume, (30.0, 0.0, 0.0), _TARGET_MM)
    aim = Aim(target_in(target), found.masks["skin"], NeedleRules("ablation", ranking=("clearance", "length")), 1.5)
    obstacles = (Obstacle("liver", beside, 5.0, 10.0),)
    made = search(aim, obstacles)
    for path in made.paths(1):
        made.setting.obstacles.clearance(path.needle)
    organ = _ball(volume, (0.0, 0.0, 0.0), 60.0)
    capsule = {"capsule_deg": SourcedLimit(60.0, "deg", "warm-up", "P")}
    rules = NeedleRules("ablation", limits=capsule, ranking=("capsule", "organ"))
    search(Aim(aim.target, aim.body, rules, 1.5, organ=organ), obstacles)


def margins() -> None:
    """The margin of a small target against two zones and against a mask, and a plan that covers it."""
    import numpy as np

    from planner.planning.coverage import plan_cover
    from planner.planning.coverage_decision import TargetField, collateral_ml, decide
    from planner.planning.devices import ablation_devices, drawable_settings, zone_for
    from planner.planning.margin_map import MapSession
    from planner.planning.margins import MarginSession
    from planner.planning.target_surface import TargetSurface
    from planner.planning.zones import Zone

    volume, target = _scene()
    surface = TargetSurface.of(target)
    session = MarginSession(surface)
    zones = (Zone((-4.0, 0.0, 0.0), (0.0, 0.0, 1.0), 18.0, 16.0), Zone((5.0, 0.0, 0.0), (0.0, 0.6, 0.8), 18.0, 16.0))
    MapSession(surface).map(session.update(zones))
    session.against(TargetSurface.of(_ball(volume, (2.0, 0.0, 0.0), 20.0)))
    body = TargetField.of(target, 5.0)
    decide(body, zones)
    collateral_ml(body, zones)
    device = next(each for each in ablation_devices().values() if drawable_settings(each))
    chart = zone_for(device, drawable_settings(device)[0])
    plan_cover(body, chart, margin_mm=5.0, directions_lps=np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), maximum=2)


def _scene() -> tuple[Volume, Mask]:
    """A ball of tissue in air with some bone and gas in it, and the target in its middle."""
    import numpy as np

    from planner.geometry import Grid
    from planner.imaging import ImageSource, Volume

    origin = (-(_SIDE - 1) / 2.0 * _SPACING_MM,) * 3
    grid = Grid.of((_SIDE,) * 3, origin_lps_mm=origin, spacing_kji_mm=(_SPACING_MM,) * 3, frame_uid="warm-up")
    voxels = np.full((_SIDE,) * 3, -1000, dtype=np.int16)
    volume = Volume(voxels, grid, ImageSource("warm-up", modality="CT", unit="HU"))
    voxels[_ball(volume, (0.0, 0.0, 0.0), _BODY_MM).full()] = 60
    voxels[_ball(volume, (0.0, 60.0, 0.0), 15.0).full()] = 500
    voxels[_ball(volume, (-50.0, 0.0, 0.0), 12.0).full()] = -900
    return volume, _ball(volume, (0.0, 0.0, 0.0), _TARGET_MM)


def _ball(volume: Volume, centre_lps_mm: tuple[float, float, float], radius_mm: float) -> Mask:
    import numpy as np

    from planner.imaging.masks import Mask

    grid = volume.grid
    kji = np.stack(np.meshgrid(*(np.arange(size) for size in grid.size_kji), indexing="ij"), axis=-1)
    away = np.linalg.norm(grid.lps_from_kji.points(kji) - np.asarray(centre_lps_mm), axis=-1)
    return Mask.of(grid, away <= radius_mm)
