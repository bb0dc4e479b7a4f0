"""Intermittent demand against readable twins, an example by hand and statsforecast."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm

from . import naive


def demand(seed: int = 0, periods: int = 120, share: float = 0.25) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(periods) < share, rng.poisson(4.0, periods) + 1.0, 0.0)


def forecasts(of, y: np.ndarray) -> np.ndarray:
    return np.array([of(y[:t]) for t in range(1, len(y))])


@pytest.mark.parametrize("seed", range(3))
def test_every_forecast_is_that_of_the_twin(seed: int) -> None:
    y = demand(seed)
    croston = forecasts(lambda past: naive.croston(past, 0.15), y)
    np.testing.assert_allclose(sm.Croston(0.15).run(y)[1:], croston, rtol=1e-12)
    np.testing.assert_allclose(sm.SBA(0.15).run(y)[1:], (1 - 0.15 / 2) * croston, rtol=1e-12)
    tsb = forecasts(lambda past: naive.tsb(past, 0.15, 0.07), y)
    np.testing.assert_allclose(sm.TSB(0.15, 0.07).run(y)[1:], tsb, rtol=1e-12)


def test_by_hand() -> None:
    """Demands 3 after two periods, 5 after three more, 2 after one more, a fifth of each new one counting."""
    y = [0.0, 3.0, 0.0, 0.0, 5.0, 2.0]
    size = 0.8 * (0.8 * 3 + 0.2 * 5) + 0.2 * 2
    interval = 0.8 * (0.8 * 2 + 0.2 * 3) + 0.2 * 1
    assert sm.Croston(0.2).fit(y).forecast(2) == pytest.approx([size / interval] * 2)
    assert sm.SBA(0.2).fit(y).forecast(1)[0] == pytest.approx(0.9 * size / interval)
    chance = 0.0
    for came in (1, 0, 0, 1, 1):  # from the second period on
        chance += 0.1 * (came - chance)
    assert sm.TSB(0.2, 0.1).fit(y).forecast(3) == pytest.approx([chance * size] * 3)


@pytest.mark.parametrize("seed", range(3))
def test_statsforecast(seed: int) -> None:
    models = pytest.importorskip("statsforecast.models", reason="an oracle of the benchmarks' environment")
    y = demand(seed)
    pairs = [
        (sm.Croston(0.1), models.CrostonClassic()),
        (sm.SBA(0.1), models.CrostonSBA()),
        (sm.TSB(0.2, 0.3), models.TSB(alpha_d=0.2, alpha_p=0.3)),
    ]
    for ours, theirs in pairs:
        expected = theirs.forecast(y, 3)["mean"]
        np.testing.assert_allclose(ours.fit(y).forecast(3), expected, rtol=1e-5)  # theirs is float32


@pytest.mark.parametrize("model", [sm.Croston(), sm.SBA(), sm.TSB()], ids=repr)
def test_edges(model) -> None:
    assert model.clone().fit([0.0]).forecast(2).tolist() == [0.0, 0.0]
    assert model.clone().fit(np.zeros(50)).forecast(1)[0] == 0.0
    y = demand()
    gaps = np.insert(y, [10, 30, 30, 77], np.nan)  # missing periods count as none at all
    assert model.clone().fit(gaps).forecast(1)[0] == model.clone().fit(y).forecast(1)[0]
    every = model.clone().fit(np.full(9, 3.0)).forecast(1)[0]
    assert every == pytest.approx(3.0 * (0.95 if isinstance(model, sm.SBA) else 1.0))


def test_what_dies_out_fades_with_tsb_alone() -> None:
    y = np.concatenate([demand(), np.zeros(200)])
    assert sm.TSB().fit(y).forecast(1)[0] < 1e-3
    assert sm.Croston().fit(y).forecast(1)[0] == sm.Croston().fit(y[:-200]).forecast(1)[0] > 0.5


def test_the_correction_takes_the_bias() -> None:
    """Of a demand of 1 with chance p Croston's mean is too high by about alpha p (1 - p) / (2 - alpha)."""
    alpha, p = 0.1, 0.1
    y = np.random.default_rng(0).random(1_000_000) < p
    croston, sba = sm.Croston(alpha).run(1.0 * y)[1000:].mean(), sm.SBA(alpha).run(1.0 * y)[1000:].mean()
    assert croston - p == pytest.approx(alpha / (2 - alpha) * p * (1 - p), rel=0.2)
    assert abs(sba - p) < 0.35 * (croston - p)
