"""Trimmed MSE and the median of means over every window: against sorting and dealing anew for every sample."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streammse as sm
from streammse.kernels import buckets, ordered
from streammse.kernels.window import HEAD

from . import naive

NAN, INF = math.nan, math.inf
SOAK = os.environ.get("STREAMMSE_SOAK", "") not in ("", "0")
rng = np.random.default_rng(8)

#: errors that meet each other again, of every scale, and none at all
ERRORS = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-10.0, 10.0),
    st.sampled_from([0.0, 1e-15, 3e-9, 1e12, 1e15, NAN]),
)
DIRTY = st.one_of(ERRORS, st.sampled_from([INF, -INF, 1e100, 1e200, 1e-200]))
HOLDING = ({"window": 6}, {"window": 18}, {"seconds": 4.0})
COUNTING = ({}, {"halflife": 5.0}, {"halflife_seconds": 3.0})
TRIMS = st.sampled_from([0.0, 0.1, 0.25, 0.29, 0.5, 0.9, 0.999999])


@st.composite
def streams(draw: Any, errors: Any, windows: tuple[dict[str, float], ...]) -> Any:
    """Truth (NaN where it is missing) and prediction; a window; weights and stamps, where it takes them."""
    e = np.array(draw(st.lists(errors, min_size=1, max_size=70)))
    n = len(e)
    over = draw(st.sampled_from(windows))
    more = {}
    if draw(st.booleans()):  # their sums are exact, so that a cut between two pairs is where the twin has it
        more["weight"] = np.array(draw(st.lists(st.sampled_from([0.0, 0.25, 1.0, 3.0]), min_size=n, max_size=n)))
    if "seconds" in str(over):
        gaps = st.sampled_from([0.0, 0.25, 0.5, 1.0, -0.75, 2.0, 11.0])
        more["time"] = np.cumsum(draw(st.lists(gaps, min_size=n, max_size=n))) - 20.0
    return np.where(np.isnan(e), NAN, 0.0), np.where(np.isnan(e), 0.0, e), over, more


def there(d: np.ndarray, more: dict[str, np.ndarray]) -> np.ndarray:
    """Which pairs are not missing; with the others, a fading metric keeps its value."""
    return ~np.isnan(d) & (more.get("weight", np.ones(len(d))) > 0.0)


def late(stamps: np.ndarray) -> int:
    return int(np.sum(stamps < np.maximum.accumulate(stamps))) if len(stamps) else 0


def weight_held(d: np.ndarray, over: dict[str, float], more: dict[str, np.ndarray]) -> float:
    *_, (_, weights) = naive.members(d, **over, **more)
    return float(np.sum(weights))


@given(streams(DIRTY, HOLDING), TRIMS)
@settings(max_examples=200, deadline=None)
def test_trimmed_where_all_pairs_are_held(stream: Any, trim: float) -> None:
    d, x, over, more = stream
    m = sm.TrimmedMSE(trim, weighted="weight" in more, **over)
    y = m.run(d, x, **more)
    with np.errstate(over="ignore"):
        expected = naive.metric(lambda *a: naive.trimmed(*a, trim), d, x, **over, **more)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_equal(m.value, y[-1])
    assert m.count == weight_held(d, over, more)
    assert m.late == late(more.get("time", np.zeros(1)))
    assert m.skipped == 0


@given(streams(ERRORS, COUNTING), TRIMS)
@settings(max_examples=200, deadline=None)
def test_trimmed_by_buckets_is_within_its_bound(stream: Any, trim: float) -> None:
    d, x, over, more = stream
    m = sm.TrimmedMSE(trim, weighted="weight" in more, **over)
    whole = not over and not more

    def share(w: np.ndarray) -> float:
        """What is left out: of pairs without weights a whole number."""
        return min(np.floor(trim * len(w) * (1 + 1e-12)), len(w) - 1) / len(w) if whole else trim

    def curve(of: Any) -> np.ndarray:
        return naive.metric(of, d, x, **over, **more)[there(d, more)]

    exact = curve(lambda d, x, w: (naive.trimmed if whole else naive.trimmed_share)(d, x, w, trim))
    bound = curve(lambda d, x, w: naive.trimmed_by_buckets_within(d, x, w, share(w))[0])
    rounding = curve(lambda d, x, w: naive.trimmed_by_buckets_within(d, x, w, share(w))[1])
    rounding = 1e-9 * exact + rounding + buckets.LEAST
    y = m.run(d, x, **more)
    if len(exact) == 0:
        assert np.isnan(y).all()
        return
    assert (y[there(d, more)] >= exact - rounding).all()
    assert (y[there(d, more)] <= exact + bound + rounding).all()
    assert m.value == y[-1]
    assert m.count == pytest.approx(weight_held(d, over, more), rel=1e-12)
    assert m.late == late(more.get("time", np.zeros(len(d)))[there(d, more)])


def test_buckets_are_exact_but_for_the_one_of_the_cut() -> None:
    e = np.array([1.0, 2.0, 4.0, 4.0, 100.0])
    assert sm.TrimmedMSE(0.2).run(e, 0 * e)[-1] == np.mean(e[:4] ** 2)
    assert sm.TrimmedMSE(0.4).run(e, 0 * e)[-1] == 7.0  # the cut between two that are equal
    near = np.array([1.0, 1.01])
    assert sm.TrimmedMSE(0.5).run(near, 0 * near)[-1] == np.mean(near**2)  # one bucket: its mean
    d = rng.standard_normal(100_000)
    exact = np.sort(d * d)[:90_000].mean()
    assert sm.TrimmedMSE(0.1).run(d, 0 * d)[-1] == pytest.approx(exact, rel=2e-4)


@given(st.floats(0.0, 1e300))
@settings(max_examples=300, deadline=None)
def test_a_value_lies_in_its_bucket(v: float) -> None:
    i = buckets.place(v)
    low = math.ldexp(1.0 + (i % buckets.PARTS) / buckets.PARTS, i // buckets.PARTS - 128)
    width = math.ldexp(1.0 / buckets.PARTS, i // buckets.PARTS - 128)
    last = buckets.OCTAVE * buckets.PARTS - 1
    assert i == 0 or low <= v
    assert i == last or v < low + width
    assert 0 <= i <= last


@pytest.mark.parametrize("over", [{"halflife": 3.0}, {"halflife_seconds": 3.0}, {"halflife": 0.5}], ids=str)
def test_fading_on_and_on(over: dict[str, float]) -> None:
    """So long that what a new pair weighs has to be scaled back many times."""
    n = 20_000
    d = rng.choice([1.0, 2.0, 3.0, 50.0], n)  # buckets of one value: the mean by buckets is exact
    more = {"time": np.arange(n) - 5e4} if "halflife_seconds" in over else {}
    m = sm.TrimmedMSE(0.2, **over)
    y = m.run(d, 0 * d, **more)
    for t in (50, 1600, n - 1):
        recent = slice(max(0, t - 400), t + 1)
        fade = 0.5 ** ((t - np.arange(recent.start, t + 1)) / next(iter(over.values())))
        assert y[t] == pytest.approx(naive.trimmed_share(d[recent], 0 * d[recent], fade, 0.2), rel=1e-9)
    assert m.count == pytest.approx(1.0 / (1.0 - 0.5 ** (1.0 / next(iter(over.values())))), rel=1e-9)
    assert m.skipped == 0


def test_a_gap_of_many_half_lives_forgets_all() -> None:
    m = sm.TrimmedMSE(0.0, halflife_seconds=1.0)
    assert m.run([1.0, 1.0, 3.0], np.zeros(3), time=[-9.0, -8.0, 1e6]).tolist() == [1.0, 1.0, 9.0]
    assert (m.count, m.late) == (1, 0)
    short = sm.TrimmedMSE(0.5, halflife=1e-4)  # whose fade is zero
    assert short.run([1.0, 2.0, 3.0], np.zeros(3)).tolist() == [1.0, 4.0, 9.0]
    assert short.count == 1
    k = sm.TrimmedMSE(0.0, halflife=1.0)
    k.run(np.ones(500), np.zeros(500))
    assert k.update(1e120, 0.0) == pytest.approx(5e239)  # the weight of a pair has room for every value
    assert k.update(INF, 0.0) == pytest.approx(5e239)
    assert k.update(1e160, 0.0) == pytest.approx(5e239)  # whose square is infinite
    assert (k.skipped, k.count) == (2, pytest.approx(2.0))


@pytest.mark.parametrize("weighted", [False, True])
def test_trimmed_parts_merge_to_the_whole(weighted: bool) -> None:
    d, x = rng.integers(-99, 99, (2, 201)).astype(float)  # whole numbers: sums in any order
    d[5], x[30] = NAN, INF
    more = {"weight": rng.integers(0, 4, 201).astype(float)} if weighted else {}
    for cut in (0, 2, 117, 201):
        whole, a, b = (sm.TrimmedMSE(0.3, weighted=weighted) for _ in range(3))
        whole.run(d, x, **more)
        a.run(d[:cut], x[:cut], **{k: v[:cut] for k, v in more.items()})
        b.run(d[cut:], x[cut:], **{k: v[cut:] for k, v in more.items()})
        assert a.merge(b) is a
        assert np.array_equal(a._s, whole._s)
        assert (a.value, a.count) == (whole.value, whole.count)
    for over in (*HOLDING, *COUNTING[1:]):
        with pytest.raises(ValueError, match="only running sums merge"):
            sm.TrimmedMSE(**over).merge(sm.TrimmedMSE(**over))


def shape(m: sm.TrimmedMSE) -> tuple[int, list[tuple[float, float]]]:
    """Depth of the treap and its (value, weight) in order, every claim about its nodes checked."""
    s, nodes = m._s, HEAD + ordered.NODES
    held, deepest = [], 0
    path: list[int] = []
    at = int(s[nodes + ordered.LEFT])
    while path or at:
        while at:
            path.append(at)
            deepest = max(deepest, len(path))
            at = int(s[nodes + at + ordered.LEFT])
        at = path.pop()
        node = s[nodes + at : nodes + at + ordered.NODE]
        left, right = (s[nodes + int(node[side]) :][: ordered.NODE] for side in (ordered.LEFT, ordered.RIGHT))
        for side in (ordered.LEFT, ordered.RIGHT):
            if node[side]:
                assert int(s[nodes + int(node[side]) + ordered.PARENT]) == at
                assert ordered._rank(int(node[side])) > ordered._rank(at)
        assert node[ordered.MASS] == left[ordered.MASS] + right[ordered.MASS] + node[ordered.WEIGHT]
        own = node[ordered.WEIGHT] * node[ordered.VALUE]
        assert node[ordered.SUM] == left[ordered.SUM] + right[ordered.SUM] + own
        held.append((float(node[ordered.VALUE]), float(node[ordered.WEIGHT])))
        at = int(node[ordered.RIGHT])
    return deepest, held


@pytest.mark.parametrize("order", ["sorted", "reversed", "constant", "random", "a wave", "two values"])
def test_the_tree_stays_balanced(order: str) -> None:
    w = 2048
    t = np.arange(3.0 * w)
    e = {
        "sorted": t,
        "reversed": 1e4 - t,
        "constant": 0 * t + 2.0,
        "random": rng.standard_normal(3 * w),
        "a wave": np.sin(t / 30.0),
        "two values": t % 2,
    }[order]
    m = sm.TrimmedMSE(0.1, window=w)
    for size in (700, w, 500):
        m.run(e[:size], 0 * e[:size])
        e = e[size:]
        depth, _ = shape(m)
        assert depth <= 4 * math.log2(w)


@given(streams(DIRTY, HOLDING))
@settings(max_examples=60, deadline=None)
def test_the_tree_holds_the_pairs_of_the_window_in_order(stream: Any) -> None:
    d, x, over, more = stream
    m = sm.TrimmedMSE(weighted="weight" in more, **over)
    m.run(d, x, **more)
    *_, (i, w) = naive.members(d, **over, **more)
    with np.errstate(over="ignore"):
        e, w = naive.by_size(d[i], x[i], w)
    assert shape(m)[1] == list(zip(e.tolist(), w.tolist(), strict=True))


def test_trimmed_capacity_is_counted() -> None:
    m = sm.TrimmedMSE(0.0, seconds=100.0, capacity=3)
    with pytest.warns(RuntimeWarning, match="the oldest leave early; give more capacity"):
        assert m.run([1.0, 2.0, 3.0, 4.0, NAN], np.zeros(5), time=np.arange(5.0))[-1] == pytest.approx(29.0 / 3.0)
    assert (m.dropped, m.count) == (1, 3)


@given(streams(DIRTY, (*HOLDING, *COUNTING)), st.sampled_from([1, 2, 3]), st.booleans())
@settings(max_examples=300 if SOAK else 10, deadline=None)
def test_median_of_means_over_every_window(stream: Any, blocks: int, extra: bool) -> None:
    d, x, over, more = stream
    if not over.keys() & {"window", "seconds"}:
        with np.errstate(over="ignore"):  # running and fading ones do not learn it
            clean = np.where(np.isfinite((d - x) ** 2), d, NAN)
    else:
        clean = d
    form = {"steady": True} if "window" in over and extra else {}
    form |= {"compensated": True} if "halflife" not in str(over) and extra else {}
    m = sm.MedianOfMeansMSE(blocks, weighted="weight" in more, **over, **form)
    y = m.run(d, x, **more)
    expected = naive.median_of_means(clean, x, blocks, **over, **more)
    learnt = there(clean, more) if "halflife" in str(over) else np.ones(len(d), bool)
    np.testing.assert_allclose(y[learnt], expected[learnt], rtol=1e-9)
    np.testing.assert_equal(m.value, y[-1])
    assert m.count == pytest.approx(weight_held(clean, over, more), rel=1e-12)
    assert m.skipped == np.sum(there(d, more)) - np.sum(there(clean, more))
    if "seconds" in over:
        assert m.late == late(more["time"])
    plain = sm.MedianOfMeansMSE(1, weighted="weight" in more, **over, **form).run(d, x, **more)
    same = sm.MSE(weighted="weight" in more, **over, **form).run(d, x, **more)
    np.testing.assert_allclose(plain, np.where(np.isnan(same) & (plain == INF), INF, same), rtol=1e-12)


def test_stamps_are_judged_by_the_newest_of_all_blocks() -> None:
    m = sm.MedianOfMeansMSE(3, seconds=2.0)
    assert m.update(1.0, 0.0, time=0.0) == 1.0
    assert m.update(2.0, 0.0, time=1.0) == 2.5
    assert m.update(3.0, 0.0, time=2.0) == 6.5  # the first block is empty: newest - seconds < stamp
    assert m.update(4.0, 0.0, time=1.5) == 9.0  # late: at 2.0
    assert (m.late, m.count) == (1, 3)
    assert m.update(NAN, 0.0, time=3.5) == 12.5
    assert math.isnan(m.update(NAN, 0.0, time=9.0))
    assert (m.late, m.count) == (1, 0)
    f = sm.MedianOfMeansMSE(2, halflife_seconds=1.0)
    f.run([1.0, 1.0, 3.0], np.zeros(3), time=[-5.0, -5.0, -4.0])
    assert (f.value, f.count) == (pytest.approx((19.0 / 3.0 + 1.0) / 2.0), pytest.approx(2.0))
    assert f.update(3.0, 0.0, time=-7.0) == pytest.approx(19.0 / 3.0)
    assert (f.late, f.count) == (1, pytest.approx(3.0))


def test_a_block_that_has_faded_away_still_votes() -> None:
    m = sm.MedianOfMeansMSE(3, halflife=1e-4)
    assert m.run([1.0, 2.0, 3.0, NAN], np.zeros(4)).tolist() == [1.0, 2.5, 4.0, 4.0]


def test_median_of_means_capacity_is_shared() -> None:
    m = sm.MedianOfMeansMSE(3, seconds=100.0, capacity=7)
    m.run(np.ones(9), np.zeros(9), time=np.arange(9.0))
    assert (m.count, m.dropped) == (9, 0)  # three each
    m.run(np.ones(2), np.zeros(2), time=[9.0, 10.0])  # two of each of two blocks become one
    assert (m.count, m.dropped) == (11, 0)


FORMS = {
    "trimmed, samples": (sm.TrimmedMSE, {"trim": 0.0, "window": 10}),
    "trimmed, seconds": (sm.TrimmedMSE, {"trim": 0.0, "seconds": 9.5}),
    "one mean": (sm.MedianOfMeansMSE, {"blocks": 1, "window": 10}),
    "two means": (sm.MedianOfMeansMSE, {"blocks": 2, "window": 10, "steady": True}),
    "two means, seconds": (sm.MedianOfMeansMSE, {"blocks": 2, "seconds": 9.5}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dirt", [NAN, INF, 1e200, 1e9])
def test_what_left_the_window_is_gone_bit_for_bit(form: str, dirt: float) -> None:
    make, params = FORMS[form]
    d, x = rng.standard_normal(60), rng.standard_normal(60)
    more = {"time": np.arange(60.0)} if "seconds" in params else {}
    spoilt = x.copy()
    spoilt[17] = dirt
    clean, y = make(**params).run(d, x, **more), make(**params).run(d, spoilt, **more)
    assert (y[17:27] > 1e6).all()
    np.testing.assert_array_equal(np.delete(y, range(17, 27)), np.delete(clean, range(17, 27)))


def test_trim_can_be_set_while_it_runs() -> None:
    e = np.array([1.0, 2.0, 3.0, 10.0])
    for over in ({}, {"window": 4}, {"weighted": True}):
        m = sm.TrimmedMSE(0.0, **over)
        m.run(e, 0 * e, **({"weight": np.ones(4)} if "weighted" in over else {}))
        assert m.value == 28.5
        m.trim = 0.25
        assert m.value == pytest.approx(14.0 / 3.0)


@pytest.mark.parametrize("form", [{"weighted": True}, {"compensated": True}, {"weighted": True, "compensated": True}])
def test_medians_of_means_of_every_form_merge(form: dict[str, bool]) -> None:
    d, x = rng.integers(-9, 9, (2, 50)).astype(float)
    d[[3, 4]] = NAN
    more = {"weight": rng.integers(0, 4, 50).astype(float)} if "weighted" in form else {}
    for cut in (0, 1, 20, 50):
        whole, a, b = (sm.MedianOfMeansMSE(5, **form) for _ in range(3))
        whole.run(d, x, **more)
        a.run(d[:cut], x[:cut], **{k: v[:cut] for k, v in more.items()})
        b.run(d[cut:], x[cut:], **{k: v[cut:] for k, v in more.items()})
        a.merge(b)
        assert (a.value, a.count) == (whole.value, whole.count)
        np.testing.assert_array_equal(a.run(d, x, **more), whole.run(d, x, **more))
    for over in (*HOLDING[1:], *COUNTING[1:]):
        with pytest.raises(ValueError, match="only running sums merge"):
            sm.MedianOfMeansMSE(3, **over).merge(sm.MedianOfMeansMSE(3, **over))
