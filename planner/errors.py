"""Two families of error, and the cancellation of a job.

`OperatorError`: a person can act on it; its message is one sentence saying what, where and what to do.
`BugError`: ours; it is logged and reported, never explained away.
"""

from __future__ import annotations


class SeldingerError(Exception):
    """Base of every error raised on purpose by this program."""


class OperatorError(SeldingerError):
    """Something the operator can act on.

    Parameters
    ----------
    code
        Stable machine-readable code such as ``missing-spacing``.
    message
        One sentence for the operator: what, where, what to do.
    subject
        What it is about (file name, series UID, stage id), or None.
    """

    def __init__(self, code: str, message: str, *, subject: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.subject = subject


class InputRefused(OperatorError):
    """Input from outside (image, file, archive, document) that is refused. Exit code 4 on the command line."""


class UsageError(OperatorError):
    """The request itself is wrong (unknown name, impossible combination). Exit code 2 on the command line."""


class FrameMismatch(OperatorError):
    """Two things of different frames of reference were about to be combined."""


class StoreError(OperatorError):
    """The library could not be read or written; nothing already saved has changed."""


class EditConflict(StoreError):
    """Somebody else saved this case since it was opened; nothing was overwritten."""


class BugError(SeldingerError):
    """A broken promise inside the program."""


class Cancelled(SeldingerError):
    """The operator cancelled the running job."""
