"""Weights that walk at random: the textbook's matrices, least squares, the steady state, and what is hostile."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from . import naive

Q, R = 1e-4, 0.01


def walking(taps: int, samples: int, q: float, r: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """White input of power one, and what a path that walks makes of it, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(samples)
    w = np.cumsum(np.sqrt(q) * rng.standard_normal((samples, taps)), axis=0)
    d = (w * naive.regressors(x[:, None], taps)).sum(axis=1)
    return x, d + np.sqrt(r) * rng.standard_normal(samples)


@pytest.mark.parametrize("m", [1, 2])
def test_it_is_the_filter_of_the_textbook(m: int) -> None:
    rng = np.random.default_rng(m)
    x = rng.standard_normal((600, m))
    u = naive.regressors(x, 5)
    d = u @ rng.standard_normal(5 * m) + 0.1 * rng.standard_normal(600)
    d[rng.random(600) < 0.1] = np.nan
    f = sm.RandomWalkKalman(5, 1e-3, 0.02, references=m, initial_covariance=3.0)
    y, w, P = naive.random_walk(u, d, 1e-3, 0.02, np.zeros(5 * m), 3.0 * np.eye(5 * m))
    np.testing.assert_allclose(f.run(x, d), y, atol=1e-12)
    np.testing.assert_allclose(f.weights.ravel(), w, atol=1e-12)
    np.testing.assert_allclose(f.weight_variances.ravel(), P.diagonal(), rtol=1e-10)


def test_without_process_noise_it_is_recursive_least_squares() -> None:
    x, d = walking(16, 3000, 0.0, R)
    d += np.convolve(x, np.arange(16.0))[:3000]
    f = sm.RandomWalkKalman(16, 0.0, 1.0, initial_covariance=1.0 / (0.01 * x[0] ** 2))
    np.testing.assert_allclose(f.run(x, d), sm.RLS(16, forgetting=1.0).run(x, d), atol=1e-10)


@pytest.mark.parametrize(("taps", "q"), [(4, 1e-6), (8, 1e-4)])
def test_the_steady_state_is_in_closed_form(taps: int, q: float) -> None:
    x, d = walking(taps, 40_000, q, R, seed=3)
    f = sm.RandomWalkKalman(taps, q, R)
    error = (d - f.run(x, d))[4000:]
    P = 0.5 * (taps * q + np.sqrt((taps * q) ** 2 + 4.0 * q * R))
    assert np.mean(f.weight_variances + q) == pytest.approx(P, rel=0.25)
    assert np.mean(error**2) == pytest.approx(R + taps * P, rel=0.05)


def test_no_other_filter_tracks_a_random_walk_better() -> None:
    x, d = walking(8, 20_000, Q, R, seed=4)

    def error(f) -> float:
        return float(np.mean((d - f.run(x, d))[2000:] ** 2))

    best = error(sm.RandomWalkKalman(8, Q, R))
    others = [sm.RLS(8, forgetting=one) for one in (0.9, 0.95, 0.98, 0.99, 0.999)]
    others += [sm.NLMS(8, mu=one) for one in (0.1, 0.2, 0.4, 0.6, 0.8)]
    assert best < min(map(error, others))


def test_features_are_a_regression() -> None:
    """One tap, and as many references: the coefficients of a line that bends."""
    t = np.arange(400.0)
    X = np.column_stack([np.ones(400), np.sin(t / 7.0), np.cos(t / 11.0)])
    f = sm.RandomWalkKalman(1, 0.0, 1e-4, references=3, initial_covariance=100.0)
    f.run(X, X @ [2.0, -1.0, 0.5])
    np.testing.assert_allclose(f.weights[:, 0], [2.0, -1.0, 0.5], atol=1e-5)


def recovers(x: np.ndarray, d: np.ndarray, from_: int, limit: float) -> None:
    f = sm.RandomWalkKalman(8, Q, R)
    y = f.run(x, d)
    assert np.isfinite(y).all()
    assert np.isfinite(f.s).all()
    assert np.mean((d - y)[from_:] ** 2) < limit


def test_what_is_hostile_is_overcome() -> None:
    """The steady error is R (1 + n sqrt(Q / R)) or so; P / Q is some hundred samples."""
    x, d = walking(8, 6000, Q, R, seed=5)
    steady = 1.3 * (R + 8 * np.sqrt(Q * R))
    recovers(x, d, 1000, steady)
    zeros = x.copy()
    zeros[:2000] = 0.0
    recovers(zeros, np.where(np.arange(6000) < 2000, 0.0, d), 3000, steady)
    spiky = x.copy()
    spiky[3000] = 1e7
    recovers(spiky, d, 4000, steady)
    struck = d.copy()
    struck[3000] = 1e4
    recovers(x, struck, 4000, steady)
    dirty = x.copy()
    dirty[[2000, 2001]] = np.nan, np.inf
    recovers(dirty, d, 3000, steady)


def test_quiet_passages_leave_the_weights_alone() -> None:
    """120 dB down, where there is nothing but noise: P grows, the weights stay."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal(4000)
    d = np.convolve(x, [1.0, -0.5])[:4000] + 0.1 * rng.standard_normal(4000)
    f = sm.RandomWalkKalman(2, Q, R)
    f.run(x, d)
    before = f.weights
    quiet = 1e-6 * rng.standard_normal((2, 20_000))
    quiet[1, :2] = np.nan  # a loud sample is in the line
    f.run(*quiet)
    np.testing.assert_allclose(f.weights, before, atol=1e-5)


def test_references_that_are_the_same_share_the_weight() -> None:
    """What one cannot tell apart is halved, for as long as one likes; nothing runs away."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal(50_000)
    f = sm.RandomWalkKalman(2, Q, R, references=2)
    d = np.convolve(x, [1.0, -0.5])[:50_000]
    y = f.run(np.column_stack([x, x]), d)
    np.testing.assert_allclose(f.weights, [[0.5, -0.25]] * 2, atol=1e-6)
    np.testing.assert_allclose(y[-1000:], d[-1000:], atol=1e-6)
    assert f.restarts == 0
