"""Autoregression by normalised gradients against a readable twin, and what the equations promise."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from . import naive


def process(samples: int, seed: int = 0, outliers: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = np.zeros(samples)
    for t in range(2, samples):
        y[t] = 0.9 * y[t - 1] - 0.5 * y[t - 2] + rng.standard_normal()
    if outliers:
        y[rng.choice(samples, outliers, replace=False)] += 50.0 * rng.choice([-1.0, 1.0], outliers)
    return 30.0 + y


SCORES = {
    "squared": (sm.losses.squared, lambda e: e),
    "huber": (sm.losses.huber(0.8), lambda e: np.clip(e, -0.8, 0.8)),
    "absolute": (sm.losses.absolute, np.sign),
    "quartic": (sm.losses.quartic, lambda e: e**3),
    "pinball": (sm.losses.pinball(0.8), lambda e: 0.8 if e > 0 else -0.2),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("lags", [3, (1, 4, 7)])
def test_the_twin(name: str, lags) -> None:
    loss, score = SCORES[name]
    y = process(600, outliers=5)
    y[[100, 101, 300]] = np.nan
    which = range(1, lags + 1) if isinstance(lags, int) else lags
    got = sm.ARNLS(lags, 0.2, loss=loss, memory=80.0, regulariser=0.01).run(y)
    np.testing.assert_allclose(got, naive.gradient_autoregression(y, which, 0.2, score, 80, 0.01), rtol=1e-9)


def test_it_finds_the_process() -> None:
    model = sm.ARNLS(2, mu=0.005, memory=5000.0)
    error = (y := process(60_000)) - model.run(y)
    np.testing.assert_allclose(model.coefficients, [0.9, -0.5], atol=0.05)
    assert model.level == pytest.approx(30.0, abs=0.3)
    assert np.mean(error[20_000:] ** 2) < 1.02  # the innovations have variance 1


def test_huber_withstands_outliers_that_squares_do_not() -> None:
    y, clean = process(20_000, outliers=400), process(20_000)
    there = np.abs(y - clean) < 1.0
    rolled = np.convolve(~there, np.ones(3))[:20_000] > 0  # an outlier among the lags spoils any forecast
    loss = {}
    for one in (sm.losses.squared, sm.losses.huber):
        error = y - sm.ARNLS(2, mu=0.05, loss=one).run(y)
        loss[one.name] = np.mean(error[2000:][~rolled[2000:]] ** 2)
    assert loss["huber"] < 1.5
    assert loss["huber"] < 0.8 * loss["squared"]


@pytest.mark.parametrize("loss", [sm.losses.squared, sm.losses.huber])
def test_neither_unit_nor_offset_matters(loss) -> None:
    y = process(500)
    expected = sm.ARNLS(5, loss=loss).run(y)
    for unit in (1e-60, 1e-6, 1e6, 1e60):
        np.testing.assert_allclose(sm.ARNLS(5, loss=loss).run(unit * y) / unit, expected, rtol=1e-10)
    np.testing.assert_allclose(sm.ARNLS(5, loss=loss).run(y + 1e5) - 1e5, expected, rtol=1e-7)


def test_without_a_step_the_forecast_is_the_running_level() -> None:
    y = process(100)
    got = sm.ARNLS(3, mu=0.0, memory=1e9).run(y)
    np.testing.assert_allclose(got[3:], [y[:t].mean() for t in range(3, 100)], rtol=1e-12)


def test_a_shift_of_level_is_followed_within_the_memory() -> None:
    y = np.concatenate([process(1000), process(1000) + 40.0])
    error = np.abs(y - sm.ARNLS(4, memory=50.0).run(y))
    assert error[1500:].max() < 6.0


def test_quartic_never_diverges() -> None:
    y = process(5000, outliers=50)
    y[2000] = 1e9
    error = y - sm.ARNLS(4, mu=1.0, loss=sm.losses.quartic).run(y)
    assert np.isfinite(error[4:]).all()
    assert np.median(np.abs(error[3000:])) < 10.0
