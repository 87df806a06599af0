"""A user's own rows: cited or refused, kept, changed, removed; the shipped catalogue stays."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from planner.app.device_rows import all_devices, own_devices, remove_row, save_device, save_row
from planner.errors import InputRefused, UsageError
from planner.planning.devices import shipped_devices, zone_for

DAY = date(2026, 3, 4)
ROW: dict[str, Any] = {
    "id": "chart 100W-10min",
    "tissue": "bovine liver",
    "preparation": "ex vivo",
    "power_w": 100,
    "time_min": 10.5,
    "long_mm": 48.5,
    "short_mm": 41,
    "note": 'said "as is" in the leaflet\nof 2024, °C',
    "source": "leaflet of the maker, page 4",
    "tag": "S2",
}
DEVICE: dict[str, Any] = {
    "id": "own-mwa",
    "title": "Antenna of the house",
    "energy": "mwa",
    "applicator": "one antenna",
    "gauge": "14 G",
    "source": "leaflet of the maker",
    "tag": "S2",
    "row": [ROW],
}


def test_that_a_device_of_the_house_is_kept_as_it_was_typed(tmp_path: Path) -> None:
    saved = save_device(DEVICE, tmp_path)
    kept = all_devices(tmp_path)["own-mwa"]
    assert kept == saved
    assert kept.by_user
    row = kept.row(ROW["id"])
    assert row is not None
    assert (row.note, row.time_min, row.source) == (ROW["note"], 10.5, ROW["source"])
    assert zone_for(kept).short_mm == 41.0


def test_that_a_row_joins_a_shipped_device_with_who_read_it_and_when(tmp_path: Path) -> None:
    save_row("rfa-cooled-17g", ROW, by="Dr Müller", on=DAY, folder=tmp_path)
    device = all_devices(tmp_path)["rfa-cooled-17g"]
    assert [row.id for row in device.rows] == ["ex-vivo", "in-vivo", ROW["id"]]
    row = device.row(ROW["id"])
    assert row is not None
    assert row.seen_by == "Dr Müller, 2026-03-04"
    assert shipped_devices()["rfa-cooled-17g"].row(ROW["id"]) is None


def test_that_a_changed_row_takes_the_place_of_the_old_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    save_row("rfa-cooled-17g", ROW, by="A", on=DAY, folder=tmp_path)
    save_row("rfa-cooled-17g", {**ROW, "short_mm": 39}, by="B", on=DAY, folder=tmp_path)
    row = all_devices(tmp_path)["rfa-cooled-17g"].row(ROW["id"])
    assert row is not None
    assert row.short_mm == 39.0
    remove_row("rfa-cooled-17g", ROW["id"], tmp_path)
    assert own_devices(tmp_path) == ()
    with pytest.raises(UsageError, match="added no row"):
        remove_row("rfa-cooled-17g", "in-vivo", tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"source": ""}, "source"), ({"short_mm": 4100}, "no applicator has"), ({"length": 3}, "unknown key")],
)
def test_that_a_row_that_cannot_be_trusted_changes_nothing(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    save_row("rfa-cooled-17g", ROW, by="A", on=DAY, folder=tmp_path)
    before = own_devices(tmp_path)
    with pytest.raises(InputRefused, match=sentence):
        save_row("rfa-cooled-17g", {**ROW, "id": "x", **change}, by="A", on=DAY, folder=tmp_path)
    assert own_devices(tmp_path) == before


def test_that_shipped_and_simulated_devices_are_not_overwritten_and_a_row_needs_a_person(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="shipped catalogue"):
        save_device({**DEVICE, "id": "cryo-visica2"}, tmp_path)
    with pytest.raises(UsageError, match="simulated"):
        save_row("simulated-mwa", ROW, by="A", on=DAY, folder=tmp_path)
    with pytest.raises(UsageError, match="person who read"):
        save_row("rfa-cooled-17g", ROW, by=" ", on=DAY, folder=tmp_path)
    with pytest.raises(UsageError, match="no device"):
        save_row("nope", ROW, by="A", on=DAY, folder=tmp_path)
    with pytest.raises(InputRefused, match="exists already"):
        save_row("rfa-cooled-17g", {**ROW, "id": "in-vivo"}, by="A", on=DAY, folder=tmp_path)
    assert own_devices(tmp_path) == ()


def test_that_a_broken_file_is_named_and_not_half_used(tmp_path: Path) -> None:
    (tmp_path / "ablation.toml").write_text("[[device]\n", encoding="utf-8")
    with pytest.raises(InputRefused, match=r"ablation\.toml"):
        all_devices(tmp_path)
