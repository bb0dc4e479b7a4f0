"""Autoregressions against least squares solved anew, statsmodels and closed forms."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import streammse as sm

from . import naive


def process(samples: int, seed: int = 0) -> np.ndarray:
    """A season on a slope, and an autoregressive noise."""
    rng = np.random.default_rng(seed)
    noise = np.zeros(samples)
    for t in range(2, samples):
        noise[t] = 0.6 * noise[t - 1] - 0.3 * noise[t - 2] + rng.standard_normal()
    t = np.arange(samples)
    return 20.0 + 0.05 * t + 3.0 * np.sin(2.0 * np.pi * t / 12.0) + noise


@pytest.mark.parametrize(
    ("lags", "trend", "forgetting", "regressors"),
    [(1, "c", 1.0, 0), (6, "n", 1.0, 0), ((1, 2, 12), "ct", 1.0, 0), (5, "c", 0.97, 0), ((2, 7), "ct", 0.95, 3)],
)
def test_every_forecast_is_that_of_least_squares_over_all_rows_before(lags, trend, forgetting, regressors) -> None:
    y = process(160)
    x = np.random.default_rng(1).standard_normal((160, regressors))
    y = y + x @ np.arange(1.0, regressors + 1.0)
    y[[60, 61, 90]] = np.nan
    model = sm.ARLS(lags, forgetting, trend, regressors)
    got = model.run(y, x) if regressors else model.run(y)
    which = range(1, lags + 1) if isinstance(lags, int) else lags
    expected = naive.autoregression(y, which, trend, x if regressors else None, forgetting)
    assert np.isnan(got).sum() == model.needs
    np.testing.assert_allclose(got, expected, rtol=1e-8)


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
def test_statsmodels_autoreg(trend: str) -> None:
    from statsmodels.datasets import sunspots
    from statsmodels.tsa.ar_model import AutoReg

    y = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    lags = (1, 2, 9, 11)
    oracle = AutoReg(y, list(lags), trend=trend).fit()
    model = sm.ARLS(lags, trend=trend).fit(y)
    deterministic = [model.intercept, model.slope][: ("n", "c", "ct").index(trend)]
    np.testing.assert_allclose([*deterministic, *model.coefficients], oracle.params, rtol=1e-8)
    np.testing.assert_allclose(model.forecast(40), oracle.predict(len(y), len(y) + 39), rtol=1e-8)


def test_statsmodels_recursive_least_squares() -> None:
    from statsmodels.datasets import sunspots
    from statsmodels.regression.recursive_ls import RecursiveLS

    y = sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    rows, values = naive.lag_rows(y, (1, 2, 3))
    oracle = RecursiveLS(values, rows).fit().recursive_coefficients.filtered
    model = sm.ARLS(3)
    for t in range(len(y)):
        model.update(y[t])
        if t >= 20:
            got = [model.intercept, *model.coefficients]
            np.testing.assert_allclose(got, oracle[:, t - 3], rtol=1e-6)  # its start is an approximate one


def test_regressors_known_ahead() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 2))
    y = np.zeros(300)
    for t in range(1, 300):
        y[t] = 1.0 + 0.5 * y[t - 1] + x[t] @ [2.0, -3.0]
    model = sm.ARLS(1, exogenous=2).fit(y[:250], x[:250])
    np.testing.assert_allclose(model.exogenous_coefficients, [2.0, -3.0], rtol=1e-9)
    np.testing.assert_allclose(model.forecast(50, x[250:]), y[250:], rtol=1e-8)
    before = [model.intercept, *model.coefficients, *model.exogenous_coefficients]
    assert np.isfinite(model.update(1e3, [np.nan, 0.0]))  # a row that is not wholly known teaches nothing
    assert [model.intercept, *model.coefficients, *model.exogenous_coefficients] == before


def test_one_regressor() -> None:
    x = np.random.default_rng(3).standard_normal(100)
    model = sm.ARLS(1, exogenous=1).fit(2.0 * x, x)
    np.testing.assert_allclose(model.forecast(3, [1.0, 2.0, 3.0]), [2.0, 4.0, 6.0], atol=1e-9)


T = np.arange(1_000_000.0)
POOR = {
    "sine": np.sin(T / 10.0),
    "constant": np.full(T.size, 5.0),
    "ramp": T,
    "silence": np.where(T < 500, np.random.default_rng(2).standard_normal(T.size), 0.0),
}


@pytest.mark.parametrize("name", POOR)
def test_a_million_samples_that_excite_little(name: str) -> None:
    """Forgetting finds nothing new: the information stays positive, the coefficients stay small, the forecast exact."""
    model = sm.ARLS(8, forgetting=0.99)
    y = POOR[name]
    error = np.abs(y - model.run(y))[10_000:]
    assert np.isfinite(model._s).all()
    assert model._information.min() > 0.0
    assert (np.abs(model.coefficients) < 10.0).all()
    assert error.max() <= 1e-9 * np.abs(y).max()
    rich = process(9000, seed=5)  # and when the signal comes alive, the past is forgotten as it should be
    fresh = sm.ARLS(8, forgetting=0.99).run(rich)
    np.testing.assert_allclose(model.run(rich)[8000:], fresh[8000:], rtol=1e-6)


def test_the_unit_does_not_matter() -> None:
    y = process(300)
    expected = sm.ARLS(12, 0.98).run(y)
    for unit in (1e-60, 1e-6, 1e6, 1e60):
        np.testing.assert_allclose(sm.ARLS(12, 0.98).run(unit * y) / unit, expected, rtol=1e-8)


def test_a_gap_before_the_series_begins_counts_for_nothing() -> None:
    y = process(100)
    late = np.concatenate([np.full(10, np.nan), y])
    np.testing.assert_array_equal(sm.ARLS(3, trend="ct").run(late)[10:], sm.ARLS(3, trend="ct").run(y))


def test_a_long_gap_in_a_growing_series_stays_finite() -> None:
    y = 1.1 ** np.arange(100.0)
    model = sm.ARLS(2).fit(y)
    assert model.run(np.full(100_000, np.nan)).max() == pytest.approx(100.0 * y[-1])
    assert np.isfinite(model.run(y)).all()


def test_a_larger_regulariser_tames_the_first_rows() -> None:
    """As many rows as coefficients fit any noise exactly, and forecast it badly."""
    first = {1e-16: [], 0.1: []}
    for seed in range(20):
        y = np.random.default_rng(seed).standard_normal(80)
        for regulariser, errors in first.items():
            errors.append((y - sm.ARLS(12, regulariser=regulariser).run(y))[25:32])
    assert np.mean(np.square(first[0.1])) < 0.5 * np.mean(np.square(first[1e-16]))


def test_lags_are_checked() -> None:
    assert sm.ARLS((12, 1, 2)).lags == (1, 2, 12)
    assert sm.ARLS([3]).lags == (3,)
    for wrong in (0, (), (1, 1), (0, 2), 2.5, float("nan")):
        with pytest.raises(ValueError, match="lags must be"):
            sm.ARLS(wrong)
    for wrong in ("3", None, True, (1, "2")):
        with pytest.raises(TypeError, match="lags must be"):
            sm.ARLS(wrong)


def test_forecasts_several_steps_leave_no_trace() -> None:
    model = sm.ARLS((1, 5), trend="ct").fit(process(100))
    before = copy.deepcopy(model._s)
    np.testing.assert_array_equal(model.forecast(20), model.forecast(20))
    np.testing.assert_array_equal(model._s, before)
