"""What the needle panel and the skin map show of a session and of a search. Values only, no widget is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from planner.app.needle_paths import SessionSearch
from planner.app.needle_structures import StructureState
from planner.imaging.structures import spoken_name
from planner.planning.path_limits import gantry_room_mm
from planner.planning.path_search import FoundPath, PathSearch
from planner.units import shown
from viewers.panels.needle_panel import PathLine, StructureLine
from viewers.state.needles import STANDINGS, names_of, standing_of
from viewers.state.skin_map import ADMISSIBLE, NOT_CHECKED, REJECTED, SkinMap, unrolled
from viewers.state.view_state import as_point

UNVERIFIED = ("M", "P")
"""Evidence tags of limits that nobody has verified."""
REASONS_SHOWN = 4
GENERAL_WORDS = {
    "length": "longer than the device",
    "out_of_plane": "too far out of the axial plane",
    "below_horizontal": "from below: the table is in the way",
    "gantry": "no room in the gantry",
    "capsule": "too flat at the capsule",
    "organ": "too little organ before the target",
    "outside_body": "leaves the body on its way",
    "body_again": "another part of the body lies before the entry",
}


def structure_lines(states: Sequence[StructureState]) -> tuple[StructureLine, ...]:
    return tuple(
        StructureLine(
            each.key,
            each.status,
            each.limit.required,
            each.limit.hard_mm,
            each.limit.desired_mm,
            f"{each.limit.source} [{each.limit.tag}]" + ("\nchanged from the template's" if each.changed else ""),
            each.limit.tag in UNVERIFIED,
        )
        for each in states
    )


def path_lines(found: PathSearch, paths: Sequence[FoundPath]) -> tuple[PathLine, ...]:
    lines = []
    for number, path in enumerate(paths, start=1):
        length = shown(path.needle.length_mm, "mm", digits=0)
        title = f"{number} · {length} · in {path.in_plane_deg:.0f}° · out {path.out_of_plane_deg:.0f}°"
        lines.append(PathLine(title, nearest_words(found, path)))
    return tuple(lines)


def nearest_words(found: PathSearch, path: FoundPath) -> str:
    """``▲ 4.2 mm from bone at 21 mm`` of the structure with the least room, or that none was there to be measured."""
    limits = {each.key: each for each in found.setting.obstacles.items}
    if not path.clearances:
        return "no structure was there to be measured"
    key = min(path.clearances, key=lambda each: path.clearances[each].mm - limits[each].hard_mm)
    near, limit = path.clearances[key], limits[key]
    mark = STANDINGS[standing_of(near.mm, limit.hard_mm, limit.desired_mm)]
    depth = shown(near.depth_mm, "mm", digits=0)
    return f"{mark.shape} {shown(near.mm, 'mm', digits=1)} from {spoken_name(key)} at {depth}"


def summary_of(search: SessionSearch) -> str:
    """How many entries were evaluated, how many keep the limits, what was not checked, and by what they are ranked."""
    found = search.found
    many = f"{found.candidates:,}".replace(",", " ")
    kept = f"{found.feasible:,}".replace(",", " ")
    text = f"{many} entries evaluated in {found.seconds:.1f} s; {kept} keep every limit that could be checked."
    if found.not_checked:
        text += f" None is called admissible: NOT CHECKED: {names_of(found.not_checked)}."
    unknown = gantry_words(found)
    if unknown:
        text += f" {unknown}"
    ranking = ", ".join(each.replace("_", " ") for each in found.ranking)
    return f"{text} Ranked by: {ranking}."


def gantry_words(found: PathSearch) -> str:
    """Why the room in the gantry was not checked although the rules limit it; empty where it was."""
    setting = found.setting
    if gantry_room_mm(setting) is None:
        return ""
    if setting.gantry_centre_lps_mm is None:
        return "NOT CHECKED: room in the gantry (the series does not say where its axis lies)."
    if setting.usable_length_mm is None:
        return "NOT CHECKED: room in the gantry (the device's length is not stated)."
    return ""


def rejection_lines(found: PathSearch) -> tuple[str, ...]:
    """How many entries each limit keeps out, the most frequent first; an entry counts by its worst limit."""
    reason = found.skin_map().reason
    counts = np.bincount(reason, minlength=len(found.reason_names))
    order = [code for code in np.argsort(-counts, kind="stable") if code > 0 and counts[code] > 0]
    lines = []
    for code in order[:REASONS_SHOWN]:
        name = found.reason_names[code]
        words = GENERAL_WORDS.get(name) or f"too near to {spoken_name(name)}"
        lines.append(f"{counts[code]} entries: {words}")
    return tuple(lines)


class Sentences(Sequence[str]):
    """Why each entry is rejected, or what it leaves; made when somebody points at it."""

    def __init__(self, found: PathSearch) -> None:
        self._found = found

    def __len__(self) -> int:
        return self._found.candidates

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        broken = self._found.rejection(index)
        if broken:
            return one_sentence("Rejected: " + "; ".join(broken))
        path = self._found.path(index)
        missing = self._found.not_checked
        begin = f"NOT CHECKED: {names_of(missing, most=3)}" if missing else "Keeps every limit"
        length = shown(path.needle.length_mm, "mm", digits=0)
        return one_sentence(f"{begin}; {length}, nearest {nearest_words(self._found, path)}")


def one_sentence(text: str) -> str:
    """Without control characters: names of structures may come from files."""
    return "".join(each if each.isprintable() else " " for each in text)


def skin_map_of(search: SessionSearch) -> SkinMap:
    """The entries of a search as the skin map draws them; the colour scale runs from the last to the first choice."""
    found = search.found
    kept = found.measured.broken == 0
    standing = np.where(kept, NOT_CHECKED if found.not_checked else ADMISSIBLE, REJECTED).astype(np.uint8)
    score = np.where(kept, found.scores, np.nan)
    if kept.any():
        low, high = float(np.nanmin(score)), float(np.nanmax(score))
        score = (score - low) / (high - low) if high > low else np.where(kept, 1.0, np.nan)
    return unrolled(
        search.task.frame_uid,
        as_point(found.setting.target.point_lps_mm),
        found.measured.entry_lps_mm,
        standing,
        score.astype(np.float32),
        Sentences(found),
        checked=found.setting.obstacles.keys,
        not_checked=found.not_checked,
        ranking=found.ranking,
        reason=found.skin_map().reason,
        reasons=found.reason_names,
    )
