"""The Kalman filter against the textbook's matrices, statsmodels, the Riccati equation, least squares and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter as StatsmodelsFilter

import streammse as sm

from . import naive
from .lasting import covariance_lasts

BOTH = pytest.mark.parametrize("square_root", [False, True], ids=["plain", "square root"])


def system(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """A stable system of n states and m observations whose noise is correlated."""
    rng = np.random.default_rng([n, m, seed])
    F = rng.standard_normal((n, n))
    F /= 1.05 * np.abs(np.linalg.eigvals(F)).max()
    A, C = rng.standard_normal((n, n)), rng.standard_normal((m, m))
    return F, rng.standard_normal((m, n)), 0.1 * A @ A.T, C @ C.T + 0.1 * np.eye(m)


def with_gaps(samples: int, m: int, share: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng([samples, m])
    z = rng.standard_normal((samples, m))
    z[rng.random((samples, m)) < share] = np.nan
    return z


@pytest.mark.parametrize(
    ("n", "m", "k", "square_root"), [(3, 2, 1, False), (9, 3, 2, False), (2, 2, 0, True), (9, 3, 2, True)]
)
def test_it_is_the_filter_of_the_textbook(n: int, m: int, k: int, square_root: bool) -> None:
    """Correlated noise, single gaps, control inputs; then without gaps, until the gain has settled."""
    F, H, Q, R = system(n, m)
    rng = np.random.default_rng(1)
    B, u = rng.standard_normal((n, k)), rng.standard_normal((700, k))
    z = np.concatenate([with_gaps(300, m), rng.standard_normal((400, m))])
    f = sm.KalmanFilter(F, H, Q, R, control=B if k else None, initial_covariance=2.0, square_root=square_root)
    control = (u[:, 0] if k == 1 else u,) if k else ()
    for part in (slice(0, 290), slice(290, 700)):  # the first ends among gaps
        found = f.run(z[part], *(one[part] for one in control), states=True)
        start = (np.zeros(n), 2.0 * np.eye(n))
        states, P, likelihood, e, S = naive.kalman_filter(z[: part.stop], F, H, Q, R, *start, B, u)
        np.testing.assert_allclose(found, states[part], atol=1e-10)
        np.testing.assert_allclose(f.covariance, P, atol=1e-10)
        assert f.log_likelihood == pytest.approx(likelihood, abs=1e-8)
        there = ~np.isnan(z[part][-1])
        np.testing.assert_allclose(f.innovation[there], e, atol=1e-10)
        np.testing.assert_allclose(f.innovation_covariance[np.ix_(there, there)], S, atol=1e-10)
        assert np.isnan(f.innovation[~there]).all()
        assert f.normalised_innovation_squared == pytest.approx(e @ np.linalg.solve(S, e), rel=1e-9)
    assert f.settled
    assert f.observed == np.isfinite(z).sum()


def test_it_is_the_filter_of_statsmodels() -> None:
    F, H, Q, R = system(3, 2)
    z = with_gaps(200, 2)
    theirs = StatsmodelsFilter(2, 3, transition=F, design=H, state_cov=Q, obs_cov=R, selection=np.eye(3))
    theirs.bind(np.asfortranarray(z.T))
    theirs.initialize_known(np.array([1.0, 0.0, -1.0]), 3.0 * np.eye(3))
    expected = theirs.filter()
    f = sm.KalmanFilter(F, H, Q, R, initial_state=[1.0, 0.0, -1.0], initial_covariance=3.0)
    np.testing.assert_allclose(f.run(z, states=True), expected.filtered_state.T, atol=1e-10)
    np.testing.assert_allclose(f.covariance, expected.filtered_state_cov[:, :, -1], atol=1e-10)
    assert f.log_likelihood == pytest.approx(expected.llf, abs=1e-8)
    sarimax = sm.KalmanFilter([[0.6]], [1.0], 2.0, 0.0, initial_covariance=2.0 / (1.0 - 0.36))
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    sarimax.run(z[:, 0])
    model = SARIMAX(z[:, 0], order=(1, 0, 0))
    assert sarimax.log_likelihood == pytest.approx(model.loglike([0.6, 2.0]), abs=1e-8)


@BOTH
def test_the_gain_settles_at_the_riccati_equation(square_root: bool) -> None:
    F, H, Q, R = system(3, 2)
    P = solve_discrete_are(F.T, H.T, Q, R)
    P -= P @ H.T @ np.linalg.solve(H @ P @ H.T + R, H @ P)
    z = np.random.default_rng(2).standard_normal((400, 2))
    learnt = sm.KalmanFilter(F, H, Q, R, square_root=square_root)
    given = sm.KalmanFilter(F, H, Q, R, steady=True, square_root=square_root)
    a, b = learnt.run(z), given.run(z)
    assert learnt.settled
    np.testing.assert_allclose(learnt.covariance, P, atol=1e-12)
    np.testing.assert_allclose(given.covariance, P, atol=1e-12)
    np.testing.assert_allclose(a[300:], b[300:], atol=1e-11)
    z[5, 1] = np.nan  # what leads out of the steady state and back
    fresh = given.clone()
    found = fresh.run(z, states=True)
    expected, *_ = naive.kalman_filter(z, F, H, Q, R, np.zeros(3), solve_discrete_are(F.T, H.T, Q, R))
    np.testing.assert_allclose(found, expected, atol=1e-11)
    assert fresh.settled


@pytest.mark.parametrize("q", [1e-4, 0.5, 30.0])
def test_a_random_walk_in_noise_has_its_gain_in_closed_form(q: float) -> None:
    """p = (q + sqrt(q^2 + 4 q r)) / 2, K = p / (p + r): exponential smoothing (Muth 1960)."""
    r = 2.0
    p = 0.5 * (q + np.sqrt(q * q + 4.0 * q * r))
    f = sm.KalmanFilter([[1.0]], [1.0], q, r)
    z = np.cumsum(np.random.default_rng(0).standard_normal(5000))
    f.run(z)
    assert f.settled
    assert f.gain[0, 0] == pytest.approx(p / (p + r), rel=1e-11)
    assert f.innovation_covariance[0, 0] == pytest.approx(p + r, rel=1e-11)


@BOTH
def test_without_process_noise_it_is_weighted_least_squares(square_root: bool) -> None:
    """A constant state: every observation in one system of normal equations."""
    rng = np.random.default_rng(3)
    H, R, prior = rng.standard_normal((2, 3)), np.array([[0.5, 0.2], [0.2, 0.4]]), np.diag([4.0, 1.0, 9.0])
    z = rng.standard_normal((60, 2))
    f = sm.KalmanFilter(np.eye(3), H, 0.0, R, initial_covariance=prior, square_root=square_root)
    f.run(z)
    W = np.linalg.inv(R)
    information = np.linalg.inv(prior) + 60 * H.T @ W @ H
    np.testing.assert_allclose(f.state, np.linalg.solve(information, H.T @ W @ z.sum(axis=0)), atol=1e-11)
    np.testing.assert_allclose(f.covariance, np.linalg.inv(information), atol=1e-11)


def exactly(H: list[list[Fraction]], r: Fraction) -> np.ndarray:
    """P after both rows, from a P of ones, in fractions."""
    n = 3
    P = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    for h in H:
        m = [sum(P[i][j] * h[j] for j in range(n)) for i in range(n)]
        V = sum(h[i] * m[i] for i in range(n)) + r
        P = [[P[i][j] - m[i] * m[j] / V for j in range(n)] for i in range(n)]
    return np.array(P, dtype=float)


@pytest.mark.parametrize("delta", [2.0**-20, 2.0**-27, 2.0**-31])
def test_the_square_root_form_is_right_where_the_plain_one_loses_its_digits(delta: float) -> None:
    """Bierman's example, as in Grewal and Andrews, Kalman Filtering, 2008, example 6.2: beside 1 delta^2 is nothing."""
    H = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + delta]])
    truth = exactly([[Fraction(value) for value in row] for row in H], Fraction(delta) ** 2)
    error = {}
    for square_root in (False, True):
        f = sm.KalmanFilter(np.eye(3), H, 0.0, delta**2, initial_covariance=1.0, square_root=square_root)
        f.update([0.0, 0.0])
        error[square_root] = np.abs(f.covariance / truth - 1.0).max()
        if square_root:
            assert np.linalg.eigvalsh(f.covariance).min() > -1e-15
    assert error[True] < 4e-16 / delta
    if delta < 2.0**-26:
        assert error[False] > 0.1


def test_a_number_that_is_missing_is_skipped_alone() -> None:
    F, H, Q, _ = system(3, 2)
    z = np.random.default_rng(4).standard_normal((100, 2))
    z[:, 1] = np.nan
    both = sm.KalmanFilter(F, H, Q, [0.3, 0.4], initial_covariance=10.0)
    first, *_ = naive.kalman_filter(z[:, :1], F, H[:1], Q, np.array([[0.3]]), np.zeros(3), 10.0 * np.eye(3))
    expected = both.run(z)
    np.testing.assert_allclose(expected, first @ H[0], atol=1e-12)
    for dirt in (np.inf, -np.inf, 1e200):
        z[:, 1] = dirt
        np.testing.assert_array_equal(both.clone().run(z), expected)


def test_a_spike_is_gone_as_fast_as_the_filter_forgets() -> None:
    """1e4 in 1e-3: linear, so that what it leaves dies as the closed loop (I - K H) F does."""
    F, H = np.array([[1.0, 1.0], [0.0, 1.0]]), [[1.0, 0.0], [1.0, 0.3]]
    f = sm.KalmanFilter(F, H, np.diag([0.0, 1e-8]), [1e-6, 1e-6], square_root=True)
    z = 1e-3 * np.random.default_rng(5).standard_normal((4000, 2))
    clean = f.run(z)
    z[1000, 0] = 1e4
    dirty = f.reset().run(z)
    loop = (np.eye(2) - f.gain[:, 1:] @ np.array(H)[1:]) @ (np.eye(2) - f.gain[:, :1] @ np.array(H)[:1]) @ F
    rate = np.abs(np.linalg.eigvals(loop)).max()
    left = np.abs(dirty - clean)[1000:]
    samples = int(np.log(1e-8) / np.log(rate))  # 160 dB
    assert left[0] > 100.0
    assert left[samples:].max() < 1e-3 < left[samples // 4]


def test_what_outgrows_all_bounds_begins_anew() -> None:
    """An unstable state that nobody observes for long; and of a state that is observed it is the true one again."""
    f = sm.KalmanFilter([[2.0]], [1.0], 0.1, 1.0)
    y = f.run(np.full(3000, np.nan))
    assert np.isfinite(y).all()
    assert f.restarts > 0
    x = 1e-3 * 2.0 ** np.arange(40)
    assert f.run(x)[-1] == pytest.approx(x[-1], rel=1e-6)


@BOTH
def test_without_noise_what_is_known_tells_nothing(square_root: bool) -> None:
    """The same row twice: the second is rounding, and must not use up the direction that nobody observed."""
    H = np.array([[1.0, 0.3, 0.1], [1.0, 0.3, 0.1], [0.2, 1.0, 0.7]])
    f = sm.KalmanFilter(np.eye(3), H, 0.0, 0.0, initial_covariance=1.0, square_root=square_root)
    f.run(np.tile([1.0, 1.5, 2.0], (200, 1)))
    seen = H[[0, 2]]
    np.testing.assert_allclose(f.state, np.linalg.pinv(seen) @ [1.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(f.covariance, np.eye(3) - np.linalg.pinv(seen) @ seen, atol=1e-12)


@BOTH
def test_the_covariance_stays_positive(square_root: bool) -> None:
    covariance_lasts(20_000, square_root)


def test_a_control_input_moves_the_state() -> None:
    """A cart that is pushed: without noise the filter knows where it is."""
    F, B = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.5], [1.0]])
    u = np.sin(np.arange(50.0))
    x = np.zeros((50, 2))
    for t in range(1, 50):
        x[t] = F @ x[t - 1] + B[:, 0] * u[t]
    f = sm.KalmanFilter(F, [1.0, 0.0], 0.0, 1.0, control=B, initial_covariance=0.0, square_root=True)
    np.testing.assert_allclose(f.run(np.full(50, np.nan), u, states=True), x, atol=1e-12)
    g = f.clone()
    assert [g.update(np.nan, one) for one in u] == f.reset().run(np.full(50, np.nan), u).tolist()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"observation": [[1.0]]}, "observation must have rows of 2 numbers"),
        ({"transition": [[1.0, 0.0]]}, "transition must be square"),
        ({"process_noise": [[1.0, 2.0], [2.0, 1.0]]}, "process_noise must be a variance"),
        ({"process_noise": [1.0, 1.0, 1.0]}, "process_noise must be a number, 2 of them, or have shape"),
        ({"observation_noise": -1.0}, "observation_noise must be a variance"),
        ({"initial_state": [1.0]}, "initial_state must hold 2 numbers"),
        ({"output": [1.0, 2.0, 3.0]}, "output must hold 2 numbers"),
        ({"control": [[1.0]]}, "control must have a row for each of 2 states, got 1"),
        ({"steady": True, "process_noise": 0.0}, "there is no steady state"),
        ({"steady": True, "initial_covariance": 1.0}, "expected one of the two"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sm.KalmanFilter(**{**sm.KalmanFilter._needs, **changed})


def test_what_does_not_fit_is_refused() -> None:
    f = sm.KalmanFilter(np.eye(2), np.eye(2), 1.0, 1.0, control=np.ones((2, 1)), square_root=True)
    with pytest.raises(ValueError, match=r"z must have shape \(T, 2\)"):
        f.run(np.ones(5), np.ones(5))
    with pytest.raises(TypeError, match="needs the control input"):
        f.run(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"control must have shape \(1,\)"):
        f.update([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="takes no control input"):
        sm.KalmanFilter([[1.0]], [1.0], 1.0, 1.0).run(np.ones(3), np.ones(3))
