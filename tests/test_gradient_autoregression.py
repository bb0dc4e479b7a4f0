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


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
@pytest.mark.parametrize("m", [0, 2])
def test_the_twin_with_a_trend_and_regressors(trend: str, m: int) -> None:
    y = process(300, outliers=3) + 0.2 * np.arange(300) * (trend == "ct")
    x = np.random.default_rng(1).standard_normal((300, m)) * [1.0, 50.0][:m] + 3.0
    y = y + x @ [2.0, 0.1][:m]
    if trend != "ct":
        y[[100, 101, 200]] = np.nan
    if m:
        x[150, 1] = np.nan
    got = sm.ARNLS((1, 3), 0.2, trend=trend, exogenous=m, memory=1e9, loss=sm.losses.huber(0.8))
    got = got.run(y, x) if m else got.run(y)
    expected = naive.gradient_autoregression(y, (1, 3), 0.2, SCORES["huber"][1], 1e9, trend=trend, x=x)
    np.testing.assert_allclose(got, expected, rtol=1e-7)


@pytest.mark.parametrize("loss", [sm.losses.squared, sm.losses.huber(1.345)])
def test_trend_and_regressors_are_found(loss) -> None:
    """In other units than the series has, with what outliers do to squares left out."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((20_000, 2)) * [1e-3, 1e4]
    y = process(20_000) + 0.03 * np.arange(20_000) + x @ [2e3, -3e-4]
    model = sm.ARNLS(2, 0.01, trend="ct", exogenous=2, memory=1e9, loss=loss)
    model.run(y, x)
    np.testing.assert_allclose(model.exogenous_coefficients * [1e-3, 1e4], [2.0, -3.0], atol=0.25)
    assert model.slope == pytest.approx(0.03, rel=1e-3)
    ahead = model.forecast(50, np.zeros((50, 2)))
    assert np.mean(np.diff(ahead)[20:]) == pytest.approx(0.03, abs=5e-3)


def test_a_line_that_is_followed_within_the_memory_bends() -> None:
    t = np.arange(4000.0)
    y = np.abs(t - 2000.0) + process(4000)
    model = sm.ARNLS(2, trend="ct", memory=100.0)
    error = (y - model.run(y))[3000:]
    assert model.slope == pytest.approx(1.0, abs=0.05)
    assert np.mean(error**2) < 2.0


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
