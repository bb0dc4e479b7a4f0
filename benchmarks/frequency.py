"""Filters in the frequency domain, and the transform beneath them against those that one would otherwise call."""

from __future__ import annotations

from typing import Any

import numpy as np

import streammse as sm
from streammse._jit import loop
from streammse.kernels import fourier

from .timing import Call
from .workloads import MU, SEED, identification


def _pbfdaf(taps: int, block: int, samples: int, *, direct: bool) -> dict[str, Call]:
    data = identification(taps, samples)
    filt = sm.PBFDAF(taps, block, mu=MU, direct=direct)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


def on_time(taps: int, block: int, samples: int) -> dict[str, Call]:
    """As it is by default, without latency."""
    return _pbfdaf(taps, block, samples, direct=True)


def late(taps: int, block: int, samples: int) -> dict[str, Call]:
    """A block late, as FDAF is."""
    return _pbfdaf(taps, block, samples, direct=False)


def fdaf(taps: int, samples: int) -> dict[str, Call]:
    data = identification(taps, samples)
    filt = sm.FDAF(taps, taps, mu=MU)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


@loop("void(f8[::1],f8[::1],i8,i8)", allocates=False)
def _forth_and_back(p: Any, s: Any, half: int, times: int) -> None:
    for _ in range(times):
        fourier.transform(p, 0, s, 0, 2 * half, half)
        fourier.restore(p, 0, s, 2 * half, 0, half)


def real_numbers(size: int) -> Any:
    """What is transformed."""
    return np.random.default_rng([SEED, size]).standard_normal(size)


def transform(size: int, times: int) -> dict[str, Call]:
    """Forth and back, from compiled code."""
    p, s = fourier.table(size // 2), np.concatenate([real_numbers(size), np.zeros(size)])

    def call() -> Any:
        _forth_and_back.compiled(p, s, size // 2, times)
        return s[:size]

    return {"": Call(call, times)}


def scipy_fft(size: int, times: int) -> dict[str, Call]:
    """One call from Python each way, as a filter would make them block by block."""
    from scipy import fft

    x = real_numbers(size)

    def call() -> Any:
        for _ in range(times):
            y = fft.irfft(fft.rfft(x))
        return y

    return {"": Call(call, times)}
