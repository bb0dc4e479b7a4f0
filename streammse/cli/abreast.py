"""A second process that compiles from the other end, while the first one begins: half of the wait on an empty cache.

Both go by the turns of the cache, so nothing is compiled twice, and whatever becomes of the second, the first one does
without it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def _worth_it() -> bool:
    """Whether the largest kernel is missing, could be kept, and there is a core for a second process."""
    from .._jit import cache
    from ..backtesting import loop

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and bool(sys.executable) and not cache.holds(loop.rows) and cache.trouble() is None


@contextmanager
def warmed_abreast(models: str) -> Iterator[None]:
    """While this lasts, another process warms what a backtest of these models needs."""
    helper = None
    if _worth_it():
        command = [sys.executable, "-m", "streammse", "warmup", "--models", models]
        nothing = subprocess.DEVNULL
        with suppress(OSError):
            helper = subprocess.Popen(  # noqa: S603  ourselves, with models that were read already
                command, stdin=nothing, stdout=nothing, stderr=nothing
            )
    try:
        yield
    finally:
        if helper is not None:
            helper.kill()  # an entry is written whole or not at all
            helper.wait()
