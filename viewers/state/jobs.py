"""Background work: immutable inputs in, a value out, applied on the GUI thread if it still holds.

One end of every job is always announced: finished, failed, cancelled or outdated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import Generic, TypeVar

from planner.errors import Cancelled, OperatorError
from planner.jobs import Context
from viewers.state.signals import Signal

Result = TypeVar("Result")
Request = TypeVar("Request")

Post = Callable[[Callable[[], None]], None]
"""Runs a function later on the GUI thread; may be called from any thread."""

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OUTDATED = "outdated"
    """The result came, but what it stood on had changed: it was not applied."""


class Job:
    """One piece of background work, as a jobs panel shows it.

    Attributes
    ----------
    fraction, text
        Progress in [0, 1] and what is being done.
    message
        For a person, at the end: why it failed or was not applied.
    """

    def __init__(self, title: str, group: str | None) -> None:
        self.title = title
        self.group = group
        self.state = JobState.RUNNING
        self.fraction = 0.0
        self.text = ""
        self.message = ""
        self.context = Context()

    def cancel(self) -> None:
        """Ask it to stop; it is announced as cancelled when it has."""
        self.context.cancel()


class JobRunner:
    """Runs jobs on a few threads.

    Parameters
    ----------
    post
        Marshals to the GUI thread; every signal below is emitted there.
    workers
        Threads.

    Attributes
    ----------
    started, progressed, ended
        Tell the `Job`; `ended` is emitted exactly once per job.
    """

    def __init__(self, post: Post, *, workers: int = 2) -> None:
        self._post = post
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._running: list[Job] = []
        self.started: Signal[[Job]] = Signal()
        self.progressed: Signal[[Job]] = Signal()
        self.ended: Signal[[Job]] = Signal()

    @property
    def running(self) -> tuple[Job, ...]:
        return tuple(self._running)

    def submit(
        self,
        title: str,
        work: Callable[[Context], Result],
        done: Callable[[Result], None],
        *,
        still_valid: Callable[[], bool] = lambda: True,
        group: str | None = None,
    ) -> Job:
        """Start a job.

        Parameters
        ----------
        work
            Runs in a thread; must touch nothing that changes.
        done
            Applies the result on the GUI thread, when `still_valid` says so.
        group
            A newer job of the same group cancels the older one (live previews).
        """
        for older in self._running:
            if group is not None and older.group == group:
                older.cancel()
        job = Job(title, group)
        job.context.report = lambda fraction, text: self._post(lambda: self._progress(job, fraction, text))
        self._running.append(job)
        self.started.emit(job)
        self._executor.submit(self._run, job, work, done, still_valid)
        return job

    def cancel_all(self) -> None:
        for job in self._running:
            job.cancel()

    def shutdown(self) -> None:
        """Cancel everything and wait until the threads have stopped."""
        self.cancel_all()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(
        self,
        job: Job,
        work: Callable[[Context], Result],
        done: Callable[[Result], None],
        still_valid: Callable[[], bool],
    ) -> None:
        try:
            job.context.step(0.0)
            result = work(job.context)
            job.context.step(1.0)
        except Cancelled:
            self._post(lambda: self._end(job, JobState.CANCELLED, "Cancelled."))
        except OperatorError as error:
            message = error.message
            self._post(lambda: self._end(job, JobState.FAILED, message))
        except Exception as error:
            _log.exception("job failed: %s", job.title)
            message = f"{job.title} failed: {error}"
            self._post(lambda: self._end(job, JobState.FAILED, message))
        else:
            self._post(lambda: self._finish(job, result, done, still_valid))

    def _progress(self, job: Job, fraction: float, text: str) -> None:
        if job.state is JobState.RUNNING:
            job.fraction, job.text = fraction, text or job.text
            self.progressed.emit(job)

    def _finish(
        self, job: Job, result: Result, done: Callable[[Result], None], still_valid: Callable[[], bool]
    ) -> None:
        if job.context.is_cancelled:
            self._end(job, JobState.CANCELLED, "Cancelled.")
            return
        if not still_valid():
            self._end(job, JobState.OUTDATED, f"{job.title}: the plan has changed meanwhile, nothing was applied.")
            return
        try:
            done(result)
        except OperatorError as error:
            self._end(job, JobState.FAILED, error.message)
        except Exception:
            self._end(job, JobState.FAILED, f"{job.title}: the result could not be applied.")
            raise
        else:
            self._end(job, JobState.FINISHED, "")

    def _end(self, job: Job, state: JobState, message: str) -> None:
        if job.state is not JobState.RUNNING:
            return
        job.state, job.message = state, message
        self._running.remove(job)
        self.ended.emit(job)


class LatestWins(Generic[Request, Result]):
    """Renders on request: one request at a time, and of those waiting only the newest.

    Parameters
    ----------
    work
        Runs in the executor.
    deliver, fail
        Called on the GUI thread with the request and its result or error.
    """

    def __init__(
        self,
        executor: ThreadPoolExecutor,
        post: Post,
        work: Callable[[Request], Result],
        deliver: Callable[[Request, Result], None],
        fail: Callable[[Request, Exception], None],
    ) -> None:
        self._executor, self._post = executor, post
        self._work, self._deliver, self._fail = work, deliver, fail
        self._busy = False
        self._waiting: Request | None = None

    @property
    def is_idle(self) -> bool:
        return not self._busy

    def ask(self, request: Request) -> None:
        """Render this next; a request still waiting is forgotten."""
        if self._busy:
            self._waiting = request
            return
        self._busy = True
        self._executor.submit(self._run, request)

    def drop(self) -> None:
        """Forget what waits (the picture was made elsewhere, or the pane goes)."""
        self._waiting = None

    def _run(self, request: Request) -> None:
        try:
            result = self._work(request)
        except Exception as error:
            failure = error
            self._post(lambda: self._after(lambda: self._fail(request, failure)))
        else:
            self._post(lambda: self._after(lambda: self._deliver(request, result)))

    def _after(self, tell: Callable[[], None]) -> None:
        self._busy = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.ask(waiting)
        tell()
