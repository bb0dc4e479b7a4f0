"""Nodes of one's own in threads: what runs without Python's lock holds on to its memory by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import streammse as sm

from .test_backtest import wave

MODELS = [
    sm.SES(alpha=0.3),  # an ahead kernel of its own
    sm.ARIMA((1, 1, 1), ar=(0.3,), ma=(0.2,)),
    sm.Croston(),
    sm.BOA([sm.Naive(), sm.SES(alpha=0.5)]),
    sm.SeasonalNaive(12),
]


def together(work, jobs: int = 4) -> list:
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(work, range(jobs)))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_forecasts_in_threads_equal_the_serial_ones(model) -> None:
    def wrong(k: int) -> int:
        node = model.clone()
        node.run(y + k)
        wanted = node.forecast(2000)
        return sum(not np.array_equal(node.forecast(2000), wanted) for _ in range(200))

    y = wave(200)
    assert together(wrong) == [0] * 4


def test_banks_forecast_in_threads_as_alone() -> None:
    def wrong(k: int) -> int:
        rows = sm.bank(sm.SES(alpha=0.3), 3)
        rows.run(np.tile(y + k, (3, 1)))
        wanted = rows.forecast(2000)
        return sum(not np.array_equal(rows.forecast(2000), wanted) for _ in range(70))

    y = wave(200)
    assert together(wrong) == [0] * 4


@pytest.mark.parametrize("model", [sm.SES(), sm.Theta(12), sm.ARLS((1, 12)), sm.BOA([sm.Naive(), sm.SES()])], ids=repr)
def test_windows_in_threads_equal_windows_in_one(model) -> None:
    several = np.stack([wave(100, seed) for seed in range(6)])
    protocol = {"horizon": 12, "start": 70, "window": 48, "keep_errors": True}
    one = sm.backtest(several, model, **protocol, workers=1).errors
    for _ in range(2):
        assert sm.backtest(several, model, **protocol, workers=2).errors.tobytes() == one.tobytes()
