"""river: online metrics in Python."""

from __future__ import annotations

from typing import Any

from river import metrics
from river.time_series import SNARIMAX, HoltWinters

from .timing import Call
from .workloads import pairs, seasonal, walk


def mse_one_by_one(samples: int) -> dict[str, Call]:
    """``update`` alone; it does not return the value, as ours does."""
    truth, prediction = pairs(samples)
    rows = list(zip(truth.tolist(), prediction.tolist(), strict=True))
    metric = metrics.MSE()

    def call() -> Any:
        update = metric.update
        for a, b in rows:
            update(a, b)
        return metric.get()

    return {"": Call(call, samples)}


def arima_one_by_one(samples: int) -> dict[str, Call]:
    """``learn_one`` alone, and with the forecast that ours gives at each sample."""
    rows = walk(samples).tolist()

    def learn() -> Any:
        model = SNARIMAX(p=1, d=1, q=1)
        for y in rows:
            model.learn_one(y)
        return model.forecast(1)[0]

    def forecast() -> Any:
        model = SNARIMAX(p=1, d=1, q=1)
        for y in rows:
            told = model.forecast(1)[0]
            model.learn_one(y)
        return told

    return {"learning alone": Call(learn, samples), "with forecasts": Call(forecast, samples)}


def holt_winters_one_by_one(samples: int, forecasts: bool) -> dict[str, Call]:
    """With the forecast that ours gives at each sample, or ``learn_one`` alone."""
    rows = seasonal(1, samples, 24)[0].tolist()

    def call() -> Any:
        model = HoltWinters(alpha=0.3, beta=0.17, gamma=0.14, seasonality=24)
        for k, y in enumerate(rows):
            if forecasts and k >= 48:  # its first two seasons are for the start
                model.forecast(1)
            model.learn_one(y)
        return model.forecast(1)[0]

    return {"": Call(call, samples)}
