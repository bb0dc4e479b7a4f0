"""Ensembles: slow twins, the bounds of the papers, exact cases, and every form over experts of every kind."""

from __future__ import annotations

import copy
import pickle
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numba import njit
from scipy.optimize import minimize
from scipy.stats import trim_mean

import streammse as sm
from streammse._jit import Function, kernel
from streammse.forecast.base import Forecaster
from streammse.param import param

from . import naive

SCRIPTS: dict[int, np.ndarray] = {}


@kernel
def _read(p: Any, s: Any, x: float, d: float) -> Any:
    at = int(s[1])
    y = s[2 + at]
    s[1] = float(at + 1) if at + 3 < s.size else 0.0
    s[0] += 1.0
    return y


class Scripted(Forecaster):
    """Forecasts that were written down before, whatever comes."""

    script: int = param(0, "which", low=0, fixed=True)

    def _kernel(self) -> Function:
        return _read

    def _size(self) -> int:
        return 2 + len(SCRIPTS[self.script])

    def _start(self, s: Any) -> None:
        s[2:] = SCRIPTS[self.script]


def scripted(f: np.ndarray) -> list[Scripted]:
    """An expert for each column."""
    found = []
    for column in f.T:
        SCRIPTS[len(SCRIPTS)] = np.array(column)
        found.append(Scripted(script=len(SCRIPTS) - 1))
    return found


@sm.kernel(state=1, rate=0.1)
def Level(p, s, x, d):
    y = s[0]
    if d == d:  # noqa: PLR0124
        s[0] += p[0] * (d - y)
    return y


@sm.kernel(state=1)
def Touchy(p, s, x, d):
    if d > 100.0:
        raise ValueError("too much")
    s[0] = d if d == d else s[0]  # noqa: PLR0124
    return s[0]


def stochastic(samples: int, experts: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A truth in [0, 1], and experts that are right to within noise and a bias of their own."""
    rng = np.random.default_rng(seed)
    y = np.clip(0.5 + 0.3 * np.sin(np.arange(samples) / 7.0) + 0.1 * rng.standard_normal(samples), 0.0, 1.0)
    bias = np.linspace(0.0, 0.5, experts)
    f = np.clip(y[:, None] + bias + 0.1 * rng.standard_normal((samples, experts)), 0.0, 1.0)
    return f, y


SQUARED = (lambda e: e**2, lambda e: 2 * e)
ABSOLUTE = (np.abs, np.sign)
HUBER = (lambda e: np.where(np.abs(e) > 0.1, 0.1 * (np.abs(e) - 0.05), e**2 / 2), lambda e: np.clip(e, -0.1, 0.1))
LOSSES = [(sm.losses.squared, SQUARED), (sm.losses.absolute, ABSOLUTE), (sm.losses.huber(0.1), HUBER)]
RULES = [
    (sm.ExponentialWeights, {"eta": 2.0}, naive.exponential_weights(2.0)),
    (sm.ExponentialWeights, {}, naive.adahedge),
    (sm.MLPoly, {}, naive.ml_poly),
    (sm.BOA, {}, naive.boa),
]
WEIGHTED = [sm.ExponentialWeights, sm.MLPoly, sm.BOA, sm.BestSoFar]
ALL = [*WEIGHTED, sm.TrimmedMeanEnsemble, sm.MedianEnsemble]


def follow(model: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs, and the weights after each sample."""
    pairs = [(model.update(v), model.weights) for v in y]
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


def sleepy(f: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Experts that start late, sleep in between, or all at once; and samples that are missing."""
    f, y = f.copy(), y.copy()
    f[:20, 0] = np.nan
    f[40:60, 1:] = np.nan
    f[70:73] = np.nan
    f[90:95, 2] = np.inf
    y[[0, 33, 34, 80]] = np.nan
    return f, y


# The slow twins


@pytest.mark.parametrize("sleeping", [False, True])
@pytest.mark.parametrize("gradient", [True, False])
@pytest.mark.parametrize(("loss", "of"), LOSSES, ids=lambda one: str(one) if isinstance(one, sm.losses.Loss) else "")
@pytest.mark.parametrize(("cls", "params", "weigh"), RULES, ids=["ewa", "adahedge", "ml-poly", "boa"])
def test_weights_are_those_of_the_formula(cls, params, weigh, loss, of, gradient, sleeping):
    f, y = stochastic(150, 7)
    if sleeping:
        f, y = sleepy(f, y)
    model = cls(scripted(f), loss=loss, gradient=gradient, **params)
    outputs, weights = follow(model, y)
    wanted, wanted_weights = naive.ensemble(f, y, weigh, of[0], of[1] if gradient else None)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-9)
    np.testing.assert_allclose(weights, wanted_weights, rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(model.forecasts, f[-1])


@pytest.mark.parametrize("sleeping", [False, True])
@pytest.mark.parametrize(("loss", "of"), LOSSES, ids=lambda one: str(one) if isinstance(one, sm.losses.Loss) else "")
def test_the_best_so_far_is_the_leader(loss, of, sleeping):
    f, y = stochastic(150, 5, seed=1)
    f[60:, 0] += 0.4  # is overtaken
    if sleeping:
        f, y = sleepy(f, y)
    outputs, weights = follow(sm.BestSoFar(scripted(f), loss=loss), y)
    wanted, wanted_weights = naive.ensemble(f, y, naive.best_so_far, of[0])
    np.testing.assert_array_equal(weights, wanted_weights)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-12)
    assert len(set(map(tuple, weights))) >= 2
    if not sleeping:  # and that is the one with the smallest mean loss
        mean = np.cumsum(of[0](y[:, None] - f), axis=0)
        np.testing.assert_array_equal(np.argmax(weights, axis=1), np.argmin(mean, axis=1))


@pytest.mark.parametrize("experts", [1, 2, 3, 4, 7, 60])
def test_median_and_trimmed_mean_are_those_of_numpy_and_scipy(experts):
    rng = np.random.default_rng(experts)
    f = rng.standard_normal((200, experts)).round(1)  # ties
    y = rng.standard_normal(200)
    np.testing.assert_allclose(sm.MedianEnsemble(scripted(f)).run(y), np.median(f, axis=1), rtol=1e-12)
    for trim in (0.0, 0.1, 0.25, 0.4):
        got = sm.TrimmedMeanEnsemble(scripted(f), trim=trim).run(y)
        np.testing.assert_allclose(got, trim_mean(f, trim, axis=1), rtol=1e-9, atol=1e-14)
    f[rng.random(f.shape) < 0.3] = np.nan
    f[5] = np.nan
    awake = [row[~np.isnan(row)] for row in f]
    wanted = [np.median(row) if row.size else np.nan for row in awake]
    np.testing.assert_allclose(sm.MedianEnsemble(scripted(f)).run(y), wanted, rtol=1e-12, atol=1e-15)
    wanted = [trim_mean(row, 0.25) if row.size else np.nan for row in awake]
    np.testing.assert_allclose(sm.TrimmedMeanEnsemble(scripted(f), trim=0.25).run(y), wanted, rtol=1e-9, atol=1e-14)


# The bounds


def play(model: Any, f: np.ndarray, choose: Any) -> tuple[np.ndarray, np.ndarray]:
    """A series whose every value is chosen with the weights in sight; outputs too."""
    y, outputs = np.empty(len(f)), np.empty(len(f))
    for t, row in enumerate(f):
        y[t] = choose(row, model.weights, t)
        outputs[t] = model.update(y[t])
    return outputs, y


def against(row: np.ndarray, w: np.ndarray, t: int) -> float:
    """The end of [0, 1] from which the forecast is farther."""
    return float(np.sum(row * w) < 0.5)


def stochastic_truth(y: np.ndarray) -> Any:
    return lambda row, w, t: y[t]


def sequences(samples: int, experts: int) -> dict[str, tuple[np.ndarray, Any]]:
    """Forecasts in [0, 1] and who chooses the truth."""
    rng = np.random.default_rng(experts)
    f, y = stochastic(samples, experts)
    constant = np.tile(np.linspace(0.0, 1.0, experts), (samples, 1))
    return {
        "stochastic": (f, stochastic_truth(y)),
        "adversary": (constant, against),
        "adversary on noise": (rng.random((samples, experts)), against),
        "turns": (constant, lambda row, w, t: float((t // 200) % 2)),
    }


def regrets(f: np.ndarray, y: np.ndarray, outputs: np.ndarray, value: Any, slope: Any = None) -> np.ndarray:
    """Of each sample against each expert, (T, K)."""
    if slope is not None:
        return slope(y - outputs)[:, None] * (f - outputs[:, None])
    return value(y - outputs)[:, None] - value(y[:, None] - f)


CASES = [(experts, name) for experts in (2, 9) for name in sequences(2, 2)]
each_sequence = pytest.mark.parametrize(("experts", "name"), CASES)


@each_sequence
def test_exponential_weights_of_an_exp_concave_loss(experts, name):
    """Cesa-Bianchi and Lugosi, theorem 3.2: at most ln K / eta, at any time; squares on [0, 1] have eta = 1/2."""
    f, choose = sequences(2000, experts)[name]
    outputs, y = play(sm.ExponentialWeights(scripted(f), gradient=False, eta=0.5), f, choose)
    R = np.cumsum(regrets(f, y, outputs, SQUARED[0]), axis=0)
    assert R.max() <= np.log(experts) / 0.5


@each_sequence
def test_exponential_weights_of_a_convex_loss(experts, name):
    """Cesa-Bianchi and Lugosi, theorem 2.2: ln K / eta + T eta / 8 for losses in [0, 1]."""
    samples = 2000
    f, choose = sequences(samples, experts)[name]
    eta = np.sqrt(8 * np.log(experts) / samples)
    outputs, y = play(sm.ExponentialWeights(scripted(f), gradient=False, eta=eta, loss=sm.losses.absolute), f, choose)
    R = regrets(f, y, outputs, ABSOLUTE[0]).sum(axis=0)
    assert R.max() <= np.sqrt(samples / 2 * np.log(experts))


@pytest.mark.parametrize("gradient", [True, False])
@each_sequence
def test_adahedge(experts, name, gradient):
    """De Rooij et al., section 2, at every time: 2 sqrt(V ln K) + S (4/3 ln K + 2), V the variance by the weights."""
    samples = 2000
    f, choose = sequences(samples, experts)[name]
    model = sm.ExponentialWeights(scripted(f), gradient=gradient)
    seen = []
    outputs, y = play(model, f, lambda *a: seen.append(a[1]) or choose(*a))
    r = regrets(f, y, outputs, SQUARED[0], SQUARED[1] if gradient else None)
    w = np.array(seen)
    V = np.cumsum(np.sum(w * r**2, axis=1) - np.sum(w * r, axis=1) ** 2)
    S = np.maximum.accumulate(np.ptp(r, axis=1))
    L = np.log(experts)
    R = np.cumsum(r, axis=0).max(axis=1)
    bound = 2 * np.sqrt(V * L) + S * (4 / 3 * L + 2)
    assert np.all(bound >= R)
    bound = S * np.sqrt(np.arange(1, samples + 1) * L) + S * (4 / 3 * L + 2)
    assert np.all(bound >= R)


def known_scale(f: np.ndarray, choose: Any) -> tuple[np.ndarray, Any]:
    """The same after a first sample with a regret as large as any can be: then E is that of the paper."""
    first = np.zeros((1, f.shape[1]))
    first[0, 0] = 1.0 / np.sqrt(1.0 - f.shape[1] ** -2.0)  # E = 1 after the plain mean of it and zeros
    return np.concatenate([first, f]), lambda row, w, t: 0.0 if t == 0 else choose(row, w, t - 1)


@each_sequence
def test_ml_poly(experts, name):
    """The bound of Gaillard et al. where the scale is known; and what shrinking costs where it is not."""
    samples = 2000
    f, choose = sequences(samples, experts)[name]
    outputs, y = play(sm.MLPoly(scripted(f), gradient=False), f, choose)
    r = regrets(f, y, outputs, SQUARED[0])
    q, _, E = naive.shrunk(r)
    first = E[E > 0][0]
    V = np.cumsum(q**2, axis=0)
    C = np.log2((E[:, None] ** 2 + V) / first**2).max(axis=1)
    R = np.cumsum(r, axis=0)
    assert np.all(E[:, None] + np.sqrt(experts * C[:, None] * (E[:, None] ** 2 + V)) >= R)

    f, choose = known_scale(f, choose)
    outputs, y = play(sm.MLPoly(scripted(f), gradient=False), f, choose)
    r = regrets(f, y, outputs, SQUARED[0])
    assert np.abs(r[0]).max() == pytest.approx(1.0) == np.abs(r).max()
    r, T = r[1:], np.arange(1, samples + 1)[:, None]
    bound = np.sqrt(experts * (1 + np.log(1 + T)) * (1 + np.cumsum(r**2, axis=0)))
    assert np.all(np.cumsum(r, axis=0) <= bound)


@each_sequence
@pytest.mark.parametrize("gradient", [True, False])
def test_boa(experts, name, gradient):
    """The second-order bound of Wintenberger, with the constants that follow for these rates, against every expert."""
    samples = 2000
    f, choose = sequences(samples, experts)[name]
    outputs, y = play(sm.BOA(scripted(f), gradient=gradient), f, choose)
    r = regrets(f, y, outputs, SQUARED[0], SQUARED[1] if gradient else None)
    q, _, E = naive.shrunk_each(r)
    L = np.log(experts)
    D = 4 * L * E**2 + np.cumsum(q**2, axis=0)
    first = 4 * L * np.array([one[one > 0][0] for one in E.T]) ** 2
    grown = np.log(1 + 0.5 * np.log(np.maximum(D / first, 1.0)).max(axis=1))[:, None]
    a = 1 + np.sqrt(1 + 1 / (4 * L))  # of sum q^2 / sqrt(D) <= a sqrt(D)
    R = np.cumsum(r, axis=0)
    left_out = np.cumsum(r - q, axis=0)
    assert np.all(left_out + np.sqrt(L * D) * (1 + grown / L + a) >= R)
    assert np.all(left_out <= 5.0 * E.max())


@pytest.mark.parametrize("cls", [sm.ExponentialWeights, sm.MLPoly, sm.BOA])
def test_the_sequences_are_hard_enough_for_these_bounds(cls):
    """The plain mean has a regret that grows with T, and judged by slope they come near the best mixture."""
    f, y = stochastic(4000, 9)
    mean = sm.TrimmedMeanEnsemble(scripted(f), trim=0.0).run(y)
    model = cls(scripted(f))
    outputs = model.run(y)
    best = minimize(
        lambda q: np.mean((y - f @ q) ** 2),
        np.full(9, 1 / 9),
        bounds=[(0, 1)] * 9,
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
    )
    single = np.min(np.mean((y[:, None] - f) ** 2, axis=0))
    assert best.fun < single < np.mean((y - mean) ** 2)
    assert best.fun <= np.mean((y - outputs) ** 2) < min(1.1 * best.fun, single)


def test_regret_against_one_clear_best_does_not_grow():
    """Second-order bounds: where one expert is always better by a margin, weights settle on it for good."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal(20_000)
    f = y[:, None] + np.array([0.1, 1.0, 1.0]) * rng.standard_normal((20_000, 3))
    for cls in (sm.ExponentialWeights, sm.MLPoly, sm.BOA):
        outputs = cls(scripted(f), gradient=False).run(y)
        R = np.cumsum((y - outputs) ** 2 - (y - f[:, 0]) ** 2)
        assert R[-1] - R[2000] < 0.05 * max(1.0, R[2000]), cls.__name__


# Exact cases


def season_and_noise(samples: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 10.0 + 3.0 * np.sin(2 * np.pi * np.arange(samples) / 12) + 0.5 * rng.standard_normal(samples)


@pytest.mark.parametrize("cls", WEIGHTED)
def test_identical_experts_have_equal_weights(cls):
    y = season_and_noise()
    model = cls([sm.RunningMean()] * 3)
    np.testing.assert_allclose(model.run(y)[1:], sm.RunningMean().run(y)[1:], rtol=1e-14)
    np.testing.assert_allclose(model.weights, 1 / 3, rtol=1e-12)


@pytest.mark.parametrize("cls", WEIGHTED)
def test_a_perfect_expert_takes_over(cls):
    y = np.tile([1.0, 5.0, 2.0, 9.0], 500)
    model = cls([sm.Naive(), sm.RunningMean(), sm.SeasonalNaive(4)])
    outputs = model.run(y)
    assert model.weights[2] > 0.99
    np.testing.assert_allclose(outputs[-4:], y[-4:], rtol=0.02)
    np.testing.assert_allclose(model.forecast(4), y[:4], rtol=0.02)


@pytest.mark.parametrize("cls", ALL)
def test_one_expert_is_itself(cls):
    y = season_and_noise()
    y[50] = np.nan
    model, alone = cls([sm.SeasonalNaive(12)]), sm.SeasonalNaive(12)
    np.testing.assert_array_equal(model.run(y), alone.run(y))
    np.testing.assert_array_equal(model.forecast(20), alone.forecast(20))


@pytest.mark.parametrize("cls", WEIGHTED)
@pytest.mark.parametrize("unit", [2.0**20, 2.0**-30, 3.7, 1e-12])
def test_the_unit_does_not_matter(cls, unit):
    y = season_and_noise()
    models = [sm.Naive(), sm.SeasonalNaive(12), sm.RunningMean(), sm.WindowAverage(3)]
    one, other = cls(models), cls(models)
    plain, scaled = one.run(y), other.run(unit * y)
    if np.log2(unit) % 1 == 0:
        np.testing.assert_array_equal(other.weights, one.weights)
        np.testing.assert_array_equal(scaled, unit * plain)
    else:
        np.testing.assert_allclose(other.weights, one.weights, rtol=1e-9)
        np.testing.assert_allclose(scaled, unit * plain, rtol=1e-11)


@pytest.mark.parametrize("cls", WEIGHTED)
def test_extreme_scales_neither_overflow_nor_freeze(cls):
    for unit in (1e-99, 1e-60, 1e45, 1e98):
        y = season_and_noise() * unit
        model = cls([sm.Naive(), sm.SeasonalNaive(12), sm.RunningMean()])
        out = model.run(y)
        assert np.isfinite(out[1:]).all()
        assert np.isfinite(model.s).all()
        assert model.weights.sum() == pytest.approx(1.0)
    model.run(season_and_noise() * 1e-99)
    assert np.isfinite(model.run(season_and_noise())).all()


@pytest.mark.parametrize("cls", WEIGHTED)
def test_missing_samples_leave_the_weights(cls):
    model = cls([sm.Naive(), sm.SeasonalNaive(12), sm.Drift()]).fit(season_and_noise())
    before = model.weights
    model.run(np.full(30, np.nan))
    np.testing.assert_array_equal(model.weights, before)


@pytest.mark.parametrize("cls", WEIGHTED)
def test_further_ahead_the_weights_are_those_of_now(cls):
    model = cls([sm.Naive(), sm.SeasonalNaive(12), sm.Drift()]).fit(season_and_noise())
    each = np.array([one.forecast(15) for one in model.experts])
    np.testing.assert_allclose(model.forecast(15), model.weights @ each, rtol=1e-12)


def test_weights_and_forecasts_are_copies():
    model = sm.BOA([sm.Naive(), sm.RunningMean()]).fit([1.0, 2.0, 4.0])
    before = model.snapshot()
    for told in (model.weights, model.forecasts):
        told.flags.writeable = True  # by force
        told[:] = 7.0
    assert model.snapshot() == before


# Every form, over experts of every kind


def mixed() -> Any:
    """A forecaster, a kernel of one's own, a filter, and an ensemble."""
    inner = sm.MLPoly([sm.SeasonalNaive(12), sm.Naive()], loss=sm.losses.huber(2.0))
    return sm.BOA([sm.WindowAverage(5), Level(rate=0.3), sm.NLMS(taps=4, mu=0.5), inner, sm.MedianEnsemble([inner])])


def test_a_nested_ensemble_is_the_ensemble_of_its_runs():
    y = season_and_noise()
    y[[60, 61]] = np.nan
    inner = sm.MLPoly([sm.SeasonalNaive(12), sm.Naive()], loss=sm.losses.huber(2.0))
    parts = np.column_stack([sm.WindowAverage(5).run(y), inner.run(y), sm.Drift().run(y)])
    outputs, weights = follow(sm.BOA([sm.WindowAverage(5), inner.clone(), sm.Drift()]), y)
    wanted, wanted_weights = naive.ensemble(parts, y, naive.boa, *SQUARED)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-9)
    np.testing.assert_allclose(weights, wanted_weights, rtol=1e-8)


def test_a_filter_gets_the_sample_before_and_where_it_is_missing_its_own_forecast():
    y = season_and_noise() - 10.0
    y[[100, 101, 102, 200]] = np.nan
    filt, alone, x = sm.NLMS(taps=4, mu=0.5), [], 0.0
    for v in y:
        f = filt.update(x, v)
        alone.append(f)
        x = v if np.isfinite(v) else f
    model = sm.MedianEnsemble([sm.NLMS(taps=4, mu=0.5)])
    np.testing.assert_array_equal(model.run(y), alone)
    further = []
    for _ in range(10):
        x = filt.update(x, np.nan)
        further.append(x)
    np.testing.assert_array_equal(model.forecast(10), further)


def test_every_form_of_a_mixed_ensemble():
    y, more = season_and_noise(), season_and_noise(seed=1)
    node, stream = mixed(), mixed()
    np.testing.assert_array_equal(node.run(y), [stream.update(v) for v in y])
    np.testing.assert_array_equal(node.s, stream.s)
    bank = sm.bank(node, 3)
    rows = bank.run(np.stack([y, more, y]))
    np.testing.assert_array_equal(rows[0], mixed().run(y))
    np.testing.assert_array_equal(rows[1], mixed().run(more))
    np.testing.assert_array_equal(bank.weights[0], node.weights)
    np.testing.assert_array_equal(bank[1].experts[0].forecast(2), [more[-5:].mean()] * 2)
    copies = {
        "load": sm.load(node.snapshot()),
        "restore": mixed().restore(node.snapshot()),
        "pickle": pickle.loads(pickle.dumps(node)),
        "deepcopy": copy.deepcopy(node),
    }
    assert np.array_equal(node.clone().s, mixed().s, equal_nan=True)
    ahead = node.forecast(24)
    believed = copy.deepcopy(node).run(np.full(24, np.nan))
    np.testing.assert_array_equal(ahead, believed)
    expected = node.run(more)
    for how, other in copies.items():
        np.testing.assert_array_equal(other.forecast(24), ahead, err_msg=how)
        np.testing.assert_array_equal(other.run(more), expected, err_msg=how)
        assert repr(other) == repr(node)
    interpreted = mixed()
    step = interpreted._kernel()
    with np.errstate(all="ignore"):
        got = [step(interpreted.p, interpreted.s, v, v) for v in y]
    np.testing.assert_allclose(got[1:], mixed().run(y)[1:], rtol=1e-9)


def test_no_address_enters_a_snapshot():
    node = mixed()
    node.run(season_and_noise())
    inner = node.models[3]
    for stored in (node.snapshot(), pickle.dumps(node)):
        for one in (*node.models, *inner.models):
            assert struct.pack("<q", one._kernel().address) not in stored
    assert struct.pack("<q", node.models[0]._kernel().address) in node.p.tobytes()


def test_the_name_and_parameters_of_every_expert_are_in_the_snapshot():
    stored = mixed().snapshot()
    for words in (b"tests.test_ensemble:Level", b'"rate":0.3', b'"season":12', b'["huber",2.0,0.0]'):
        assert words in stored
    with pytest.raises(ValueError, match="other parameters: models="):
        sm.BOA([sm.Naive()]).restore(sm.BOA([sm.Drift()]).snapshot())
    local = sm.kernel(state=1)(lambda p, s, x, d: s[0])
    snapshot = sm.BOA([local(), sm.Naive()]).snapshot()
    with pytest.raises(ValueError, match="the snapshot is of the kernel .*, which stands inside of a function"):
        sm.load(snapshot)


def test_it_reads_as_one_would_type_it():
    model = sm.BOA([sm.Naive(), sm.SeasonalNaive(4)], gradient=False)
    assert repr(model) == "BOA(models=(Naive(), SeasonalNaive(season=4)), gradient=False)"
    names = {"sm": sm, "BOA": sm.BOA, "Naive": sm.Naive, "SeasonalNaive": sm.SeasonalNaive}
    assert repr(eval(repr(model), names)) == repr(model)


def test_its_step_in_a_loop_of_ones_own():
    node, other = mixed(), mixed()
    step, y = node.compiled(), season_and_noise()

    @njit
    def loop(step, p, s, y):
        total = 0.0
        for v in y:
            f = step(p, s, v, v)
            total += 0.0 if f != f else f  # noqa: PLR0124
        return total

    assert loop(step, node.p, node.s, y) == pytest.approx(np.nansum(other.run(y)), rel=1e-12)
    np.testing.assert_array_equal(node.s, other.s)


def test_the_models_given_stay_their_owners():
    mine = Level(rate=0.3)
    mine.run(np.zeros(3), np.ones(3))
    held = mine.s.copy()
    model = sm.MedianEnsemble([mine])
    assert model.update(5.0) == 0.0  # it began with what a fresh one knows
    np.testing.assert_array_equal(mine.s, held)
    mine.rate = 0.9
    assert model.models[0].rate == 0.3
    for one in (model.models[0], model.experts[0], sm.bank(model, 2)[0].experts[0]):
        with pytest.raises(TypeError, match="rate .* of an expert that of its ensemble"):
            one.rate = 0.5
    with pytest.raises(TypeError, match="models is fixed"):
        model.models = [mine]


def test_an_expert_that_raises_leaves_everything_as_it_was():
    model = sm.BOA([sm.Naive(), Touchy(), sm.RunningMean()])
    model.run([1.0, 2.0, 3.0])
    before = model.s.copy()
    with pytest.raises(ValueError, match="too much"):
        model.run([4.0, 5.0, 500.0, 6.0])
    np.testing.assert_array_equal(model.s, before)


class Constant(Forecaster):
    """The mean of the history that it was fitted on."""

    level: float | None = param(None, "the level", optional=True)
    _estimated = ("level",)

    def _kernel(self) -> Function:
        return _constant

    def _size(self) -> int:
        return 1

    def fit(self, y: Any, x: Any = None, *, loss: Any = None) -> Any:
        self.level = float(np.mean(y))
        return super().fit(y)


@kernel
def _constant(p: Any, s: Any, x: float, d: float) -> Any:
    if d == d:  # noqa: PLR0124
        s[0] += 1.0
    return p[0] if p[0] == p[0] else 0.0


def test_fit_fits_the_experts_and_then_learns_the_weights():
    y = season_and_noise()
    model = sm.BOA([Constant(), sm.SeasonalNaive(12), sm.BOA([Constant(), sm.Naive()])])
    update = model.update
    assert model.fit(y) is model
    assert model.models[0].level == model.models[2].models[0].level == y.mean()
    wanted = sm.BOA([Constant(y.mean()), sm.SeasonalNaive(12), sm.BOA([Constant(y.mean()), sm.Naive()])])
    wanted.run(y)
    np.testing.assert_array_equal(model.s, wanted.s)
    np.testing.assert_array_equal(model.forecast(5), wanted.forecast(5))
    for other in (sm.load(model.snapshot()), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.forecast(5), model.forecast(5))
    assert update(3.0) == wanted.update(3.0)  # the call that was taken before goes on with the fitted ones
    again = model.clone().fit(y + 1.0)
    assert again.models[0].level == pytest.approx(y.mean() + 1.0)


def test_a_fit_that_fails_leaves_everything_as_it_was():
    model = sm.BOA([sm.Naive(), sm.SeasonalNaive(12)])
    model.run(season_and_noise())
    before = model.snapshot()
    with pytest.raises(ValueError, match=r"SeasonalNaive\(\) needs a series of at least 12 samples, got 5"):
        model.fit(np.ones(5))
    assert model.snapshot() == before
    with pytest.raises(TypeError, match="no regressors"):
        model.fit(np.ones(50), np.ones(50))


@pytest.mark.parametrize(
    ("models", "error", "words"),
    [
        ([], ValueError, "at least one forecaster, got none"),
        (sm.Naive(), TypeError, r"must be a list of forecasters, got Naive\(\)"),
        ("naive", TypeError, "must be a list of forecasters, got 'naive'"),
        ([sm.Naive], TypeError, r"such as Naive\(\), got the class"),
        ([sm.Naive(), sm.MSE()], TypeError, r"filters or kernels that predict, got MSE\(\)"),
        ([sm.NLMS(taps=3, references=2)], ValueError, "models of the series alone"),
        ([3.0], TypeError, "got 3.0"),
    ],
)
def test_what_is_no_expert_is_refused(models, error, words):
    with pytest.raises(error, match=words):
        sm.BOA(models)


def test_needs_and_lookback_are_those_of_the_experts():
    models = [sm.SeasonalNaive(12), sm.Drift(), sm.WindowAverage(30)]
    assert sm.BOA(models[:1]).needs == 12
    assert sm.BOA(models).needs == 1
    assert sm.BOA(models).lookback == np.inf
    assert sm.MedianEnsemble([models[0], models[2]]).lookback == 30
    assert sm.MedianEnsemble(models).lookback == np.inf


def test_chunks_of_any_size_and_reset():
    y = season_and_noise()
    whole, parts = mixed(), mixed()
    expected = whole.run(y)
    edges = [0, 1, 2, 17, 17, 300, 400]
    np.testing.assert_array_equal(np.concatenate([parts.run(y[a:b]) for a, b in pairwise(edges)]), expected)
    np.testing.assert_array_equal(parts.reset().run(y), expected)


def test_models_with_parameters_to_estimate():
    y, more = season_and_noise(), season_and_noise(seed=1)
    model = sm.BOA([sm.HoltWinters(season=12), sm.SES(alpha=0.3), sm.SES()])
    assert model._open()
    model.fit(y)
    assert not model._open()
    alone = [sm.HoltWinters(season=12).fit(y), sm.SES(alpha=0.3).fit(y), sm.SES().fit(y)]
    assert [one.alpha for one in model.models] == [one.alpha for one in alone]
    for mine, other in zip(model.experts, alone, strict=True):
        np.testing.assert_array_equal(mine.forecast(24), other.forecast(24))
    resumed = [sm.load(model.snapshot()), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    expected = model.run(more)
    for one in resumed:
        np.testing.assert_array_equal(one.run(more), expected)
        np.testing.assert_array_equal(one.reset().run(y), model.clone().run(y))
    with pytest.raises(TypeError, match="fit the node before it becomes a bank"):
        sm.bank(model, 2)[0].fit(y)


def test_a_backtest_fits_an_ensemble_and_goes_on():
    y = season_and_noise()
    models = [sm.SeasonalNaive(12), sm.HoltWinters(season=12)]
    result = sm.backtest(y, [sm.BOA(models), sm.MedianEnsemble(models)], horizon=1, start=50)
    for mse, cls in zip(result.mse[:, 0], (sm.BOA, sm.MedianEnsemble), strict=True):
        fitted = cls(models).fit(y[:50])
        assert mse == pytest.approx(np.mean((y[50:] - fitted.run(y[50:])) ** 2), rel=1e-12)


@pytest.mark.parametrize("cls", [sm.ExponentialWeights, sm.MLPoly, sm.BOA])
def test_a_hopeless_expert_does_not_slow_down_the_rest(cls):
    """The scale of its losses is its own; one scale for all would level the weights of the others (in BOA it did)."""
    f, y = stochastic(1000, 4)
    hopeless = np.column_stack([f, y + 0.1 * np.arange(1000)])  # and worse with every sample
    mse = [np.mean((y - cls(scripted(one)).run(y))[100:] ** 2) for one in (f, hopeless)]
    assert mse[1] < 1.2 * mse[0]
