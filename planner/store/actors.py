"""Who acts, in which role, at which workstation; and for which reason a revision is written."""

from __future__ import annotations

import getpass
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import metadata


class SaveReason(StrEnum):
    """Why a revision was written. A code, never free text: nothing about a patient can get into the audit trail."""

    CREATED = "created"
    SAVE = "save"
    AUTOSAVE = "autosave"
    SIGN = "sign"
    TIME_OUT = "time-out"
    CLOSE = "close"
    IMPORT = "import"
    RESTORE = "restore"
    CONFLICT = "conflict"


class Action(StrEnum):
    """What an audit entry says was done."""

    CREATED = "case-created"
    OPENED = "case-opened"
    SAVED = "saved"
    CONFLICT = "kept-as-branch"
    SIGNED = "signed"
    OVERRIDDEN = "overridden"
    EXPORTED = "exported"
    PRINTED = "printed"
    ATTACHED = "images-attached"
    COPIED = "images-copied"
    RELINKED = "images-relinked"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at a workstation.

    Attributes
    ----------
    role
        ``viewer``, ``planner``, ``approver`` or whatever the institution calls it.
    """

    user: str
    role: str = "planner"
    workstation: str = ""

    @staticmethod
    def here(user: str | None = None, role: str = "planner") -> Actor:
        """The person at this machine: the account of the operating system when no name is given."""
        return Actor(user or _account(), role, platform.node())


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container without a password entry has no account name.
        return "unknown"


@cache
def software_version() -> str:
    """The version of this program, as revisions and audit entries remember it."""
    try:
        return metadata.version("seldinger")
    except metadata.PackageNotFoundError:
        return "uninstalled"


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Stored form of a moment: ISO 8601 in UTC with microseconds, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
