"""Limits and assumptions of measuring on runs: ``resources/run_measuring.toml``, each with source and tag."""

from __future__ import annotations

from planner.catalogues import catalogue


def setting(name: str) -> float:
    """The number of an entry."""
    return float(catalogue("run_measuring.toml")[name]["value"])


def source_and_tag(name: str) -> tuple[str, str]:
    """Where the number comes from, and its evidence tag."""
    entry = catalogue("run_measuring.toml")[name]
    return str(entry["source"]), str(entry["tag"])
