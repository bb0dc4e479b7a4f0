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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._jit import Function


def _worth_it(largest: Function) -> bool:
    """Whether the largest kernel is missing, could be kept, and there is a core for a second process."""
    from .._jit import cache

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > 1 and bool(sys.executable) and not cache.holds(largest) and cache.trouble() is None


@contextmanager
def models_abreast(models: str) -> Iterator[None]:
    """While this lasts, another process warms what a backtest of these models needs."""
    from ..backtesting import loop

    with _warmed(loop.rows, "--models", models):
        yield


@contextmanager
def text_abreast(path: str, given: str | None) -> Iterator[None]:
    """While this lasts, another process warms what reading text of this format, and writing it, needs."""
    from ..io import TEXT, DataError, format_of, scan

    kind = None
    with suppress(DataError):  # who opens it says so
        kind = format_of(path, given)
    if kind in TEXT:
        with _warmed(scan.splice, "--text", kind):
            yield
    else:
        yield


@contextmanager
def _warmed(largest: Function, *what: str) -> Iterator[None]:
    helper = None
    if _worth_it(largest):
        command = [sys.executable, "-m", "streammse", "warmup", *what]
        nothing = subprocess.DEVNULL
        with suppress(OSError):
            helper = subprocess.Popen(  # noqa: S603  ourselves, with words that were read already
                command, stdin=nothing, stdout=nothing, stderr=nothing
            )
    try:
        yield
    finally:
        if helper is not None:
            helper.kill()  # an entry is written whole or not at all
            helper.wait()
