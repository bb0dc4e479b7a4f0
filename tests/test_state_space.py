"""The Kalman filter against the textbook's dense one, closed forms and the steady state."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

import streammse as sm
from streammse.kernels import state_space as ss

from . import naive


def model(kind: str):
    """Z, T, Q, H, and which states are diffuse."""
    rng = np.random.default_rng(5)
    if kind == "level":
        return np.ones(1), np.eye(1), 0.2 * np.eye(1), 1.0, [True]
    if kind == "trend and season":
        n = 2 + 11
        T = np.zeros((n, n))
        T[:2, :2] = [[1, 1], [0, 1]]
        T[2, 2:] = -1.0
        T[3:, 2:-1] = np.eye(10)
        return np.eye(n)[0] + np.eye(n)[2], T, np.diag([0.3, 0.05, 0.1] + [0.0] * 10), 0.7, [True] * n
    if kind == "arima":
        T = np.array([[1, 1, 0], [0, 0.6, 1], [0, 0, 0.0]])
        R = np.array([0, 1, 0.9])
        return np.array([1.0, 1, 0]), T, np.outer(R, R), 0.0, [True, False, False]
    T = rng.standard_normal((6, 6))
    T *= 0.98 / np.abs(np.linalg.eigvals(T)).max()
    R = rng.standard_normal((6, 3))
    return rng.standard_normal(6), T, R @ R.T, 0.5, [False] * 6


KINDS = ("level", "trend and season", "arima", "dense")


def node(kind: str, **more) -> sm.StateSpace:
    Z, T, Q, H, diffuse = model(kind)
    return sm.StateSpace(Z, T, Q, H, diffuse=diffuse, cov=np.diag([0.0 if d else 2.0 for d in diffuse]), **more)


def twin(kind: str, y: np.ndarray):
    Z, T, Q, H, diffuse = model(kind)
    P = np.diag([0.0 if d else 2.0 for d in diffuse])
    return naive.kalman(y, Z, T, Q, H, np.zeros(len(Z)), P, np.diag(diffuse).astype(float))


def series(samples: int, missing: tuple[int, ...] = (), seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = 5 + np.cumsum(rng.standard_normal(samples)) + 2 * np.sin(np.arange(samples) * np.pi / 6)
    y[list(missing)] = np.nan
    return y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [(), (0, 1, 5), (2, 3, 4, 300, 301, 777)], ids=["whole", "early", "gaps"])
def test_it_is_the_textbook_filter(kind, missing):
    """With gaps in the diffuse start and in the steady state, which must be left and found again."""
    y = series(2500, missing)
    one = node(kind)
    got = one.run(y)
    expected, variances = twin(kind, y)
    known = np.isfinite(got) & np.isfinite(variances)
    assert known.sum() > 2400
    np.testing.assert_allclose(got[known], expected[known], rtol=0, atol=1e-10 * np.nanmax(np.abs(y)))
    assert one.s[ss.MODE] == ss.STEADY


@pytest.mark.parametrize("kind", KINDS)
def test_innovations_and_their_variances(kind):
    y = series(400, (7, 200))
    one = node(kind)
    e, F = np.empty(400), np.empty(400)
    ss.innovations.compiled(one.p, one.s, y, e, F)
    expected, variances = twin(kind, y)
    known = np.isfinite(y) & np.isfinite(variances)
    assert np.array_equal(known, F > 0)
    np.testing.assert_allclose(e[known], (y - expected)[known], atol=1e-9)
    np.testing.assert_allclose(F[known], variances[known], rtol=1e-9)


def test_the_gain_settles_where_the_riccati_equation_says():
    Z, T, Q, H, _ = model("dense")
    one = node("dense")
    one.run(series(2000))
    P = solve_discrete_are(T.T, Z[:, None], Q, np.array([[H]]))
    n = len(Z)
    gain = one.s[ss.VECTORS + ss.GAIN * n :][:n]
    np.testing.assert_allclose(gain, T @ P @ Z / (Z @ P @ Z + H), rtol=1e-9)


@pytest.mark.parametrize("q", [0.01, 0.5, 4.0])
def test_a_settled_local_level_is_exponential_smoothing(q):
    """Its gain solves g^2 = q (1 - g)."""
    g = (-q + np.sqrt(q * q + 4 * q)) / 2
    y = series(3000)
    got = sm.StateSpace(state_cov=q, obs_cov=1.0).run(y)
    level = got[1500]
    for t in range(1500, 2999):
        level += g * (y[t] - level)
        assert got[t + 1] == pytest.approx(level, rel=1e-9)


def test_the_forecast_is_the_power_of_the_transition():
    Z, T, *_ = model("trend and season")
    one = node("trend and season")
    one.run(series(100))
    powers = [Z @ np.linalg.matrix_power(T, k) @ one.state for k in range(30)]
    np.testing.assert_allclose(one.forecast(30), powers, rtol=1e-10)


def test_regressors_are_subtracted():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 2))
    y = series(200)
    beta = np.array([2.0, -3.0])
    one, plain = node("arima", beta=beta), node("arima")
    np.testing.assert_allclose(one.run(y + x @ beta, x), plain.run(y) + x @ beta, atol=1e-12)
    future = rng.standard_normal((5, 2))
    np.testing.assert_allclose(one.forecast(5, future), plain.forecast(5) + future @ beta, atol=1e-10)


def test_an_unknown_regressor_makes_the_sample_a_missing_one():
    x = np.ones((60, 2))
    y = series(60)
    one, other = node("level", beta=(1.0, 2.0)), node("level", beta=(1.0, 2.0))
    gaps = x.copy()
    gaps[20, 1] = np.nan
    holes = y.copy()
    holes[20] = np.nan
    a, b = one.run(y, gaps), other.run(holes, x)
    assert np.isfinite(a[1:]).all()
    np.testing.assert_array_equal(np.delete(a, 20), np.delete(b, 20))


def test_it_starts_where_it_is_told():
    one = sm.StateSpace(mean=[3.0], cov=[[2.0]], seen=1)
    y = series(50)
    np.testing.assert_allclose(
        one.run(y), naive.kalman(y, *model("level")[:2], 0.1 * np.eye(1), 1.0, [3.0], 2 * np.eye(1))[0]
    )
    again = sm.load(pickle.loads(pickle.dumps(one)).snapshot())
    np.testing.assert_array_equal(again.forecast(3), one.forecast(3))
    assert one.reset().forecast(1)[0] == 3.0


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"design": [1.0, 1.0]}, "transition must have as many rows as design has numbers, 2, got 1"),
        ({"transition": [[1.0, 2.0]]}, "must be square"),
        ({"state_cov": [[-1.0]]}, "negative eigenvalue"),
        ({"obs_cov": -1.0}, "0 <= obs_cov"),
        ({"design": [np.nan]}, "finite"),
        (
            {"design": [1, 0], "transition": np.eye(2), "state_cov": [[1, 0.5], [0, 1]]},
            "symmetric",
        ),
    ],
)
def test_what_makes_no_model_is_refused(params, words):
    with pytest.raises(ValueError, match=words):
        sm.StateSpace(**params)


def test_matrices_hold_numbers():
    with pytest.raises(TypeError, match="design must hold numbers, got 'a'"):
        sm.StateSpace(design=["a"])
    with pytest.raises(TypeError, match="True and False"):
        sm.StateSpace(diffuse=[3])
