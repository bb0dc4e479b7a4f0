"""Windows: exactness, forgetting, late stamps, bursts, and that no compiler was told to be careless."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse.kernels import window
from streammse.kernels.statistics import compensated, mean_of, two_sum
from streammse.metrics.errors import squared_error

from . import naive

U = 2.0**-53
NAN, INF = math.nan, math.inf
rng = np.random.default_rng(7)


def exact_means(errors: np.ndarray, w: int) -> list[Fraction]:
    """The exact mean of the squared errors (as rounded) of the last w samples."""
    squares = [Fraction(e * e) for e in errors.tolist()]
    total, out = Fraction(0), []
    for t, square in enumerate(squares):
        total += square
        if t >= w:
            total -= squares[t - w]
        out.append(total / min(t + 1, w))
    return out


def nasty() -> dict[str, np.ndarray]:
    """Streams on which subtracting windows fail."""
    n = 700
    spike = np.full(n, 1e-4)
    spike[100] = 1e8
    scales = 10.0 ** rng.integers(-8, 9, n) * rng.standard_normal(n)
    return {
        "a spike, then whispers": spike,
        "alternating scales": np.where(np.arange(n) % 2, 1e8, 1e-8),
        "any scale": scales,
        "falling": 10.0 ** np.linspace(8, -8, n),
        "zeros after noise": np.where(np.arange(n) < 300, rng.standard_normal(n), 0.0),
    }


NASTY = nasty()
FORMS = {
    "two stacks": ({}, None),
    "steady": ({"steady": True}, None),
    "compensated": ({"compensated": True}, 6.0),
    "compensated, steady": ({"compensated": True, "steady": True}, 6.0),
}


@pytest.mark.parametrize("stream", NASTY, ids=str)
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("w", [1, 2, 10, 97, 290])
def test_a_window_is_as_exact_as_promised(stream: str, form: str, w: int) -> None:
    params, limit = FORMS[form]
    e = NASTY[stream]
    y = sm.MSE(window=w, **params).run(e, np.zeros(len(e)))
    assert (y >= 0.0).all()
    for got, exact in zip(y.tolist(), exact_means(e, w), strict=True):
        assert abs(Fraction(got) - exact) <= Fraction((limit or w + 4) * U) * exact


def test_long_running_sums_compensated() -> None:
    e = 10.0 ** rng.uniform(-8, 8, 50_000)
    exact = math.fsum(v * v for v in e.tolist()) / len(e)
    assert abs(sm.MSE(compensated=True).run(e, 0.0 * e)[-1] / exact - 1.0) <= 6 * U
    assert abs(sm.MSE().run(e, 0.0 * e, curve=False) / exact - 1.0) <= 1e-13


def test_weights_are_compensated_too() -> None:
    e, w = np.ones(5000), np.tile([1e8, 1e-8], 2500)
    m = sm.MSE(weighted=True, compensated=True)
    m.run(e, 0.0 * e, weight=w)
    assert m.value == 1.0
    assert m.count == pytest.approx(math.fsum(w), rel=4 * U)


def test_the_error_of_a_sum_is_its_error() -> None:
    for a, b in pairwise(10.0 ** rng.uniform(-16, 16, 200) * rng.choice([-1, 1], 200)):
        high, low = two_sum((a, 0.0), (b, 0.0))
        assert Fraction(high) + Fraction(low) == Fraction(a) + Fraction(b)


@given(
    e=st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(NAN)), max_size=80),
    w=st.integers(1, 20),
    steady=st.booleans(),
    weighted=st.booleans(),
    cut=st.integers(0, 80),
)
@settings(max_examples=150, deadline=None)
def test_any_window_any_stream_any_chunks(e: list[float], w: int, steady: bool, weighted: bool, cut: int) -> None:
    truth = np.array(e)
    zeros = np.zeros(len(e))
    more = {"weight": np.arange(len(e)) % 3} if weighted else {}
    m, n = (sm.MSE(window=w, steady=steady, weighted=weighted) for _ in range(2))
    y = m.run(truth, zeros, **more)
    np.testing.assert_allclose(y, naive.metric(naive.mse, truth, zeros, window=w, **more), rtol=1e-13)
    n.run(truth[:cut], zeros[:cut], **{k: v[:cut] for k, v in more.items()})
    rest = n.run(truth[cut:], zeros[cut:], **{k: v[cut:] for k, v in more.items()})
    np.testing.assert_array_equal(rest, y[cut:])
    if len(e):
        np.testing.assert_equal(m.value, y[-1])


@given(
    gaps=st.lists(st.floats(-1.0, 2.0), min_size=1, max_size=60),
    missing=st.sets(st.integers(0, 59)),
    length=st.floats(0.1, 10.0),
    weighted=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_seconds_at_irregular_and_late_stamps(gaps, missing, length: float, weighted: bool) -> None:
    time = np.cumsum(gaps)
    d = np.sin(np.arange(len(time)) * 1.7)
    d[[i for i in missing if i < len(d)]] = NAN
    x = np.zeros(len(d))
    more = {"weight": 1.0 + np.arange(len(d)) % 3} if weighted else {}
    over = {"time": time, **more}
    m = sm.MSE(seconds=length, weighted=weighted)
    expected = naive.metric(naive.mse, d, x, seconds=length, **over)
    np.testing.assert_allclose(m.run(d, x, **over), expected, rtol=1e-12, atol=1e-300)
    assert m.late == np.sum(time < np.maximum.accumulate(time))
    f = sm.MSE(halflife_seconds=length, weighted=weighted)
    learnt = ~np.isnan(d)
    late = naive.metric(
        naive.mse, d[learnt], x[learnt], halflife_seconds=length, **{k: v[learnt] for k, v in over.items()}
    )
    np.testing.assert_allclose(f.run(d, x, **over)[learnt], late, rtol=1e-9, atol=1e-300)


def test_fading_by_samples() -> None:
    d = rng.standard_normal(60)
    d[[3, 4, 20]] = NAN
    expected = naive.metric(naive.mse, d, np.zeros(60), halflife=7.0)
    np.testing.assert_allclose(sm.MSE(halflife=7.0).run(d, np.zeros(60)), expected, rtol=1e-12)


def test_a_stamp_leaves_exactly_after_its_seconds() -> None:
    m = sm.MAE(seconds=2.0)
    assert m.update(1.0, 0.0, time=0.0) == 1.0
    assert m.update(3.0, 0.0, time=1.0) == 2.0
    assert m.update(5.0, 0.0, time=2.0) == 4.0  # newest - seconds < stamp
    assert m.update(7.0, 0.0, time=1.5) == 5.0  # late: at 2.0
    assert math.isnan(m.update(NAN, 0.0, time=9.0))  # a missing truth moves the time on
    assert (m.late, m.count) == (1, 0)


@pytest.mark.parametrize("metric", [sm.MSE, sm.ErrorVariance, sm.RMSE])
@pytest.mark.parametrize("capacity", [16, 40])
def test_more_pairs_than_capacity_blur_only_the_edge(metric, capacity: int) -> None:
    """Between the values over the seconds and over a little more: every pair counts, and dirt leaves for good."""
    n, length = 3000, 10.0
    edge = 4.0 * length / capacity
    source = np.random.default_rng(5)
    time = np.cumsum(source.exponential(0.02, n) * np.where(np.arange(n) % 700 < 350, 1.0, 0.1))
    e = source.standard_normal(n)
    m = metric(seconds=length, capacity=capacity)
    one = metric(seconds=length, capacity=capacity)
    y = m.run(np.zeros(n), e, time=time)
    assert y.tolist() == [one.update(0.0, v, time=t) for v, t in zip(e.tolist(), time.tolist(), strict=True)]
    assert m.dropped == 0
    counts = sm.MSE(seconds=length, capacity=capacity)
    for t in range(n):
        counts.update(0.0, e[t], time=time[t])
        first = t + 1 - int(counts.count)  # no pair is left out in between
        inside, nearly = (np.searchsorted(time, time[t] - span, side="right") for span in (length, length + edge))
        assert nearly <= first <= inside
        if t % 50 == 0:
            part = e[first : t + 1]
            exact = part.var() if metric is sm.ErrorVariance else np.mean(part**2)
            assert y[t] == pytest.approx(np.sqrt(exact) if metric is sm.RMSE else exact, rel=1e-12, abs=1e-15)
    spoilt = e.copy()
    spoilt[900] = INF
    dirty = metric(seconds=length, capacity=capacity).run(np.zeros(n), spoilt, time=time)
    wrong = np.flatnonzero(~np.isfinite(dirty))
    assert wrong[0] == 900
    assert length <= time[wrong[-1] + 1] - time[900] <= length + edge + time[wrong[-1] + 1] - time[wrong[-1]]
    np.testing.assert_array_equal(np.delete(dirty, wrong), np.delete(y, wrong))


def test_ten_seconds_at_a_kilohertz_are_ten_seconds() -> None:
    m = sm.MSE(seconds=10)
    e = np.r_[np.full(10_000, 5.0), np.ones(10_020)]
    y = m.run(np.zeros(e.size), e, time=np.arange(e.size) * 1e-3)
    assert y[15_000] == pytest.approx(13.0, abs=0.02)
    assert (y[-1], m.dropped) == (1.0, 0)
    assert 10_000 <= m.count <= 10_010


def test_where_there_is_no_room_to_merge_it_is_said_once() -> None:
    m = sm.MAE(seconds=100.0, capacity=3)
    m.run([1.0, 2.0, 3.0], np.zeros(3), time=[0.0, 51.0, 99.0])
    before = m.snapshot()
    with pytest.warns(RuntimeWarning, match="the oldest leave early; give more capacity"):
        assert m.run([10.0], [0.0], time=[99.0])[-1] == 5.0
    assert (m.dropped, m.count) == (1, 3)
    m.run([10.0, 1.0], np.zeros(2), time=[99.5, 99.9])
    m.restore(before)
    with pytest.raises(RuntimeWarning, match="give more capacity"):  # warnings are errors here: nothing is learnt
        m.run([10.0], [0.0], time=[99.0])
    assert m.snapshot() == before


WINDOWED = {
    "sliding": {"window": 5},
    "steady": {"window": 5, "steady": True},
    "compensated": {"window": 5, "compensated": True},
    "seconds": {"seconds": 4.5},
}


@pytest.mark.parametrize("form", WINDOWED, ids=str)
@pytest.mark.parametrize("dirt", [NAN, INF, -INF, 1e200])
def test_dirt_is_there_until_it_leaves_and_then_gone_bit_for_bit(form: str, dirt: float) -> None:
    more = {"time": np.arange(40.0)} if form == "seconds" else {}
    d, x = rng.standard_normal(40), rng.standard_normal(40)
    spoilt = x.copy()
    spoilt[11] = dirt
    clean = sm.MSE(**WINDOWED[form]).run(d, x, **more)
    m = sm.MSE(**WINDOWED[form])
    y = m.run(d, spoilt, **more)
    assert not np.isfinite(y[11:16]).any()
    # in seconds the older stack's turns depend on nothing but the stamps either
    np.testing.assert_array_equal(np.delete(y, range(11, 16)), np.delete(clean, range(11, 16)))
    assert m.skipped == 0


@pytest.mark.parametrize(
    "params", [{}, {"halflife": 3.0}, {"weighted": True}, {"compensated": True}, {"halflife_seconds": 2.0}]
)
@pytest.mark.parametrize("dirt", [NAN, INF, 1e200])
def test_what_would_never_be_forgotten_is_not_learnt(params: dict[str, object], dirt: float) -> None:
    d, x, t = rng.standard_normal(20), rng.standard_normal(20), np.arange(20.0)
    spoilt = np.insert(x, 9, dirt)

    def extras(stamps: np.ndarray) -> dict[str, np.ndarray]:
        return (
            {"weight": np.ones(len(stamps))}
            if "weighted" in params
            else ({"time": stamps} if "halflife_seconds" in params else {})
        )

    m, clean = sm.MSE(**params), sm.MSE(**params)
    clean.run(d, x, **extras(t))
    m.run(np.insert(d, 9, 0.5), spoilt, **extras(np.insert(t, 9, 8.0)))
    assert m.value == pytest.approx(clean.value, rel=1e-14)
    assert m.count == pytest.approx(clean.count)
    assert (m.skipped, clean.skipped) == (1, 0)


def test_one_value_is_the_curve_s_last_bit_for_bit() -> None:
    n = 5000
    d, x = rng.standard_normal(n), rng.standard_normal(n)
    d[[0, 77, 1030, 1031, 4000]] = NAN
    x[[5, 2222]] = INF, NAN
    for cuts in ([0, n], [0, 3, n], [0, 1024, 2047, 2050, n], [0, 7, 8, 9, 30, n]):
        m, one = sm.MAE(), sm.MAE()
        for a, b in pairwise(cuts):
            assert one.run(d[a:b], x[a:b], curve=False) == m.run(d[a:b], x[a:b])[-1]
        assert np.array_equal(m._s, one._s)
        assert (one.skipped, one.count) == (2, n - 7)


@pytest.mark.parametrize("params", [{}, {"compensated": True}, {"weighted": True}])
def test_parts_merge_to_the_whole(params: dict[str, bool]) -> None:
    d, x = rng.standard_normal(101), rng.standard_normal(101)
    x[60] = NAN
    more = {"weight": rng.uniform(size=101)} if "weighted" in params else {}
    for cls in (sm.MSE, sm.R2, sm.SNR, sm.Bias):
        if cls is sm.R2 and "compensated" in params:
            continue
        whole, a, b = (cls(**params) for _ in range(3))
        whole.run(d, x, **more)
        a.run(d[:37], x[:37], **{k: v[:37] for k, v in more.items()})
        b.run(d[37:], x[37:], **{k: v[37:] for k, v in more.items()})
        assert a.merge(b) is a
        assert a.value == pytest.approx(whole.value, rel=1e-13)
        assert (a.count, a.skipped) == (pytest.approx(whole.count), 1)
        assert a.update(1.0, 0.0, **dict.fromkeys(more, 1.0)) == pytest.approx(
            whole.update(1.0, 0.0, **dict.fromkeys(more, 1.0))
        )


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: sm.MSE(window=3, halflife=2.0), ValueError, "window and halflife exclude each other"),
        (lambda: sm.MSE(steady=True), ValueError, "steady=True bounds .* give window as well"),
        (lambda: sm.MSE(halflife=3.0, compensated=True), ValueError, "expected no half-life"),
        (lambda: sm.MSE(window=2.5), ValueError, "window must be an integer of at least 1 or None, got 2.5"),
        (lambda: sm.MSE(window="a"), TypeError, "window must be an integer of at least 1 or None, got 'a'"),
        (lambda: sm.MSE(halflife=-1.0), ValueError, "halflife must be 0 < halflife or None, got -1.0"),
        (lambda: sm.R2(compensated=True), TypeError, "R2: got an unexpected keyword argument 'compensated'"),
        (lambda: sm.MSE(weighted=True).update(1.0, 2.0), TypeError, "a MSE with weighted=True needs weight"),
        (lambda: sm.MSE(seconds=1.0).run([1.0], [2.0]), TypeError, "needs time beside every pair"),
        (lambda: sm.MSE().run([1.0], [2.0], weight=[1.0]), TypeError, "MSE takes weight only when"),
        (lambda: sm.MSE(weighted=True).update(1.0, 2.0, weight=-1.0), ValueError, "not negative, got -1.0"),
        (lambda: sm.MSE(weighted=True).run([1.0, 1.0], [2.0, 2.0], weight=[1.0, NAN]), ValueError, r"nan \(sample 1\)"),
        (
            lambda: sm.MSE(weighted=True).run([1.0, 1.0], [2.0, 2.0], weight=[1.0]),
            ValueError,
            "same length, got 2 and 1",
        ),
        (
            lambda: sm.MSE(seconds=1.0).update(1.0, 2.0, time=INF),
            ValueError,
            "time must be finite, in seconds, got inf",
        ),
        (lambda: sm.MSE().run([1.0, 2.0], [1.0]), ValueError, "y_true and y_pred must have the same length"),
        (lambda: sm.MSE(window=3).merge(sm.MSE(window=3)), ValueError, "only running sums merge"),
        (lambda: sm.MASE().merge(sm.MASE()), ValueError, "only running sums merge"),
        (lambda: sm.MSE().merge(sm.MAE()), TypeError, "expected a MSE, got a MAE"),
        (lambda: sm.PSNR(1.0).merge(sm.PSNR(2.0)), ValueError, "expected the same parameters"),
        (lambda: sm.MedianOfMeansMSE(blocks=4, window=10), ValueError, "window must be a multiple of blocks=4, got 10"),
    ],
)
def test_errors_say_what_was_expected(build, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()


def test_steady_bounds_the_work_of_the_worst_update() -> None:
    """Counted in additions of the interpreted kernel: no clock could be trusted here."""
    w = 2500
    m = sm.MSE(window=w, steady=True)
    plain = sm.MSE(window=w)
    most = {}
    for name, node in (("steady", m), ("plain", plain)):
        calls = [0]

        class Counting(np.ndarray):
            """A state that counts how often it is written."""

            def __setitem__(self, key: object, value: object, calls: list[int] = calls) -> None:
                calls[0] += 1
                super().__setitem__(key, value)

        s = node._s.view(Counting)
        step = node._kernel()
        worst = 0
        for t in range(3 * w):
            calls[0] = 0
            step(node._p, s, 0.0, float(t))
            worst = max(worst, calls[0])
        most[name] = worst
    assert most["plain"] > 2 * w
    assert most["steady"] < 2 * math.isqrt(w)


@pytest.mark.parametrize("params", [{}, {"window": 6}, {"window": 40, "steady": True}, {"halflife": 4.0}], ids=str)
def test_interpreted_blocks_are_the_compiled_ones(params: dict[str, object]) -> None:
    d, x = rng.standard_normal(150), rng.standard_normal(150)
    d[40], x[70] = NAN, INF
    m, plain = sm.MSE(**params), sm.MSE(**params)
    y = np.empty(150)
    with np.errstate(invalid="ignore"):
        plain._block()(plain._p, plain._s, x.reshape(-1, 1), d, y)
    np.testing.assert_array_equal(m.run(d, x), y)
    assert np.array_equal(m._s, plain._s, equal_nan=True)
    if not params:
        once = sm.MSE()
        assert window.reduce(once._held)(once._p, once._s, x, d) == m.value
        assert np.array_equal(once._s, m._s)


FAST = re.compile(r"\b(fast|reassoc|nnan|ninf|nsz|arcp|contract|afn)\b")


@pytest.mark.parametrize(
    "params", [{}, {"window": 8}, {"window": 8, "steady": True}, {"window": 8, "compensated": True}]
)
def test_no_fastmath_in_machine_code(params: dict[str, object]) -> None:
    """Neither in the flags of any function compiled for a metric, nor in what it does."""
    node = sm.MSE(**params)
    compiled = [node._kernel().compiled, node._block().compiled]
    options = [f.targetoptions.get("fastmath", False) for f in compiled]
    assert options == [False, False]
    d = np.array([1e16, 1.0, -1e16, 1.0, NAN, 3.0])
    biased = sm.Bias(window=4, compensated=True).run(np.zeros(4), d[:4])
    assert biased[-1] == 0.5  # reassociated or uncompensated it is 0 or 0.25
    y = sm.MSE(window=2, **{k: v for k, v in params.items() if k != "window"}).run([0.0, INF, 1.0, 1.0], np.zeros(4))
    assert y.tolist() == [0.0, INF, INF, 1.0]  # nnan and ninf would fold the checks away


def test_no_fast_flags_in_the_intermediate_code() -> None:
    from numba import njit

    statistic = mean_of(squared_error)
    functions = [window.reduce(statistic), window.lanes(statistic).block, window.sliding(compensated(statistic)).block]
    for function in functions:
        made = njit(**{"nogil": True, "error_model": "numpy", **function.options})(function.py_func)
        made.compile(function.signatures[0])
        (text,) = made.inspect_llvm().values()
        arithmetic = [line for line in text.splitlines() if re.search(r"= (?:\w+ )*f(?:add|sub|mul|div)\b", line)]
        assert arithmetic
        assert not [line for line in arithmetic if FAST.search(line.split("=")[1])]
