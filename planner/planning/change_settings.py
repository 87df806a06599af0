"""Limits and assumptions of comparing two dates: ``resources/change_measuring.toml``, each with source and tag."""

from __future__ import annotations

from planner.catalogues import catalogue

_FILE = "change_measuring.toml"


def setting(name: str) -> float:
    """The number of an entry, in its unit."""
    return float(catalogue(_FILE)[name]["value"])


def source_and_tag(name: str) -> tuple[str, str]:
    """Where the number comes from, and its evidence tag."""
    entry = catalogue(_FILE)[name]
    return str(entry["source"]), str(entry["tag"])
