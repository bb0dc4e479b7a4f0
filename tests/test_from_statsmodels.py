"""A fitted statsmodels model goes on as a node with the numbers that statsmodels itself would give."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from statsmodels.tsa.api import VAR, ExponentialSmoothing, Holt, SimpleExpSmoothing
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents

import streammse as sm

N, MORE = 160, 60
pytestmark = pytest.mark.filterwarnings("ignore")  # theirs speak of their own start, scale and convergence


def series() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    t = np.arange(N + MORE)
    x = rng.standard_normal((t.size, 2))
    y = (50 + 0.2 * t) * (1 + 0.2 * np.sin(2 * np.pi * t / 12)) * np.exp(0.03 * rng.standard_normal(t.size))
    return y, x


def goes_on(results, exog: bool = False, missing: tuple[int, ...] = (), tolerance: float = 1e-8) -> sm.StateSpace:
    """The node's forecasts of the samples to come, and beyond, against theirs after ``append``."""
    y, x = series()
    y[[N + k for k in missing]] = np.nan
    node = sm.from_statsmodels(results)
    more = {"exog": x[N:]} if exog else {}
    appended = results.append(y[N:], refit=False, **more)
    expected = np.asarray(appended.predict(N, N + MORE - 1))
    before = node.forecast(10, x[N : N + 10]) if exog else node.forecast(10)
    np.testing.assert_allclose(
        before, results.forecast(10, **({"exog": x[N : N + 10]} if exog else {})), rtol=tolerance
    )
    got = node.run(y[N:], x[N:]) if exog else node.run(y[N:])
    np.testing.assert_allclose(got, expected, rtol=tolerance)
    after = node.forecast(24, x[:24]) if exog else node.forecast(24)
    np.testing.assert_allclose(after, appended.forecast(24, **({"exog": x[:24]} if exog else {})), rtol=tolerance)
    return node


SARIMAXES = {
    "arima": ({"order": (1, 1, 1)}, [0.5, 0.3, 2.0]),
    "constant": ({"order": (2, 0, 0), "trend": "c"}, [1.0, 0.5, 0.2, 2.0]),
    "drift": ({"order": (0, 1, 1), "trend": "ct"}, [0.1, 0.01, 0.3, 2.0]),
    "square": ({"order": (1, 0, 0), "trend": [1, 0, 1]}, [1.0, 1e-4, 0.5, 2.0]),
    "season": ({"order": (0, 1, 1), "seasonal_order": (1, 1, 1, 12)}, [-0.3, 0.2, -0.5, 2.0]),
    "regressors": ({"order": (1, 0, 1), "trend": "t"}, [0.3, 2.0, -1.0, 0.5, 0.2, 2.0]),
    "noise": ({"order": (1, 1, 0), "measurement_error": True}, [0.5, 0.4, 2.0]),
    "exact": ({"order": (1, 1, 1), "use_exact_diffuse": True}, [0.5, 0.3, 2.0]),
}


@pytest.mark.parametrize("name", SARIMAXES)
def test_sarimax_with_given_parameters(name):
    options, params = SARIMAXES[name]
    y, x = series()
    exog = name == "regressors"
    model = SARIMAX(y[:N], exog=x[:N] if exog else None, **options)
    goes_on(model.filter(params), exog, missing=(7, 30, 31))


def test_sarimax_fitted_with_its_scale_concentrated():
    y, _ = series()
    goes_on(SARIMAX(y[:N], order=(1, 1, 1), concentrate_scale=True).fit(disp=False))


@pytest.mark.parametrize(("order", "trend"), [((1, 0, 1), "c"), ((1, 1, 0), "t"), ((2, 0, 0), "ct")])
@pytest.mark.parametrize("exog", [False, True])
def test_arima(order, trend, exog):
    y, x = series()
    goes_on(ARIMA(y[:N], exog=x[:N] if exog else None, order=order, trend=trend).fit(), exog)


@pytest.mark.parametrize(
    "options",
    [
        {"level": "llevel"},
        {"level": "lltrend", "seasonal": 12},
        {"level": "strend", "freq_seasonal": [{"period": 12, "harmonics": 4}]},
        {"level": "rwalk", "cycle": True, "stochastic_cycle": True, "damped_cycle": True},
        {"level": "lldtrend", "autoregressive": 1},
        {"level": "llevel", "exog": True},
    ],
    ids=lambda one: "-".join(map(str, one)),
)
def test_unobserved_components(options):
    y, x = series()
    exog = options.get("exog", False)
    options = {key: value for key, value in options.items() if key != "exog"}
    model = UnobservedComponents(y[:N], exog=x[:N] if exog else None, **options)
    goes_on(model.fit(disp=False, maxiter=20), exog, missing=(5,))


@pytest.mark.parametrize("error", ["add", "mul"])
@pytest.mark.parametrize(
    ("trend", "damped", "seasonal"),
    [(None, False, None), ("add", True, "add"), ("add", False, "mul"), ("mul", True, "mul"), ("mul", False, "add")],
)
def test_ets(error, trend, damped, seasonal):
    y, _ = series()
    options = {"error": error, "trend": trend, "damped_trend": damped, "seasonal": seasonal, "seasonal_periods": 12}
    values = {"smoothing_level": 0.3, "smoothing_trend": 0.1, "smoothing_seasonal": 0.25, "damping_trend": 0.9}
    model = ETSModel(y[:N], **options)
    with model.fix_params({name: v for name, v in values.items() if name in model.param_names}):
        results = model.fit(disp=False, maxiter=20)
    node = sm.from_statsmodels(results)
    np.testing.assert_allclose(node.forecast(24), results.forecast(24), rtol=1e-8)
    whole = ETSModel(y, **options)  # they have no append: smooth the longer series
    smoothed = whole.smooth(results.params)
    np.testing.assert_allclose(node.run(y[N:]), np.asarray(smoothed.fittedvalues)[N:], rtol=1e-8)
    np.testing.assert_allclose(node.forecast(24), smoothed.forecast(24), rtol=1e-8)


@pytest.mark.parametrize(
    ("trend", "damped", "seasonal"),
    [(None, False, None), ("add", True, None), ("add", False, "mul"), ("mul", True, "mul"), ("mul", False, "add")],
)
def test_holt_winters(trend, damped, seasonal):
    y, _ = series()
    options = {
        "trend": trend,
        "damped_trend": damped,
        "seasonal": seasonal,
        "seasonal_periods": 12 if seasonal else None,
    }
    results = ExponentialSmoothing(y[:N], **options).fit(
        smoothing_level=0.3,
        smoothing_trend=0.2 if trend else None,
        smoothing_seasonal=0.25 if seasonal else None,
        damping_trend=0.9 if damped else None,
        optimized=True,
    )
    node = sm.from_statsmodels(results)
    # their forecasts take the season of the last phase from before its last update, and with a damped trend that
    # multiplies begin from a start that is not the fitted one: there the smoothing of the longer series is the judge
    theirs = np.arange(24) % 12 != 11 if seasonal else np.ones(24, dtype=bool)
    theirs &= not (trend == "mul" and damped)
    np.testing.assert_allclose(node.forecast(24)[theirs], results.forecast(24)[theirs], rtol=1e-8)
    p = results.params
    known = {"initialization_method": "known", "initial_level": p["initial_level"]}
    slope = (p["initial_trend"] * 0.9) ** (1 / 0.9) if trend == "mul" and damped else p["initial_trend"]
    known |= {"initial_trend": slope} if trend else {}
    known |= {"initial_seasonal": p["initial_seasons"]} if seasonal else {}
    whole = ExponentialSmoothing(y, **options, **known).fit(
        smoothing_level=p["smoothing_level"],
        smoothing_trend=p["smoothing_trend"] if trend else None,
        smoothing_seasonal=p["smoothing_seasonal"] if seasonal else None,
        damping_trend=p["damping_trend"] if damped else None,
        optimized=False,
    )
    np.testing.assert_allclose(node.run(y[N:]), whole.fittedvalues[N:], rtol=1e-8)
    np.testing.assert_allclose(node.forecast(24)[theirs], whole.forecast(24)[theirs], rtol=1e-8)


@pytest.mark.parametrize("model", [SimpleExpSmoothing, Holt])
def test_the_simple_ones(model):
    y, _ = series()
    results = model(y[:N], initialization_method="estimated").fit()
    np.testing.assert_allclose(sm.from_statsmodels(results).forecast(5), results.forecast(5), rtol=1e-8)


def fitted(kind: str):
    y, _ = series()
    if kind == "state space":
        return SARIMAX(y[:N], order=(0, 1, 1), seasonal_order=(0, 1, 1, 12)).filter([-0.3, -0.5, 2.0])
    return ETSModel(y[:N], trend="add", seasonal="mul", seasonal_periods=12).fit(disp=False, maxiter=5)


@pytest.mark.parametrize("kind", ["state space", "ets"])
def test_the_node_is_one_as_any_other(kind):
    y, _ = series()
    node = sm.from_statsmodels(fitted(kind))
    first = node.forecast(12)
    node.run(y[N:])
    copies = (sm.load(node.snapshot()), pickle.loads(pickle.dumps(node)), node.clone().restore(node.snapshot()))
    for copy in copies:
        np.testing.assert_array_equal(copy.forecast(12), node.forecast(12))
    np.testing.assert_array_equal(node.clone().forecast(12), first)
    np.testing.assert_array_equal(node.reset().forecast(12), first)
    bank = sm.bank(node, 2)
    np.testing.assert_array_equal(bank.run(y[N:])[1], node.run(y[N:]))
    assert len(repr(node)) < 2000


def test_what_cannot_be_followed_is_named():
    y, x = series()
    cases = [
        (SARIMAX(y, order=(1, 1, 0), simple_differencing=True).filter([0.5, 1.0]), "takes differences"),
        (SARIMAX(y, exog=x, order=(1, 0, 0), mle_regression=False).filter([0.5, 1.0]), "mle_regression=True"),
        (
            SARIMAX(y, order=(1, 0, 0), trend="c", hamilton_representation=True).filter([1.0, 0.5, 1.0]),
            "Hamilton",
        ),
        (UnobservedComponents(y, "llevel", exog=x, mle_regression=False).filter([1.0, 1.0]), "mle_regression=True"),
        (ExponentialSmoothing(y, use_boxcox=True).fit(), "Box-Cox"),
        (ExponentialSmoothing(y).fit(remove_bias=True), "bias"),
    ]
    for results, words in cases:
        with pytest.raises(ValueError, match=words):
            sm.from_statsmodels(results)
    for other in (VAR(x).fit(1), 3, sm.Naive()):
        with pytest.raises(TypeError, match="expected the results of a fitted SARIMAX"):
            sm.from_statsmodels(other)
