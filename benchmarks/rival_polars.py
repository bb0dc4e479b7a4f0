"""polars: rolling windows in Rust. From the two columns to the curve, end to end."""

from __future__ import annotations

import polars as pl

from .timing import Call
from .workloads import pairs


def rolling_mse(window: int, samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    return {"": Call(lambda: ((pl.Series(a) - pl.Series(b)) ** 2).rolling_mean(window, min_samples=1), samples)}
