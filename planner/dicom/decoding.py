"""Compressed frames, decoded by worker processes with a memory and a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import planner
from planner.dicom import limits
from planner.dicom.decoder_worker import receive, send
from planner.dicom.fragments import Fragments, codestream_fault, fragments_of, frame_bytes
from planner.dicom.scanner import refused
from planner.dicom.slices import SliceRecord
from planner.errors import InputRefused

_ROOT = Path(planner.__file__).resolve().parents[1]


class _Worker:
    """One decoder process, used by one thread."""

    def __init__(self) -> None:
        # -P: a folder called `dl` in the working directory would hijack gdcm's imports.
        command = [sys.executable, "-P", "-m", "planner.dicom.decoder_worker", str(limits.WORKER_MEMORY_BYTES)]
        inherited = os.environ.get("PYTHONPATH")
        search = str(_ROOT) if not inherited else os.pathsep.join((str(_ROOT), inherited))
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **single, "PYTHONPATH": search},
        )

    def ask(self, task: dict[str, Any], codestream: bytes) -> tuple[dict[str, Any], bytes]:
        """Decode one frame. A worker that dies or takes too long raises `OSError`."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise OSError("the decoder has no pipes")
        timer = threading.Timer(limits.WORKER_SECONDS_PER_FRAME, process.kill)
        timer.start()
        try:
            send(process.stdin, task, codestream)
            answer = receive(process.stdout)
        finally:
            timer.cancel()
        if answer is None:
            raise OSError("the decoder ended without an answer")
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class _Pool:
    """Threads with a worker each. A worker that died is replaced for the next frame."""

    def __init__(self, size: int) -> None:
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="decoder")
        self._local = threading.local()
        self._workers: list[_Worker] = []

    def submit(self, record: SliceRecord, fragments: Fragments) -> Future[NDArray[np.generic]]:
        return self._threads.submit(self._decode, record, fragments)

    def _decode(self, record: SliceRecord, fragments: Fragments) -> NDArray[np.generic]:
        codestream = frame_bytes(record.file, fragments.frames[record.frame])
        fault = codestream_fault(record.header.syntax.uid, record.format, codestream, len(codestream))
        if fault is not None:
            raise _undecodable(record, fault)
        worker = getattr(self._local, "worker", None)
        if worker is None:
            worker = self._local.worker = _Worker()
            self._workers.append(worker)
        try:
            head, body = worker.ask(_task(record), codestream)
        except (OSError, ValueError) as error:
            worker.close()
            self._local.worker = None
            raise _undecodable(record, "the decoder died or took too long on it") from error
        if not head["ok"]:
            raise _undecodable(record, f"the decoder says '{head['error']}'")
        found = record.format
        kind = "i" if found.signed else "u"
        values = np.frombuffer(body, f"<{kind}{found.bits_allocated // 8}")
        shape = (found.rows, found.columns) if found.samples == 1 else (found.rows, found.columns, found.samples)
        plane: NDArray[np.generic] = values.reshape(shape)
        return plane

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.close()


def _undecodable(record: SliceRecord, what: str) -> InputRefused:
    return refused("undecodable", record.file, f"frame {record.frame + 1}: {what}", "ask the sender for another copy")


def _task(record: SliceRecord) -> dict[str, Any]:
    found = record.format
    return {
        "syntax": record.header.syntax.uid,
        "rows": found.rows,
        "columns": found.columns,
        "samples": found.samples,
        "bits_allocated": found.bits_allocated,
        "bits_stored": found.bits_stored,
        "high_bit": found.high_bit,
        "signed": found.signed,
        "photometric": found.photometric,
        "planar": found.planar,
    }


def decoded_frames(records: Sequence[SliceRecord]) -> Iterator[NDArray[np.generic]]:
    """(rows, columns) stored values of each record, in order; frames are decoded ahead by at most a few.

    Raises
    ------
    InputRefused
        ``undecodable`` or ``truncated``, naming the frame.
    """
    from planner.dicom.pixels import native_frame

    size = max(1, min(4, os.cpu_count() or 1, len(records)))
    pool = _Pool(size)
    known: dict[Path, Fragments] = {}
    waiting: deque[Future[NDArray[np.generic]]] = deque()
    try:
        for record in records:
            if not record.header.syntax.encapsulated:
                ready: Future[NDArray[np.generic]] = Future()
                ready.set_result(native_frame(record))
                waiting.append(ready)
            else:
                if record.file not in known:
                    known[record.file] = fragments_of(record.header, record.format.frames)
                waiting.append(pool.submit(record, known[record.file]))
            if len(waiting) > 2 * size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.close()
