"""What the picture of a backtest shows, against the numbers it is drawn from; the weights of ensembles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import streammse as sm


def series(n: int = 260, seed: int = 0) -> np.ndarray:
    t = np.arange(n)
    return 20 + 3 * np.sin(2 * np.pi * t / 12) + np.random.default_rng(seed).standard_normal(n)


def experts() -> list[sm.Naive | sm.SeasonalNaive | sm.SES]:
    return [sm.Naive(), sm.SeasonalNaive(12), sm.SES()]


@pytest.fixture(scope="module")
def result():
    models = [sm.BOA(experts()), sm.Naive(), sm.SeasonalNaive(12)]
    return sm.backtest([series(), series(240, 1)], models, horizon=6, start=100, stride=2)


def test_forecasts_stand_at_the_samples_that_they_are_for(result) -> None:
    axes = result.plot(series=1).axes[0]
    truth, *lines = axes.lines
    t, y = truth.get_data()
    np.testing.assert_array_equal(y, series(240, 1)[t.astype(int)])
    told = result.forecasts.to_pandas()
    told = told[told.unique_id == result.series[1]].set_index(["cutoff", "ds"])
    drawn = [line for line in lines if len(line.get_xdata()) == 6]
    assert len(drawn) == 4 * 3
    for k, line in enumerate(drawn):
        at, values = line.get_data()
        for when, value in zip(at, values, strict=True):
            assert told.loc[(at[0] - 1, when), result.models[k // 4]] == value


def test_the_rolling_panel_is_the_mean_of_the_last_squares(result) -> None:
    errors = result._errors()
    axes = result.plot().axes[2]
    window = len(result.origins) // 10
    for k, line in enumerate(axes.lines):
        origins, curve = line.get_data()
        np.testing.assert_array_equal(origins, result.origins)
        for i in (0, window, len(origins) - 1):
            there = errors[k, :, max(0, i - window + 1) : i + 1]
            assert curve[i] == pytest.approx(np.nanmean(there**2), rel=1e-12)


def test_horizons_won_are_those_with_the_least_error() -> None:
    result = sm.backtest(series(), [sm.Naive(), sm.SeasonalNaive(12), sm.SES()], horizon=9, start=100)
    ranking = {row["model"]: row for row in result.ranking.rows()}
    best = result.mse.argmin(axis=0)
    (name,) = [column for column in next(iter(ranking.values())) if "won" in column]
    for k, model in enumerate(result.models):
        assert ranking[model][name] == np.count_nonzero(best == k)


def test_many_models_keep_apart_and_inside(tmp_path: Path) -> None:
    models = {f"{'a long name of a model'} {k}, with all its parameters": sm.WindowAverage(k + 1) for k in range(12)}
    figure = sm.backtest(series(), models, horizon=1, start=100).plot(tmp_path / "p.png")
    lines = figure.axes[1].lines
    assert len({(line.get_color(), str(line.get_linestyle())) for line in lines}) == 12
    (legend,) = figure.legends
    inside = legend.get_window_extent()
    assert inside.x0 >= 0
    assert inside.x1 <= figure.bbox.x1
    assert [round(tick) for tick in figure.axes[1].get_xticks()] == [1]


def test_weights_are_those_of_the_ensemble_at_each_origin() -> None:
    y = series()
    fresh = sm.BOA(experts()).fit(y[:100]).reset()
    result = sm.backtest(y, [sm.Naive(), sm.BOA(experts())], horizon=3, start=100, stride=7)
    found = result.weights(1)
    expected = []
    for t, value in enumerate(y, 1):
        fresh.update(value)
        if t in result.origins:
            expected.append(fresh.weights)
    np.testing.assert_array_equal(found, expected)
    figure = result.plot()
    assert figure.axes[3].get_title(loc="left").startswith("weights of BOA")
    top = figure.axes[3].collections[2].get_paths()[0].vertices
    assert top[:, 1].max() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="has no weights"):
        result.weights(0)
    assert len(sm.backtest(y, sm.Naive(), horizon=3, start=100).plot().axes) == 3


@pytest.mark.parametrize("more", [{"window": 60}, {"refit": 5}])
def test_weights_follow_the_plan(more: dict[str, int]) -> None:
    y = series()
    closed = [sm.Naive(), sm.SeasonalNaive(12), sm.RunningMean()]
    result = sm.backtest(y, sm.BOA([*closed] if "window" in more else experts()), horizon=1, start=100, **more)
    found = result.weights(0)
    i = 12
    origin = int(result.origins[i])
    if "window" in more:
        by_hand = sm.BOA(closed)
        by_hand.run(y[origin - 60 : origin])
    else:
        by_hand = sm.BOA(experts()).fit(y[: int(result.origins[10])]).reset()
        by_hand.run(y[:origin])
    np.testing.assert_allclose(found[i], by_hand.weights, rtol=1e-6)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert found.shape == (len(result.origins), 3)
