"""ARIMA against statsmodels: forecasts with the same coefficients, and the likelihood that a fit reaches."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import statsmodels.api as smapi
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.statespace.sarimax import SARIMAX

import streammse as sm
from streammse.forecast.arima import Search, Shape, from_partial, stable, to_partial
from streammse.kernels import state_space as ss

ORDER = ("trend_coefficients", "beta", "ar", "ma", "seasonal_ar", "seasonal_ma")
CASES = {
    "arima": ({"order": (1, 1, 1)}, {"ar": (0.6,), "ma": (0.3,)}),
    "mean": (
        {"order": (2, 0, 1), "trend": "c"},
        {"ar": (0.6, 0.2), "ma": (0.3,), "trend_coefficients": (1.0,)},
    ),
    "drift": (
        {"order": (0, 2, 1), "trend": "t"},
        {"ma": (-0.5,), "trend_coefficients": (0.01,)},
    ),
    "airline": ({"order": (0, 1, 1), "seasonal": (0, 1, 1, 12)}, {"ma": (-0.4,), "seasonal_ma": (-0.6,)}),
    "all": (
        {"order": (2, 1, 1), "seasonal": (1, 1, 1, 4), "trend": "ct", "exogenous": 2},
        {
            "ar": (0.6, 0.2),
            "ma": (0.3,),
            "seasonal_ar": (0.3,),
            "seasonal_ma": (-0.5,),
            "trend_coefficients": (0.1, 0.01),
            "beta": (1.0, -2.0),
        },
    ),
    "long season": (
        {"order": (1, 0, 1), "seasonal": (1, 0, 1, 24), "exogenous": 1},
        {"ar": (0.5,), "ma": (0.2,), "seasonal_ar": (0.7,), "seasonal_ma": (-0.2,), "beta": (3.0,)},
    ),
}
GAPS = (3, 30, 31, 32, 150)


def series(samples: int = 200, missing: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 2))
    y = np.cumsum(rng.standard_normal(samples)) + 3 * np.sin(np.arange(samples) * np.pi / 6)
    y[list(missing)] = np.nan
    return y, x


def theirs(y, x, shape, values) -> SARIMAX:
    model = SARIMAX(
        y,
        exog=x if shape.get("exogenous") else None,
        order=shape["order"],
        seasonal_order=shape.get("seasonal", (0, 0, 0, 0)),
        trend=shape.get("trend", "n"),
        use_exact_diffuse=True,
    )
    model.ssm.tolerance = 0.0  # the full filter at every sample
    return model.filter([v for name in ORDER for v in values.get(name, ())] + [1.0])


@pytest.mark.parametrize("missing", [(), GAPS], ids=["whole", "gaps"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*nobs_diffuse")
def test_forecasts_are_those_of_sarimax(name, missing):
    shape, values = CASES[name]
    y, x = series(missing=missing)
    m = shape.get("exogenous", 0)
    x = x[:, :m]
    expected = theirs(y, x, shape, values)
    node = sm.ARIMA(**shape, **values)
    got = node.run(y, x) if m else node.run(y)
    first = int(expected.filter_results.nobs_diffuse)
    assert first >= node.needs - (node.needs == 1)
    scale = np.nanmax(np.abs(y))
    np.testing.assert_allclose(got[first + 1 :], expected.predict()[first + 1 :], rtol=0, atol=1e-10 * scale)
    future = np.random.default_rng(9).standard_normal((36, m))
    ahead = node.forecast(36, future) if m else node.forecast(36)
    np.testing.assert_allclose(ahead, expected.forecast(36, exog=future if m else None), rtol=0, atol=1e-10 * scale)


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ({"order": (0, 1, 1)}, {"ma": (-0.98,)}),
        ({"order": (1, 1, 1), "seasonal": (0, 1, 1, 12)}, {"ar": (0.3,), "ma": (-0.6,), "seasonal_ma": (-0.9,)}),
    ],
)
def test_a_gain_that_is_kept_is_the_full_filter_s(shape, values):
    """Where it settles slowly, so that keeping it too early would show."""
    y = np.cumsum(np.random.default_rng(0).standard_normal(6000))
    y[4000] = np.nan
    node = sm.ARIMA(**shape, **values)
    got = node.run(y)
    expected = theirs(y, None, shape, values).predict()
    np.testing.assert_allclose(got[30:], expected[30:], rtol=0, atol=1e-10 * np.nanmax(np.abs(y)))
    assert node.s[ss.MODE] == ss.STEADY


def test_an_autoregression_is_the_plain_sum():
    y, _ = series(300)
    fit = AutoReg(y, 2, trend="c").fit()
    c, *ar = fit.params
    node = sm.ARIMA((2, 0, 0), trend="c", ar=ar, trend_coefficients=(c,))
    np.testing.assert_allclose(node.run(y)[2:], fit.fittedvalues, rtol=1e-10)
    np.testing.assert_allclose(node.forecast(10), fit.forecast(10), rtol=1e-10)


def test_without_coefficients_it_is_a_random_walk():
    y, _ = series(60)
    np.testing.assert_allclose(sm.ARIMA((0, 1, 0)).run(y)[1:], y[:-1], rtol=1e-12)


def test_an_unknown_trend_is_learnt_as_it_comes():
    """The drift of a random walk whose drift is a diffuse state: the mean step so far."""
    y, _ = series(60)
    got = sm.ARIMA((0, 1, 0), trend="c").run(y)
    steps = np.diff(y)
    expected = [y[t - 1] + steps[: t - 1].mean() for t in range(2, 60)]
    np.testing.assert_allclose(got[2:], expected, rtol=1e-10)
    assert np.isnan(got[:2]).all()


def test_an_unknown_mean_is_the_generalised_least_squares_one():
    y, _ = series(40)
    phi = 0.7
    node = sm.ARIMA((1, 0, 0), trend="c", ar=(phi,))
    node.run(y)
    w = np.concatenate([[np.sqrt(1 - phi**2) * y[0]], y[1:] - phi * y[:-1]])
    one = np.concatenate([[np.sqrt(1 - phi**2)], np.full(39, 1 - phi)])
    mean = one @ w / (one @ one)
    assert node.forecast(1)[0] == pytest.approx(mean + phi * (y[-1] - mean), rel=1e-10)


@pytest.mark.parametrize(
    ("shape", "x"),
    [
        ({"order": (1, 1, 1)}, False),
        ({"order": (2, 0, 1), "trend": "c"}, False),
        ({"order": (0, 1, 1), "seasonal": (0, 1, 1, 12)}, False),
        ({"order": (1, 0, 0), "exogenous": 2, "trend": "ct"}, True),
    ],
)
@pytest.mark.filterwarnings("ignore")  # theirs speak of their own start and convergence
def test_a_fit_reaches_their_likelihood(shape, x):
    y, regressors = series(200, (50, 51))
    y = y + regressors @ [1.0, 2.0] if x else y
    node = sm.ARIMA(**shape).fit(*((y, regressors) if x else (y,)))
    more = {"exog": regressors if x else None, "trend": shape.get("trend", "n"), "use_exact_diffuse": True}
    build = {"order": shape["order"], "seasonal_order": shape.get("seasonal", (0, 0, 0, 0)), **more}
    best = SARIMAX(y, **build).fit(disp=False, maxiter=200).llf
    mine = SARIMAX(y, **build, concentrate_scale=True).filter([v for name in ORDER for v in getattr(node, name)]).llf
    assert mine >= best - 1e-3


def test_a_fit_finds_what_made_the_series():
    rng = np.random.default_rng(4)
    e = rng.standard_normal(20_000)
    u = np.zeros(20_000)
    for t in range(1, u.size):
        u[t] = 0.7 * u[t - 1] + e[t] + 0.4 * e[t - 1]
    x = rng.standard_normal((u.size, 1))
    node = sm.ARIMA((1, 1, 1), exogenous=1).fit(np.cumsum(u) + 3.0 * x[:, 0], x)
    assert node.ar[0] == pytest.approx(0.7, abs=0.02)
    assert node.ma[0] == pytest.approx(0.4, abs=0.03)
    assert node.beta[0] == pytest.approx(3.0, abs=0.02)


def test_what_is_given_stays():
    y, x = series(200)
    y = y + x @ [1.0, 2.0]
    node = sm.ARIMA((2, 0, 1), trend="c", exogenous=2, ar=(0.5, None), beta=(1.0, None)).fit(y, x)
    assert node.ar[0] == 0.5
    assert node.beta[0] == 1.0
    assert node.beta[1] == pytest.approx(2.0, abs=0.3)
    assert stable(np.array(node.ar))
    free = sm.ARIMA((2, 0, 1), trend="c", exogenous=2).fit(y, x)
    assert np.mean((y - node.run(y, x))[5:] ** 2) >= 0.99 * np.mean((y - free.run(y, x))[5:] ** 2)


def test_a_second_fit_estimates_again():
    y, _ = series(200)
    node = sm.ARIMA((1, 0, 0)).fit(np.random.default_rng(0).standard_normal(300))
    first = node.ar
    update = node.update
    node.fit(y)
    other = sm.ARIMA((1, 0, 0)).fit(y)
    assert node.ar == pytest.approx(other.ar, rel=1e-3)
    assert node.ar != pytest.approx(first, rel=0.1)
    assert (
        update(1.0) == copy.deepcopy(node).reset().run([*y, 1.0])[-1]
    )  # what was taken out before the fit still speaks to the node


@pytest.mark.parametrize(
    ("shape", "missing"),
    [
        (Shape(2, 1, 1, 0, 0, 0, 0, "n"), ()),
        (Shape(1, 0, 2, 0, 0, 0, 0, "c"), GAPS),
        (Shape(0, 1, 1, 0, 1, 1, 12, "n"), ()),
        (Shape(1, 1, 0, 1, 1, 1, 4, "c"), ()),
    ],
)
def test_the_process_alone_has_the_innovations_of_the_whole_filter(shape, missing):
    y, x = series(200, missing)
    counts = (shape.p, shape.q, shape.P, shape.Q, len(shape.powers), 2)
    names = ("ar", "ma", "seasonal_ar", "seasonal_ma", "trend_coefficients", "beta")
    asked = {name: (None,) * count for name, count in zip(names, counts, strict=True)}
    search = Search(shape, asked, y, x)
    assert search.plain
    for free in np.random.default_rng(1).standard_normal((3, sum(counts[:4]))):
        e, X, F = search.innovations(free)
        search.silent = np.where(search.known, 0.0, np.nan)
        for got, expected in zip((e, X, F), search.filtered(tuple(search.decode(free).values())), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())


LOSSES = [sm.losses.squared, sm.losses.huber(0.5), sm.losses.absolute, sm.losses.pinball(0.8)]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize(
    ("node", "m"), [(sm.ARIMA((1, 1, 1)), 0), (sm.ARIMA((1, 0, 0), trend="c", exogenous=2), 2)], ids=repr
)
def test_a_fit_makes_any_loss_least(node, m, loss):
    """No worse than the likelihood's numbers, nor than any near its own."""
    y, x = series(150)
    y[::17] += 15.0
    beside = (x[:, :m],) if m else ()

    def mean(one) -> float:
        return float(np.mean([loss.at(e) for e in (y - one.clone().run(y, *beside))[1:]]))

    first = node.needs
    assert first <= 1
    found = node.clone().fit(y, *beside, loss=loss)
    least = mean(found)
    assert least <= mean(node.clone().fit(y, *beside)) * (1 + 1e-9)
    for k, value in enumerate(found.params["fitted"]):
        for step in (-0.02, 0.02):
            near = list(found.params["fitted"])
            near[k] = value + step * max(1.0, abs(value))
            if k or abs(near[0]) < 1.0:
                assert least <= mean(type(node)(**{**node.params, "fitted": tuple(near)})) * (1 + 1e-4)


def test_a_second_fit_starts_from_the_first(monkeypatch):
    y, _ = series(200)
    count = [0]
    plain = Search.innovations
    monkeypatch.setattr(Search, "innovations", lambda *args: (count.__setitem__(0, count[0] + 1), plain(*args))[1])
    for node in (sm.ARIMA((1, 1, 1)), sm.ARIMA((0, 1, 1), (0, 1, 1, 12)), sm.ARIMA((2, 0, 1), trend="c")):
        node.fit(y[:190])
        warm = node.clone()
        assert warm.params["fitted"] is not None
        count[0] = 0
        warm.fit(y)
        again, count[0] = count[0], 0
        cold = type(node)(**{**node.params, "fitted": None}).fit(y)
        assert again <= 0.55 * count[0]
        assert np.mean((y - warm.reset().run(y))[30:] ** 2) <= 1.002 * np.mean((y - cold.reset().run(y))[30:] ** 2)


def test_co2_by_season():
    """The airline model forecasts a year of CO2 to within a part in a thousand, with the gaps of the record."""
    y = smapi.datasets.co2.load_pandas().data["co2"].resample("MS").mean().to_numpy()
    node = sm.ARIMA((0, 1, 1), (0, 1, 1, 12)).fit(y[:-12])
    np.testing.assert_allclose(node.forecast(12), y[-12:], rtol=3e-3)
    assert -1.0 < node.seasonal_ma[0] < -0.5


def test_the_gain_settles_and_a_gap_unsettles_it():
    node = sm.ARIMA((1, 1, 1), ar=(0.5,), ma=(0.2,))
    y, _ = series(300)
    node.run(y)
    assert node.s[ss.MODE] == ss.STEADY
    node.update(np.nan)
    assert node.s[ss.MODE] == ss.FULL


def test_partial_autocorrelations_go_both_ways():
    r = np.array([0.5, -0.3, 0.9])
    np.testing.assert_allclose(to_partial(from_partial(r)), r)
    assert stable(from_partial(r))
    roots = np.abs(np.roots(np.concatenate([-from_partial(r)[::-1], [1.0]])))
    assert roots.min() > 1.0
    assert not stable(np.array([0.5, 0.6]))


def test_a_fitted_model_is_one_as_any_other():
    y, _ = series(200)
    node = sm.ARIMA((1, 0, 1), trend="c").fit(y)
    for other in (sm.load(node.snapshot()), pickle.loads(pickle.dumps(node)), node.clone().restore(node.snapshot())):
        assert other.ar == node.ar != (0.0,)
        assert other.trend_coefficients == node.trend_coefficients
        np.testing.assert_array_equal(other.forecast(5), node.forecast(5))
    np.testing.assert_array_equal(node.clone().run(y), node.reset().run(y))
    with pytest.raises(ValueError, match="fitted must hold 3 numbers, got 1"):
        sm.ARIMA((1, 0, 1), trend="c", fitted=(0.5,))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"order": (1, 1)}, "order must be 3 integers"),
        ({"order": (1, -1, 0)}, "not negative"),
        ({"seasonal": (1, 0, 0, 1)}, "season of at least 2"),
        ({"ar": (0.1, 0.2)}, "ar must hold 1 coefficients, got 2"),
        ({"ar": (1.0,)}, "ar must be stationary"),
        ({"ma": (np.inf,)}, "finite"),
        ({"beta": (1.0,)}, "beta must hold 0 coefficients"),
        ({"trend": "q"}, "one of n, c, t, ct"),
    ],
)
def test_what_makes_no_model_is_refused(params, words):
    with pytest.raises(ValueError, match=words):
        sm.ARIMA(**params)


def test_a_series_too_short_to_fit_leaves_the_node_as_it_was():
    node = sm.ARIMA((1, 1, 1))
    before = node.snapshot()
    with pytest.raises(ValueError, match="needs a series of at least 5 samples to be fitted, got 3"):
        node.fit([1.0, 2.0, 3.0])
    assert node.snapshot() == before


def test_a_series_without_noise_can_be_fitted():
    node = sm.ARIMA((1, 1, 1)).fit(np.zeros(50))
    np.testing.assert_array_equal(node.forecast(3), 0.0)
    ramp = sm.ARIMA((0, 1, 0), trend="c").fit(np.arange(50.0))
    np.testing.assert_allclose(ramp.forecast(3), [50, 51, 52])
