"""Signals that end a process let it finish the block first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

T = TypeVar("T")

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
PATIENCE = 1.5  # seconds that a block may still take


class StoppedError(BaseException):
    """A signal came while there was nothing to finish, or once more while there was."""


class Stop:
    """Inside, SIGINT, SIGTERM and SIGHUP are noted in ``number``, and the blocks come to their end.

    A signal while the next block is waited for ends the waiting. One while a block is worked on lets it be finished,
    for at most 1.5 seconds; then, or by a second signal, ``StoppedError`` is raised where the work is. Afterwards the
    signals do again what they did before, and ``again`` lets the one that came do it. What was ignored stays ignored,
    and outside the main thread nothing is touched.
    """

    def __init__(self, names: Iterable[str] = NAMES) -> None:
        self.number: int | None = None
        self._names = names
        self._waits = self._over = False
        self._old: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in self._names if hasattr(signal, name)):
                old = signal.getsignal(number)
                if old is not signal.SIG_IGN and old is not None:
                    self._old[number] = old
                    signal.signal(number, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        for number, old in self._old.items():
            signal.signal(number, old)

    def _came(self, number: int, _: object) -> None:
        first, self.number = self.number is None, number
        if self._over:
            return
        if self._waits or not first:
            raise StoppedError
        self._timer = threading.Timer(PATIENCE, self._press, [number, threading.get_ident()])
        self._timer.daemon = True
        self._timer.start()

    def _press(self, number: int, thread: int) -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(thread, number)

    def _called(self) -> bool:
        return self.number is not None

    def before(self, blocks: Iterable[T]) -> Iterator[T]:
        """The blocks, until a signal comes."""
        source = iter(blocks)
        try:
            while not self._called():
                self._waits = True
                if self._called():  # in between
                    return
                block = next(source)
                self._waits = False
                yield block
        except (StopIteration, StoppedError):
            return
        finally:
            self._waits = False

    def again(self) -> None:
        """Let the signal that came do what it would have done."""
        if self.number is not None:
            signal.raise_signal(self.number)
