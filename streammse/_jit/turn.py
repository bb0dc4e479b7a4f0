"""Taking turns: of the processes that want the same kernel one compiles it, and the others wait for what it writes.

A lock of the operating system's on a file beside the entry: it goes with the process that holds it, however that ends.
Where there are no such locks, everybody compiles for himself, which is right as well, and merely slower.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

#: seconds after which nobody waits any longer: no kernel takes that long, so whoever has the turn is stopped or stuck
PATIENCE = 60.0
PAUSE = 0.02


class Turn:
    """The right to compile one kernel, from ``waited_for`` until ``over``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._mine = False

    def waited_for(self, entry: Path) -> bool:
        """Take the turn, or wait for who has it; True where somebody may have written the entry meanwhile."""
        try:
            import fcntl
        except ImportError:
            return False
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until:
                try:
                    fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if entry.exists():
                        break
                    time.sleep(PAUSE)
                else:
                    self._mine = True
                    break
        except OSError:  # no such locks here, or no room for one
            self.over()
            return False
        return True

    def over(self) -> None:
        """Let the others on."""
        if self._handle is not None:
            if self._mine:
                with suppress(OSError):
                    os.unlink(self.path)
            with suppress(OSError):
                os.close(self._handle)
            self._handle, self._mine = None, False
