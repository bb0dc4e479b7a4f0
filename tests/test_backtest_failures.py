"""Where a model fails: who it was, on which series and where; or everybody goes on without that series."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

import streammse as sm
from streammse.backtesting.progress import Bar

from .test_backtest import wave


class OfTheirOwnError(ValueError):
    def __init__(self, a, b) -> None:
        super().__init__(a, b)


def failing(error, at: int = 45):
    def model(known, horizon):
        if len(known) >= at and known[0] < 0.0:
            raise error
        return np.full(horizon, known[-1])

    return model


GOOD, BAD = wave(60), np.r_[-1.0, wave(59, 1)]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("what"), ValueError, "series 'b', theirs at origin 45: what"),
        (OfTheirOwnError(1, 2), ValueError, r"series 'b', theirs at origin 45: OfTheirOwnError: \(1, 2\)"),
        (KeyError("price"), LookupError, "series 'b', theirs at origin 45: KeyError: 'price'"),
        (np.linalg.LinAlgError("singular"), ValueError, "series 'b', theirs at origin 45: LinAlgError: singular"),
        (ZeroDivisionError("by zero"), ArithmeticError, "origin 45: ZeroDivisionError: by zero"),
        (AssertionError("no\nmore"), RuntimeError, "series 'b', theirs at origin 45: AssertionError: no more"),
    ],
    ids=repr,
)
def test_an_exception_of_any_kind_names_series_model_and_origin(error, kind, message) -> None:
    with pytest.raises(kind, match=message) as raised:
        sm.backtest({"a": GOOD, "b": BAD}, {"theirs": failing(error)}, horizon=2, start=40)
    assert raised.value.__cause__ is error


def test_a_fit_that_fails_names_its_origin_and_a_pass_its_sample() -> None:
    y = np.abs(wave(80))
    y[50] = -3.0
    with pytest.raises(ValueError, match=r"HoltWinters.* at origin 60: .*positive|HoltWinters.* at origin 60"):
        sm.backtest(y, sm.HoltWinters(12, seasonal="mul"), horizon=2, start=40, refit=20)

    bold = sm.LMS(taps=4, mu=50.0, on_divergence="raise")
    several = [np.zeros(80), np.r_[np.zeros(30), 1e3 * wave(50)], np.zeros(80)]
    with pytest.raises(FloatingPointError, match=r"series 1, LMS\(.*\) at sample \d\d"):
        sm.backtest(several, bold, horizon=2, start=40)
    with pytest.warns(RuntimeWarning, match=r"1 series left out of all scores: series 1, LMS.*: sample \d\d"):
        result = sm.backtest(several, [bold, sm.Naive()], horizon=2, start=40, errors="skip")
    assert result.mse.tolist() == [[0.0, 0.0]] * 2


def test_failures_can_be_left_out_and_are_told() -> None:
    """A series on which one model fails counts for none: whoever fails where it is hard must not look better."""
    several = {"a": GOOD, "b": BAD, "c": wave(60, 2), "short": wave(30)}
    models = {"theirs": failing(OfTheirOwnError(1, 2)), "last": sm.Naive(), "season": sm.SeasonalNaive(12)}
    for workers in (1, 2):
        told = (
            r"2 series left out of all scores: series 'b', theirs: .*; series 'short', theirs: has 30 samples: [^;]*$"
        )
        with pytest.warns(RuntimeWarning, match=told):
            result = sm.backtest(several, models, horizon=2, start=40, errors="skip", workers=workers, keep_errors=True)
        wanted = sm.backtest([GOOD, several["c"]], models, horizon=2, start=40, keep_errors=True)
        assert repr(result.scores) == repr(wanted.scores)
        assert repr(result.ranking) == repr(wanted.ranking)
        assert "4 series, 3 models, horizon 2, 2 series left out" in repr(result)
        assert [(one.series, one.model) for one in result.failures] == [
            ("b", "theirs"),
            *(("short", name) for name in models),
        ]
        assert result.failures[0].reason == "origin 45: OfTheirOwnError: (1, 2)"
        table = result.by_series
        mine = (table["model"] == "theirs") & (table["unique_id"] == "b")
        assert np.isnan(table["MSE"][mine]).all()
        assert (table["n"][mine] == 0).all()
        others = (table["model"] == "last") & (table["unique_id"] == "b")
        assert np.isfinite(table["MSE"][others]).all()  # by itself it can be looked at
        assert np.isnan(result.errors[0, 1]).all()
        np.testing.assert_array_equal(result.errors[:, [0, 2]], wanted.errors)
    result.plot()
    with pytest.raises(ValueError, match="errors must be 'raise' or 'skip', got 'ignore'"):
        sm.backtest(GOOD, sm.Naive(), horizon=2, start=40, errors="ignore")


def test_a_fit_that_fails_is_left_out_too() -> None:
    several = {"a": GOOD, "gone": np.full(60, np.nan), "c": wave(60, 2)}
    with pytest.warns(RuntimeWarning, match="1 series left out .*'gone'"):
        result = sm.backtest(several, [sm.SES(), sm.Naive()], horizon=2, start=40, errors="skip")
    wanted = sm.backtest([GOOD, several["c"]], [sm.SES(), sm.Naive()], horizon=2, start=40)
    np.testing.assert_array_equal(result.mse, wanted.mse)
    with pytest.warns(RuntimeWarning, match="1 series left out"):
        nothing = sm.backtest(several["gone"], sm.SES(), horizon=2, start=40, errors="skip")
    assert np.isnan(nothing.mse).all()


def test_a_model_that_says_nothing_wins_no_horizon() -> None:
    y = np.r_[wave(50), np.full(20, np.nan)]
    assert sm.backtest(y, [sm.Naive(), sm.Drift()], horizon=3, start=50).ranking["horizons won"].tolist() == [0, 0]
    half = {"nothing": lambda known, h: np.full(h, np.nan), "last": sm.Naive()}
    ranking = sm.backtest(wave(70), half, horizon=3, start=50).ranking
    assert ranking["horizons won"].tolist() == [3, 0]


def test_names_that_would_hide_a_column_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    for name in ("unique_id", "ds", "y", "cutoff", "horizon"):
        with pytest.raises(ValueError, match=f"a model called '{name}' would hide that column of the forecasts"):
            sm.backtest(GOOD, {name: sm.Naive()}, horizon=2, start=40)
    frame = pd.DataFrame({"sales": GOOD})
    assert sm.backtest(frame, {"y": sm.Naive()}, target="sales", start=40).models == ["y"]
    with pytest.raises(ValueError, match="two models have the name '1'"):
        sm.backtest(GOOD, {1: sm.Naive(), "1": sm.Drift()}, horizon=2, start=40)


def test_memory_of_guests_and_refits_does_not_grow_with_the_series() -> None:
    """Forecasts are scored and gone; only with ``keep_errors`` are they kept."""

    def last(known, horizon):
        return np.full(horizon, known[-1])

    H = 200
    for model, more in ((last, {}), (sm.SES(), {"refit": 700})):
        result = sm.backtest(wave(1500), model, horizon=H, start=40, **more)
        assert result._sums[0].kept.size == 0
        with pytest.raises(ValueError, match="errors were not kept"):
            _ = result.errors
        kept = sm.backtest(wave(1500), model, horizon=H, start=40, keep_errors=True, **more)
        assert kept.mse.tobytes() == result.mse.tobytes()
        if model is last:
            assert result.mse.tobytes() == sm.backtest(wave(1500), sm.Naive(), horizon=H, start=40).mse.tobytes()
        assert result.rolling(20).shape == (1, 1, 1460, H)  # the pass runs once more
    tracemalloc.start()
    sm.backtest(wave(1500), last, horizon=H, start=40)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 0.5 * 8 * 1460 * H  # half of what all forecasts would take


def test_the_bar_moves_within_one_long_series(monkeypatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Bar, "count", lambda self, samples: seen.append(samples))

    def slow(known, horizon):
        return np.zeros(horizon)

    for model, more in (
        (slow, {}),
        (sm.SES(), {"refit": 20}),
        (sm.SES(), {}),
        (sm.Naive(), {}),
    ):
        for several in ([wave(3000)], [wave(300), wave(200)]):
            for workers in (1, 2):
                seen.clear()
                sm.backtest(several, model, horizon=1000 if more else 12, start=40, stride=10, workers=workers, **more)
                assert sum(seen) == sum(map(len, several))
                if len(several) == 1 and (model is slow or more):
                    assert len([one for one in seen if one]) > 10


def test_the_bar_is_looked_at_while_threads_work(monkeypatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(Bar, "look", lambda self: seen.append(self._done))

    def slow(known, horizon):
        time.sleep(0.02)
        return np.zeros(horizon)

    sm.backtest([wave(100), wave(100)], slow, horizon=1, start=60, workers=2, progress=True)
    assert len(set(seen)) > 2
    assert seen == sorted(seen)
    assert seen[-1] == 200


def test_one_is_not_many() -> None:
    with pytest.raises(ValueError, match="has 1 sample: a backtest with start=20 needs at least 21"):
        sm.backtest([3.0], sm.Naive(), start=20)
    with pytest.raises(ValueError, match="needs x with 1 column, got 0"):
        sm.backtest(GOOD, sm.ARLS((1,), exogenous=1), start=40)
