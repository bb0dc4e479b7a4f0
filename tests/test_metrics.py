"""Metrics: each against its definition, spelt out in numpy, over every kind of window; edge cases as decided."""

from __future__ import annotations

import math

import numpy as np
import pytest

import streammse as sm

from . import naive

NAN, INF = math.nan, math.inf
T = 90


def pairs(seed: int = 0, gaps: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    d = 3.0 + np.sin(np.arange(T) / 4.0) + 0.3 * rng.standard_normal(T)
    x = d + 0.2 + 0.5 * rng.standard_normal(T)
    d[17] = 0.0
    if gaps:
        d[[0, 30, 31, 77]] = NAN
    return d, x


DEFINITIONS = {
    "MSE": (lambda: sm.MSE, naive.mse),
    "RMSE": (lambda: sm.RMSE, lambda *a: np.sqrt(naive.mse(*a))),
    "MAE": (lambda: sm.MAE, naive.mae),
    "Bias": (lambda: sm.Bias, lambda d, x, w: naive.mean(x - d, w)),
    "MAPE": (lambda: sm.MAPE, naive.mape),
    "SMAPE": (lambda: sm.SMAPE, naive.smape),
    "SNR": (lambda: sm.SNR, naive.snr),
    "PSNR": (lambda: lambda **k: sm.PSNR(4.0, **k), lambda *a: 10 * np.log10(16.0 / naive.mse(*a))),
    "ErrorVariance": (lambda: sm.ErrorVariance, lambda d, x, w: naive.variance(d - x, w)),
    "R2": (lambda: sm.R2, naive.r2),
    "NRMSE": (lambda: sm.NRMSE, naive.nrmse),
    "PinballLoss": (lambda: lambda **k: sm.PinballLoss(0.8, **k), lambda *a: naive.pinball(*a, q=0.8)),
    "MeanLoss": (
        lambda: lambda **k: sm.MeanLoss(sm.losses.huber(0.4), **k),
        lambda d, x, w: naive.mean([sm.losses.huber(0.4).at(e) for e in d - x], w),
    ),
}
OVER = [{}, {"window": 12}, {"halflife": 9.0}]
SOME = [{"window": 12, "steady": True}, {"seconds": 5.0}, {"halflife_seconds": 5.0}]


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("over", OVER, ids=str)
def test_definition(name: str, over: dict[str, float]) -> None:
    make, definition = DEFINITIONS[name]
    d, x = pairs()
    got = make()(**over).run(d, x)
    if name == "MAPE":
        d[d == 0.0] = NAN  # has no percentage: a missing pair
    np.testing.assert_allclose(got, naive.metric(definition, d, x, **over), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["MSE", "R2"])  # one of each kind of statistic
@pytest.mark.parametrize("over", [*OVER, *SOME], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_definition_weighted_and_timed(name: str, over: dict[str, float], weighted: bool) -> None:
    make, definition = DEFINITIONS[name]
    d, x = pairs()
    rng = np.random.default_rng(1)
    more = {"time": np.cumsum(rng.exponential(0.5, T))} if "seconds" in str(over) else {}
    if weighted:
        more["weight"] = rng.integers(0, 4, T) * 0.7
    node = make()(weighted=weighted, **over)
    got = node.run(d, x, **more)
    window = {k: v for k, v in over.items() if k != "steady"}
    expected = naive.metric(definition, d, x, **window, **more)
    # a fading window keeps its value where a weight of zero adds nothing, as it does for a missing truth
    if weighted and "halflife" in over:
        there = ~np.isnan(d) & (more["weight"] > 0)
        kept = naive.metric(definition, d[there], x[there], **window, weight=more["weight"][there])
        got, expected = got[there], kept
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8)


def test_integer_weights_are_repetitions() -> None:
    d, x = pairs(gaps=False)
    times = np.random.default_rng(2).integers(0, 4, T)
    for cls in (sm.MSE, sm.R2, sm.SNR, sm.MAPE):
        weighted, repeated = cls(weighted=True), cls()
        weighted.run(d, x, weight=times.astype(float))
        repeated.run(np.repeat(d, times), np.repeat(x, times))
        assert weighted.value == pytest.approx(repeated.value, rel=1e-12)
        assert weighted.count == repeated.count


@pytest.mark.parametrize("window", [None, 12])
@pytest.mark.parametrize("season", [1, 4])
def test_scaled_errors(window: int | None, season: int) -> None:
    d, x = pairs()
    mase = sm.MASE(season, window=window).run(d, x)
    np.testing.assert_allclose(mase, naive.scaled(d, x, np.abs, season, window), rtol=1e-12)
    rmsse = sm.RMSSE(season, window=window).run(d, x)
    np.testing.assert_allclose(rmsse, np.sqrt(naive.scaled(d, x, np.square, season, window)), rtol=1e-12)


def test_scaled_by_training_data_as_in_the_papers() -> None:
    rng = np.random.default_rng(3)
    train, d = rng.standard_normal(60).cumsum(), rng.standard_normal(20)
    x = np.full(20, 0.3)
    scale = np.mean(np.abs(np.diff(train)))
    assert sm.MASE(scale=scale).run(d, x, curve=False) == pytest.approx(np.mean(np.abs(d - x)) / scale)
    scale = np.sqrt(np.mean(np.diff(train) ** 2))
    assert sm.RMSSE(scale=scale).run(d, x)[-1] == pytest.approx(np.sqrt(np.mean((d - x) ** 2)) / scale)


def test_the_naive_forecast_has_mase_one() -> None:
    d = np.random.default_rng(4).standard_normal(50).cumsum()
    assert sm.MASE().run(d[1:], d[:-1])[-1] == pytest.approx(1.0, abs=0.1)
    m = sm.MASE(season=2)
    m.run(d[2:], d[:-2])
    late = sm.MASE(season=2, window=20)
    assert late.run(d[2:], d[:-2])[-1] == 1.0  # both means over the very same pairs


@pytest.mark.parametrize("trim", [0.0, 0.1, 0.29, 0.5, 0.95, 0.9999999999])
def test_trimmed(trim: float) -> None:
    d, x = pairs()
    x[40:43] = 1e9
    expected = naive.metric(lambda *a: naive.trimmed(*a, trim), d, x, window=20)
    m = sm.TrimmedMSE(window=20, trim=trim)
    np.testing.assert_allclose(m.run(d, x), expected, rtol=1e-12)
    assert m.count == 19
    assert m.value == pytest.approx(expected[-1], rel=1e-12)


def test_trimmed_takes_what_is_not_finite_for_the_largest() -> None:
    m = sm.TrimmedMSE(window=4, trim=0.5)
    y = m.run([1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, NAN, INF, NAN, 0.0, 0.0])
    assert y.tolist() == [1.0, 1.0, 2.5, 2.5, INF, INF, 0.0]
    with pytest.raises(TypeError, match="trim is fixed|trim must be"):
        m.trim = "a"
    m.trim = 0.2
    assert m.run([0.0], [0.0]).tolist() == [INF]  # set while it runs
    assert math.isnan(sm.TrimmedMSE().value)


@pytest.mark.parametrize("window", [None, 20])
@pytest.mark.parametrize("blocks", [1, 4, 5])
def test_median_of_means(window: int | None, blocks: int) -> None:
    d, x = pairs()
    m = sm.MedianOfMeansMSE(blocks, window=window)
    y = m.run(d, x)
    np.testing.assert_allclose(y, naive.median_of_means(d, x, blocks, window=window), rtol=1e-12)
    assert m.value == y[-1]
    assert m.count == (T - 4 if window is None else 19)


def test_medians_of_means_merge_to_the_whole() -> None:
    d, x = np.random.default_rng(7).integers(-9, 9, (2, 41)).astype(float)  # whole numbers: sums in any order
    d[5], x[30] = NAN, INF
    for cut in (0, 2, 17, 41):
        whole, a, b = (sm.MedianOfMeansMSE(4) for _ in range(3))
        whole.run(d, x)
        a.run(d[:cut], x[:cut])
        b.run(d[cut:], x[cut:])
        assert a.merge(b) is a
        assert (a.value, a.count, a.skipped) == (whole.value, whole.count, 1)
        np.testing.assert_array_equal(a.run(d, x), whole.run(d, x))
    with pytest.raises(ValueError, match="only running sums merge"):
        sm.MedianOfMeansMSE(3, window=9).merge(sm.MedianOfMeansMSE(3, window=9))
    with pytest.raises(ValueError, match="expected the same parameters"):
        sm.MedianOfMeansMSE(3).merge(sm.MedianOfMeansMSE(5))
    with pytest.raises(TypeError, match="TrimmedMSE: got an unexpected keyword argument 'steady'"):
        sm.TrimmedMSE(steady=True)
    with pytest.raises(TypeError, match="MedianOfMeansMSE: too many positional arguments"):
        sm.MedianOfMeansMSE(3, 9)


@pytest.mark.parametrize("over", [{}, {"window": 12}, {"window": 12, "steady": True}, {"halflife": 9.0}], ids=str)
def test_the_mse_is_bias_squared_and_variance(over: dict[str, float]) -> None:
    d, x = pairs()
    bias, variance, mse = (cls(**over).run(d, x) for cls in (sm.Bias, sm.ErrorVariance, sm.MSE))
    np.testing.assert_allclose(bias**2 + variance, mse, rtol=1e-12)
    far = sm.ErrorVariance(**over).run(d, x + 1e8)  # no cancellation: only the rounding of the errors themselves
    np.testing.assert_allclose(far, variance, rtol=1e-6, atol=1e-12)
    assert (variance[2:] > 0.0).all()


def test_few_outliers_do_not_carry_off_the_robust_ones() -> None:
    rng = np.random.default_rng(5)
    d = rng.standard_normal(3000)
    x = np.zeros(3000)
    x[[100, 1500, 2900, 2950]] = 1e6
    assert sm.MSE().run(d, x)[-1] > 1e8
    assert sm.MedianOfMeansMSE(9).run(d, x)[-1] == pytest.approx(1.0, rel=0.25)
    assert sm.TrimmedMSE(window=300, trim=0.05).run(d, x)[-1] == pytest.approx(0.8, rel=0.15)
    assert sm.MeanLoss(sm.losses.tukey).run(d, x)[-1] == pytest.approx(0.45, rel=0.15)


def test_means_of_blocks_of_which_some_are_dirty() -> None:
    m = sm.MedianOfMeansMSE(3, window=3)
    assert m.run([1.0, 2.0, 3.0, 0.0], [0.0, NAN, 0.0, 0.0]).tolist() == [1.0, INF, 9.0, 9.0]
    assert m.skipped == 0
    running = sm.MedianOfMeansMSE(3)
    assert running.run([1.0, 2.0, 3.0], [0.0, INF, 0.0])[-1] == 5.0  # two blocks have a mean: 1 and 9
    assert running.skipped == 1


@pytest.mark.parametrize("name", DEFINITIONS)
def test_before_the_first_pair_there_is_no_value(name: str) -> None:
    for over in ({}, {"window": 3}, {"halflife": 2.0}):
        m = DEFINITIONS[name][0]()(**over)
        assert math.isnan(m.value)
        assert math.isnan(m.update(NAN, 1.0))
        assert (m.count, m.skipped) == (0, 0)
        assert len(m.run([], [])) == 0
        assert math.isnan(m.run([], [], curve=False))


@pytest.mark.parametrize(
    ("make", "d", "x", "expected"),
    [
        # no variance, nothing to explain
        (sm.R2, [5.0, 5.0], [5.0, 4.0], [NAN, NAN]),
        (sm.NRMSE, [0.1] * 7, [0.2] * 7, [NAN] * 7),
        (sm.R2, [1.0, 3.0], [2.0, 2.0], [NAN, 0.0]),
        (lambda: sm.R2(window=2), [1.0, 3.0, 3.0, 4.0], [1.0, 3.0, 3.0, 3.5], [NAN, 1.0, NAN, 0.5]),
        # zero denominators
        (sm.MAPE, [0.0, 2.0], [1.0, 1.0], [NAN, 50.0]),
        (lambda: sm.MAPE(window=1), [2.0, 0.0], [1.0, 1.0], [50.0, NAN]),
        (sm.SMAPE, [0.0, 0.0], [0.0, 1.0], [0.0, 100.0]),
        (sm.MASE, [1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [NAN, NAN, INF]),
        (sm.RMSSE, [1.0, 2.0], [1.0, 2.0], [NAN, 0.0]),
        # silence
        (sm.SNR, [0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [NAN, -INF, 0.0]),
        (sm.SNR, [2.0], [2.0], [INF]),
        (lambda: sm.PSNR(10.0), [2.0, 2.0], [2.0, 1.0], [INF, 10 * math.log10(200)]),
    ],
)
def test_edge_cases_as_documented(make, d: list[float], x: list[float], expected: list[float]) -> None:
    m = make()
    y = m.run(d, x)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_equal(m.value, y[-1])


def test_truth_of_zero_is_counted_by_mape() -> None:
    m = sm.MAPE(window=3)
    m.run([0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0])
    assert (m.skipped, m.count, m.value) == (2, 2, 25.0)


def test_variance_far_from_zero() -> None:
    """Where the sum of squares minus the squared sum has no digit left."""
    rng = np.random.default_rng(6)
    noise, error = rng.standard_normal(3000), 0.5 * rng.standard_normal(3000)
    for over in ({}, {"window": 100}, {"halflife": 50.0}):
        near, far = sm.R2(**over), sm.R2(**over)
        a = near.run(noise, noise + error)
        shift = 2.0**30
        b = far.run(noise + shift, noise + error + shift)
        np.testing.assert_allclose(b[100:], a[100:], rtol=1e-6)


def test_agrees_with_river() -> None:
    metrics = pytest.importorskip("river.metrics")
    d, x = pairs(gaps=False)
    d[17] = 1.0
    twins = {"MSE": sm.MSE(), "RMSE": sm.RMSE(), "MAE": sm.MAE(), "MAPE": sm.MAPE(), "SMAPE": sm.SMAPE(), "R2": sm.R2()}
    for name, ours in twins.items():
        theirs = getattr(metrics, name)()
        for a, b in zip(d, x, strict=True):
            theirs.update(a, b)
        assert ours.run(d, x)[-1] == pytest.approx(theirs.get(), rel=1e-9), name


def test_one_value_per_column_through_a_bank() -> None:
    d = np.random.default_rng(7).standard_normal((3, 40))
    bank = sm.bank(sm.RMSE(window=10), 3)
    y = bank.run(d, np.zeros((3, 40)))
    np.testing.assert_allclose(y[:, -1], np.sqrt(np.mean(d[:, -10:] ** 2, axis=1)), rtol=1e-14)
    weighted = sm.bank(sm.MSE(weighted=True), 3)
    w = np.abs(d)
    last = weighted.run(d, np.zeros((3, 40)), weight=w)[:, -1]
    np.testing.assert_allclose(last, np.sum(w * d**2, axis=1) / np.sum(w, axis=1), rtol=1e-12)
    with pytest.raises(ValueError, match=r"got -1.0 \(sample 0\)"):
        weighted.run(d, np.zeros((3, 40)), weight=-np.ones((3, 40)))


def test_parameters_that_only_change_the_reading_can_be_set() -> None:
    m = sm.PSNR(peak=1.0)
    m.update(1.0, 0.9)
    before = m.value
    m.peak = 10.0
    assert m.value == pytest.approx(before + 20.0)
    assert m.update(1.0, 0.9) == pytest.approx(before + 20.0)
    with pytest.raises(TypeError, match="window is fixed once a PSNR is built"):
        m.window = 3


@pytest.mark.parametrize("over", [{}, {"window": 2}, {"halflife": 2.0}])
def test_smape_has_its_limit_where_floats_end(over):
    m = sm.SMAPE(**over)
    truth = [1.0, -1e308, np.inf, 1e308, 1e308]
    y = m.run(truth, [np.inf, 1e308, 7.0, -1e308, 1e308])
    assert y[:4] == pytest.approx(200.0, rel=1e-12)
    assert y[4] < 180.0
    assert (m.skipped, m.count == len(truth)) == (0, not over)
    assert not np.isfinite(sm.SMAPE(window=1).run([np.inf], [np.inf])).any()
    assert np.isnan(sm.SMAPE(window=1).run([np.inf, 2e305], [np.nan, np.nan])).all()
    assert sm.SMAPE().run([1e308], [0.6e308])[0] == pytest.approx(50.0)


@pytest.mark.parametrize("over", [{}, {"window": 3}])
def test_the_variance_of_one_pair_is_a_plain_zero(over):
    assert str(sm.ErrorVariance(**over).run([5.0], [4.0])[0]) == "0.0"
