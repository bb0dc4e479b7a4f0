"""Guests of a backtest: functions, objects of other libraries, statsmodels; fitted to what is known and to no more."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from .test_backtest import Mean, wave

Y = wave(70)
PROTOCOL = {"horizon": 3, "start": 50, "stride": 4, "keep_errors": True}


def errors(model, y=Y, **more) -> np.ndarray:
    return sm.backtest(y, {"guest": model}, **{**PROTOCOL, **more}).errors[0, 0]


def by_hand(say, y=Y, *, start=50, stride=4, horizon=3, window=None, gap=0) -> np.ndarray:
    """Errors of a function of the known samples, written down slowly."""
    found = []
    for k in range(start, len(y) - gap, stride):
        known = y[max(0, k - window) if window else 0 : k]
        row = np.full(horizon, np.nan)
        truth = y[k + gap : k + gap + horizon]
        row[: len(truth)] = truth - np.asarray(say(known, gap + horizon))[gap:][: len(truth)]
        found.append(row)
    return np.array(found)


class Fitted:
    """An object that counts its fits and says from which samples its number came."""

    def __init__(self) -> None:
        self.fits: list[int] = []

    def __deepcopy__(self, memo):  # what it counts is shared
        other = type(self)()
        other.fits = self.fits
        return other

    def fit(self, y):
        self.fits.append(len(y))
        self.level, self.last = float(np.mean(y)), float(y[-1])
        return self

    def forecast(self, horizon):
        return np.full(horizon, self.level + self.last)


class Applies(Fitted):
    def apply(self, y):
        other = type(self)()
        other.fits, other.level, other.last = self.fits, self.level, float(y[-1])
        return other


class Appends(Fitted):
    seen = 0

    def fit(self, y):
        self.seen = len(y)
        return super().fit(y)

    def append(self, y):
        other = type(self)()
        other.fits, other.level, other.last, other.seen = self.fits, self.level, float(y[-1]), self.seen + len(y)
        return other

    def forecast(self, horizon):
        return np.full(horizon, self.level + self.last + self.seen)


class LikeStatsforecast(Fitted):
    """The signatures of statsforecast's models: ``forecast`` wants the series, ``predict`` comes after ``fit``."""

    def fit(self, y, X=None):
        return super().fit(y)

    def predict(self, h, X=None, level=None):
        return {"mean": np.full(h, self.level + self.last)}

    def forecast(self, y, h, X=None, X_future=None, level=None, fitted=False):
        raise AssertionError("the model that was fitted is asked")

    def forward(self, y, h, X=None, X_future=None, level=None, fitted=False):
        return {"mean": np.full(h, self.level + y[-1])}


def test_refit_means_for_guests_what_it_means_for_others() -> None:
    k = np.arange(50, 70, 2)
    level = {k_: np.mean(Y[:k_]) for k_ in k[::5]}

    def held(known, horizon):
        at = max(a for a in level if a <= len(known))
        return np.full(horizon, level[at] + known[-1])

    for cls, extra in ((Applies, 0), (LikeStatsforecast, 0), (Appends, 1)):
        model = cls()
        found = errors(model, refit=5, stride=2)
        wanted = by_hand(lambda y, h, extra=extra: held(y, h) + extra * len(y), stride=2)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        assert model.fits == list(level)
    model = Fitted()  # it can do nothing but be fitted
    np.testing.assert_array_equal(errors(model, refit=5, stride=2), errors(Fitted(), stride=2))
    assert model.fits == k.tolist()
    model = Appends()  # what is appended to does not forget, so a window is fitted
    errors(model, refit=5, stride=2, window=20)
    assert model.fits == [20] * len(k)
    model = Applies()
    errors(model, refit=5, stride=2, window=20)
    assert model.fits == [20] * 2


def test_whoever_takes_what_may_take_part() -> None:
    wanted = by_hand(lambda y, h: np.full(h, np.mean(y) + y[-1]))
    for model in (Fitted(), LikeStatsforecast(), lambda y: Fitted().fit(y), lambda y, h: Fitted().fit(y).forecast(h)):
        np.testing.assert_allclose(errors(model), wanted, rtol=1e-12)

    class Regression:
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X

    class Nothing(Fitted):
        def forecast(self, y, h):
            return y

    for model, message in (
        (Regression(), r"expected fit\(y\), a model of one series, got Regression, whose fit takes \(X, y\)"),
        (Nothing(), "Nothing has neither"),
        (Mean, r"expected a model such as Mean\(...\), got the class"),
        (lambda a, b, c: None, r"a function that forecasts takes \(y, horizon\)"),
    ):
        with pytest.raises(TypeError, match=message):
            errors(model)


def test_models_of_statsforecast() -> None:
    models = pytest.importorskip("statsforecast.models")
    np.testing.assert_allclose(errors(models.SeasonalNaive(12)), errors(sm.SeasonalNaive(12)), rtol=1e-12)
    for refit in (None, 2):
        found = errors(models.SimpleExponentialSmoothing(0.3), refit=refit)
        wanted = by_hand(lambda y, h: models.SimpleExponentialSmoothing(0.3).forecast(y, h)["mean"])
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


# Regressors

X = np.random.default_rng(5).standard_normal((70, 2))


class Beside:
    def fit(self, y, x):
        assert x.shape == (len(y), 2)
        self.first, self.b = x[0, 0], y[-1] - x[-1].sum()
        return self

    def forecast(self, horizon, x):
        assert x.shape == (horizon, 2)
        return self.b + self.first + x.sum(axis=1)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("more", [{}, {"window": 20}, {"gap": 2}], ids=str)
def test_regressors_reach_whoever_takes_them(known, more) -> None:
    window, gap = more.get("window"), more.get("gap", 0)

    def function(y, horizon, x):
        assert x.shape == (len(y) + horizon, 2)
        return y[-1] - x[len(y) - 1].sum() + x[0, 0] + x[len(y) :].sum(axis=1)

    for model in (Beside(), function, lambda y, exog: Beside().fit(y, exog)):
        result = sm.backtest(Y, {"guest": model}, x=X, x_known=known, **PROTOCOL, **more)
        for i, k in enumerate(result.origins):
            first = k - window if window else 0
            for j in range(min(3, 70 - k - gap)):
                row = X[k + gap + j] if known else X[k - 1]
                said = Y[k - 1] - X[k - 1].sum() + X[first, 0] + row.sum()
                assert Y[k + gap + j] - result.errors[0, 0, i, j] == pytest.approx(said, rel=1e-12)


def test_regressors_are_never_left_out_silently() -> None:
    with pytest.raises(ValueError, match="guest takes no x: expected a parameter x"):
        errors(lambda y, h: np.zeros(h), x=X)
    with pytest.raises(ValueError, match="guest takes no x"):
        errors(Mean(), x=X)
    with pytest.raises(ValueError, match="guest needs x, the regressors beside each sample"):
        errors(Beside())
    with pytest.raises(ValueError, match="guest needs x"):
        errors(lambda y, h, x: np.zeros(h))
    assert np.isfinite(errors(lambda y, h, x=None: np.zeros(h))[0]).all()


# statsmodels

FEW = {"start": 60, "stride": 7}  # origins: each of their fits takes long
theirs = pytest.mark.filterwarnings("ignore")  # they speak of their own start and convergence


@theirs
def test_models_of_statsmodels_are_made_anew_of_what_is_known() -> None:
    from statsmodels.tsa.api import SARIMAX, ETSModel, UnobservedComponents

    ets = {"error": "add", "trend": "add", "damped_trend": True}
    made = {
        "sarimax": (
            SARIMAX(Y, order=(1, 0, 0), trend="c"),
            lambda y: SARIMAX(y, order=(1, 0, 0), trend="c").fit(disp=False),
        ),
        "level": (UnobservedComponents(Y, "llevel"), lambda y: UnobservedComponents(y, "llevel").fit(disp=False)),
        "ets": (ETSModel(Y, **ets), lambda y: ETSModel(y, **ets).fit(disp=False)),
    }
    later = Y + np.where(np.arange(70) < 60, 0.0, 30.0)  # what comes later changes no forecast
    for model, factory in made.values():
        said = []

        def once(y, h, factory=factory, said=said):
            said.append(factory(y).forecast(h))
            return said[-1]

        wanted = by_hand(once, **FEW)
        np.testing.assert_allclose(errors(model, **FEW), wanted, rtol=1e-9)
        np.testing.assert_allclose(later[60:63] - errors(model, y=later, start=60, stride=10)[0], said[0], rtol=1e-9)
    np.testing.assert_allclose(errors(factory, **FEW), wanted, rtol=1e-9)


@theirs
def test_results_of_statsmodels_keep_their_parameters() -> None:
    from statsmodels.tsa.api import SARIMAX, AutoReg, ETSModel

    fits = {
        "sarimax": SARIMAX(Y[:50], order=(1, 0, 0), trend="c").fit(disp=False),
        "autoregression": AutoReg(Y[:50], 2).fit(),
    }
    for results in fits.values():
        np.testing.assert_allclose(
            errors(results, **FEW), by_hand(lambda y, h, r=results: r.apply(y).forecast(h), **FEW), rtol=1e-9
        )
        anew = by_hand(lambda y, h, r=results: r.apply(y, refit=True).forecast(h), **FEW)
        np.testing.assert_allclose(errors(results, refit=1, **FEW)[1:], anew[1:], rtol=1e-3)
    results = ETSModel(Y[:50], trend="add").fit(disp=False)
    wanted = by_hand(lambda y, h: ETSModel(y, trend="add").smooth(results.params).forecast(h), **FEW)
    np.testing.assert_allclose(errors(results, **FEW), wanted, rtol=1e-9)
    held = errors(ETSModel(Y, trend="add"), refit=2, start=50, stride=10)  # fitted at the first origin, then it goes on
    wanted = by_hand(lambda y, h: ETSModel(y, trend="add").smooth(results.params).forecast(h), stride=10)
    np.testing.assert_allclose(held, wanted, rtol=1e-9)


@theirs
def test_statsmodels_with_regressors() -> None:
    from statsmodels.tsa.api import SARIMAX

    model = SARIMAX(Y, exog=X, order=(1, 0, 0))

    def say(y, h):
        future = np.vstack([X, np.tile(X[-1], (9, 1))])[len(y) : len(y) + h]
        return SARIMAX(y, exog=X[: len(y)], order=(1, 0, 0)).fit(disp=False).forecast(h, exog=future)

    np.testing.assert_allclose(errors(model, x=X, **FEW), by_hand(say, **FEW), rtol=1e-6)
    with pytest.raises(ValueError, match="guest needs x"):
        errors(model)


@theirs
def test_what_statsmodels_cannot_make_anew_says_how_to_write_it() -> None:
    from statsmodels.tsa.api import AutoReg, ExponentialSmoothing
    from statsmodels.tsa.forecasting.theta import ThetaModel

    smoothing, theta = ExponentialSmoothing(Y), ThetaModel(Y, period=12)
    for one in (smoothing, smoothing.fit(), theta, theta.fit(), AutoReg(Y, 2)):
        with pytest.raises(
            TypeError, match=r"of statsmodels cannot be made anew .*: write a function, lambda y: \w+\(y"
        ):
            errors(one)
    with pytest.raises(TypeError, match=r"got the class: write lambda y: ThetaModel\(y, ...\).fit\(\)"):
        errors(ThetaModel)
    wanted = by_hand(lambda y, h: ThetaModel(y, period=12).fit().forecast(h))
    np.testing.assert_allclose(errors(lambda y: ThetaModel(y, period=12).fit()), wanted, rtol=1e-12)


@theirs
def test_a_node_that_goes_on_where_a_sample_ended_is_no_model_of_a_series_from_its_start() -> None:
    from statsmodels.tsa.api import SARIMAX, ETSModel, ExponentialSmoothing

    for results in (
        SARIMAX(Y[:50], order=(1, 0, 0)).fit(disp=False),
        ETSModel(Y[:50]).fit(disp=False),
        ExponentialSmoothing(Y[:50]).fit(),
    ):
        node = sm.from_statsmodels(results)
        for model in (node, sm.BOA([sm.Naive(), node])):
            with pytest.raises(
                ValueError, match="goes on where a sample of 50 ended, and a backtest begins with its series"
            ):
                errors(model)
        live = sm.LiveBacktest(node, horizon=3, start=1)  # what comes after its sample
        live.run(Y[50:])
        assert np.isfinite(live.mse).all()
