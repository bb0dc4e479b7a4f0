"""The extended Kalman filter: against its textbook, the linear filter, and what a user gets wrong."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import streammse as sm
from streammse.kernels.kalman import SQUARES

from . import naive
from .cases import SOAK


def fly(x, out):
    """Straight on in the plane."""
    out[0], out[1], out[2], out[3] = x[0] + x[2], x[1] + x[3], x[2], x[3]


def fly_slopes(x, J):
    J[:, :] = 0.0
    for i in range(4):
        J[i, i] = 1.0
    J[0, 2] = J[1, 3] = 1.0


def radar(x, out):
    """Distance and bearing."""
    out[0], out[1] = math.hypot(x[0], x[1]), math.atan2(x[1], x[0])


def radar_slopes(x, J):
    r = math.hypot(x[0], x[1])
    J[:, :] = 0.0
    J[0, 0], J[0, 1] = x[0] / r, x[1] / r
    J[1, 0], J[1, 1] = -x[1] / (r * r), x[0] / (r * r)


def seen(x, out, u, a):
    """Both coordinates, from a place that moves."""
    out[0], out[1] = x[0] - u[0], a[0] * x[1]


R = np.array([[25.0, 0.01], [0.01, 1e-4]])
Q = np.diag([0.0, 0.0, 1e-3, 1e-3])
START, SPREAD = np.array([-900.0, 450.0, 0.0, 0.0]), np.array([1e4, 1e4, 100.0, 100.0])
TRACKING = {
    "initial_state": START,
    "process_noise": Q,
    "observation_noise": R,
    "initial_covariance": SPREAD,
    "angles": [False, True],
}


def track(samples: int, turns: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where the target was, and what the radar heard; past the radar, or around it, over the cut of the angle."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples)
    way = np.column_stack([-1000.0 + 10.0 * t, np.full(samples, 500.0)])
    if turns:
        way = 1000.0 * np.column_stack([np.cos(2.7 + t / 500.0), np.sin(2.7 + t / 500.0)])
    heard = np.column_stack([np.hypot(*way.T), np.arctan2(way[:, 1], way[:, 0])])
    heard += rng.multivariate_normal([0.0, 0.0], R, samples)
    heard[:, 1] = np.angle(np.exp(1j * heard[:, 1]))
    return way, heard


@pytest.mark.parametrize("how", ["slopes given, square root"] + ["differences, plain"] * SOAK)
def test_it_is_the_filter_of_the_textbook(how: str) -> None:
    z = track(300)[1]
    z[np.random.default_rng(1).random(z.shape) < 0.1] = np.nan

    def slopes(of, rows):
        def at(x):
            J = np.empty((rows, 4))
            of(x, J)
            return J

        return at

    def value(of, size):
        def at(x):
            out = np.empty(size)
            of(x, out)
            return out

        return at

    model = (value(fly, 4), value(radar, 2), slopes(fly_slopes, 4), slopes(radar_slopes, 2))
    states, P = naive.extended_kalman(z, *model, Q, R, START, np.diag(SPREAD), np.array([False, True]))
    given = how.startswith("slopes")
    more = {"f_jacobian": fly_slopes, "h_jacobian": radar_slopes, "square_root": True} if given else {}
    f = sm.ExtendedKalmanFilter(fly, radar, **TRACKING, **more)
    tolerance = 1e-9 if given else 1e-6  # of the differences, relative to hundreds of metres
    np.testing.assert_allclose(f.run(z, states=True), states, rtol=0.0, atol=100.0 * tolerance)
    np.testing.assert_allclose(f.covariance, P, rtol=tolerance, atol=tolerance)


def test_over_the_cut_of_an_angle_it_goes_on() -> None:
    """The innovations are as large as expected; without the flag the target is lost where the angle leaps."""
    way, z = track(1500, turns=True)
    start = {**TRACKING, "initial_state": [*way[0], 0.0, 0.0]}
    f = sm.ExtendedKalmanFilter(fly, radar, **start)
    x = f.run(z, states=True)
    assert np.abs(x[200:, :2] - way[200:]).max() < 40.0
    lost = sm.ExtendedKalmanFilter(fly, radar, **{**start, "angles": ()}).run(z, states=True)
    assert np.abs(lost[200:, :2] - way[200:]).max() > 400.0


def test_innovations_are_as_large_as_they_say() -> None:
    """Of a path that is as the model has it, e^2 / V has the mean one."""
    rng = np.random.default_rng(2)
    x, path = np.array([3000.0, 2000.0, 0.0, 0.0]), []
    for _ in range(4000):
        x = np.concatenate([x[:2] + x[2:], 0.999 * x[2:] + np.sqrt(1e-3) * rng.standard_normal(2)])
        path.append(x)
    way = np.array(path)[:, :2]
    z = np.column_stack([np.hypot(*way.T), np.arctan2(way[:, 1], way[:, 0])])
    z += rng.multivariate_normal([0.0, 0.0], R, 4000)
    model = {**TRACKING, "initial_state": [3000.0, 2000.0, 0.0, 0.0]}
    f = sm.ExtendedKalmanFilter(fly, radar, **model)
    f.run(z)
    likelihood = f.log_likelihood
    assert f.observed == 8000
    assert f.s[SQUARES] / f.observed == pytest.approx(1.0, abs=0.05)
    doubled = sm.ExtendedKalmanFilter(fly, radar, **{**model, "observation_noise": 2.0 * R})
    doubled.run(z)
    assert doubled.log_likelihood < likelihood


def test_dirt_and_spikes_are_overcome() -> None:
    """NaN skips a number; a spike of 1e4 times the noise in the distance is gone within the memory."""
    way, z = track(1000)
    z[100, 0], z[101, 1], z[102] = np.inf, np.nan, [-np.inf, np.nan]
    z[300, 0] += 5e4
    f = sm.ExtendedKalmanFilter(fly, radar, **TRACKING)
    x = f.run(z, states=True)
    assert np.isfinite(x).all()
    assert np.abs(x[290, :2] - way[290]).max() < 30.0
    assert np.abs(x[900:, :2] - way[900:]).max() < 100.0


def past_the_end(x, out):
    out[0] = x[0]
    out[1 + int(x[0])] = 1.0


def first(x, out):
    out[0] = x[0]


def silent(x, out):
    """Forgets to write the second."""
    out[0] = x[0]


def test_what_a_user_gets_wrong_is_told() -> None:
    small = {"process_noise": 1.0, "observation_noise": 1.0, "initial_covariance": 1.0}
    with pytest.raises(ValueError, match=r"f must write 2 finite numbers into its second argument.*\[1.0, nan\]"):
        sm.ExtendedKalmanFilter(silent, first, [1.0, 2.0], **small)
    with pytest.raises(TypeError, match="got 1 arguments"):
        sm.ExtendedKalmanFilter(lambda x: x, first, [1.0, 2.0], **small)
    with pytest.raises(TypeError, match="must be a function"):
        sm.ExtendedKalmanFilter(3.0, first, [1.0], **small)
    with pytest.raises(ValueError, match="angles must hold 1 truth values"):
        sm.ExtendedKalmanFilter(first, first, [1.0], **small, angles=[True, False])
    f = sm.ExtendedKalmanFilter(past_the_end, first, [0.0, 0.0], **small)
    before = f.s.copy()
    for states in (False, True):
        with pytest.raises(IndexError):
            f.run([0.0, 50.0, 50.0], states=states)
    np.testing.assert_array_equal(f.s, before)


CALLED = []


def loud(x, out):
    """As hostile as a function can be."""
    CALLED.append(x)
    out[0] = x[0]


def test_reading_a_snapshot_calls_nothing() -> None:
    small = {"process_noise": 1.0, "observation_noise": 1.0, "initial_covariance": 1.0}
    f = sm.ExtendedKalmanFilter(loud, first, [1.0], **small)
    data = f.snapshot()
    assert CALLED
    CALLED.clear()
    assert sm.load(data).f.function is loud
    assert not CALLED


def test_functions_are_kept_by_their_names() -> None:
    f = sm.ExtendedKalmanFilter(fly, radar, **TRACKING)
    assert sm.load(f.snapshot()).f.function is fly
    assert pickle.loads(pickle.dumps(f)).params == f.params

    def within(x, out):
        out[0] = x[0]

    small = {"process_noise": 1.0, "observation_noise": 1.0, "initial_covariance": 1.0}
    unnamed = sm.ExtendedKalmanFilter(within, first, [1.0], **small)
    with pytest.raises(ValueError, match="define it in a module"):
        unnamed.snapshot()
