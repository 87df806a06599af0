"""Where a library may lie. SQLite with a write-ahead log corrupts on network shares and in synchronised folders."""

from __future__ import annotations

import os
from pathlib import Path

NETWORK_FILESYSTEMS = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.cephfs",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
"""Types as ``/proc/mounts`` names them. SQLite: "WAL does not work over a network filesystem"."""

SYNCHRONISED_FOLDERS = ("dropbox", "onedrive", "google drive", "googledrive", "com~apple~clouddocs", "nextcloud")
"""How the folders of file synchronisers begin; these copy a database in the middle of a write."""


def filesystem_of(path: Path, mounts: str) -> str | None:
    """The type of the file system a path lies on.

    Parameters
    ----------
    path
        Absolute; need not exist.
    mounts
        Text in the form of ``/proc/mounts``.
    """
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " ").replace("\\011", "\t"))
        if path == point or point in path.parents:
            depth = len(point.parts)
            # The later line wins at the same depth: it is mounted over the earlier one.
            if best is None or depth >= best[0]:
                best = (depth, parts[2])
    return None if best is None else best[1]


def why_unsafe(path: Path, mounts: str | None = None) -> str | None:
    """Why an SQLite library must not lie there, as half a sentence, or None when nothing speaks against it.

    Parameters
    ----------
    mounts
        Text of ``/proc/mounts``; None reads it where it exists.
    """
    absolute = Path(os.path.abspath(path))
    if str(path).startswith(("\\\\", "//")):
        return "lies on a network share"
    for part in absolute.parent.parts:
        if part.casefold().startswith(SYNCHRONISED_FOLDERS):
            return f"lies in the synchronised folder “{part}”"
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    kind = filesystem_of(absolute, mounts)
    return f"lies on a network file system ({kind})" if kind in NETWORK_FILESYSTEMS else None
