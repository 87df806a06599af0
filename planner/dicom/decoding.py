"""Compressed frames, decoded by worker processes with a memory and a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import planner
from planner.dicom import limits
from planner.dicom.decoder_worker import receive_head, send, widen
from planner.dicom.fragments import Fragments, codestream_fault, fragments_of, frame_bytes
from planner.dicom.in_place import read_plane
from planner.dicom.own_codecs import decode_frame, may_decode
from planner.dicom.pixels import native_frame
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

        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                widen(stream)

    def ask(self, task: dict[str, Any], codestream: bytes, room: memoryview) -> dict[str, Any]:
        """Decode one frame into `room`. A worker that dies, takes too long or gives another size raises `OSError`."""
        process = self._process
        if process.stdin is None or not isinstance(process.stdout, BufferedReader):
            raise OSError("the decoder has no pipes")
        timer = threading.Timer(limits.WORKER_SECONDS_PER_FRAME, process.kill)
        timer.start()
        try:
            send(process.stdin, task, codestream)
            head = receive_head(process.stdout)
            if head is not None and head["length"] != (len(room) if head["ok"] else 0):
                raise OSError("the decoder gave another number of bytes")
            while head is not None and head["ok"] and len(room):
                got = process.stdout.readinto(room)
                if not got:
                    raise OSError("the decoder ended within an answer")
                room = room[got:]
        finally:
            timer.cancel()
        if head is None:
            raise OSError("the decoder ended without an answer")
        return head

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Decoders:
    """Decodes frames on the threads that ask, each with a worker process of its own; a worker that died is replaced.

    Frames that our own checked kernels understand need no worker and start none.

    Parameters
    ----------
    frames
        How many there are to decode: more workers than that are of no use.
    """

    def __init__(self, frames: int) -> None:
        self.size = max(1, min(4, os.cpu_count() or 1, frames))
        self._local = threading.local()
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._known: dict[Path, Fragments] = {}

    def fill(self, record: SliceRecord, plane: NDArray[np.generic]) -> None:
        """Stored values of one frame into a (rows, columns) array of their type.

        Raises
        ------
        InputRefused
            ``undecodable`` or ``truncated``, naming the frame.
        """
        if not record.header.syntax.encapsulated:
            read_plane(record, plane)
            return
        codestream = self._codestream(record)
        if not self._by_ourselves(record, codestream, plane):
            self._by_worker(record, codestream, plane)

    def frame(self, record: SliceRecord) -> NDArray[np.generic]:
        """(rows, columns[, samples]) stored values of one frame; raises as `fill`."""
        if not record.header.syntax.encapsulated:
            return native_frame(record)
        codestream = self._codestream(record)
        found = record.format
        shape = (found.rows, found.columns) if found.samples == 1 else (found.rows, found.columns, found.samples)
        if found.bits_allocated < 8:
            raise _undecodable(record, "its single bits are compressed, for which there is no decoder")
        kind = f"<{'i' if found.signed else 'u'}{found.bits_allocated // 8}"
        plane: NDArray[np.generic] = np.empty(shape, kind)
        if not self._by_ourselves(record, codestream, plane):
            self._by_worker(record, codestream, plane)
        return plane

    def _codestream(self, record: SliceRecord) -> bytes:
        fragments = self._known.get(record.file)
        if fragments is None:
            fragments = fragments_of(record.header, record.format.frames)
            if record.format.frames > 1:
                self._known[record.file] = fragments
        codestream = frame_bytes(record.file, fragments.frames[record.frame])
        fault = codestream_fault(record.header.syntax.uid, record.format, codestream, len(codestream))
        if fault is not None:
            raise _undecodable(record, fault)
        return codestream

    def _by_ourselves(self, record: SliceRecord, codestream: bytes, plane: NDArray[np.generic]) -> bool:
        if not may_decode(record.header.syntax.uid, record.format):
            return False
        answer = decode_frame(record.header.syntax.uid, record.format, codestream, plane)
        if isinstance(answer, str):
            raise _undecodable(record, answer)
        return answer is True

    def _by_worker(self, record: SliceRecord, codestream: bytes, plane: NDArray[np.generic]) -> None:
        worker = getattr(self._local, "worker", None)
        if worker is None:
            worker = self._local.worker = self._new_worker()
        try:
            answer = worker.ask(_task(record), codestream, plane.reshape(-1).view(np.uint8).data)
        except (OSError, ValueError) as error:
            worker.close()
            self._local.worker = None
            raise _undecodable(record, "the decoder died or took too long on it") from error
        if not answer["ok"]:
            raise _undecodable(record, f"the decoder says '{answer['error']}'")

    def _new_worker(self) -> _Worker:
        """One that waits already, or a new one. The first need starts those of all threads: they start side by side."""
        with self._lock:
            if not self._workers:
                self._workers = [_Worker() for _ in range(self.size)]
                self._idle = list(self._workers)
            if not self._idle:
                self._workers.append(_Worker())
                return self._workers[-1]
            return self._idle.pop()

    def close(self) -> None:
        """End the workers; no thread may be decoding any more."""
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
    decoders = Decoders(len(records))
    threads = ThreadPoolExecutor(decoders.size, thread_name_prefix="decoder")
    waiting: deque[Future[NDArray[np.generic]]] = deque()
    try:
        for record in records:
            waiting.append(threads.submit(decoders.frame, record))
            if len(waiting) > 2 * decoders.size:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        decoders.close()
