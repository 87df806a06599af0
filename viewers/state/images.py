"""The loaded volumes, and which one is asked for by which role."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from planner.imaging import ImageSource, Volume
from planner.imaging.growing import PartialVolume
from viewers.state.signals import Signal


def series_key(volume: Volume) -> str:
    """``series_uid#part``: how sessions, windows and panes name a volume."""
    return f"{volume.source.series_uid}#{volume.source.part}"


class ImageSet:
    """Volumes in memory.

    A role (``arterial``, ``portal-venous``, ``follow-up`` …) names at most one volume. The primary volume is what a
    pane shows that asks for nothing else; its frame of reference is the one other volumes are linked to.

    Attributes
    ----------
    changed
        A volume came or went, a role, a source or the primary volume changed.
    phase_asked
        A person wants the contrast phase of a volume to be another one (None: it cannot be told).
    phase_is_kept
        Whether there is a case that keeps what `phase_asked` asks for.
    """

    def __init__(self) -> None:
        self._volumes: dict[str, Volume] = {}
        self._arriving: dict[str, PartialVolume] = {}
        self._roles: dict[str, str] = {}
        self._primary: str | None = None
        self.changed: Signal[[]] = Signal()
        self.phase_asked: Signal[[str, str | None]] = Signal()
        self.phase_is_kept = False

    def add(self, volume: Volume, *, role: str | None = None) -> str:
        """Take a volume in, or replace the one of the same series and part; returns its key."""
        key = series_key(volume)
        self._arriving.pop(key, None)
        self._volumes[key] = volume
        if role is not None:
            self._roles[role] = key
        if self._primary is None:
            self._primary = key
        self.changed.emit()
        return key

    def put_source(self, key: str, source: ImageSource) -> None:
        """Know something else about the same voxels."""
        before = self._volumes.get(key)
        if before is not None and before.source != source:
            self._volumes[key] = Volume(before.voxels, before.grid, source)
            self.changed.emit()

    def arrive(self, partial: PartialVolume) -> None:
        """Show what is read of a volume until `add` brings the whole; nothing is measured on it."""
        key = series_key(partial)
        if key not in self._volumes:
            self._arriving[key] = partial
            self.changed.emit()

    def depart(self, key: str) -> None:
        """It will not come: reading failed or was cancelled."""
        if self._arriving.pop(key, None) is not None:
            self.changed.emit()

    def to_look_at(self, key: str | None) -> Volume | None:
        """The volume, or what is read of it so far."""
        return None if key is None else self._volumes.get(key) or self._arriving.get(key)

    @property
    def arriving_key(self) -> str | None:
        """The volume that is being read first, while none is whole."""
        return None if self._volumes else next(iter(self._arriving), None)

    @property
    def to_see(self) -> tuple[Volume, ...]:
        """All that can be looked at, whole volumes first."""
        return (*self._volumes.values(), *self._arriving.values())

    def remove(self, key: str) -> None:
        if self._volumes.pop(key, None) is None:
            return
        self._roles = {role: each for role, each in self._roles.items() if each != key}
        if self._primary == key:
            self._primary = next(iter(self._volumes), None)
        self.changed.emit()

    def clear(self) -> None:
        if self._volumes or self._arriving:
            self._volumes, self._arriving, self._roles, self._primary = {}, {}, {}, None
            self.changed.emit()

    def set_role(self, role: str, key: str | None) -> None:
        """Give a role to a loaded volume; None takes it away."""
        if key is None:
            changed = self._roles.pop(role, None) is not None
        else:
            changed = key in self._volumes and self._roles.get(role) != key
            if changed:
                self._roles[role] = key
        if changed:
            self.changed.emit()

    def set_primary(self, key: str) -> None:
        if key in self._volumes and key != self._primary:
            self._primary = key
            self.changed.emit()

    def volume(self, key: str | None) -> Volume | None:
        return None if key is None else self._volumes.get(key)

    def key_for(self, role: str | None) -> str | None:
        """The volume a pane of this role shows: the role's, else the primary one."""
        return self._roles.get(role, self._primary) if role is not None else self._primary

    def is_linked(self, key: str | None) -> bool:
        """Whether a volume lies in the primary volume's frame of reference: only then do the cursors mean the same."""
        volume, primary = self.volume(key), self.primary
        return volume is not None and primary is not None and volume.grid.frame_uid == primary.grid.frame_uid

    @property
    def volumes(self) -> Mapping[str, Volume]:
        """By key, in the order of loading."""
        return MappingProxyType(self._volumes)

    @property
    def roles(self) -> Mapping[str, str]:
        return MappingProxyType(self._roles)

    @property
    def primary_key(self) -> str | None:
        return self._primary

    @property
    def primary(self) -> Volume | None:
        return self.volume(self._primary)
