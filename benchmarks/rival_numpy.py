"""NumPy: the one line that everybody writes."""

from __future__ import annotations

import numpy as np

from .timing import Call
from .workloads import pairs


def one_mse(samples: int) -> dict[str, Call]:
    a, b = pairs(samples)
    return {"": Call(lambda: np.mean((a - b) ** 2), samples)}
