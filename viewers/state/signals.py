"""Small observable values: what panes and panels share, without any toolkit.

Callbacks run in the thread that emits; only the GUI thread emits (workers come back through `jobs.Post`).
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Disconnect = Callable[[], None]


class Signal(Generic[P]):
    """A list of callbacks with typed arguments.

    Bound methods are held weakly, so a forgotten pane is never kept alive; functions are held strongly.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], Callable[P, object] | None]] = []

    def connect(self, callback: Callable[P, object]) -> Disconnect:
        """Call back at every `emit` until the returned function is called."""
        held: Callable[[], Callable[P, object] | None]
        held = weakref.WeakMethod(callback) if inspect.ismethod(callback) else lambda: callback
        self._callbacks.append(held)

        def disconnect() -> None:
            if held in self._callbacks:
                self._callbacks.remove(held)

        return disconnect

    def emit(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call everybody in the order of connecting; a callback may connect and disconnect meanwhile."""
        for held in tuple(self._callbacks):
            callback = held()
            if callback is None:
                if held in self._callbacks:
                    self._callbacks.remove(held)
            elif held in self._callbacks:
                callback(*args, **kwargs)


class Value(Generic[T]):
    """A value that tells when it becomes another one.

    Parameters
    ----------
    value
        Compared with ``==``; setting an equal value is silent.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self.changed: Signal[[T]] = Signal()

    @property
    def value(self) -> T:
        return self._value

    def set(self, value: T) -> None:
        if value == self._value:
            return
        self._value = value
        self.changed.emit(value)


class Subscriptions:
    """The connections of one pane or panel, dropped together when it goes."""

    def __init__(self) -> None:
        self._disconnects: list[Disconnect] = []

    def add(self, *disconnects: Disconnect) -> None:
        self._disconnects.extend(disconnects)

    def release(self) -> None:
        """Disconnect everything; may be called twice."""
        for disconnect in self._disconnects:
            disconnect()
        self._disconnects.clear()
