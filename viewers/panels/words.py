"""Words a person reads for codes that templates, sessions and findings carry."""

from __future__ import annotations

from collections.abc import Sequence

from planner.findings import Finding
from planner.model.people import Sex
from planner.model.session import SessionState

STATES = {
    SessionState.DRAFT: "draft",
    SessionState.PLANNED: "planned",
    SessionState.BOOKED: "booked",
    SessionState.READY: "ready",
    SessionState.IN_ROOM: "in the room",
    SessionState.DONE: "done",
    SessionState.RECOVERED: "recovered",
    SessionState.DISCHARGED: "discharged",
    SessionState.OUTCOME_READ: "outcome read",
    SessionState.CLOSED: "closed",
    SessionState.POSTPONED: "postponed",
    SessionState.CANCELLED: "cancelled",
    SessionState.NOTHING_GIVEN: "attempted, nothing given",
    SessionState.ABORTED: "aborted",
}

SEXES = {Sex.FEMALE: "female", Sex.MALE: "male", Sex.OTHER: "other"}

GROUPS = {
    "required-empty": "Still empty",
    "inherited-to-review": "Carried over, to be looked at",
    "item-to-review": "Copied marks, to be looked at",
    "lab-outside-window": "Laboratory values out of date",
    "out-of-range": "Out of range",
    "not-checked": "NOT CHECKED",
}
"""Code of a finding -> what a folded group of them is called."""

TAGS = {
    "S": "read in its source",
    "S2": "read in a secondary source",
    "calc": "computed",
    "M": "unverified default (not read in a source)",
    "P": "unverified default (practice)",
}
"""Evidence tag of a rule or limit -> what it means."""


def state_word(state: str) -> str:
    """A session's state in words; an unknown code as it is."""
    known = {each.value: word for each, word in STATES.items()}
    return known.get(state, state)


def role_word(role: str) -> str:
    """``ward-doctor`` -> ``ward doctor``."""
    return role.replace("-", " ")


def group_title(findings: Sequence[Finding]) -> str:
    """What several findings of one code have in common, in words."""
    code = findings[0].code
    return GROUPS.get(code, code.replace("-", " ").capitalize())


def short_name(finding: Finding) -> str:
    """What a finding of a group is about: the beginning of its sentence."""
    text = finding.text.removeprefix("NOT CHECKED: ")
    for end in (" is not filled in", " was carried over", " was copied", " is of ", ":"):
        text = text.split(end)[0]
    return text.strip(" .")
