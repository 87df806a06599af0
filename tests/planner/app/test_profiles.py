"""An institution edits a limit: it is kept, marked as unverified, and the shipped profile stays."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from planner.app.profiles import profile_toml, save_edited, site_profiles
from planner.errors import UsageError
from planner.workflow.profiles import load_profiles

DAY = date(2026, 3, 4)


def test_that_every_shipped_profile_written_out_reads_back_the_same(tmp_path: Path) -> None:
    shipped = load_profiles()
    for profile in shipped.values():
        (tmp_path / f"{profile.id}.toml").write_text(profile_toml(profile), encoding="utf-8")
    assert {key: each.digest for key, each in load_profiles(tmp_path).items()} == {
        key: each.digest for key, each in shipped.items()
    }


def test_that_an_edited_limit_is_kept_with_who_set_it_and_counts_as_unverified(tmp_path: Path) -> None:
    shipped = load_profiles()["bclc-cirse"]
    save_edited(shipped, {"inr_window_days": 7}, by="Dr Müller", on=DAY, folder=tmp_path)
    kept = site_profiles(tmp_path)["bclc-cirse"]
    limit = kept.limit("inr_window_days")
    assert limit.value == 7
    assert limit.tag == "P"
    assert "Dr Müller" in limit.source
    assert kept.version != shipped.version
    assert load_profiles()["bclc-cirse"].digest == shipped.digest


def test_that_a_limit_of_the_wrong_kind_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must stay a value"):
        save_edited(load_profiles()["bclc-cirse"], {"inr_window_days": "a week"}, by="x", on=DAY, folder=tmp_path)
    assert site_profiles(tmp_path) == {}
