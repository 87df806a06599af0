"""Number formatting with units. Rounding happens here, for display, and nowhere else."""

from __future__ import annotations

SYMBOLS = {
    "umol/L": "µmol/L",
    "10*9/L": "10⁹/L",
    "m2": "m²",
    "mm2": "mm²",
    "mm3": "mm³",
    "mg/m2": "mg/m²",
    "Gy.cm2": "Gy·cm²",
    "mL/min/{1.73_m2}": "mL/min/1.73 m²",
    "[iU]/mL": "IU/mL",
    "mAU/mL": "mAU/mL",
    "cel": "°C",
    "Cel": "°C",
    "um": "µm",
    "[Ch]": "F",
    "[in_i]": "in",
    "mm[Hg]": "mmHg",
    "[psi]": "psi",
    "[iU]": "IU",
    "kg/m2": "kg/m²",
    "ug/kg": "µg/kg",
    "deg": "°",
    "a": "y",
    "d": "d",
    "1": "",
}
"""UCUM code -> what a person reads. Codes not listed are shown as they are."""

UNKNOWN = "–"


def symbol(unit: str | None) -> str:
    """The printed form of a UCUM code; empty for dimensionless."""
    return "" if unit is None else SYMBOLS.get(unit, unit)


def shown(value: float | int | None, unit: str | None = None, *, digits: int | None = None) -> str:
    """A number with its unit for display; ``–`` for unknown.

    Parameters
    ----------
    digits
        Decimals; None picks them from the size of the number (3 significant figures, at most 2 decimals).
    """
    if value is None:
        return UNKNOWN
    if digits is None:
        magnitude = abs(value)
        digits = 0 if magnitude >= 100 or float(value).is_integer() else 1 if magnitude >= 10 else 2
    text = f"{value:.{digits}f}"
    unit_text = symbol(unit)
    return f"{text} {unit_text}" if unit_text else text
