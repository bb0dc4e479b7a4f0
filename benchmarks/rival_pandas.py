"""pandas: rolling windows in Cython. From the two columns to the curve, end to end."""

from __future__ import annotations

import pandas as pd

from .timing import Call
from .workloads import pairs


def rolling_mse(window: int, samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    return {"": Call(lambda: ((pd.Series(a) - pd.Series(b)) ** 2).rolling(window, min_periods=1).mean(), samples)}
