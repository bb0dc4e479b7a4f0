"""The garbage collector, kept out for a while: by whoever compiles, and by a loop that must not be stopped.

There is one for the process. So all who want it out go through here, in whatever threads they are: the first of them
turns it off, the last one turns it on again, if it was.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_collecting = False


@contextmanager
def kept_out() -> Iterator[None]:
    """Inside, nothing is collected unless somebody asks for it."""
    global _inside, _collecting  # noqa: PLW0603  one collector, one state of it
    with _lock:
        if _inside == 0:
            _collecting = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                (gc.enable if _collecting else gc.disable)()
