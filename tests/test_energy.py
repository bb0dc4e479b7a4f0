"""What holds for every signal, without any statistics: the energy that an update conserves, and what LMS guarantees.

A. H. Sayed, Adaptive Filters, 2008, ch. 15 (energy conservation); B. Hassibi, A. H. Sayed and T. Kailath, "H-infinity
optimality of the LMS algorithm", IEEE Trans. Signal Processing 44, 1996, pp. 267-280.
"""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import lfilter

import streammse as sm

N = 8


def signals(kind: str, samples: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """x and what disturbs d: the identities ask for nothing of either."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(samples)
    v = rng.standard_normal(samples)
    if kind == "coloured":
        x = lfilter([1.0], [1.0, -0.95], x)
    elif kind == "heavy tails":
        x, v = rng.standard_t(1.5, samples), 10.0 * rng.standard_t(1.5, samples)
    elif kind == "a sine and a constant":
        x, v = np.sin(0.2 * np.arange(samples) + 0.3), np.full(samples, 3.0)
    return x, v


def deviations(f, x: np.ndarray, d: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """truth - w before each sample, and after the last."""
    found = [truth - f.weights]
    for a, b in zip(x, d, strict=True):
        f.update(a, b)
        found.append(truth - f.weights)
    return np.array(found)


@pytest.mark.parametrize("kind", ["white", "coloured", "heavy tails", "a sine and a constant"])
@pytest.mark.parametrize(
    "f",
    [
        sm.NLMS(N, 0.5),
        sm.NLMS(N, 1.7, regulariser=0.0),
        sm.LMS(N, 1e-4, on_divergence="raise"),
        sm.HuberLMS(N, 0.05),
        sm.AffineProjection(N, 1, 0.7),
    ],
    ids=repr,
)
def test_an_update_conserves_energy(f, kind: str) -> None:
    """|w~'|^2 + |e_a|^2 / |u|^2 = |w~|^2 + |e_p|^2 / |u|^2, before and after, whatever the step and the error were."""
    x, v = signals(kind)
    truth = np.linspace(1.0, -1.0, N)
    d = lfilter(truth, [1.0], x) + v
    lines = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(N - 1), x]), N)[:, ::-1]
    off = deviations(f.clone(), x, d, truth)
    moved = 0
    for u, (before, after) in zip(lines, pairwise(off), strict=True):
        energy = u @ u
        left = after @ after + (u @ before) ** 2 / energy
        right = before @ before + (u @ after) ** 2 / energy
        assert abs(left - right) <= 1e-12 * max(left, right)
        moved += abs(before @ before - after @ after) > 1e-6 * (before @ before)
    assert moved > 100


@pytest.mark.parametrize("kind", ["white", "coloured", "heavy tails", "a sine and a constant"])
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_lms_never_amplifies_what_disturbs_it(kind: str, share: float) -> None:
    """sum |e_a|^2 <= |w~(0)|^2 / mu + sum v^2 as long as mu |u|^2 <= 1 for every regressor, at every length."""
    x, v = signals(kind)
    truth = np.linspace(1.0, -1.0, N)
    lines = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(N - 1), x]), N)[:, ::-1]
    mu = share / np.max(np.sum(lines**2, axis=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = sm.LMS(N, mu).run(x, lfilter(truth, [1.0], x) + v)
    spent = np.cumsum((lines @ truth - y) ** 2)
    granted = truth @ truth / mu + np.cumsum(v**2)
    assert (spent <= granted * (1.0 + 1e-12)).all()


def test_the_bound_of_lms_is_tight_and_a_longer_step_breaks_it() -> None:
    """v = -X w_o hides the path: nothing is learnt, and what is spent is nearly all that is granted."""
    x, v = signals("white", 2000)
    truth = np.linspace(1.0, -1.0, N)
    lines = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(N - 1), x]), N)[:, ::-1]
    clean = lines @ truth
    peak = np.max(np.sum(lines**2, axis=1))
    y = sm.LMS(N, 1.0 / peak).run(x, np.zeros(2000))
    spent, granted = np.sum((clean - y) ** 2), truth @ truth * peak + np.sum(clean**2)
    assert 0.97 < spent / granted <= 1.0
    f = sm.LMS(N, 6.0 / peak)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spent = np.cumsum((clean - f.run(x, clean + v)) ** 2)
    assert (spent > truth @ truth * peak / 6.0 + np.cumsum(v**2)).any()
