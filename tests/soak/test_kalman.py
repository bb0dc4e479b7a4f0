"""The covariance of a Kalman filter over a million samples with gaps."""

from __future__ import annotations

import pytest

from tests.lasting import covariance_lasts


@pytest.mark.parametrize("square_root", [False, True], ids=["plain", "square root"])
def test_the_covariance_stays_positive_over_a_million_samples(square_root: bool) -> None:
    covariance_lasts(1_000_000, square_root)
