"""Unit conversion and the guess of a unit on import (rule notes, Conventions)."""

from __future__ import annotations

from planner.clinical.comparisons import at_least, at_most
from planner.clinical.constants import RuleConstants
from planner.clinical.quantities import conversion, unit_code
from planner.clinical.results import Given, Measured, Outcome
from planner.findings import Severity


def unit_conversion(given: Given, constants: RuleConstants) -> Outcome:
    """A laboratory or dose value in another unit, unrounded. Raises InputRefused where nothing links the two units."""
    to_unit = unit_code(given.text("to_unit"))
    links = {name: constants.number(name) for name in constants.overridden}
    factor = conversion(given.unit("number"), to_unit, given.text("quantity"), overrides=links)
    return Outcome({"converted": Measured(given.number("number") * factor.factor, to_unit)})


def plausibility_gate(given: Given, constants: RuleConstants) -> Outcome:
    """The unit a bare number of a quantity must have, or ``ask`` where two are possible."""
    number, quantity = given.number("number"), given.text("quantity")
    for row in constants.rows(quantity):
        inside = (
            number > row["above"] if "above" in row else at_least(number, row["from"]) and at_most(number, row["to"])
        )
        if inside:
            return Outcome({"unit_guess": str(row["unit"])})
    text = f"The unit of {quantity} {number:g} cannot be told from its size; ask."
    return Outcome({"unit_guess": "ask"}, (constants.finding("unit-unclear", Severity.WARN, text, measured=number),))


COMPUTES = {"unit_conversion": unit_conversion, "plausibility_gate": plausibility_gate}
