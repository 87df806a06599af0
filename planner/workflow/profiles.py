"""Institution profiles: the numbers a hospital works by, versioned, each with its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from planner.catalogues import resource
from planner.errors import UsageError
from planner.model.codec import digest
from planner.workflow.reading import Problems, Table, plain, read_toml
from planner.workflow.template import Limit, Profile
from planner.workflow.validation import TAGS, among
from planner.workflow.vocabulary import Vocabulary, shipped_vocabulary

EDITED_TAG = "P"
"""A number typed by the institution is practice: no source was read."""


def load_profiles(folder: Path | None = None, *, vocabulary: Vocabulary | None = None) -> dict[str, Profile]:
    """Every profile of a folder by id (``resources/profiles`` by default).

    Raises
    ------
    TemplateRefused
        With every problem of every profile.
    """
    folder = folder or resource("profiles")
    problems = Problems()
    names = vocabulary or shipped_vocabulary()
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        profile = _read(path, names, problems)
        if profile is not None and profile.id in found:
            problems.note(path.name, "duplicate-id", f"the profile {profile.id!r} exists twice.")
        elif profile is not None:
            found[profile.id] = profile
    problems.raise_if_any("profiles")
    return found


def _read(path: Path, vocabulary: Vocabulary, problems: Problems) -> Profile | None:
    top = read_toml(path, problems)
    if top is None:
        return None
    head = top.table("profile")
    if head is None:
        problems.note(top.place, "missing-key", "the table [profile] is missing.")
        return None
    texts = {key: head.text(key, required=True) or "" for key in ("id", "title", "version")}
    head.text("description")
    head.close()
    limits = {name: _limit(table, vocabulary, problems) for name, table in top.named_tables("limits").items()}
    overrides = top.named_tables("rules")
    for name, table in overrides.items():
        among(table.place, name, vocabulary.rules, "rule", problems)
    top.close()
    return with_digest(
        Profile(
            id=texts["id"],
            title=texts["title"],
            version=texts["version"],
            digest="",
            limits=MappingProxyType(limits),
            rule_overrides=MappingProxyType({name: plain(table.data) for name, table in overrides.items()}),
        )
    )


def _limit(table: Table, vocabulary: Vocabulary, problems: Problems) -> Limit:
    value = table.any("value")
    if value is None:
        problems.note(table.place, "missing-key", "value is missing.")
    limit = Limit(
        value=plain(value),
        source=table.text("source", required=True) or "",
        tag=table.text("tag", required=True) or "",
        unit=table.text("unit"),
        label=table.text("label") or "",
    )
    table.close()
    if limit.tag:
        among(f"{table.place}.tag", limit.tag, TAGS, "evidence tag", problems)
    if limit.unit is not None:
        among(f"{table.place}.unit", limit.unit, vocabulary.units, "unit", problems)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        problems.note(table.place, "missing-key", 'a number needs a unit (UCUM; "1" for counts and ratios).')
    return limit


def with_digest(profile: Profile) -> Profile:
    """The profile with the digest of what it says."""
    content: dict[str, Any] = {
        "id": profile.id,
        "version": profile.version,
        "limits": profile.limits,
        "rules": profile.rule_overrides,
    }
    return replace(profile, digest=digest(content))


def edited(profile: Profile, changes: Mapping[str, Any], *, by: str, on: date) -> Profile:
    """A copy with the institution's own numbers; it has its own version and digest, and says who changed what when.

    Parameters
    ----------
    changes
        Limit name -> new value, in the unit of the limit.

    Raises
    ------
    UsageError
        ``unknown-limit``, ``wrong-type`` (a text where a number stands) or ``unknown-person``.
    """
    if not by.strip():
        raise UsageError("unknown-person", "A changed limit needs the name of the person who changed it.")
    limits = dict(profile.limits)
    for name, value in changes.items():
        old = limits.get(name)
        if old is None:
            raise UsageError("unknown-limit", f"The profile {profile.title} has no limit named {name!r}.", subject=name)
        if not _same_kind(old.value, value):
            raise UsageError("wrong-type", f"{old.label or name} must stay a value like {old.value!r}.", subject=name)
        source = f"set by {by} on {on.isoformat()}; was {old.value} ({old.source})"
        limits[name] = replace(old, value=value, source=source, tag=EDITED_TAG)
    base, _, count = profile.version.partition("+edit")
    number = int(re.sub(r"\D", "", count) or "0") + 1
    return with_digest(replace(profile, version=f"{base}+edit{number}", limits=MappingProxyType(limits)))


def _same_kind(old: Any, new: Any) -> bool:
    numbers = (int, float)
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, numbers):
        return isinstance(new, numbers)
    return isinstance(new, type(old))
