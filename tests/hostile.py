"""Snapshots that nobody honest writes: any header, any state under a right checksum, and a look at what they do.

Machine code does not check where it reads. So a state is tried on the same kernel as plain Python, over an array that
refuses what lies outside of it and counts how often it is asked.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import warnings
import zlib
from typing import Any

import numpy as np

import streammse as sm
from streammse.forecast.base import Forecaster
from streammse.node import Node

from .cases import for_kernel

VALUES = (math.nan, math.inf, -math.inf, -1.0, 0.5, 1e18, -1e18, 1e300, 3.0, 0.0, 1e-300)
ENOUGH = 300_000  # accesses in a few steps: beyond that it hangs


def sealed(header: str | dict[str, Any], body: bytes = b"", version: int = 2) -> bytes:
    """A snapshot of this header with right lengths and checksums."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode("utf-8", "surrogatepass")
    if version == 1:
        head = struct.pack("<4sHI", b"SMSE", version, len(text))
    else:
        head = struct.pack("<4sHIQ", b"SMSE", version, len(text), len(body))
        head += struct.pack("<I", zlib.crc32(head))
    front = head + text + body
    return front + hashlib.sha256(front).digest()


def opened(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and body of a snapshot."""
    length = struct.unpack_from("<4sHIQ", data)[2]
    return json.loads(data[22 : 22 + length]), data[22 + length : -32]


def forged(**header: object) -> bytes:
    """A snapshot of a small filter with something else in its header."""
    told, body = opened(sm.NLMS(taps=3).snapshot())
    return sealed(told | header, body)


def with_state(node: Any, s: np.ndarray) -> bytes:
    """The snapshot of a node as if it had this state."""
    return sealed(opened(node.snapshot())[0], s.astype("<f8").tobytes())


class OutsideError(AssertionError):
    """A kernel reached beyond its state, or did not come to an end."""


class Guarded(np.ndarray):
    """A state that no kernel leaves unseen."""

    asked = 0

    def _look(self, at: Any) -> None:
        Guarded.asked += 1
        if Guarded.asked > ENOUGH:
            raise OutsideError("it does not come to an end")
        if isinstance(at, tuple):
            inside = True  # of a view with rows: numpy looks itself
        elif isinstance(at, slice):
            inside = 0 <= (at.start or 0) <= self.size and (at.stop is None or -self.size <= at.stop <= self.size)
        else:
            inside = 0 <= int(at) < self.size
        if not inside:
            raise OutsideError(f"s[{at}] of {self.size}")

    def __getitem__(self, at: Any) -> Any:
        self._look(at)
        return super().__getitem__(at)

    def __setitem__(self, at: Any, value: Any) -> None:
        self._look(at)
        super().__setitem__(at, value)


def _tolerated(error: Exception) -> bool:
    """What Python raises where machine code goes on with NaN or infinity; but not a place that is no number."""
    if isinstance(error, (ValueError, OverflowError)):
        return "to integer" not in str(error)
    if isinstance(error, TypeError):
        return "complex" in str(error)
    return isinstance(error, (ZeroDivisionError, FloatingPointError))


def survives(node: Node, args: tuple[np.ndarray, ...], more: dict[str, np.ndarray]) -> None:
    """Drive the kernels of a node as plain Python from the state that it has; OutsideError where they leave it."""
    x, d = node._arrange(*args, **more)
    p, s = node._p, node._s.copy().view(Guarded)
    calls = [(node._kernel(), one) for one in for_kernel(node, x, d)]
    own = node._block()
    if own is not None:
        calls.append((own, (x.reshape(d.size, -1), d, np.empty(d.size, d.dtype))))
    if isinstance(node, Forecaster) and node._ahead() is not None:
        calls.append((node._ahead(), (np.empty(4),)))
    Guarded.asked = 0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call, arguments in calls:
            try:
                call(p, s, *arguments)
            except OutsideError:
                raise
            except Exception as error:
                if not _tolerated(error):
                    raise
