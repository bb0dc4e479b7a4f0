"""The garbage collector, kept out for a while: by whoever compiles, and by a loop that must not be stopped.

There is one for the process. So all who want it out go through here, in whatever threads they are: the first of them
turns it off, the last one puts it back as it was.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Shared:
    """A condition of the whole process that holds while anybody is inside.

    ``begin`` brings it about and returns what undoes it.
    """

    def __init__(self, begin: Callable[[], Callable[[], None]]) -> None:
        self._begin = begin
        self._lock = threading.Lock()
        self._inside = 0
        self._end: Callable[[], None]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._end = self._begin()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._end()


def _off() -> Callable[[], None]:
    collecting = gc.isenabled()
    gc.disable()
    return gc.enable if collecting else gc.disable


def _freeze() -> Callable[[], None]:
    gc.collect()
    if gc.get_freeze_count():  # what somebody else froze could not be told apart afterwards
        return lambda: None
    gc.freeze()
    return gc.unfreeze


#: inside, nothing is collected unless somebody asks for it
kept_out = Shared(_off)
#: inside, what existed before is not looked at; before it, everything once more
frozen = Shared(_freeze)
