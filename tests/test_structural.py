"""Structural models against statsmodels' UnobservedComponents and the figures of the book."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import statsmodels.api as smapi
from statsmodels.tsa.statespace.structural import UnobservedComponents

import streammse as sm
from streammse.forecast.structural import Search

VARIANCES = {"irregular": 1.3, "level": 0.4, "slope": 0.05, "seasonal": 0.2}
MODELS = {
    "level": (sm.LocalLevel, {}, {"level": "llevel"}),
    "trend": (sm.LocalTrend, {}, {"level": "lltrend"}),
    "basic": (sm.BasicStructural, {"season": 4}, {"level": "lltrend", "seasonal": 4}),
    "smooth": (sm.Structural, {"season": 7, "level": 0.0}, {"level": "strend", "seasonal": 7}),
    "harmonics": (
        sm.Structural,
        {"trend": "level", "season": 12, "harmonics": 3},
        {"level": "llevel", "freq_seasonal": [{"period": 12, "harmonics": 3}]},
    ),
    "all harmonics": (
        sm.Structural,
        {"season": 6, "harmonics": 3},
        {"level": "lltrend", "freq_seasonal": [{"period": 6, "harmonics": 3}]},
    ),
    "regressors": (sm.Structural, {"exogenous": 2, "beta": (2.0, -1.0)}, {"level": "lltrend"}),
}
GAPS = (5, 60, 61, 62, 150)


def series(samples: int = 220, missing: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    t = np.arange(samples)
    y = 20 + np.cumsum(rng.standard_normal(samples)) + 3 * np.sin(t * np.pi / 6) + rng.standard_normal(samples)
    y[list(missing)] = np.nan
    return y, rng.standard_normal((samples, 2))


def given(cls, params) -> dict[str, float]:
    node = cls(**params)
    names = node._parts().variances
    return {name: params.get(name, VARIANCES[name]) for name in names}


@pytest.mark.parametrize("missing", [(), GAPS], ids=["whole", "gaps"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.SpecificationWarning")
def test_forecasts_are_those_of_unobserved_components(name, missing):
    cls, params, theirs = MODELS[name]
    y, x = series(missing=missing)
    m = params.get("exogenous", 0)
    variances = given(cls, params)
    model = UnobservedComponents(y, exog=x if m else None, use_exact_diffuse=True, **theirs)
    model.ssm.tolerance = 0.0
    expected = model.filter([*(v for v in variances.values() if v), *params.get("beta", ())])
    node = cls(**{**params, **variances})
    got = node.run(y, x) if m else node.run(y)
    first = node.needs + 1 + len([k for k in missing if k < 10])
    scale = np.nanmax(np.abs(y))
    np.testing.assert_allclose(got[first:], expected.predict()[first:], rtol=0, atol=1e-9 * scale)
    future = np.ones((20, 2))
    ahead = node.forecast(20, future) if m else node.forecast(20)
    np.testing.assert_allclose(ahead, expected.forecast(20, exog=future if m else None), rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore")  # theirs speak of their own start and convergence
def test_a_fit_reaches_their_likelihood(name):
    cls, params, theirs = MODELS[name]
    y, x = series(150, (50, 51))
    params = dict(params)
    m = params.pop("beta", None) and 2
    y = y + x @ [2.0, -1.0] if m else y
    node = cls(**params).fit(*((y, x) if m else (y,)))
    model = UnobservedComponents(y, exog=x if m else None, use_exact_diffuse=True, **theirs)
    best = model.fit(disp=False, maxiter=500).llf
    names = [one for one in node._parts().variances if params.get(one) != 0.0]
    mine = model.filter([*(getattr(node, one) for one in names), *(node.beta if m else ())]).llf
    assert mine >= best - 1e-3
    if m:
        np.testing.assert_allclose(node.beta, [2.0, -1.0], atol=0.3)


def test_the_nile_has_the_variances_of_the_book():
    """Durbin and Koopman 2012, section 2.10.3: 15099 and 1469.1."""
    y = smapi.datasets.nile.load_pandas().data["volume"].to_numpy()
    node = sm.LocalLevel().fit(y)
    assert node.irregular == pytest.approx(15099, rel=1e-3)
    assert node.level == pytest.approx(1469.1, rel=2e-3)


def test_a_given_variance_stays_and_sets_the_scale():
    y = smapi.datasets.nile.load_pandas().data["volume"].to_numpy()
    node = sm.LocalLevel(irregular=15099.0).fit(y)
    assert node.irregular == 15099.0
    assert node.level == pytest.approx(1469.1, rel=0.01)
    still = sm.LocalTrend(slope=0.0).fit(y)
    assert still.slope == 0.0
    assert still.irregular > 0.0


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_history_does_not_freeze_the_level(value):
    node = sm.LocalLevel().fit(np.full(60, value))
    assert node.forecast(1)[0] == pytest.approx(value)
    node.run(np.full(200, 7.0))
    assert node.forecast(1)[0] == pytest.approx(7.0)


def test_the_weights_of_a_settled_level():
    """The gain g of the steady state solves g^2 = q (1 - g): Durbin and Koopman 2012, section 2.11."""
    q = 0.4 / 1.3
    g = (-q + np.sqrt(q * q + 4 * q)) / 2
    y, _ = series(2000)
    node = sm.LocalLevel(irregular=1.3, level=0.4)
    got = node.run(y)
    np.testing.assert_allclose(got[1001:], got[1000:-1] + g * (y[1000:-1] - got[1000:-1]), rtol=1e-9)


def test_a_second_fit_estimates_again_and_copies_hold():
    y, _ = series()
    node = sm.BasicStructural(season=4).fit(np.random.default_rng(0).standard_normal(100))
    node.fit(y)
    other = sm.BasicStructural(season=4).fit(y)
    for name in ("irregular", "level", "slope", "seasonal"):
        assert getattr(node, name) == pytest.approx(getattr(other, name), rel=0.01, abs=1e-3)
    other = node
    for copy in (sm.load(node.snapshot()), pickle.loads(pickle.dumps(node))):
        np.testing.assert_array_equal(copy.forecast(5), other.forecast(5))


@pytest.mark.parametrize(
    ("cls", "params", "words"),
    [
        (sm.LocalLevel, {"level": -1.0}, "0 <= level"),
        (sm.BasicStructural, {"season": 1}, "2 <= season"),
        (sm.Structural, {"season": 1}, "at least 2 samples"),
        (sm.Structural, {"season": 6, "harmonics": 4}, "at most half a season of 6, got 4"),
        (sm.Structural, {"trend": "level", "slope": 1.0}, "slope must be 0 or None in a model without it"),
        (sm.Structural, {"beta": (1.0,)}, "beta must hold 0 coefficients, got 1"),
        (sm.LocalLevel, {"fitted": (1.0,)}, "fitted must hold 2 numbers"),
    ],
)
def test_what_makes_no_model_is_refused(cls, params, words):
    with pytest.raises(ValueError, match=words):
        cls(**params)


@pytest.mark.parametrize("loss", [sm.losses.squared, sm.losses.huber(0.5), sm.losses.absolute], ids=str)
@pytest.mark.parametrize("node", [sm.LocalLevel(), sm.LocalTrend(level=0.0)], ids=repr)
def test_a_fit_makes_any_loss_least(node, loss):
    """No worse than the likelihood's variances, nor than any ratio near its own."""
    y, _ = series(150)
    y[::17] += 15.0

    def mean(one) -> float:
        return float(np.mean([loss.at(e) for e in (y - one.clone().run(y))[node.needs :]]))

    found = node.clone().fit(y, loss=loss)
    least = mean(found)
    assert least <= mean(node.clone().fit(y)) * (1 + 1e-9)
    first, *rest = found.params["fitted"]
    for factor in (0.8, 1.25):
        near = type(node)(**{**node.params, "fitted": (factor * first, *rest)})
        assert least <= mean(near) * (1 + 1e-4)


def test_a_robust_loss_leaves_outliers_to_the_noise():
    y, _ = series(200)
    clean = sm.LocalLevel().fit(y)
    y[::23] += 60.0
    ratio = {
        name: (one := sm.LocalLevel().fit(y, loss=loss)).level / one.irregular
        for name, loss in (("huber", sm.losses.huber(1.0)), ("squared", sm.losses.squared))
    }
    assert ratio["squared"] < 0.1 * clean.level / max(clean.irregular, 1e-9)
    assert ratio["huber"] > 3.0 * ratio["squared"]


def test_a_second_fit_starts_from_the_first(monkeypatch):
    y, _ = series(150)
    count = [0]
    plain = Search.innovations
    monkeypatch.setattr(Search, "innovations", lambda *args: (count.__setitem__(0, count[0] + 1), plain(*args))[1])
    for node in (sm.LocalLevel(), sm.LocalTrend(), sm.BasicStructural(4)):
        node.fit(y[:140])
        count[0] = 0
        warm = node.clone().fit(y)
        again, count[0] = count[0], 0
        cold = type(node)(**{**node.params, "fitted": None}).fit(y)
        assert again <= 0.7 * count[0]
        assert np.mean((y - warm.reset().run(y))[30:] ** 2) <= 1.002 * np.mean((y - cold.reset().run(y))[30:] ** 2)
