"""numbagg: moving windows in Numba. From the two columns to the curve, end to end."""

from __future__ import annotations

import numbagg

from .timing import Call
from .workloads import pairs


def rolling_mse(window: int, samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    return {"": Call(lambda: numbagg.move_mean((a - b) ** 2, window=window, min_count=1), samples)}
