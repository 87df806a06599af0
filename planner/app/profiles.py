"""The institution's own numbers: edited profiles are files of the account and take the place of the shipped ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import platformdirs

from planner import APPLICATION
from planner.errors import StoreError
from planner.files import whole_file
from planner.workflow.profiles import edited, load_profiles
from planner.workflow.template import Profile


def site_folder() -> Path:
    """Where edited profiles of this account lie; it need not exist."""
    return platformdirs.user_config_path(APPLICATION, appauthor=False) / "profiles"


def site_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """The edited profiles by id; none when nobody has edited any.

    Raises
    ------
    TemplateRefused
        With every problem of every file: a profile that is half understood is not used.
    """
    place = folder or site_folder()
    return load_profiles(place) if place.is_dir() else {}


def save_edited(
    profile: Profile, changes: Mapping[str, Any], *, by: str, on: date, folder: Path | None = None
) -> Profile:
    """Change limits of a profile and keep the result as this account's profile of that id.

    Parameters
    ----------
    changes
        Limit name -> new value in the limit's unit.

    Raises
    ------
    UsageError
        As `planner.workflow.profiles.edited`.
    StoreError
        ``profile-not-written``; the profile in force stays as it was.
    """
    changed = edited(profile, changes, by=by, on=on)
    place = folder or site_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with whole_file(place / f"{changed.id}.toml") as stream:
            stream.write(profile_toml(changed).encode("utf-8"))
    except OSError as error:
        raise StoreError(
            "profile-not-written", f"The profile could not be written ({error.strerror}); nothing was changed."
        ) from error
    return changed


def profile_toml(profile: Profile) -> str:
    """A profile as its file says it; reading it back gives the same digest."""
    lines = ["[profile]", *(f"{key} = {_value(getattr(profile, key))}" for key in ("id", "title", "version")), ""]
    for name, limit in profile.limits.items():
        lines.append(f"[limits.{name}]")
        for key in ("value", "unit", "label", "source", "tag"):
            held = getattr(limit, key)
            if held is not None:
                lines.append(f"{key} = {_value(held)}")
        lines.append("")
    for rule, constants in profile.rule_overrides.items():
        lines.append(f"[rules.{rule}]")
        lines += [f"{name} = {_value(each)}" for name, each in constants.items()]
        lines.append("")
    return "\n".join(lines)


def _value(held: Any) -> str:
    """A TOML value. JSON strings are TOML basic strings."""
    if isinstance(held, bool):
        return "true" if held else "false"
    if isinstance(held, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_value(each)}" for key, each in held.items()) + " }"
    if isinstance(held, (list, tuple)):
        return "[" + ", ".join(_value(each) for each in held) + "]"
    if isinstance(held, (int, float)):
        return repr(held)
    return json.dumps(str(held), ensure_ascii=False)
