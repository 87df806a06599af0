"""What panes share of ablation margins: the one on show, ready to be drawn, and the zones it stands on.

Lengths are mm. Nothing here computes a margin: the open case does, and sets `MarginDesk.shown`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.model.needle_items import ACHIEVED, AblationMarginBody, MarginNumbers
from planner.units import UNKNOWN, shown
from viewers.state.signals import Value

if TYPE_CHECKING:
    from planner.planning.margin_map import MarginMap
    from planner.planning.zones import Zone

BIN_COLOURS = ("#d55e00", "#e6b13a", "#56b4e9", "#1f8f6b")
"""Below 0, 0 to 5, 5 to 10, from 10 mm on: Okabe-Ito hues, safe for the colour-blind."""
BIN_WORDS = ("target left", "0 to 5 mm", "5 to 10 mm", "10 mm and more")
GEOMETRIC = "geometric cover of chart ellipsoids"


@dataclass(frozen=True, eq=False, slots=True)
class MarginShown:
    """A margin with all that is said beside it.

    Attributes
    ----------
    body
        As it stands in the plan, or would be put there.
    moving
        A needle is being dragged: the numbers are live and not yet in the plan.
    stale
        Why the stored numbers no longer hold; empty while they do.
    """

    name: str
    frame_uid: str
    map: MarginMap
    body: AblationMarginBody
    moving: bool = False
    stale: str = ""

    def lines(self) -> tuple[str, ...]:
        """What is written above the map: least margins, then what they stand on."""
        name = f"{self.name} · {self.body.kind} margin{' (moving)' if self.moving else ''}"
        return margin_lines(name, self.body, self.stale)


def margin_lines(name: str, body: AblationMarginBody, stale: str = "") -> tuple[str, ...]:
    """A margin in words: its name, the least margins, then what they stand on."""
    found = [name, *_numbers(body)]
    if body.kind == ACHIEVED:
        error = body.registration_error_mm
        found.append(
            "not measurable: registration error unknown"
            if error is None
            else f"registration ± {shown(error, 'mm', digits=1)}"
            + (": the margin is not larger than this error" if body.within_registration_error else "")
        )
    else:
        charts = ", ".join(f"chart from {each}" for each in body.tissues)
        found.append(f"{GEOMETRIC}{'; ' + charts if charts else ''}")
    return (*found, *body.heat_sinks, *((stale,) if stale else ()))


def _numbers(body: AblationMarginBody) -> list[str]:
    """Least margins in words; an achieved margin without a registration error has none."""
    if body.kind == ACHIEVED and body.registration_error_mm is None:
        return []
    wanted = f" (wanted {shown(body.required_mm, 'mm', digits=0)})" if body.required_mm is not None else ""
    found = [f"least {least(body.mean)}{wanted}, 5th percentile {shown(body.mean.percentile_5_mm, 'mm', digits=1)}"]
    if body.kind != ACHIEVED:
        found[0] = "mean zone: " + found[0]
        smaller = "the chart gives no deviation" if body.minus_sd is None else f"least {least(body.minus_sd)}"
        found.insert(0, f"at -1 SD: {smaller}")
    if body.excluded_fraction is not None:
        kept = "no surface left" if body.without_capsule is None else least(body.without_capsule)
        found.append(f"away from the capsule: least {kept} ({100.0 * body.excluded_fraction:.0f} % left out)")
    return found


def least(numbers: MarginNumbers | None) -> str:
    """The least margin in words."""
    return UNKNOWN if numbers is None else shown(numbers.minimum_mm, "mm", digits=1)


@dataclass(frozen=True, eq=False, slots=True)
class ZonesShown:
    """The planned zones of one frame of reference. `minus_sd` is None where a chart gives no deviation."""

    frame_uid: str
    mean: tuple[Zone, ...] = ()
    minus_sd: tuple[Zone, ...] | None = None
    plus_sd: tuple[Zone, ...] | None = None
    simulated: bool = False


class MarginDesk:
    """Shared by panes; filled by the open case."""

    def __init__(self) -> None:
        self.shown: Value[MarginShown | None] = Value(None)
        self.zones: Value[ZonesShown | None] = Value(None)

    def clear(self) -> None:
        self.shown.set(None)
        self.zones.set(None)


@dataclass(frozen=True, slots=True)
class Bin:
    """One colour of the legend with its share of the surface, None when unknown."""

    word: str
    colour: str
    share: float | None = field(default=None)


def bins_of(body: AblationMarginBody) -> tuple[Bin, ...]:
    """Legend of a margin, the worst first: of the smaller zone where the chart gives one, as the map shows it."""
    shares = (body.minus_sd or body.mean).surface_fraction
    return tuple(
        Bin(word, colour, shares.get(key))
        for key, word, colour in zip(("lt_0", "0_5", "5_10", "ge_10"), BIN_WORDS, BIN_COLOURS, strict=True)
    )
