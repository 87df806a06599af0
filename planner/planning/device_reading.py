"""Reading the catalogue of applicators: what a row must say, may say and cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from planner.clinical.constants import TAG_ORDER
from planner.errors import InputRefused

Fields = dict[str, Any]

_TEXT, _NUMBER, _COUNT, _FLAG = "a text", "a number", "a whole number from 1", "true or false"

DEVICE_KEYS = {
    "id": _TEXT,
    "title": _TEXT,
    "maker": _TEXT,
    "energy": _TEXT,
    "applicator": _TEXT,
    "gauge": _TEXT,
    "diameter_mm": _NUMBER,
    "usable_length_mm": _NUMBER,
    "spacing_low_mm": _NUMBER,
    "spacing_high_mm": _NUMBER,
    "maximum_applicators": _COUNT,
    "simulated": _FLAG,
    "source": _TEXT,
    "doi": _TEXT,
    "tag": _TEXT,
}
ROW_KEYS = {
    "id": _TEXT,
    "tissue": _TEXT,
    "preparation": _TEXT,
    "power_w": _NUMBER,
    "freeze_min": _NUMBER,
    "voltage_v": _NUMBER,
    "time_min": _NUMBER,
    "isotherm_c": _NUMBER,
    "applicators": _COUNT,
    "spacing_mm": _NUMBER,
    "long_mm": _NUMBER,
    "short_mm": _NUMBER,
    "sd_long_mm": _NUMBER,
    "sd_short_mm": _NUMBER,
    "volume_ml": _NUMBER,
    "tip_offset_mm": _NUMBER,
    "note": _TEXT,
    "source": _TEXT,
    "doi": _TEXT,
    "tag": _TEXT,
    "seen_by": _TEXT,
    "verified_by": _TEXT,
}
_NEEDED_BY_DEVICE = ("id", "title", "energy", "applicator", "source", "tag")
_NEEDED_BY_ROW = ("id", "tissue", "preparation", "source", "tag")
ENERGY_KEYS = ("mwa", "rfa", "cryo", "ire")
PREPARATIONS = ("in vivo", "ex vivo", "gel", "human", "simulated")

# What no applicator can do: a slip of a decimal point or a unit, not a clinical limit.
PLAUSIBLE = {
    "long_mm": (2.0, 150.0),
    "short_mm": (2.0, 120.0),
    "sd_long_mm": (0.0, 60.0),
    "sd_short_mm": (0.0, 60.0),
    "diameter_mm": (0.2, 12.0),
    "usable_length_mm": (20.0, 600.0),
    "power_w": (1.0, 500.0),
    "time_min": (0.1, 120.0),
    "freeze_min": (0.1, 120.0),
    "voltage_v": (1.0, 10000.0),
    "isotherm_c": (-200.0, 100.0),
    "spacing_mm": (1.0, 100.0),
    "spacing_low_mm": (0.0, 100.0),
    "spacing_high_mm": (0.0, 100.0),
    "volume_ml": (0.01, 1000.0),
    "tip_offset_mm": (-100.0, 60.0),
}


def read_devices(data: Mapping[str, Any], place: str) -> list[tuple[Fields, list[Fields]]]:
    """Devices and their rows, with every value checked.

    Raises
    ------
    InputRefused
        ``bad-device-row``, with one sentence for each fault.
    """
    faults: list[str] = []
    devices = data.get("device", [])
    faults += [f"{place} has the unknown table {key!r}." for key in data if key != "device"]
    if not isinstance(devices, list) or any(not isinstance(each, Mapping) for each in devices):
        raise InputRefused("bad-device-row", f"{place} needs a list of [[device]] tables.", subject=place)
    found = [_device(device, place, faults) for device in devices]
    names = [fields.get("id") for fields, _ in found]
    faults += [f"The device {name} stands twice in {place}." for name in _twice(names)]
    if faults:
        raise InputRefused("bad-device-row", " ".join(faults), subject=place)
    return found


def _device(device: Mapping[str, Any], place: str, faults: list[str]) -> tuple[Fields, list[Fields]]:
    name = f"The device {device.get('id', '(without id)')} in {place}"
    fields = _checked({key: value for key, value in device.items() if key != "row"}, DEVICE_KEYS, name, faults)
    faults += _absent(fields, _NEEDED_BY_DEVICE, name)
    faults += _unknown_choice(fields, "energy", ENERGY_KEYS, name)
    low, high = fields.get("spacing_low_mm"), fields.get("spacing_high_mm")
    if isinstance(low, float) and isinstance(high, float) and low > high:
        faults.append(f"{name} has a smallest spacing of {low:g} mm above the largest of {high:g} mm.")
    given = device.get("row", [])
    tables = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    if not tables:
        faults.append(f"{name} has no row.")
    rows = [_row(row, name, faults) for row in tables]
    faults += [f"{name} has the row {row} twice." for row in _twice([row.get("id") for row in rows])]
    return fields, rows


def _row(row: Mapping[str, Any], device: str, faults: list[str]) -> Fields:
    name = f"{device}, row {row.get('id', '(without id)')},"
    fields = _checked(row, ROW_KEYS, name, faults)
    faults += _absent(fields, _NEEDED_BY_ROW, name)
    faults += _unknown_choice(fields, "preparation", PREPARATIONS, name)
    if not any(key in fields for key in ("long_mm", "short_mm", "volume_ml")):
        faults.append(f"{name} gives neither an axis nor a volume.")
    for axis, deviation in (("long_mm", "sd_long_mm"), ("short_mm", "sd_short_mm")):
        size, spread = fields.get(axis), fields.get(deviation)
        if isinstance(spread, float) and (not isinstance(size, float) or spread >= size):
            faults.append(f"{name} has a {deviation} that is not smaller than its {axis}.")
    return fields


def _checked(given: Mapping[str, Any], keys: Mapping[str, str], name: str, faults: list[str]) -> Fields:
    fields: Fields = {}
    for key, value in given.items():
        kind = keys.get(key)
        if kind is None:
            faults.append(f"{name} has the unknown key {key!r}.")
            continue
        read = _value(value, kind)
        if read is None:
            faults.append(f"{name} needs {kind} for {key}, not {value!r}.")
            continue
        fields[key] = read
        low, high = PLAUSIBLE.get(key, (-math.inf, math.inf))
        if isinstance(read, float) and not low <= read <= high:
            faults.append(f"{name} gives {key} = {read:g}, which no applicator has ({low:g} to {high:g}).")
    tag = fields.get("tag")
    if tag is not None and tag not in TAG_ORDER:
        faults.append(f"{name} has the unknown evidence tag {tag!r}.")
    return fields


def _value(value: Any, kind: str) -> Any:
    if kind == _FLAG:
        return value if isinstance(value, bool) else None
    if kind == _TEXT:
        return value.strip() if isinstance(value, str) and value.strip() else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    if kind == _COUNT:
        return int(value) if float(value).is_integer() and value >= 1 else None
    return float(value)


def _absent(fields: Fields, needed: tuple[str, ...], name: str) -> Iterator[str]:
    for key in needed:
        if key not in fields:
            yield f"{name} names no {key}."


def _unknown_choice(fields: Fields, key: str, choices: tuple[str, ...], name: str) -> Iterator[str]:
    if key in fields and fields[key] not in choices:
        yield f"{name} has the unknown {key} {fields[key]!r}; known are {', '.join(choices)}."


def _twice(names: list[Any]) -> list[Any]:
    return sorted({str(name) for name in names if name is not None and names.count(name) > 1})
