"""The seeded data of the races of active control and of recursive filters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .workloads import SEED, Array

STEP = 0.1
FORGETTING = 0.999


@lru_cache(maxsize=4)
def duct(taps: int, samples: int) -> tuple[Array, Array, Array]:
    """A reference, the noise at the error microphone, and a path of as many coefficients as taps that begins with 0."""
    rng = np.random.default_rng([SEED, taps, samples, 1])
    x = rng.standard_normal(samples)
    decay = 0.8 ** np.arange(taps)
    path, primary = decay * rng.standard_normal(taps), decay * rng.standard_normal(taps)
    path[:3] = 0.0, 1.0, 0.3
    primary[:4] = 0.0
    return x, np.convolve(x, primary)[:samples] + 0.01 * rng.standard_normal(samples), path


@lru_cache(maxsize=8)
def recursive(taps: int, poles: int, samples: int) -> tuple[Array, Array]:
    """White noise through a plant of so many coefficients, in a little noise."""
    rng = np.random.default_rng([SEED, taps, poles, samples])
    b = rng.standard_normal(taps) / np.sqrt(taps)
    a = np.real(np.poly(0.6 * np.cos(np.pi * (np.arange(poles) + 0.5) / poles)))
    x = rng.standard_normal(samples)
    d = np.convolve(x, b)[:samples]
    for t in range(samples):
        for i in range(1, min(poles, t) + 1):
            d[t] -= a[i] * d[t - i]
    return x, d + 0.01 * rng.standard_normal(samples)
