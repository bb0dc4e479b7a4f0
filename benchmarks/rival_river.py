"""river: online metrics in Python."""

from __future__ import annotations

from typing import Any

from river import metrics

from .timing import Call
from .workloads import pairs


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
