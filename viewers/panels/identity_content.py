"""Proposals of who is who on two days, in words: sizes of both, the error of the link, what a person has said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from planner.app.lesion_identity import IdentityProposals, ProposedIdentity, StudyDay
from planner.app.marking import region_of
from planner.model.case import Case
from planner.model.disease import Lesion
from planner.model.items import REGION, RegionBody
from planner.planning.lesion_matching import IdentityKind
from planner.planning.size_change import GROWN, SHRUNK
from planner.units import shown
from viewers.state.theme import ACCENT, QUIET, WARN, StateMark

KIND_MARKS: Mapping[IdentityKind, StateMark] = {
    IdentityKind.SAME: StateMark("=", "same", ACCENT),
    IdentityKind.VANISHED: StateMark("∅", "vanished?", ACCENT),
    IdentityKind.NEW: StateMark("+", "new?", WARN),
    IdentityKind.SPLIT: StateMark("⑂", "split", ACCENT),
    IdentityKind.MERGED: StateMark("⊃", "merged", ACCENT),
    IdentityKind.AMBIGUOUS: StateMark("?", "ambiguous", WARN),
    IdentityKind.NOT_SHOWN: StateMark("–", "not shown", QUIET),
}
GROWTH = {GROWN: "▲ grown", SHRUNK: "▼ shrunk"}
CONFIRMS: Mapping[IdentityKind, str] = {
    IdentityKind.SAME: "Confirm: the same",
    IdentityKind.VANISHED: "Confirm: gone",
    IdentityKind.SPLIT: "Confirm: split",
    IdentityKind.MERGED: "Confirm: merged",
    IdentityKind.NOT_SHOWN: "Confirm: not evaluable",
}
"""Kinds that can be confirmed as proposed. A new and an ambiguous one cannot: nothing is preselected."""
HEADINGS = ("Proposal", "Earlier", "New images", "Sizes", "Answer")


@dataclass(frozen=True, slots=True)
class IdentityLine:
    """One row of the panel.

    Attributes
    ----------
    answer
        What a person has said of it already; None while nobody has.
    """

    proposed: ProposedIdentity
    mark: StateMark
    kind: str
    earlier: str
    later: str
    sizes: str
    why: str
    answer: str | None

    @property
    def confirm(self) -> str | None:
        return CONFIRMS.get(self.proposed.identity.kind)

    @property
    def joined(self) -> tuple[str, IdentityKind] | None:
        """Of an ambiguous group: what a person may call all of it, in words, where its numbers allow that."""
        identity = self.proposed.identity
        if identity.kind is not IdentityKind.AMBIGUOUS:
            return None
        before, after = len(identity.earlier), len(identity.later)
        if before == 1 and after > 1:
            return "Split into these", IdentityKind.SPLIT
        return ("Merged into this", IdentityKind.MERGED) if before > 1 and after == 1 else None

    @property
    def may_be_new(self) -> bool:
        return len(self.proposed.identity.later) >= 1 and self.proposed.identity.kind is not IdentityKind.SPLIT

    @property
    def may_be_other(self) -> bool:
        return bool(self.proposed.identity.later)

    @property
    def may_be_not_evaluable(self) -> bool:
        kind = self.proposed.identity.kind
        return bool(self.proposed.identity.earlier) and kind not in (IdentityKind.NOT_SHOWN, IdentityKind.MERGED)


def lines_of(case: Case, found: IdentityProposals) -> tuple[IdentityLine, ...]:
    """Rows in the order of the proposals, with what the case says of each by now."""
    return tuple(_line(case, found.new, each) for each in found.rows)


def _line(case: Case, new: StudyDay, row: ProposedIdentity) -> IdentityLine:
    identity, change = row.identity, row.identity.change
    mark = KIND_MARKS[identity.kind]
    growth = GROWTH.get(change.kind or "", "") if change is not None else ""
    segment = f" · S{row.segment}" if row.segment else ""
    differs = " (the lesion says otherwise)" if row.segment_differs else ""
    treated = [] if not row.treated_in else [f"treated in between: {', '.join(_titles(case, row.treated_in))}"]
    return IdentityLine(
        row,
        mark,
        " ".join(each for each in (mark.shape, mark.word, growth) if each),
        " + ".join(row.lesion_names) or "–",
        (" + ".join(row.region_names) or "–") + segment + differs,
        _sizes(case, row),
        "; ".join((row.words, *identity.reasons, *treated)),
        answer_of(case, new, row),
    )


def _titles(case: Case, session_ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.title for each in case.sessions if each.id in session_ids)


def _sizes(case: Case, row: ProposedIdentity) -> str:
    """``31 mm → 24 mm · 15 mL → 7 mL``; a dash is not known, and no zero."""
    change = row.identity.change
    if change is None:
        return _one_side(case, row)
    parts = []
    for before, after, unit in ((change.before_mm, change.after_mm, "mm"), (change.before_ml, change.after_ml, "mL")):
        if before is not None or after is not None:
            parts.append(f"{shown(before, unit)} → {shown(after, unit)}")
    return " · ".join(parts) or "not measured"


def _one_side(case: Case, row: ProposedIdentity) -> str:
    """Sizes where there is nothing to compare with: of the regions as drawn, of the lesions as last measured."""
    bodies = [body for each in row.identity.later if (body := _body(case, each)) is not None]
    after = [f"– → {shown(each.longest_mm, 'mm')}, {shown(each.volume_ml, 'mL')}" for each in bodies]
    lesions = [each for each in (case.lesion(name) for name in row.identity.earlier) if each is not None]
    seen = [
        max((e for e in each.observations if e.longest_mm), key=lambda e: e.study_date, default=None)
        for each in lesions
    ]
    before = [f"{shown(each.longest_mm, 'mm')}, {shown(each.volume_ml, 'mL')} → –" for each in seen if each is not None]
    return "; ".join((*before, *after)) or "–"


def _body(case: Case, item_id: str) -> RegionBody | None:
    found = (session.item(item_id) for session in case.sessions)
    item = next((each for each in found if each is not None and each.type == REGION), None)
    return None if item is None else region_of(item)


def answer_of(case: Case, new: StudyDay, row: ProposedIdentity) -> str | None:
    """What a person has said of a proposal, as the case holds it: undo takes it back."""
    lesions = [each for each in (case.lesion(name) for name in row.identity.earlier) if each is not None]
    if not row.identity.later:
        said = [_gone(each, new.on) for each in lesions]
        return None if not said or None in said else "; ".join(str(each) for each in said)
    holders = [_holder(case, item_id) for item_id in row.identity.later]
    if any(
        each is None or not _seen_as(each, item, new.on) for each, item in zip(holders, row.identity.later, strict=True)
    ):
        gone = [_not_evaluable(each, new.on) for each in lesions]
        return "; ".join(str(each) for each in gone) if gone and None not in gone else None
    return "; ".join(dict.fromkeys(_words(each) for each in holders if each is not None))


def _holder(case: Case, item_id: str) -> Lesion | None:
    """The lesion that a region is drawn as."""
    body = _body(case, item_id)
    return None if body is None else case.lesion(body.lesion_id or "")


def _seen_as(lesion: Lesion, item_id: str, on: date | None) -> bool:
    """A person has said who it is: the observation of the region is there, and so is the name."""
    seen = [each for each in lesion.observations if each.region_item_id == item_id and on in (None, each.study_date)]
    return lesion.identity_by is not None and bool(seen)


def _words(lesion: Lesion) -> str:
    kind = "new lesion" if lesion.role == "new" else "part or sum of others" if lesion.parents else "is"
    return f"✓ {kind} {lesion.name} · {lesion.identity_by}"


def _gone(lesion: Lesion, on: date | None) -> str | None:
    seen = next((each for each in lesion.observations if each.study_date == on and each.region_item_id is None), None)
    if seen is None or seen.state not in ("absent", "not-evaluable") or lesion.identity_by is None:
        return None
    word = "gone" if seen.state == "absent" else "not evaluable"
    return f"✓ {lesion.name} {word} · {seen.read_by or lesion.identity_by}"


def _not_evaluable(lesion: Lesion, on: date | None) -> str | None:
    said = _gone(lesion, on)
    return said if said is not None and "not evaluable" in said else None


def nearest_words(found: IdentityProposals, region_id: str, names: Mapping[str, str]) -> str:
    """Which known lesions lie near a region, and how near; for the question whether it is new."""
    meetings = [each for row in found.rows for each in row.identity.meetings if each.later_id == region_id]
    near = sorted({(each.gap_mm, names.get(each.earlier_id, each.earlier_id)) for each in meetings})
    if not near:
        return "No known lesion lies near it by this link."
    listed = ", ".join(f"{name} {shown(gap, 'mm')} away" if gap else f"{name} overlaps it" for gap, name in near[:3])
    return f"Nearest known lesions by this link: {listed}."
