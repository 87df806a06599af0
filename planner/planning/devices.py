"""The catalogue of ablation applicators: what their charts give, each row with its source, and never anything between
the lines of two different charts.

Lengths are mm and diameters of zones; None is what the source does not say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.errors import InputRefused, UsageError
from planner.planning.device_reading import read_devices

ENERGIES = {"mwa": "microwave", "rfa": "radiofrequency", "cryo": "cryoablation", "ire": "irreversible electroporation"}

_EXPRESSION = re.compile(r"(\d+(?:\.\d+)?)\s*W[\s,x/-]*(\d+(?:\.\d+)?)\s*min", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One line of a chart.

    Attributes
    ----------
    tissue, preparation
        What it was measured in (``porcine liver``) and how (``in vivo``, ``ex vivo``, ``gel``, ``human``,
        ``simulated``).
    isotherm_c
        Of a frozen zone, in degrees Celsius.
    applicators, spacing_mm
        How many made this zone together, and how far apart.
    long_mm, short_mm
        Diameters along and across the shaft.
    sd_long_mm, sd_short_mm
        Standard deviations of those diameters.
    tip_offset_mm
        How far the zone's far end lies beyond the tip; negative short of it.
    """

    id: str
    tissue: str
    preparation: str
    source: str
    tag: str
    doi: str | None = None
    power_w: float | None = None
    freeze_min: float | None = None
    voltage_v: float | None = None
    time_min: float | None = None
    isotherm_c: float | None = None
    applicators: int = 1
    spacing_mm: float | None = None
    long_mm: float | None = None
    short_mm: float | None = None
    sd_long_mm: float | None = None
    sd_short_mm: float | None = None
    volume_ml: float | None = None
    tip_offset_mm: float | None = None
    note: str = ""
    seen_by: str | None = None
    verified_by: str | None = None
    by_user: bool = False

    @property
    def not_drawable(self) -> str | None:
        """Why no zone can be drawn from this row; None when one can."""
        if self.long_mm is None and self.short_mm is None:
            return "the source gives only a volume, and an equivalent sphere is not invented"
        if self.long_mm is None or self.short_mm is None:
            return f"the source gives no {'long' if self.long_mm is None else 'short'} axis"
        return None

    @property
    def energy_kj(self) -> float | None:
        """Power times time; None where either is unknown."""
        return None if self.power_w is None or self.time_min is None else self.power_w * self.time_min * 0.06


@dataclass(frozen=True, slots=True)
class Device:
    """An applicator and its chart.

    Attributes
    ----------
    energy
        ``mwa``, ``rfa``, ``cryo`` or ``ire``.
    spacing_low_mm, spacing_high_mm
        Between applicators that are used together.
    simulated
        For the digital patient only.
    """

    id: str
    title: str
    energy: str
    applicator: str
    source: str
    tag: str
    rows: tuple[ChartRow, ...]
    maker: str | None = None
    doi: str | None = None
    gauge: str | None = None
    diameter_mm: float | None = None
    usable_length_mm: float | None = None
    spacing_low_mm: float | None = None
    spacing_high_mm: float | None = None
    maximum_applicators: int | None = None
    simulated: bool = False
    by_user: bool = False

    def row(self, row_id: str) -> ChartRow | None:
        return next((row for row in self.rows if row.id == row_id), None)

    @property
    def outer_diameter_mm(self) -> float | None:
        """Of the shaft: as the source says, else what its gauge stands for."""
        return self.diameter_mm if self.diameter_mm is not None else gauge_diameter_mm(self.gauge)


@dataclass(frozen=True, slots=True)
class ChartZone:
    """The zone a chart gives for one setting, and all that is printed beside it.

    Attributes
    ----------
    setting
        Id of the row, or the power and time it was interpolated for.
    interpolated
        The two rows it lies between; empty for a row of the chart itself.
    """

    device: str
    setting: str
    energy: str
    long_mm: float
    short_mm: float
    tissue: str
    source: str
    tag: str
    tip_offset_mm: float | None = None
    sd_long_mm: float | None = None
    sd_short_mm: float | None = None
    isotherm_c: float | None = None
    applicators: int = 1
    spacing_mm: float | None = None
    voltage_v: float | None = None
    interpolated: tuple[str, ...] = ()
    simulated: bool = False
    note: str = ""

    @property
    def sd_mm(self) -> float | None:
        """The larger of both standard deviations; None unless the chart gives both."""
        if self.sd_long_mm is None or self.sd_short_mm is None:
            return None
        return max(self.sd_long_mm, self.sd_short_mm)

    @property
    def volume_ml(self) -> float:
        """Of the ellipsoid with these axes."""
        return math.pi / 6.0 * self.long_mm * self.short_mm**2 / 1000.0


def devices_from(data: Mapping[str, Any], place: str, *, by_user: bool = False) -> tuple[Device, ...]:
    """The devices of a parsed catalogue.

    Raises
    ------
    InputRefused
        ``bad-device-row`` with one sentence for each row without a source, with unknown keys or impossible numbers.
    """
    found: list[Device] = []
    for fields, rows in read_devices(data, place):
        chart = tuple(ChartRow(**row, by_user=by_user) for row in rows)
        found.append(Device(**fields, rows=chart, by_user=by_user))
    return tuple(found)


@cache
def shipped_devices() -> Mapping[str, Device]:
    """The devices of ``resources/devices/ablation.toml`` by id."""
    return {device.id: device for device in devices_from(catalogue("devices/ablation.toml"), "ablation.toml")}


def merged(shipped: Mapping[str, Device], added: Iterable[Device]) -> dict[str, Device]:
    """The catalogue with the user's devices, and the user's rows of known devices behind the shipped ones.

    Raises
    ------
    InputRefused
        ``bad-device-row`` when a user's row takes the id of a shipped one.
    """
    devices = dict(shipped)
    for device in added:
        known = devices.get(device.id)
        if known is None:
            devices[device.id] = device
            continue
        taken = [row.id for row in device.rows if known.row(row.id) is not None]
        if taken:
            text = f"The row {taken[0]} of {device.id} exists already; give the added row another name."
            raise InputRefused("bad-device-row", text, subject=device.id)
        devices[device.id] = replace(known, rows=(*known.rows, *device.rows))
    return devices


def ablation_devices(added: Iterable[Device] = ()) -> dict[str, Device]:
    """Every device by id: the shipped catalogue, and the rows that a user added."""
    return merged(shipped_devices(), added)


def device_named(devices: Mapping[str, Device], device_id: str) -> Device:
    """
    Raises
    ------
    UsageError
        ``unknown-device``.
    """
    try:
        return devices[device_id]
    except KeyError:
        known = ", ".join(devices)
        raise UsageError(
            "unknown-device", f"The catalogue has no device {device_id!r}; it has {known}.", subject=device_id
        ) from None


def drawable_settings(device: Device) -> tuple[str, ...]:
    """Ids of the rows that give a zone."""
    return tuple(row.id for row in device.rows if row.not_drawable is None)


def zone_for(device: Device, setting: str | None = None) -> ChartZone:
    """The zone of a setting: a row of the chart, or between two of its rows.

    Parameters
    ----------
    setting
        Id of a row, or power and time (``70W 5min``). None takes the only row that gives a zone.

    Raises
    ------
    UsageError
        ``unknown-setting`` for a name the chart has not, or for none where it has several.
    InputRefused
        ``row-without-axes`` for a row that gives no zone; ``outside-chart`` for a power and time beyond its rows.
    """
    if setting is None:
        return _only_zone(device)
    row = device.row(setting)
    if row is not None:
        return _zone(device, row)
    asked = _EXPRESSION.fullmatch(setting.strip())
    if asked is None:
        known = ", ".join(row.id for row in device.rows)
        text = f"{device.id} has no setting {setting!r}; its chart has {known}."
        raise UsageError("unknown-setting", text, subject=setting)
    return _interpolated(device, float(asked[1]), float(asked[2]))


def _only_zone(device: Device) -> ChartZone:
    names = drawable_settings(device)
    if not names:
        raise _without_axes(device, device.rows[0])
    if len(names) > 1:
        text = f"{device.id} has several settings ({', '.join(names)}); name one of them."
        raise UsageError("unknown-setting", text, subject=device.id)
    return zone_for(device, names[0])


def _without_axes(device: Device, row: ChartRow) -> InputRefused:
    text = (
        f"The row {row.id} of {device.id} gives no zone: {row.not_drawable}; add a row with both axes and its source."
    )
    return InputRefused("row-without-axes", text, subject=f"{device.id}/{row.id}")


def _zone(device: Device, row: ChartRow) -> ChartZone:
    if row.long_mm is None or row.short_mm is None:
        raise _without_axes(device, row)
    return ChartZone(
        device=device.id,
        setting=row.id,
        energy=device.energy,
        long_mm=row.long_mm,
        short_mm=row.short_mm,
        tissue=f"{row.preparation} {row.tissue}" if row.preparation != "simulated" else row.tissue,
        source=row.source,
        tag=row.tag,
        tip_offset_mm=row.tip_offset_mm,
        sd_long_mm=row.sd_long_mm,
        sd_short_mm=row.sd_short_mm,
        isotherm_c=row.isotherm_c,
        applicators=row.applicators,
        spacing_mm=row.spacing_mm,
        voltage_v=row.voltage_v,
        simulated=device.simulated,
        note=row.note,
    )


def _interpolated(device: Device, power_w: float, time_min: float) -> ChartZone:
    """Between two rows of one tissue that share the power or the time, linear in the cube root of the energy
    (published-numbers.md N6); the nearest such pair."""
    best: tuple[float, ChartRow, ChartRow] | None = None
    wanted = power_w * time_min * 0.06
    rows = [row for row in device.rows if row.energy_kj is not None and row.not_drawable is None]
    for low in rows:
        if low.power_w == power_w and low.time_min == time_min:
            return _zone(device, low)
        for high in rows:
            if not _between(low, high, power_w, time_min):
                continue
            gap = float(high.energy_kj or 0.0) - float(low.energy_kj or 0.0)
            if best is None or gap < best[0]:
                best = (gap, low, high)
    if best is None:
        text = (
            f"{power_w:g} W for {time_min:g} min lies outside the chart of {device.id}: nothing is extrapolated, and "
            "only rows of one tissue with the same power or the same time are interpolated; choose a row of the chart."
        )
        raise InputRefused("outside-chart", text, subject=device.id)
    _, low, high = best
    return _mixed(device, low, high, f"{power_w:g}W-{time_min:g}min", wanted)


def _between(low: ChartRow, high: ChartRow, power_w: float, time_min: float) -> bool:
    same = ("tissue", "preparation", "isotherm_c", "applicators", "spacing_mm")
    if any(getattr(low, name) != getattr(high, name) for name in same):
        return False
    if low.power_w is None or high.power_w is None or low.time_min is None or high.time_min is None:
        return False
    over_time = low.power_w == high.power_w == power_w and low.time_min < time_min < high.time_min
    over_power = low.time_min == high.time_min == time_min and low.power_w < power_w < high.power_w
    return over_time or over_power


def _mixed(device: Device, low: ChartRow, high: ChartRow, setting: str, wanted_kj: float) -> ChartZone:
    below, above = _zone(device, low), _zone(device, high)
    start, end = float(low.energy_kj or 0.0) ** (1 / 3), float(high.energy_kj or 0.0) ** (1 / 3)
    share = (wanted_kj ** (1 / 3) - start) / (end - start)

    def mixed(first: float | None, second: float | None) -> float | None:
        return None if first is None or second is None else first + share * (second - first)

    def larger(first: float | None, second: float | None) -> float | None:
        return None if first is None or second is None else max(first, second)

    return replace(
        below,
        setting=setting,
        long_mm=below.long_mm + share * (above.long_mm - below.long_mm),
        short_mm=below.short_mm + share * (above.short_mm - below.short_mm),
        tip_offset_mm=mixed(below.tip_offset_mm, above.tip_offset_mm),
        sd_long_mm=larger(below.sd_long_mm, above.sd_long_mm),
        sd_short_mm=larger(below.sd_short_mm, above.sd_short_mm),
        source="; ".join(dict.fromkeys((below.source, above.source))),
        interpolated=(low.id, high.id),
    )


def isotherms(device: Device, setting: str) -> dict[float, ChartZone]:
    """Frozen zones of the same freeze as a row of the chart, by isotherm in degrees Celsius; the warmest first.

    Raises
    ------
    UsageError
        ``unknown-setting``.
    """
    chosen = device.row(setting)
    if chosen is None:
        raise UsageError("unknown-setting", f"{device.id} has no setting {setting!r}.", subject=setting)
    same = ("tissue", "preparation", "freeze_min", "applicators", "spacing_mm")
    alike = [row for row in device.rows if all(getattr(row, name) == getattr(chosen, name) for name in same)]
    zones = {
        row.isotherm_c: _zone(device, row) for row in alike if row.isotherm_c is not None and row.not_drawable is None
    }
    return dict(sorted(zones.items(), reverse=True))


def gauge_diameter_mm(gauge: str | None) -> float | None:
    """Nominal outer diameter of a gauge (``17 G``); None for one the catalogue has not."""
    if gauge is None:
        return None
    number = re.sub(r"\D", "", gauge)
    found = catalogue("devices/needles.toml")["gauge"]["outer_mm"].get(number)
    return None if found is None else float(found)


@dataclass(frozen=True, slots=True)
class NeedleDevice:
    """A generic needle of ``resources/devices/needles.toml``."""

    id: str
    title: str
    gauge: str
    usable_length_mm: float
    purposes: tuple[str, ...]
    source: str
    tag: str

    @property
    def diameter_mm(self) -> float | None:
        return gauge_diameter_mm(self.gauge)


@cache
def needle_devices() -> Mapping[str, NeedleDevice]:
    """The generic needles by id.

    Raises
    ------
    InputRefused
        ``bad-device-row`` for a row without a source.
    """
    found: dict[str, NeedleDevice] = {}
    for row in catalogue("devices/needles.toml")["needle"]:
        if not str(row.get("source", "")).strip():
            raise InputRefused("bad-device-row", f"The needle {row.get('id')} names no source.", subject=row.get("id"))
        found[row["id"]] = NeedleDevice(**{**row, "purposes": tuple(row["purposes"])})
    return found
