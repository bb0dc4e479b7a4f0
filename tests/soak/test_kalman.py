"""Kalman filters for long: the covariance over a million samples with gaps, and models that take long to compile."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from tests.lasting import covariance_lasts
from tests.test_extended_kalman import SPREAD, Q, fly, seen


@pytest.mark.parametrize("square_root", [False, True], ids=["plain", "square root"])
def test_the_covariance_stays_positive_over_a_million_samples(square_root: bool) -> None:
    covariance_lasts(1_000_000, square_root)


def test_of_straight_functions_it_is_the_linear_filter() -> None:
    F = np.eye(4)
    F[0, 2] = F[1, 3] = 1.0
    H = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]])
    rng = np.random.default_rng(3)
    z, u = np.cumsum(rng.standard_normal((200, 2)), axis=0), np.cumsum(rng.standard_normal((200, 1)), axis=0)
    z[rng.random(z.shape) < 0.2] = np.nan
    noise = [[1.0, 0.3], [0.3, 2.0]]
    f = sm.ExtendedKalmanFilter(fly, seen, np.zeros(4), Q, noise, SPREAD, controls=1, constants=[2.0])
    linear = sm.KalmanFilter(F, H, Q, noise, initial_covariance=SPREAD)
    expected = linear.run(z + u * [1.0, 0.0], states=True)
    np.testing.assert_allclose(f.run(z, u, states=True), expected, atol=1e-7)
    assert f.log_likelihood == pytest.approx(linear.log_likelihood, rel=1e-9)
