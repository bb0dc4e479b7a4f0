"""Recursive least squares: against least squares solved anew, against textbook twins, and where others break."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import butter, lfilter

import streammse as sm

from . import naive

PATH = np.array([0.8, -0.5, 0.3, 0.2, -0.1])


def path(samples: int, seed: int = 0, noise: float = 0.1, colour: float = 0.6):
    """A coloured input and what a path of five taps makes of it, with noise."""
    rng = np.random.default_rng(seed)
    x = lfilter([1.0], [1.0, -colour], rng.standard_normal(samples))
    return x, lfilter(PATH, [1.0], x) + noise * rng.standard_normal(samples)


def prior(x: np.ndarray, taps: int, regulariser: float = 0.01) -> np.ndarray:
    """What stands on the diagonal before the first row, for every weight; x is (T, m)."""
    first = np.array([one[np.flatnonzero(one)[0]] for one in x.T])
    return np.repeat(regulariser * first**2, taps)


@pytest.mark.parametrize("taps", [1, 5, 8, 13])
@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_it_is_weighted_least_squares(taps: int, forgetting: float) -> None:
    x, d = path(400)
    f = sm.RLS(taps, forgetting)
    f.run(x, d)
    rows = naive.regressors(x[:, None], taps)
    wanted = naive.weighted_least_squares(rows, d, forgetting, prior(x[:, None], taps))
    np.testing.assert_allclose(f.weights, wanted, rtol=0, atol=1e-10)


def test_several_references_of_any_size() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 3)) * [1.0, 1e-9, 1e6]
    x[:100, 1] = 0.0  # comes later
    d = x @ [1.0, 2e9, -3e-6] + 0.1 * rng.standard_normal(300)
    f = sm.RLS(4, 0.99, references=3)
    y = f.run(x, d)
    first = prior(x, 4)
    first[4:8] /= 0.99**100  # its prior is not older than it is
    rows = naive.regressors(x, 4)
    out, w = naive.rls(rows, d, first, keep=lambda e, q: 0.99)
    np.testing.assert_allclose(f.weights.ravel() * np.sqrt(first), w * np.sqrt(first), rtol=0, atol=1e-10)
    np.testing.assert_allclose(y, out, rtol=0, atol=1e-7)


def test_the_excess_error_is_the_textbooks() -> None:
    taps, forgetting, samples = 8, 0.99, 200_000
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, samples))
    d = lfilter(PATH, [1.0], x)
    e = (d - sm.RLS(taps, forgetting).run(x, d + noise))[2000:]
    assert np.mean(e**2) == pytest.approx((1 - forgetting) * taps / (1 + forgetting), rel=0.04)


@pytest.mark.parametrize("scale", [1e-80, 1e-9, 1e80])
def test_the_scale_of_the_signals_does_not_matter(scale: float) -> None:
    x, d = path(500)
    for f, same in ((sm.RLS(8), sm.RLS(8)), (sm.RobustRLS(8), sm.RobustRLS(8))):
        np.testing.assert_allclose(f.run(scale * x, scale * d) / scale, same.run(x, d), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("forgetting", [0.9, 0.99, 0.999])
def test_it_does_not_break_down(forgetting: float) -> None:
    """A short form of ten million samples (tests/soak), on an input that is hard on P."""
    x, d = path(100_000, colour=0.999)
    f = sm.RLS(8, forgetting)
    y = f.run(x, d)
    last = 30 * round(1 / (1 - forgetting))
    rows = naive.regressors(x[:, None], 8)[-last:]
    wanted = naive.weighted_least_squares(rows, d[-last:], forgetting, np.full(8, 1e-9))
    np.testing.assert_allclose(f.weights, wanted, rtol=0, atol=1e-7)
    assert f.restarts == 0
    assert np.mean((d - y)[1000:] ** 2) < 0.02 * (1 + 8 / 2 * (1 - forgetting))


def test_a_million_zeros_and_then_a_signal() -> None:
    x = np.concatenate([path(1000)[0], np.zeros(1_000_000), path(1000, seed=1)[0]])
    d = lfilter(PATH, [1.0], x)
    f, late = sm.RLS(8, 0.99), sm.RLS(8, 0.99)
    e = d - f.run(x, d)
    assert np.isfinite(e).all()
    assert np.abs(e[500:]).max() < 1e-6
    y = late.run(x[1000:], d[1000:])  # nothing but zeros at first
    assert np.isfinite(y).all()
    assert np.abs(d[1000:] - y)[-500:].max() < 1e-6


def nasty(samples: int) -> dict[str, np.ndarray]:
    """Inputs that leave directions unexcited, or change their size by much."""
    rng = np.random.default_rng(5)
    w, t = rng.standard_normal(samples), np.arange(samples)
    middle = (t > samples // 4) & (t < samples // 2)
    spike = 1e-3 * w
    spike[samples // 2] = 1e4
    return {
        "constant": np.ones(samples),
        "sine": np.sin(0.3 * t),
        "nearly a sine": np.sin(0.3 * t) + 1e-9 * w,
        "pulses": (t % 50 == 0) * 1.0,
        "coarse": np.round(0.3 * w),
        "band": lfilter([1.0], [1.0, -1.95, 0.98], lfilter([1.0, 2.0, 1.0], [1.0], w)),
        "walk": np.cumsum(w),
        "spike": spike,
        "spikes": np.where(rng.random(samples) < 1e-3, 1e6, 1.0) * w,
        "quiet": np.where(middle, 1e-6, 1.0) * w,
        "subnormal": np.where(middle, 1e-310, 1.0) * w,
        "wild": 10.0 ** rng.uniform(-8, 8, samples) * np.sign(w),
        "late": np.where(t > samples // 2, 1e8, 1e-6) * w,
    }


@pytest.mark.parametrize("name", list(nasty(8)))
@pytest.mark.parametrize(
    "make", [sm.RLS, sm.RobustRLS, sm.VariableForgettingRLS, sm.QRRLS, sm.SlidingWindowRLS, sm.LatticeRLS]
)
def test_hard_inputs(name: str, make) -> None:
    x = nasty(12_000)[name]
    d = lfilter(PATH, [1.0], x)
    d += 1e-3 * np.sqrt(np.mean(x[-1000:] ** 2)) * np.random.default_rng(6).standard_normal(x.size)
    f = make(8, 100 if make is sm.SlidingWindowRLS else 0.99)
    e = d - f.run(x, d)
    assert np.isfinite(e).all()
    assert np.isfinite(f.s).all()
    size = np.sqrt(np.mean(x[-1000:] ** 2))
    assert np.sqrt(np.mean(e[-500:] ** 2)) < 4e-3 * size
    white, wanted = path(1500, seed=9, noise=0.0)  # and what it did not hear before it can still learn
    assert np.abs(wanted - f.run(size * white, size * wanted) / size)[-100:].max() < 1e-3


@pytest.mark.parametrize("make", [sm.RLS, sm.RobustRLS, sm.VariableForgettingRLS, sm.QRRLS, sm.LatticeRLS])
def test_no_subnormal_numbers_stay_in_the_state(make) -> None:
    """They take a hundred times as long: weights that decay end before, and an input so small is none."""
    x, d = path(13_000)
    d[1000:] = 0.0
    x[12_000:] *= 1e-310
    f = make(8, 0.9)
    for k in range(0, 13_000, 100):
        f.run(x[k : k + 100], d[k : k + 100])
        assert np.abs(f.s[f.s != 0.0]).min() > 1e-300


def test_a_spike_is_forgotten_within_the_memory() -> None:
    rng = np.random.default_rng(7)
    x = 1e-3 * rng.standard_normal(4000)
    d = lfilter(PATH, [1.0], x)
    x[1000] = 1e4  # of which d knows nothing
    f = sm.RLS(5, 0.99)
    e = d - f.run(x, d)
    assert np.abs(e[1000:1005]).max() > 1e3
    assert np.sqrt(np.mean(e[1600:1700] ** 2)) < 0.02 * np.std(d)


def test_noise_in_a_pause_teaches_nothing() -> None:
    rng = np.random.default_rng(8)
    x, _ = path(30_000)
    x[5000:25_000] *= 1e-6
    d = lfilter(PATH, [1.0], x)
    d[5005:25_000] += 1e-3 * rng.standard_normal(19_995)
    f = sm.RLS(5, 0.99)
    f.run(x[:25_000], d[:25_000])
    np.testing.assert_allclose(f.weights, PATH, atol=1e-4)


def test_the_same_reference_twice() -> None:
    x, d = path(20_000, noise=0.01)
    f = sm.RLS(5, 0.99, references=2)
    y = f.run(np.column_stack([x, -2.0 * x]), d)
    assert np.std((d - y)[100:]) < 0.011
    np.testing.assert_allclose(f.weights[0] - 2.0 * f.weights[1], PATH, atol=0.02)
    assert np.abs(f.weights).max() < 1.0


def test_too_short_a_memory_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"forgetting must be at least 0\.9826 for 512 weights \(taps of all references\), got 0\.95"
    ):
        sm.RLS(512, 0.95)
    f = sm.RLS(32)
    f.forgetting = 0.1  # it is not built anew: the state stays finite all the same
    x, d = path(3000)
    assert np.isfinite(f.run(x, d)).all()
    assert np.isfinite(f.s).all()


def huber(c: float, memory: float):
    """Huber's weights as the docstring says them."""
    beyond = math.erfc(c / math.sqrt(2))
    share = 1 - beyond - c * math.sqrt(2 / math.pi) * math.exp(-c * c / 2) + c * c * beyond
    scale = size = k = 0.0
    squares: list[float] = []

    def weigh(e: float, d: float) -> float:
        nonlocal scale, size, k
        if len(squares) < 3:
            squares.append(d * d)
            scale = size = float(np.median(squares))
            k = len(squares)
            return 0.0
        k = min(k + 1, memory)
        size += (min(d * d, c * c * size) / share - size) / k
        scale += (min(e * e, c * c * max(scale, 1e-8 * size)) / share - scale) / k
        return min(1.0, c * math.sqrt(max(scale, 1e-8 * size)) / abs(e))

    return weigh


def test_the_robust_one_is_its_twin() -> None:
    x, d = path(600, seed=2)
    d[300:310] += 50.0
    f = sm.RobustRLS(5, 0.99, threshold=1.2, memory=40.0)
    rows = naive.regressors(x[:, None], 5)
    y, w = naive.rls(rows, d, prior(x[:, None], 5), keep=lambda e, q: 0.99, weigh=huber(1.2, 40.0))
    np.testing.assert_allclose(f.run(x, d), y, rtol=0, atol=1e-9)
    np.testing.assert_allclose(f.weights, w, rtol=0, atol=1e-10)


@pytest.mark.parametrize("spoilt", [0, 1, 2, 40])
def test_the_robust_one_is_robust_from_the_first_row_on(spoilt: int) -> None:
    """No output beyond what the signals are, and the path is known after as many samples as without the spike."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(300)
        d = lfilter(rng.standard_normal(16), [1.0], x) + 0.1 * rng.standard_normal(300)
        clean, robust = d.copy(), sm.RobustRLS(16)
        d[spoilt::97] += 1000.0
        y = robust.run(x, d)
        assert np.abs(y).max() < 2.0 * np.abs(clean).max()
        assert np.std((clean - y)[150:]) < 0.5


def test_outliers_in_a_row_do_little() -> None:
    x, d = path(6000, noise=0.01)
    plain, robust, clean = sm.RLS(5, 0.995), sm.RobustRLS(5, 0.995), sm.RLS(5, 0.995)
    clean.run(x, d)
    for first in range(2000, 5900, 400):
        d[first : first + 20] += 100.0
    robust.run(x, d), plain.run(x, d)
    wrong = [np.linalg.norm(f.weights - PATH) for f in (clean, robust, plain)]
    assert wrong[1] < 0.02
    assert wrong[2] > 100.0 * wrong[1]
    change = -d + 0.0
    robust.run(x, change)  # a change of the path is no outlier for ever
    np.testing.assert_allclose(robust.weights, -PATH, atol=0.05)


def test_variable_forgetting_is_its_twin() -> None:
    n, (quick, slow) = 5, (1 / 10, 1 / 50)
    x, d = path(800, seed=4)
    d[400:] *= -1.0
    recent = lasting = spent = 0.0
    told = []

    def keep(e: float, q: float) -> float:
        nonlocal recent, lasting, spent
        recent += quick * (e * e - recent)
        spent += quick * (q * q - spent)
        lasting = max(lasting, 1e-6 * recent)
        lasting += slow * (min(e * e, 10 * lasting) - lasting)
        wanted = 0.999
        if recent > 2.25 * lasting:
            wanted = math.sqrt(spent * lasting) / (math.sqrt(recent) - math.sqrt(lasting))
        told.append(max(min(wanted, 0.999), math.exp(-9 / n)))
        return told[-1]

    f = sm.VariableForgettingRLS(n, 0.999)
    y, w = naive.rls(naive.regressors(x[:, None], n), d, prior(x[:, None], n), keep=keep)
    np.testing.assert_allclose(f.run(x, d), y, rtol=0, atol=1e-7)
    np.testing.assert_allclose(f.weights, w, rtol=0, atol=1e-8)
    assert f.forgetting_now == pytest.approx(told[-1])
    assert min(told[400:450]) < 0.5


def test_variable_forgetting_follows_a_change_at_once() -> None:
    x, d = path(6000, noise=0.01, seed=1)
    d[3000:] *= -1.0
    variable, steady = sm.VariableForgettingRLS(5), sm.RLS(5, 0.9999)
    errors = [np.abs(d - f.run(x, d)) for f in (variable, steady)]
    assert errors[0][3050:3100].max() < 0.06
    assert errors[1][3050:3100].max() > 1.0
    assert np.mean(errors[0][2000:3000] ** 2) < 1.05 * np.mean(errors[1][2000:3000] ** 2)


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_both_forms_agree(forgetting: float) -> None:
    x, d = path(3000)
    d[1000:1100] = np.nan
    a, b = sm.RLS(13, forgetting), sm.QRRLS(13, forgetting)
    np.testing.assert_allclose(a.run(x, d), b.run(x, d), rtol=0, atol=1e-10)
    np.testing.assert_allclose(a.weights, b.weights, rtol=0, atol=1e-10)


def test_the_square_root_keeps_digits_that_the_inverse_loses() -> None:
    """The covariance of eight samples of this input has condition number 7e10."""
    rng = np.random.default_rng(0)
    x = lfilter(*butter(4, 0.05), rng.standard_normal(3000))
    rows = naive.regressors(x[:, None], 8)
    d = rows @ rng.standard_normal(8) + 1e-3 * np.std(x) * rng.standard_normal(3000)
    wanted = naive.weighted_least_squares(rows, d, 0.999, prior(x[:, None], 8))
    wrong = {}
    for f in (sm.RLS(8, 0.999), sm.QRRLS(8, 0.999)):
        y = f.run(x, d)
        wrong[type(f)] = np.abs(f.weights - wanted).max()
        assert np.std((d - y)[1000:]) < 2e-3 * np.std(x)
    assert wrong[sm.QRRLS] < 1e-8 * np.abs(wanted).max()
    assert wrong[sm.RLS] > 1e-3 * np.abs(wanted).max()


def test_weights_can_be_set_in_square_root_form() -> None:
    x, d = path(300, noise=0.0)
    f = sm.QRRLS(5, 0.99)
    f.run(x, d)
    f.weights = -PATH
    np.testing.assert_allclose(f.weights, -PATH, atol=1e-12)
    np.testing.assert_allclose(f.run(x), -lfilter(PATH, [1.0], np.concatenate([x, x]))[300:], atol=1e-12)
    with pytest.raises(ValueError, match=r"weights must have shape \(5,\), got \(4,\)"):
        f.weights = PATH[:4]


@pytest.mark.parametrize(("taps", "window", "references"), [(1, 5, 1), (5, 20, 1), (13, 30, 1), (4, 50, 3)])
def test_a_window_is_least_squares_over_it(taps: int, window: int, references: int) -> None:
    rng = np.random.default_rng(taps)
    x = rng.standard_normal((300, references))
    rows = naive.regressors(x, taps)
    d = rows @ rng.standard_normal(taps * references) + 0.1 * rng.standard_normal(300)
    d[150:160] = np.nan
    f = sm.SlidingWindowRLS(taps, window, references=references, regulariser=1e-9)
    taught = np.flatnonzero(~np.isnan(d))
    for t in range(300):
        f.update(x[t] if references > 1 else x[t, 0], d[t])
        last = taught[taught <= t][-window:]
        if len(last) == window:
            wanted = np.linalg.lstsq(rows[last], d[last], rcond=None)[0]
            np.testing.assert_allclose(f.weights.ravel(), wanted, rtol=0, atol=1e-8)


def test_what_left_the_window_left_no_trace() -> None:
    """Rows a million times larger have come and gone: two windows later not even their rounding is there."""
    x, d = path(2000, noise=0.01)
    f, clean = sm.SlidingWindowRLS(5, 100, regulariser=1e-9), sm.SlidingWindowRLS(5, 100, regulariser=1e-9)
    clean.run(x, d)
    x[400:1000] *= 1e6
    d[400:1000] *= -3e6
    f.run(x, d)
    np.testing.assert_allclose(f.weights, clean.weights, rtol=0, atol=1e-8)
    np.testing.assert_allclose(f.weights, PATH, atol=0.01)


def test_a_window_that_tells_nothing_leaves_the_weights() -> None:
    x = np.concatenate([path(400)[0], np.zeros(1000)])
    f = sm.SlidingWindowRLS(5, 50)
    f.run(x, lfilter(PATH, [1.0], x))
    np.testing.assert_allclose(f.weights, PATH, atol=1e-4)
    f.run(np.ones(1000))  # and no d
    np.testing.assert_allclose(f.weights, PATH, atol=1e-4)


@pytest.mark.parametrize("taps", [1, 5, 16])
@pytest.mark.parametrize("forgetting", [1.0, 0.98])
def test_the_lattice_is_least_squares(taps: int, forgetting: float) -> None:
    """Outputs and weights are those of the recursion with all of P, where d is missing with its own output for d."""
    x, d = path(500, colour=0.9)
    f = sm.LatticeRLS(taps, forgetting)
    first = 0.01 * x[0] ** 2 * forgetting ** -np.arange(taps)
    d[200:230] = np.nan
    y = f.run(x, d)
    d[200:230] = y[200:230]
    out, w = naive.rls(naive.regressors(x[:, None], taps), d, first, keep=lambda e, q: forgetting)
    np.testing.assert_allclose(y, out, rtol=0, atol=1e-10)
    np.testing.assert_allclose(f.weights, w, rtol=0, atol=1e-10)
    assert f.unlearnt == 30


def test_the_weights_of_a_lattice_can_be_set() -> None:
    x, d = path(300, noise=0.01)
    f = sm.LatticeRLS(5, 0.99)
    f.run(x, d)
    f.weights = -PATH
    np.testing.assert_allclose(f.weights, -PATH, atol=1e-12)
    np.testing.assert_allclose(f.run(x), -lfilter(PATH, [1.0], np.concatenate([x, x]))[300:], atol=1e-11)
    np.testing.assert_allclose(f.weights, -PATH, atol=1e-11)
    with pytest.raises(ValueError, match=r"weights must have shape \(5,\), got \(4,\)"):
        f.weights = PATH[:4]
    with pytest.raises(ValueError, match="weights must be finite"):
        f.weights = np.full(5, np.inf)
