"""statsmodels: a fitted model takes one more sample by filtering all samples anew."""

from __future__ import annotations

import warnings
from typing import Any

from statsmodels.tsa.holtwinters import ExponentialSmoothing
from statsmodels.tsa.statespace.sarimax import SARIMAX

from .timing import Call
from .workloads import ARMA, seasonal, walk


def arima_append(samples: int) -> dict[str, Call]:
    """One more sample at the end of ``samples``, and the forecast of the next."""
    y = walk(samples)
    results = SARIMAX(y[:-1], order=(1, 1, 1)).filter([*ARMA, 1.0])

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return results.append(y[-1:], refit=False).forecast(1)

    return {"": Call(call)}


def arima_block(samples: int) -> dict[str, Call]:
    """All samples at once, which gives the same one-step forecasts but waits for the last of them."""
    y = walk(samples)
    results = SARIMAX(y[:100], order=(1, 1, 1)).filter([*ARMA, 1.0])

    def call() -> Any:
        return results.append(y[100:], refit=False).predict(100, samples - 1)

    return {"": Call(call, samples - 100)}


def fit_holt_winters(samples: int, season: int) -> dict[str, Call]:
    y = seasonal(1, samples, season)[0]

    def call() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ExponentialSmoothing(y, trend="add", seasonal="add", seasonal_periods=season).fit()

    return {"": Call(call)}
