"""Rolling-origin backtests: no leakage, alignment, equality of all forms, scores against slow twins."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse.backtesting.compare import diebold_mariano
from streammse.forecast.base import Forecaster

SLOW = settings(deadline=None, max_examples=40)


@sm.kernel(state=2, rate=0.2)
def Level(p, s, x, d):
    """Exponential smoothing as somebody else would write it: the state alone, whatever x is."""
    y = s[0]
    if not math.isnan(d):
        s[0] += p[0] * (d - y) if s[1] > 0.0 else d - y
        s[1] += 1.0
    return y


@sm.kernel(state=1, inputs=2, rate=0.05)
def Regression(p, s, x, d):
    """One coefficient on the sum of two regressors."""
    y = s[0] * (x[0] + x[1])
    if not math.isnan(d):
        s[0] += p[0] * (d - y) * (x[0] + x[1])
    return y


def wave(samples: int, seed: int = 0, season: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(samples)
    return 20.0 + 0.02 * t + 3.0 * np.sin(2 * np.pi * t / season) + rng.standard_normal(samples)


def twin(y, model, horizon, start, stride=1, gap=0, window=None, complete=False):
    """Errors (origins, horizon) from scratch: at every origin a fresh model learns what is known then."""
    found = []
    for k in range(start, len(y) - gap, stride):
        if complete and k + gap + horizon > len(y):
            break
        fresh = model.clone()
        history = y[max(0, k - window) if window else 0 : k]
        if isinstance(model, Forecaster):
            for one in history:
                fresh.update(one)
            ahead = fresh.forecast(gap + horizon)
        else:
            last = 0.0
            for one in history:
                f = fresh.update(last, one)
                last = one if math.isfinite(one) else f
            ahead = []
            for _ in range(gap + horizon):
                last = fresh.update(last)
                ahead.append(last)
        truth = np.full(horizon, np.nan)
        here = y[k + gap : k + gap + horizon]
        truth[: len(here)] = here
        found.append(truth - np.asarray(ahead)[gap:])
    return np.array(found).reshape(-1, horizon)


MODELS = [sm.Naive(), sm.SeasonalNaive(5), sm.Drift(), sm.WindowAverage(6), sm.NLMS(taps=4), Level()]


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize(
    "more", [{}, {"stride": 3, "gap": 2}, {"window": 17}, {"complete": True, "stride": 2}], ids=str
)
def test_equals_refiltering_from_scratch_at_every_origin(model, more):
    y = wave(150)
    y[40:43] = y[100] = np.nan
    result = sm.backtest(y, model, horizon=7, start=30, keep_errors=True, **more)
    wanted = twin(y, model, 7, 30, **more)
    assert result.errors.shape == (1, 1, *wanted.shape)
    np.testing.assert_allclose(result.errors[0, 0], wanted, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(result.mse[0], np.nanmean(wanted**2, axis=0), rtol=1e-10)
    np.testing.assert_array_equal(result.scores["n"], np.isfinite(wanted).sum(axis=0))


@SLOW
@given(
    samples=st.integers(14, 60),
    horizon=st.integers(1, 19),
    start=st.integers(6, 12),
    stride=st.integers(1, 5),
    gap=st.integers(0, 3),
    window=st.none() | st.integers(6, 20),
    model=st.sampled_from(MODELS),
    missing=st.lists(st.integers(0, 59), max_size=6),
    seed=st.integers(0, 2**31),
)
def test_any_shape_equals_the_twin_and_the_live_form(
    samples, horizon, start, stride, gap, window, model, missing, seed
):
    y = np.random.default_rng(seed).normal(5.0, 2.0, samples)
    y[[k for k in missing if start <= k < samples]] = np.nan
    protocol = {"horizon": horizon, "start": start, "stride": stride, "gap": gap, "window": window}
    if gap + start >= samples:
        return
    result = sm.backtest(y, model, **protocol, keep_errors=True)
    wanted = twin(y, model, **protocol)
    np.testing.assert_allclose(result.errors[0, 0], wanted, rtol=1e-10, atol=1e-10)
    live = sm.LiveBacktest(model, **protocol)
    live.run(y)
    assert live.mse.tobytes() == result.mse[0].tobytes()


def test_no_leakage():
    """Whatever happens from sample k on changes no forecast that was made when k samples were known."""
    y, k = wave(200), 120
    changed = y.copy()
    changed[k:] = np.random.default_rng(1).normal(-1000.0, 300.0, len(y) - k)
    models = [*MODELS, sm.WindowAverage(3)]
    for more in ({}, {"window": 40}, {"stride": 4, "gap": 3}):
        a, b = (sm.backtest(z, models, horizon=9, start=50, keep_errors=True, **more) for z in (y, changed))
        known = a.origins <= k
        assert known.sum() > 5
        before = np.array([one.kept for one in a._kept()])[:, :, known]
        after = np.array([one.kept for one in b._kept()])[:, :, known]
        assert before.tobytes() == after.tobytes()
        assert not np.array_equal(a._kept()[0].kept, b._kept()[0].kept)


def test_random_walk_and_ramp_are_aligned():
    """h steps of a random walk have h times the variance of one; a line through a ramp never errs."""
    sigma = 2.0
    y = sigma * np.cumsum(np.random.default_rng(0).standard_normal(200_000))
    mse = sm.backtest(y, sm.Naive(), horizon=8, start=10).mse[0]
    np.testing.assert_allclose(mse, sigma**2 * np.arange(1, 9), rtol=0.03)
    for gap in (0, 5):
        ramp = sm.backtest(3.0 * np.arange(300) - 7.0, sm.Drift(), horizon=30, start=2, gap=gap)
        np.testing.assert_allclose(ramp.mse, 0.0, atol=1e-18)
    late = sm.backtest(y, sm.Naive(), horizon=2, start=10, gap=4).mse[0]
    np.testing.assert_allclose(late, sigma**2 * np.array([5, 6]), rtol=0.03)


def test_live_equals_batch_bit_for_bit():
    y = wave(400)
    y[[90, 200, 201]] = np.nan
    for model in MODELS:
        protocol = {"horizon": 11, "start": 40, "stride": 2, "gap": 1, "level": 0.8}
        protocol["metrics"] = [sm.MAE(window=20), sm.TrimmedMSE(window=30)]
        live = sm.LiveBacktest(model, **protocol)
        stood = live.run(y[:250])
        stood = np.r_[stood, [live.update(one) for one in y[250:]]]
        batch = sm.backtest(y, model, **protocol, keep_errors=True)
        for name in batch.scores.columns[1:]:
            assert live.scores[name].tobytes() == batch.scores[name].tobytes(), name
        at = batch.origins + 1  # the shortest horizon with a gap of 1
        told = np.full(len(y), np.nan)
        told[at[at < len(y)]] = batch._kept()[0].kept[0, at < len(y), 0]
        np.testing.assert_array_equal(stood, told)
        assert live.count == len(y)
        # prefix by prefix, too
        half = sm.backtest(y[:250], model, **protocol)
        again = live.reset().run(y[:250])
        assert again.tobytes() == stood[:250].tobytes()
        assert live.mse.tobytes() == half.mse[0].tobytes()
        assert np.isfinite(live.forecasts).all()


def test_live_says_what_it_cannot():
    with pytest.raises(TypeError, match="needs a model that streams"):
        sm.LiveBacktest(lambda y, h: np.zeros(h))
    with pytest.raises(ValueError, match=r"SeasonalNaive\(\) needs 12 samples .* got start=5"):
        sm.LiveBacktest(sm.SeasonalNaive(), start=5)
    with pytest.raises(TypeError, match="takes no regressors"):
        sm.LiveBacktest(sm.Naive()).update(1.0, [[2.0]])


def test_ragged_series_equal_one_by_one_and_threads_equal_one():
    rng = np.random.default_rng(3)
    several = [wave(int(n), seed) for seed, n in enumerate(rng.integers(60, 300, 40))]
    several[3][50:60] = np.nan
    protocol = {"horizon": 12, "start": 40, "level": 0.7, "keep_errors": True, "metrics": [sm.MAE(window=9)]}
    models = [sm.Naive(), sm.SeasonalNaive(12), sm.NLMS(taps=3)]
    one = sm.backtest(several, models, **protocol, workers=1)
    for workers in (None, 2, 5):
        other = sm.backtest(several, models, **protocol, workers=workers)
        assert other.errors.tobytes() == one.errors.tobytes()
        assert repr(other.scores) == repr(one.scores)
        assert other.by_series["MSE"].tobytes() == one.by_series["MSE"].tobytes()
    for row, y in enumerate(several):
        alone = sm.backtest(y, models, **protocol)
        many = alone.errors.shape[2]
        np.testing.assert_array_equal(one.errors[:, row, :many], alone.errors[:, 0])
        assert np.isnan(one.errors[:, row, many:]).all()
        table = one.by_series
        mine = table["unique_id"] == row
        for name in table.columns[3:]:
            np.testing.assert_array_equal(table[name][mine], alone.scores[name], err_msg=name)
    everything = one.errors[0][np.isfinite(one.errors[0])]
    assert one.scores["n"][:12].sum() == everything.size


def test_scores_are_what_their_names_say():
    y = wave(300)
    y[::17] = 0.0  # no percentage there
    y[150] = np.nan
    result = sm.backtest(y, [sm.Naive(), sm.WindowAverage(4)], horizon=3, start=60, season=7, keep_errors=True)
    table = result.scores
    train = y[:60]
    differences = train[7:] - train[:-7]
    with np.errstate(invalid="ignore"):
        for m in range(2):
            for j in range(3):
                e = result.errors[m, 0, :, j]
                truth = y[np.minimum(result.origins + j, len(y) - 1)]
                there = np.isfinite(e)
                e, d = e[there], truth[there]
                f = d - e
                row = 3 * m + j
                wanted = {
                    "n": there.sum(),
                    "MSE": np.mean(e**2),
                    "RMSE": np.sqrt(np.mean(e**2)),
                    "MAE": np.mean(np.abs(e)),
                    "MASE": np.mean(np.abs(e)) / np.mean(np.abs(differences)),
                    "RMSSE": np.sqrt(np.mean(e**2) / np.mean(differences**2)),
                    "sMAPE": sm.SMAPE().run(d, f)[-1],
                    "MAPE": sm.MAPE().run(d, f)[-1],
                    "bias": sm.Bias().run(d, f)[-1],
                }
                for name, value in wanted.items():
                    assert table[name][row] == pytest.approx(value, rel=1e-9), name
    assert result.ranking["MSE"][0] == pytest.approx(np.nanmin(np.nanmean(result.errors**2, axis=(1, 2, 3))))


def test_scaled_errors_average_over_series_and_the_season_comes_from_the_models():
    several = [wave(90), 100.0 * wave(120, 1)]
    result = sm.backtest(several, sm.SeasonalNaive(6), horizon=2, start=50, keep_errors=True)
    wanted = []
    for row, y in enumerate(several):
        scale = np.mean(np.abs(y[6:50] - y[:44]))
        wanted.append(np.nanmean(np.abs(result.errors[0, row]), axis=0) / scale)
    np.testing.assert_allclose(result.scores["MASE"], np.mean(wanted, axis=0), rtol=1e-12)


def test_further_metrics_are_those_of_the_core():
    y = wave(200)
    metrics = [sm.TrimmedMSE(window=25), sm.MSE(halflife=10.0), sm.MAE(), sm.MAE(), sm.MASE(season=2)]
    result = sm.backtest([y, 2 * y[:150]], sm.Naive(), horizon=3, start=40, metrics=metrics, keep_errors=True)
    assert list(result.metrics) == [repr(m) if k != 3 else "MAE() #2" for k, m in enumerate(metrics)]
    for name, metric in zip(result.metrics, metrics, strict=True):
        for row, series in enumerate((y, 2 * y[:150])):
            for j in range(3):
                at = result.origins + j
                at = at[at < len(series)]
                e = result.errors[0, row, : len(at), j]
                assert result.metrics[name][0, row, j] == metric.clone().run(series[at], series[at] - e)[-1], name
    assert result.scores["MAE()"] == pytest.approx(result.metrics["MAE()"][0].mean(axis=0))


def test_rolling_and_decayed_curves():
    y = [wave(130), wave(100, 1)]
    result = sm.backtest(y, [sm.Naive(), sm.Drift()], horizon=4, start=30)
    with pytest.raises(ValueError, match="run the backtest with keep_errors=True"):
        _ = result.errors
    kept = sm.backtest(y, [sm.Naive(), sm.Drift()], horizon=4, start=30, keep_errors=True).errors
    curve, decayed = result.rolling(15), result.rolling(halflife=7.0)
    assert curve.shape == kept.shape == decayed.shape == (2, 2, 100, 4)
    for m, i, j in ((0, 0, 0), (1, 1, 3), (1, 0, 2)):
        e = kept[m, i, :, j]
        np.testing.assert_array_equal(curve[m, i, :, j], sm.MSE(window=15).run(e, 0.0 * np.nan_to_num(e)))
        known = e[np.isfinite(e)]
        weight = 0.5 ** (np.arange(len(known))[::-1] / 7.0)
        assert decayed[m, i, len(known) - 1, j] == pytest.approx(np.sum(weight * known**2) / weight.sum())
    for wrong in ({}, {"window": 3, "halflife": 2.0}):
        with pytest.raises(ValueError, match="expected window or halflife"):
            result.rolling(**wrong)


def test_a_ranking_puts_the_best_first():
    y = wave(400)
    result = sm.backtest(y, {"last": sm.Naive(), "season": sm.SeasonalNaive(12), "mean": sm.RunningMean()}, start=60)
    ranking = result.ranking
    assert ranking["model"][0] == "season"
    assert (np.diff(ranking["MSE"]) >= 0).all()
    assert ranking["horizons won"].sum() >= 12
    several = sm.backtest([y, 1000 * np.cumsum(y - y.mean())], [sm.Naive(), sm.RunningMean()], start=60).ranking
    assert (np.diff(several["RMSSE"]) >= 0).all()
    assert "rank" in repr(result)


# Diebold and Mariano


@pytest.mark.parametrize("horizon", [1, 4, 12])
@pytest.mark.parametrize("harvey", [True, False])
def test_diebold_mariano_is_the_regression_on_a_constant(horizon, harvey):
    """The definition of statsmodels: the t statistic of a constant with a Newey-West covariance."""
    from scipy import stats
    from statsmodels.regression.linear_model import OLS

    y = wave(160)
    result = sm.backtest(y, [sm.Naive(), sm.WindowAverage(5)], horizon=12, start=40, keep_errors=True)
    told = result.diebold_mariano(0, "WindowAverage(window=5)", horizon, harvey=harvey)
    e = result.errors[:, 0, :, horizon - 1]
    d = e[0] ** 2 - e[1] ** 2
    d = d[np.isfinite(d)]
    T, h = len(d), horizon
    lags = max(h - 1, math.ceil(T ** (1 / 3)))
    statistic = OLS(d, np.ones(T)).fit(cov_type="HAC", cov_kwds={"maxlags": lags}).tvalues[0]
    if harvey:
        statistic *= math.sqrt((T + 1 - 2 * h + h * (h - 1) / T) / T)
        pvalue = 2 * stats.t.cdf(-abs(statistic), T - 1)
    else:
        pvalue = 2 * stats.norm.cdf(-abs(statistic))
    assert told.statistic == pytest.approx(statistic, rel=1e-9)
    assert told.pvalue == pytest.approx(pvalue, rel=1e-9)
    assert (told.lags, told.samples) == (lags, T)
    back = result.diebold_mariano(1, 0, horizon, harvey=harvey)
    assert back.statistic == pytest.approx(-told.statistic)


def test_diebold_mariano_against_statsmodels():
    stattools = pytest.importorskip("statsmodels.tsa.stattools")
    if not hasattr(stattools, "diebold_mariano_test"):
        pytest.skip("this statsmodels has no such test")
    y = wave(120)
    result = sm.backtest(y, [sm.Naive(), sm.Drift()], horizon=3, start=40, complete=True, keep_errors=True)
    for h in (1, 2, 3):
        truth = y[result.origins + h - 1]
        a, b = (truth - result.errors[m, 0, :, h - 1] for m in (0, 1))
        for harvey in (True, False):
            theirs = stattools.diebold_mariano_test(truth, a, b, horizon=h, harvey_adj=harvey)
            ours = result.diebold_mariano(0, 1, h, harvey=harvey)
            assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
            assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-9)


def test_diebold_mariano_edges():
    assert diebold_mariano(np.zeros(20), 1).pvalue == 1.0
    assert diebold_mariano(np.ones(20), 1).statistic == math.inf
    with pytest.raises(ValueError, match="at least 2 errors"):
        diebold_mariano(np.array([1.0, np.nan]), 1)
    result = sm.backtest(wave(80), [sm.Naive()], horizon=2, start=40)
    with pytest.raises(ValueError, match="horizon must be between 1 and 2, got 3"):
        result.diebold_mariano(0, 0, 3)
    with pytest.raises(ValueError, match="no model 'x': there are Naive"):
        result.diebold_mariano("x", 0)


# Intervals


def test_split_conformal_is_an_order_statistic():
    errors = np.random.default_rng(0).standard_normal(300)
    errors[50] = np.nan
    half = sm.ConformalInterval(0.8, scores=40).run(errors)
    for t in range(300):
        past = np.abs(errors[:t])
        past = past[np.isfinite(past)][-40:]
        rank = math.ceil((len(past) + 1) * 0.8 - 1e-9)
        if rank > len(past):
            assert math.isnan(half[t])
        else:
            assert half[t] == np.sort(past)[rank - 1]


def test_conformal_coverage_of_exchangeable_errors_is_exact():
    errors = np.random.default_rng(1).standard_t(2, 60_000)
    half = sm.ConformalInterval(0.9, scores=99).run(errors)
    inside = np.abs(errors) <= half
    assert np.mean(inside[99:]) == pytest.approx(0.9, abs=0.005)
    gaussian = np.random.default_rng(2).standard_normal(20_000)
    assert np.mean(np.abs(gaussian) <= sm.ResidualInterval(0.9).run(gaussian)) == pytest.approx(0.9, abs=0.01)


def adaptive(errors, level, gamma, scores):
    """Gibbs and Candes, written down slowly."""
    alpha, past, half = 1.0 - level, [], []
    for e in errors:
        n = len(past)
        rank = math.ceil((n + 1) * (1.0 - alpha) - 1e-9)
        if math.ceil((n + 1) * level - 1e-9) > n:
            w = math.nan
        elif rank > n:
            w = math.inf
        elif rank < 1:
            w = -math.inf
        else:
            w = sorted(past)[rank - 1]
        half.append(w)
        if math.isfinite(e):
            if not math.isnan(w):
                alpha += gamma * ((1.0 - level) - float(abs(e) > w))
            past = [*past, abs(e)][-scores:]
    return np.array(half)


@SLOW
@given(
    level=st.sampled_from([0.5, 0.8, 0.9]),
    gamma=st.sampled_from([0.0, 0.005, 0.05, 0.7]),
    scores=st.integers(9, 40),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["still", "growing", "coarse", "hostile"]),
)
def test_adaptive_conformal_equals_its_twin_and_keeps_its_bound(level, gamma, scores, seed, kind):
    rng = np.random.default_rng(seed)
    errors = rng.standard_normal(400)
    if kind == "growing":
        errors *= np.exp(np.arange(400) / 40.0)
    if kind == "coarse":
        errors = np.round(errors)
    if kind == "hostile":
        errors[100:] = 10.0 ** np.arange(300)
    half = sm.AdaptiveConformal(level, gamma=gamma, scores=scores).run(errors)
    np.testing.assert_array_equal(half, adaptive(errors, level, gamma, scores))
    if gamma > 0.0:
        there = ~np.isnan(half)
        coverage = np.mean(np.abs(errors[there]) <= half[there])
        bound = (max(level, 1.0 - level) + gamma) / (gamma * there.sum())
        assert abs(coverage - level) <= bound + 1e-12


@pytest.mark.parametrize("gap", [0, 3])
def test_every_horizon_keeps_the_adaptive_bound_in_a_backtest(gap):
    """Errors of a random walk that grows wilder: h errors are on their way when an interval is issued."""
    rng = np.random.default_rng(5)
    y = np.cumsum(rng.standard_normal(3000) * np.exp(np.arange(3000) / 500.0))
    level, gamma = 0.9, 0.01
    result = sm.backtest(
        y, sm.Naive(), horizon=6, start=20, gap=gap, level=sm.AdaptiveConformal(level, gamma=gamma, scores=50)
    )
    table = result.scores
    delay = gap + np.arange(1, 7)
    bound = (level + delay * gamma) / (gamma * (table["n"] - 10 - delay))
    assert (np.abs(table["coverage"] - level) <= bound).all()
    assert (table["width"] > 0).all()
    assert (table["unbounded"] < 0.2).all()


def test_an_interval_stands_from_its_origin_on():
    """Half-widths of horizon j are learnt from errors that had come when the forecast was made, and from no other."""
    y, h = wave(150), 4
    interval = sm.ResidualInterval(0.9, least=5)
    result = sm.backtest(y, sm.Naive(), horizon=h, start=20, level=interval, keep_errors=True)
    z = 1.6448536269514722
    for j in range(h):
        e = result.errors[0, 0, :, j]
        asked = covered = width = bounded = 0.0
        for i, k in enumerate(result.origins):
            known = e[: max(0, i - j)]  # origin i' is scored when sample k' + j has come: k' + j < k
            assert k == 20 + i
            if len(known) >= 5 and np.isfinite(e[i]):
                half = z * np.sqrt(np.mean(known**2))
                asked, covered = asked + 1, covered + (abs(e[i]) <= half)
                width, bounded = width + 2 * half, bounded + 1
        assert result.scores["coverage"][j] == pytest.approx(covered / asked, rel=1e-12)
        assert result.scores["width"][j] == pytest.approx(width / bounded, rel=1e-9)


def test_intervals_are_nodes():
    errors = np.random.default_rng(0).standard_normal(100)
    for make in (sm.ResidualInterval, sm.ConformalInterval, sm.AdaptiveConformal):
        a, b = make(0.8), make(0.8)
        whole = a.run(errors)
        np.testing.assert_array_equal(whole, [b.update(e) for e in errors])
        before = a._s.copy()
        a.update(np.nan)
        np.testing.assert_array_equal(a._s, before)
        np.testing.assert_array_equal(sm.bank(make(0.8), 2).run(np.stack([errors, errors]))[1], whole)
        np.testing.assert_array_equal(a.reset().run(errors), whole)
    with pytest.raises(ValueError, match="level 0.99 needs at least 99 scores to rank, got scores=50"):
        sm.ConformalInterval(0.99, scores=50)
    with pytest.raises(ValueError, match="level must be a share below 1, got 90: write 0.9"):
        sm.backtest(wave(50), sm.Naive(), start=20, level=90)


# Who may take part


class Mean:
    """An object of somebody else's: fit and forecast."""

    def fit(self, y):
        self.level = np.nanmean(y)
        return self

    def forecast(self, horizon):
        return np.full(horizon, self.level)


class Predicts(Mean):
    forecast = None

    def __init__(self):
        del type(self).forecast

    def predict(self, h):
        return {"mean": np.full(h, self.level)}


def test_objects_and_functions_run_under_the_same_protocol():
    y = wave(90)
    y[70] = np.nan

    def last(known, horizon):
        known[:] = known + 0.0  # it may write to what it gets
        return np.full(horizon, known[np.isfinite(known)][-1])

    for more in ({}, {"window": 30}, {"stride": 3, "gap": 2}, {"complete": True}):
        result = sm.backtest(
            y, [Mean(), last, sm.RunningMean(), sm.Naive()], horizon=5, start=40, keep_errors=True, **more
        )
        assert result.models == ["Mean", "last", "RunningMean()", "Naive()"]
        np.testing.assert_allclose(result.errors[0], result.errors[2], rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(result.errors[1], result.errors[3])
        assert result.mse[1].tobytes() == result.mse[3].tobytes()
    several = sm.backtest([y[:60], y], [last, sm.Naive()], horizon=5, start=40, workers=2, level=0.8)
    assert several.mse[0].tobytes() == several.mse[1].tobytes()


def test_statsmodels_under_the_same_protocol():
    from statsmodels.tsa.forecasting.theta import ThetaModel

    y = wave(60)
    result = sm.backtest(
        y, {"theta": lambda known, h: ThetaModel(known, period=12).fit().forecast(h)}, horizon=3, start=50, stride=4
    )
    wanted = np.mean([(y[k] - ThetaModel(y[:k], period=12).fit().forecast(1).iloc[0]) ** 2 for k in (50, 54, 58)])
    assert result.mse[0, 0] == pytest.approx(wanted)


def test_a_filter_forecasts_from_its_own_forecasts():
    y = wave(200)
    result = sm.backtest(y, sm.NLMS(taps=5, mu=0.3), horizon=3, start=150, keep_errors=True)
    f = sm.NLMS(taps=5, mu=0.3)
    f.run(np.r_[0.0, y[:149]], y[:150])
    one = f.update(y[149])
    two = f.update(one)
    np.testing.assert_allclose(y[150:152] - result.errors[0, 0, 0, :2], [one, two], rtol=1e-12)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("window", [None, 25])
def test_inputs_beside_the_samples(known, window):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 2))
    y = 1.5 * x.sum(axis=1) + 0.1 * rng.standard_normal(120)
    protocol = {"horizon": 4, "start": 40, "gap": 1, "window": window, "x_known": known}
    result = sm.backtest(y, Regression(), x=x, **protocol, keep_errors=True)
    for i, k in enumerate(result.origins):
        node = Regression()
        first = max(0, k - window) if window else 0
        node.run(x[first:k], y[first:k])
        for j in range(4):
            at = k + 1 + j
            if at < len(y):
                said = node.update(x[at] if known else x[k - 1])
                assert result.errors[0, 0, i, j] == pytest.approx(y[at] - said, abs=1e-10)
    live = sm.LiveBacktest(Regression(), **protocol)
    for t in range(len(y)):
        live.update(y[t], x[t:] if known else x[t])
    assert live.mse.tobytes() == result.mse[0].tobytes()
    twice = sm.backtest(np.stack([y, y]), Regression(), x=np.stack([x, x]), **protocol)
    np.testing.assert_allclose(twice.mse, result.mse, rtol=1e-12)
    listed = sm.backtest([y, y[:90]], Regression(), x=[x, x[:90]], **protocol, keep_errors=True)
    np.testing.assert_array_equal(listed.errors[:, :1], result.errors)
    with pytest.raises(ValueError, match=r"Regression\(\) needs x with 2 columns, got 0"):
        sm.backtest(y, Regression(), **protocol)


# Frames


@pytest.fixture
def long():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2020-01-01", periods=n, freq="D"),
                "y": rng.normal(10, 1, n),
                "price": rng.normal(0, 1, n),
            }
        )
        for name, n in (("b", 80), ("a", 60))
    ]
    return pd.concat(parts, ignore_index=True)


def test_long_frames_of_any_kind_equal_arrays(long):
    pa = pytest.importorskip("pyarrow")
    pl = pytest.importorskip("polars")
    arrays = [long.y[long.unique_id == name].to_numpy() for name in "ba"]
    wanted = sm.backtest(arrays, sm.WindowAverage(5), horizon=4, start=30)
    shuffled = long.sample(frac=1.0, random_state=0)
    text = long.assign(ds=long.ds.dt.strftime("%Y-%m-%d"))
    category = long.assign(unique_id=long.unique_id.astype("category"))
    for frame in (long, pl.from_pandas(long), pa.Table.from_pandas(long), text, shuffled, category):
        result = sm.backtest(frame, sm.WindowAverage(5), horizon=4, start=30)
        assert sorted(result.series) == ["a", "b"]
        order = [result.series.index(name) for name in "ba"]
        mine = result.by_series["MSE"].reshape(2, 4)[order]
        np.testing.assert_array_equal(mine, wanted.by_series["MSE"].reshape(2, 4))
    renamed = long.rename(columns={"unique_id": "shop", "ds": "day", "y": "sales"})
    result = sm.backtest(renamed, sm.WindowAverage(5), horizon=4, start=30, id="shop", time="day", target="sales")
    np.testing.assert_array_equal(result.mse, wanted.mse)
    assert result.forecasts.columns[:2] == ["shop", "day"]
    one = long[long.unique_id == "b"].drop(columns="unique_id")
    np.testing.assert_array_equal(
        sm.backtest(one, sm.Naive(), horizon=4, start=30).mse,
        sm.backtest(arrays[0], sm.Naive(), horizon=4, start=30).mse,
    )
    given = sm.backtest(long.y[:80], sm.Naive(), horizon=4, start=30)  # a column by itself
    np.testing.assert_array_equal(given.mse, sm.backtest(arrays[0], sm.Naive(), horizon=4, start=30).mse)


def test_the_frame_of_forecasts_is_that_of_cross_validation(long):
    result = sm.backtest(long, [sm.Naive(), sm.Drift()], horizon=4, start=30, gap=1, stride=2)
    frame = result.forecasts.to_pandas()
    truth = long.set_index(["unique_id", "ds"]).y
    assert frame.columns.tolist() == ["unique_id", "ds", "cutoff", "horizon", "y", "Naive()", "Drift()"]
    keys = list(zip(frame.unique_id, frame.ds, strict=True))
    np.testing.assert_array_equal(frame.y, truth.loc[keys])
    np.testing.assert_array_equal(frame["Naive()"], truth.loc[list(zip(frame.unique_id, frame.cutoff, strict=True))])
    assert ((frame.ds - frame.cutoff).dt.days == frame.horizon + 1).all()
    assert len(frame) == result.scores["n"][:4].sum()
    mse = ((frame.y - frame["Drift()"]) ** 2).groupby(frame.horizon).mean()
    np.testing.assert_allclose(result.mse[1], mse)
    square = sm.backtest(wave(80), sm.Naive(), horizon=3, start=40, complete=True).forecasts
    assert len(square) == 3 * (80 - 40 - 2)
    assert (square["ds"] - square["cutoff"] == square["horizon"]).all()


def test_exogenous_columns_of_a_frame(long):
    frame = long.assign(promo=0.5 * long.price)
    result = sm.backtest(frame, Regression(), horizon=2, start=30, x=["price", "promo"])
    parts = [frame[frame.unique_id == name] for name in "ba"]
    wanted = sm.backtest(
        [p.y.to_numpy() for p in parts],
        Regression(),
        horizon=2,
        start=30,
        x=[p[["price", "promo"]].to_numpy() for p in parts],
    )
    np.testing.assert_array_equal(result.mse, wanted.mse)


def test_frames_that_cannot_be_used(long):
    def refused(frame, match, error=ValueError, **more):
        with pytest.raises(error, match=match):
            sm.backtest(frame, sm.Naive(), horizon=2, start=30, **more)

    refused(long.rename(columns={"y": "v"}), "no column 'y' to forecast: there are unique_id, ds, v, price")
    refused(long, "no column 'shop'", id="shop")
    refused(long, "there is no 'heat'", x=["heat"])
    refused(long.assign(y="text"), r"column 'y' must hold numbers, got String \(row 0: 'text'\)", TypeError)
    doubled = long.copy()
    doubled.loc[1, "ds"] = doubled.loc[0, "ds"]
    refused(doubled, "series 'b' has two rows for ds")
    holes = long.copy()
    holes.loc[3, "ds"] = None
    refused(holes, "column 'ds' has empty cells")
    refused(long.iloc[:0], "no rows")


def test_tables_go_out_in_every_form(tmp_path):
    pa_csv = pytest.importorskip("pyarrow.csv")
    from pyarrow import parquet

    result = sm.backtest([wave(80), wave(70)], [sm.Naive(), sm.SeasonalNaive(60)], horizon=3, start=65)
    table = result.scores
    assert table.to_arrow().column_names == table.columns == table.to_polars().columns
    np.testing.assert_array_equal(table.to_pandas()["MSE"], table["MSE"])
    result.to_csv(tmp_path / "s.csv")
    result.to_parquet(tmp_path / "s.parquet")
    back = pa_csv.read_csv(tmp_path / "s.csv")
    np.testing.assert_array_equal(back["RMSE"].to_numpy(), table["RMSE"])
    assert parquet.read_table(tmp_path / "s.parquet")["model"].to_pylist() == list(table["model"])
    rows = list(table.rows())
    assert rows[0]["model"] == "Naive()"
    assert len(rows) == len(table) == 6
    with pytest.raises(KeyError, match="no column 'x': there are model"):
        table["x"]


# Errors and manners


def test_models_and_series_go_by_numbers_that_exist():
    result = sm.backtest(wave(50), [sm.Naive(), sm.Drift()], horizon=3, start=20)
    assert result.diebold_mariano(0, -1) == result.diebold_mariano("Naive()", "Drift()")
    with pytest.raises(ValueError, match="model must be a number from 0 to 1, got 9"):
        result.diebold_mariano(0, 9)
    with pytest.raises(ValueError, match="series must be a number from 0 to 0, got 2"):
        result.plot(series=2)


def test_errors_name_the_series_and_the_model():
    def refused(y, models, match, error=ValueError, **more):
        with pytest.raises(error, match=match):
            sm.backtest(y, models, **{"horizon": 3, "start": 20, **more})

    refused({"shop": wave(15)}, sm.Naive(), "series 'shop' has 15 samples: a backtest with start=20 needs at least 21")
    refused(wave(22), sm.Naive(), "needs at least 23", complete=True)
    refused(
        [wave(50), wave(50)], sm.SeasonalNaive(30), r"series 0 is too short for SeasonalNaive\(season=30\): it needs 30"
    )
    gappy = wave(50)
    gappy[2:18] = np.nan
    refused([wave(50), gappy], sm.SeasonalNaive(8), "series 1 is too short .* it needs 8 samples .* and 4 of the first")
    refused(wave(50), sm.SeasonalNaive(12), "needs 12 samples before it can forecast, got window=5", window=5)
    model = sm.ARIMA((2, 1, 2), (1, 0, 1, 12))
    refused(wave(50), model, "needs 9 samples before it can be fitted, and 8 of the first start=8", start=8)
    refused(wave(50), sm.MSE(), "does not forecast", TypeError)
    refused(wave(50), sm.Naive, "expected a model such as Naive", TypeError)
    refused(wave(50), 3.0, "expected a forecaster, an object", TypeError)
    refused(wave(50), [], "at least one model")
    refused(wave(50), lambda: 0.0, r"takes \(y, horizon\)", TypeError)
    refused(wave(50), lambda y: y, r"<lambda> at origin 20: expected something with forecast\(horizon\)", TypeError)
    refused(wave(50), lambda y, h: np.zeros(2), "<lambda> at origin 20: expected 3 forecasts, got 2")
    refused(wave(50), sm.Naive(), "horizon must be at least 1, got 0", horizon=0)
    refused(wave(50), sm.Naive(), "stride must be an integer, got 1.5", TypeError, stride=1.5)
    refused(wave(50), sm.Naive(), "metrics must be metrics of plain pairs", TypeError, metrics=[sm.MSE(weighted=True)])
    refused(np.zeros((2, 3, 4)), sm.Naive(), "y must have shape")
    refused([], sm.Naive(), "y must")
    refused(["a", "b"], sm.Naive(), "y must be an array of real numbers", TypeError)
    refused(wave(50), sm.Naive(), "x must have shape", x=np.zeros((49, 2)))


def test_inputs_are_never_written_and_no_reference_is_kept():
    y = wave(100)
    before = y.copy()
    y.flags.writeable = False
    result = sm.backtest(y, [sm.Naive(), sm.NLMS(taps=2)], horizon=3, start=40)
    np.testing.assert_array_equal(y, before)
    y.flags.writeable = True
    first = result.rolling(5)
    y[:] = 0.0
    np.testing.assert_array_equal(result.rolling(5), first)
    model = sm.WindowAverage(4).fit(before)
    state = model._s.copy()
    again = sm.backtest(before, model, horizon=3, start=40)
    np.testing.assert_array_equal(model._s, state)  # what it had learnt it keeps, and does not use
    np.testing.assert_array_equal(again.mse, sm.backtest(before, sm.WindowAverage(4), horizon=3, start=40).mse)


def test_a_forecast_that_fails_is_not_left_out():
    """A model that gives NaN must not look better for it."""
    y = wave(80)
    result = sm.backtest(y, lambda known, h: np.full(h, np.nan if len(known) == 60 else 20.0), horizon=2, start=50)
    assert np.isnan(result.mse).all()
    assert result.ranking["model"].tolist() == ["<lambda>"]


def test_ctrl_c_returns_nothing_and_soon():
    def stuck(known, horizon):
        time.sleep(0.005)
        if len(known) == 60:
            raise KeyboardInterrupt
        return np.zeros(horizon)

    for workers in (1, 2):
        begun = time.monotonic()
        threads = threading.active_count()
        with pytest.raises(KeyboardInterrupt):
            sm.backtest([wave(4000), wave(4000)], stuck, horizon=2, start=50, workers=workers)
        assert time.monotonic() - begun < 8.0
        deadline = time.monotonic() + 5.0
        while threading.active_count() > threads and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= threads


def test_a_bar_appears_when_it_takes_long(capsys, monkeypatch):
    from streammse.backtesting import progress

    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("TERM", "xterm")
    sm.backtest(wave(300), sm.Naive(), horizon=2, start=50, progress=True)
    assert "backtest" in capsys.readouterr().err
    sm.backtest(wave(300), sm.Naive(), horizon=2, start=50, progress=False)
    sm.backtest(wave(300), sm.Naive(), horizon=2, start=50)  # no terminal, no bar
    assert capsys.readouterr().err == ""


def test_the_function_keeps_its_name():
    """However the rooms are imported, ``sm.backtest`` is the function; neither pandas nor statsmodels is needed."""
    code = """
import sys
import streammse as sm
import streammse.backtesting, streammse.backtesting.rolling_origin
from streammse import backtest
result = sm.backtest(list(range(40)), sm.Naive(), horizon=2, start=20)
assert callable(backtest) and sm.backtest is backtest
assert result.mse.tolist() == [[1.0, 4.0]]
repr(result); result.scores.to_arrow()
print([m for m in ("pandas", "polars", "statsmodels", "matplotlib", "rich", "narwhals") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_picture(tmp_path: Path):
    import matplotlib.image

    several = [wave(300), wave(200, 1)]
    result = sm.backtest(several, [sm.Naive(), sm.SeasonalNaive(12)], horizon=12, start=100)
    figure = result.plot(tmp_path / "p.png", series=1)
    assert matplotlib.image.imread(tmp_path / "p.png")[..., :3].std() > 0.05
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "series 1" in titles[0]
    assert "MSE by horizon (all 2 series)" in titles[1]
    drawn = figure.axes[1].lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, result.mse[1])
    short = sm.backtest(np.zeros(30), sm.Naive(), horizon=12, start=28)  # fewer samples than horizons, all the same
    short.plot(tmp_path / "q.svg")
    assert (tmp_path / "q.svg").stat().st_size > 1000


def test_memory_of_scores_does_not_grow_with_the_series():
    small, large = (sm.backtest(wave(n), sm.Naive(), horizon=5, start=20)._sums[0] for n in (100, 5000))
    assert small.totals.nbytes == large.totals.nbytes
    assert small.kept.size == large.kept.size == 0


# Models with parameters to estimate


def smooth(model, y):
    """A clone that has learnt y, its parameters as they are."""
    fresh = model.clone()
    fresh.run(y)
    return fresh


def test_an_open_model_is_fitted_to_what_comes_before_the_first_origin():
    y = wave(150)
    model = sm.HoltWinters(12)
    result = sm.backtest(y, model, horizon=5, start=60, keep_errors=True)
    assert model.fitted is None  # the caller's own stays as it was
    fitted = sm.HoltWinters(12).fit(y[:60])
    for i, k in enumerate(result.origins[:-5]):
        wanted = y[k : k + 5] - smooth(fitted, y[:k]).forecast(5)
        np.testing.assert_allclose(result.errors[0, 0, i], wanted, rtol=1e-10, atol=1e-10)
    again = sm.backtest(y, fitted, horizon=5, start=60, keep_errors=True)  # it keeps its numbers
    np.testing.assert_array_equal(again.errors, result.errors)
    live = sm.LiveBacktest(fitted, horizon=5, start=60)
    live.run(y)
    assert live.mse.tobytes() == again.mse[0].tobytes()
    with pytest.raises(ValueError, match="has parameters to estimate: fit it on history first"):
        sm.LiveBacktest(model, horizon=5, start=60)
    given_all = sm.HoltWinters(12, alpha=0.3, beta=0.1, gamma=0.2)
    wanted = twin(y, given_all, 5, 60)
    result = sm.backtest(y, given_all, horizon=5, start=60, keep_errors=True)
    np.testing.assert_allclose(result.errors[0, 0], wanted, rtol=1e-10, atol=1e-10)


def test_each_series_has_a_fit_of_its_own_in_threads_too():
    several = [wave(100, seed) * 10.0**seed for seed in range(4)]
    one = sm.backtest(several, [sm.SES(), sm.Naive()], horizon=3, start=40, keep_errors=True, workers=1)
    for row, y in enumerate(several):
        alone = sm.backtest(y, sm.SES().fit(y[:40]), horizon=3, start=40, keep_errors=True)
        np.testing.assert_array_equal(one.errors[0, row], alone.errors[0, 0])
    two = sm.backtest(several, [sm.SES(), sm.Naive()], horizon=3, start=40, keep_errors=True, workers=2)
    assert two.errors.tobytes() == one.errors.tobytes()
    with pytest.raises(ValueError, match="series 'b', SES.*cannot be fitted|series 'b'"):
        sm.backtest({"a": several[0], "b": np.full(100, np.nan)}, sm.SES(), start=40)


def test_refit_estimates_anew_from_what_is_known():
    y = np.r_[wave(90), 5.0 * wave(60, 1)]
    protocol = {"horizon": 4, "start": 60, "stride": 2}
    result = sm.backtest(y, sm.SES(), **protocol, refit=10, keep_errors=True)
    once = sm.backtest(y, sm.SES(), **protocol, keep_errors=True)
    np.testing.assert_array_equal(result.errors[0, 0, :10], once.errors[0, 0, :10])
    assert not np.array_equal(result.errors[0, 0, 10:], once.errors[0, 0, 10:])
    node = sm.SES()
    for i, k in enumerate(result.origins):
        if i % 10 == 0:
            node.fit(y[:k])
        fresh = smooth(node, y[:k])
        said = fresh.forecast(4)[: len(y) - k]
        np.testing.assert_allclose(result.errors[0, 0, i, : len(said)], y[k : k + 4] - said, rtol=1e-9, atol=1e-9)


def test_an_ensemble_and_its_experts():
    y = wave(150)
    experts = [sm.Naive(), sm.SES(alpha=0.3), sm.SeasonalNaive(12)]
    model = sm.ExponentialWeights(experts)
    result = sm.backtest(y, model, horizon=4, start=60, keep_errors=True)
    np.testing.assert_allclose(result.errors[0, 0], twin(y, model, 4, 60), rtol=1e-10, atol=1e-10)
    fitted = sm.backtest(y, sm.ExponentialWeights([sm.Naive(), sm.SES()]), horizon=4, start=60, keep_errors=True)
    wanted = sm.ExponentialWeights([sm.Naive(), sm.SES().fit(y[:60])])
    wanted = sm.backtest(y, wanted, horizon=4, start=60, keep_errors=True)
    np.testing.assert_allclose(fitted.errors, wanted.errors, rtol=1e-12)


WINDOWED = [
    sm.HoltWinters(12),
    sm.HoltWinters(12, alpha=0.3, beta=0.05, gamma=0.1),
    sm.Theta(12),
    sm.ARIMA((1, 1, 1)),
    sm.ARLS((1, 12)),
    sm.BOA([sm.Naive(), sm.SES()]),
]


@pytest.mark.parametrize("model", WINDOWED, ids=repr)
def test_a_window_is_what_one_would_fit_by_hand(model) -> None:
    t = np.arange(100)
    y = 100 + 0.3 * t + 20 * np.sin(2 * np.pi * t / 12) + np.cumsum(np.random.default_rng(3).standard_normal(100))
    W, H, start = 48, 3, 60
    result = sm.backtest(y, model, horizon=H, start=start, window=W, refit=1, complete=True)
    errors = [y[k : k + H] - model.clone().fit(y[k - W : k]).forecast(H) for k in range(start, 100 - H + 1)]
    least = 1e-4 if isinstance(model, sm.ARIMA) else 1e-6  # a search that starts elsewhere ends beside the other
    np.testing.assert_allclose(result.mse[0], np.mean(np.square(errors), axis=0), rtol=least)


def test_a_live_window_refuses_a_model_that_would_be_fitted_to_each() -> None:
    with pytest.raises(ValueError, match="fitted to each window"):
        sm.LiveBacktest(sm.HoltWinters(12).fit(wave(60)), window=48)
