"""The user's own rows of the applicator catalogue: makers' charts and papers, each with its citation.

They lie as one TOML file beside the account's profiles, never in the program. A row that is changed or removed leaves
the plans that used it with another digest, so that they are looked at again.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import platformdirs

from planner import APPLICATION
from planner.errors import InputRefused, StoreError, UsageError
from planner.files import whole_file
from planner.planning.device_reading import DEVICE_KEYS, ROW_KEYS
from planner.planning.devices import Device, ablation_devices, devices_from, shipped_devices

FILE_NAME = "ablation.toml"
Tables = list[dict[str, Any]]


def device_folder() -> Path:
    """Where this account's rows lie; it need not exist."""
    return platformdirs.user_config_path(APPLICATION, appauthor=False) / "devices"


def own_devices(folder: Path | None = None) -> tuple[Device, ...]:
    """The devices and rows a user added; none where nobody has.

    Raises
    ------
    InputRefused
        ``bad-device-row`` with every fault of the file: a catalogue that is half understood is not used.
    """
    return devices_from({"device": _tables(folder)}, FILE_NAME, by_user=True)


def all_devices(folder: Path | None = None) -> dict[str, Device]:
    """Shipped and own devices by id; raises as `own_devices`."""
    return ablation_devices(own_devices(folder))


def save_device(device: Mapping[str, Any], folder: Path | None = None) -> Device:
    """Put a device without rows' change, or a whole new device, into the user's catalogue.

    Parameters
    ----------
    device
        Keys of `planner.planning.device_reading.DEVICE_KEYS`, and ``row``: a list of rows (`ROW_KEYS`). A device of
        that id among the user's is replaced.

    Raises
    ------
    InputRefused
        ``bad-device-row``, one sentence for each fault; nothing was written.
    UsageError
        ``shipped-device`` for the id of a shipped device: add rows to it with `save_row`.
    StoreError
        ``devices-not-written``.
    """
    name = str(device.get("id", ""))
    if name in shipped_devices():
        text = f"{name} is a device of the shipped catalogue; add rows to it, or take another id."
        raise UsageError("shipped-device", text, subject=name)
    others = [each for each in _tables(folder) if each.get("id") != name]
    return _written([*others, dict(device)], name, folder)


def save_row(device_id: str, row: Mapping[str, Any], *, by: str, on: date, folder: Path | None = None) -> Device:
    """Add a row to a device, or replace the user's row of that id.

    Parameters
    ----------
    row
        Keys of `planner.planning.device_reading.ROW_KEYS`; ``source`` and ``tag`` are mandatory.
    by
        Who read the source; kept with the row as ``seen_by``, with the day.

    Raises
    ------
    InputRefused
        ``bad-device-row``; nothing was written.
    UsageError
        ``unknown-device``, or ``unknown-person``.
    StoreError
        ``devices-not-written``.
    """
    if not by.strip():
        raise UsageError("unknown-person", "A row of a chart needs the name of the person who read its source.")
    entry = {**row, "seen_by": f"{by.strip()}, {on.isoformat()}"}
    tables = _tables(folder)
    mine = next((each for each in tables if each.get("id") == device_id), None)
    if mine is None:
        mine = _head_of(device_id)
        tables.append(mine)
    mine["row"] = [each for each in mine.get("row", []) if each.get("id") != row.get("id")] + [entry]
    return _written(tables, device_id, folder)


def remove_row(device_id: str, row_id: str, folder: Path | None = None) -> None:
    """Take one of the user's rows away, and its device when it was the last.

    Raises
    ------
    UsageError
        ``unknown-row`` when the user has no such row; shipped rows stay.
    StoreError
        ``devices-not-written``.
    """
    tables = _tables(folder)
    mine = next((each for each in tables if each.get("id") == device_id), {})
    kept = [each for each in mine.get("row", []) if each.get("id") != row_id]
    if len(kept) == len(mine.get("row", [])):
        raise UsageError("unknown-row", f"You have added no row {row_id} to {device_id}.", subject=row_id)
    mine["row"] = kept
    _write([each for each in tables if each.get("row")], folder)


def _head_of(device_id: str) -> dict[str, Any]:
    known = shipped_devices().get(device_id)
    if known is None:
        text = f"There is no device {device_id!r}; add the device first."
        raise UsageError("unknown-device", text, subject=device_id)
    if known.simulated:
        text = f"{device_id} is simulated; a chart of a product needs a device of its own."
        raise UsageError("simulated-device", text, subject=device_id)
    values = {key: getattr(known, key) for key in DEVICE_KEYS}
    return {key: value for key, value in values.items() if value is not None and value is not False}


def _tables(folder: Path | None) -> Tables:
    path = (folder or device_folder()) / FILE_NAME
    if not path.is_file():
        return []
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        text = f"Your catalogue of applicators cannot be read ({error}); correct or remove {path.name}."
        raise InputRefused("bad-device-row", text, subject=path.name) from error
    devices = data.get("device", [])
    if not isinstance(devices, list) or set(data) - {"device"}:
        raise InputRefused("bad-device-row", f"{path.name} needs a list of [[device]] tables.", subject=path.name)
    return devices


def _written(tables: Tables, device_id: str, folder: Path | None) -> Device:
    """Check the whole catalogue as it will be, then write it."""
    merged = ablation_devices(devices_from({"device": tables}, FILE_NAME, by_user=True))
    _write(tables, folder)
    return merged[device_id]


def _write(tables: Tables, folder: Path | None) -> None:
    place = folder or device_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with whole_file(place / FILE_NAME) as stream:
            stream.write(devices_toml(tables).encode("utf-8"))
    except OSError as error:
        text = f"Your catalogue could not be written ({error.strerror}); nothing was changed."
        raise StoreError("devices-not-written", text) from error


def devices_toml(tables: Tables) -> str:
    """The catalogue as its file says it; reading it back gives the same devices."""
    lines: list[str] = []
    for device in tables:
        lines += ["[[device]]", *_lines(device, DEVICE_KEYS), ""]
        for row in device.get("row", []):
            lines += ["[[device.row]]", *_lines(row, ROW_KEYS), ""]
    return "\n".join(lines)


def _lines(table: Mapping[str, Any], keys: Mapping[str, str]) -> list[str]:
    return [f"{key} = {_value(table[key])}" for key in keys if table.get(key) is not None]


def _value(held: Any) -> str:
    if isinstance(held, bool):
        return "true" if held else "false"
    if isinstance(held, (int, float)):
        return repr(held)
    return json.dumps(str(held), ensure_ascii=False)
