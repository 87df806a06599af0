"""The catalogue of applicators: every row cited, nothing between the lines of different charts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from planner.catalogues import catalogue
from planner.errors import InputRefused, UsageError
from planner.planning.devices import (
    ablation_devices,
    device_named,
    devices_from,
    drawable_settings,
    gauge_diameter_mm,
    isotherms,
    merged,
    needle_devices,
    zone_for,
)

ROW: dict[str, Any] = {
    "id": "60W-5min",
    "tissue": "porcine liver",
    "preparation": "in vivo",
    "power_w": 60,
    "time_min": 5,
    "long_mm": 36,
    "short_mm": 27,
    "source": "a paper",
    "tag": "S",
}
DEVICE: dict[str, Any] = {
    "id": "one",
    "title": "One",
    "energy": "mwa",
    "applicator": "one antenna",
    "source": "a paper",
    "tag": "S",
    "row": [ROW],
}


def document(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(DEVICE)
    made["row"][0].update(changes)
    made["row"][0] = {key: value for key, value in made["row"][0].items() if value is not None}
    return {"device": [made]}


def test_that_every_shipped_row_names_its_source_and_how_well_it_was_read() -> None:
    for device in ablation_devices().values():
        assert device.source
        for row in device.rows:
            assert row.source, (device.id, row.id)
            assert row.tag in ("S", "S2", "M", "P")


def test_that_only_the_simulated_devices_are_made_up_and_they_say_so() -> None:
    made_up = [each for each in ablation_devices().values() if each.simulated]
    assert made_up
    for device in made_up:
        assert "SIMULATED" in device.title
        assert {row.tag for row in device.rows} == {"P"}
    for device in ablation_devices().values():
        assert device.simulated == any("simulated" in row.source for row in device.rows)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source": None}, "names no source"),
        ({"source": "  "}, "needs a text for source"),
        ({"tag": None}, "names no tag"),
        ({"tissue": None}, "names no tissue"),
        ({"length_mm": 3}, "unknown key 'length_mm'"),
        ({"short_mm": 900}, "which no applicator has"),
        ({"short_mm": "27"}, "needs a number for short_mm"),
        ({"sd_short_mm": 30}, "not smaller than its short_mm"),
        ({"preparation": "in a dream"}, "unknown preparation"),
        ({"applicators": 0}, "needs a whole number from 1"),
        ({"long_mm": None, "short_mm": None}, "neither an axis nor a volume"),
        ({"tag": "X"}, "unknown evidence tag"),
    ],
)
def test_that_a_row_which_cannot_be_trusted_is_refused_in_a_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputRefused, match=sentence) as refused:
        devices_from(document(**change), "mine.toml")
    assert refused.value.code == "bad-device-row"
    assert "mine.toml" in refused.value.message


def test_that_the_row_that_the_refusals_start_from_is_itself_accepted() -> None:
    assert zone_for(devices_from(document(), "mine.toml")[0]).long_mm == 36.0


def test_that_every_fault_is_named_and_not_the_first_only() -> None:
    with pytest.raises(InputRefused) as refused:
        devices_from(document(source=None, wrong=1), "mine.toml")
    assert "no source" in refused.value.message
    assert "wrong" in refused.value.message


def test_that_interpolation_is_linear_in_the_cube_root_of_the_energy() -> None:
    device = device_named(ablation_devices(), "simulated-mwa")
    zone = zone_for(device, "80W 5min")
    share = (80 ** (1 / 3) - 60 ** (1 / 3)) / (100 ** (1 / 3) - 60 ** (1 / 3))
    assert zone.long_mm == pytest.approx(37.0 + share * 7.0)
    assert zone.short_mm == pytest.approx(28.0 + share * 7.0)
    assert zone.interpolated == ("60W-5min", "100W-5min")
    assert zone.sd_long_mm == 4.0, "the larger standard deviation of the two rows"


@pytest.mark.parametrize("setting", ["120W 5min", "30W 5min", "60W 12min", "80W 7min", "100W 4.9min"])
def test_that_nothing_is_extrapolated_nor_mixed_across_power_and_time(setting: str) -> None:
    device = device_named(ablation_devices(), "simulated-mwa")
    with pytest.raises(InputRefused, match="outside the chart") as refused:
        zone_for(device, setting)
    assert refused.value.code == "outside-chart"


def test_that_rows_of_two_tissues_are_never_mixed() -> None:
    data = document()
    data["device"][0]["row"].append({**ROW, "id": "ex", "power_w": 100, "preparation": "ex vivo", "long_mm": 50})
    device = devices_from(data, "mine.toml")[0]
    with pytest.raises(InputRefused, match="outside the chart"):
        zone_for(device, "80W 5min")
    data["device"][0]["row"][1]["preparation"] = "in vivo"
    assert 36.0 < zone_for(devices_from(data, "mine.toml")[0], "80W 5min").long_mm < 50.0


def test_that_a_row_without_axes_is_listed_and_not_drawn() -> None:
    device = device_named(ablation_devices(), "rfa-cryo-cooled")
    row = device.row("impedance-20min")
    assert row is not None
    assert row.short_mm == 51.1
    assert row.not_drawable == "the source gives no long axis"
    with pytest.raises(InputRefused, match="no long axis"):
        zone_for(device, "impedance-20min")
    volume_only = device_named(ablation_devices(), "rfa-cooled-15g")
    assert drawable_settings(volume_only) == ()
    with pytest.raises(InputRefused, match="sphere is not invented"):
        zone_for(volume_only, "in-vivo")


def test_that_unknown_devices_and_settings_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match="cryo-visica2"):
        device_named(ablation_devices(), "nope")
    with pytest.raises(UsageError, match="liver-4min"):
        zone_for(device_named(ablation_devices(), "cryo-visica2"), "liver-5min")
    with pytest.raises(UsageError, match="name one of them"):
        zone_for(device_named(ablation_devices(), "cryo-visica2"))


def test_that_isotherms_of_one_freeze_come_warmest_first() -> None:
    device = device_named(ablation_devices(), "simulated-cryo")
    found = isotherms(device, "10min-40")
    assert list(found) == [0.0, -20.0, -40.0]
    assert [zone.short_mm for zone in found.values()] == [38.0, 28.0, 18.0]


def test_that_a_users_row_joins_a_device_and_cannot_take_the_place_of_a_shipped_one() -> None:
    shipped = ablation_devices()
    mine = document(id="new-row")
    mine["device"][0]["id"] = "cryo-visica2"
    devices = merged(shipped, devices_from(mine, "mine.toml", by_user=True))
    row = devices["cryo-visica2"].row("new-row")
    assert row is not None
    assert row.by_user
    assert devices["cryo-visica2"].row("liver-4min") is not None
    mine["device"][0]["row"][0]["id"] = "liver-4min"
    with pytest.raises(InputRefused, match="exists already"):
        merged(shipped, devices_from(mine, "mine.toml"))


def test_that_gauges_have_a_diameter_and_needles_a_source() -> None:
    assert gauge_diameter_mm("17 G") == 1.473
    assert gauge_diameter_mm("17G") == 1.473
    assert gauge_diameter_mm("99 G") is None
    assert gauge_diameter_mm(None) is None
    wide = [gauge_diameter_mm(f"{gauge} G") or 0.0 for gauge in range(8, 27)]
    assert wide == sorted(wide, reverse=True)
    assert all(each.source and each.diameter_mm for each in needle_devices().values())


def test_that_the_shipped_file_is_what_is_tested() -> None:
    assert {row["id"] for row in catalogue("devices/ablation.toml")["device"]} == set(ablation_devices())
