"""The sliding window as one writes it in Numba: add what comes, subtract what leaves. Fast, and wrong by and by."""

from __future__ import annotations

import numba
import numpy as np

from .timing import Call
from .workloads import Array, pairs


@numba.njit(nogil=True, error_model="numpy")
def subtracting(y_true: Array, y_pred: Array, window: int, out: Array) -> Array:
    """Add, then subtract: the order in which it is usually written."""
    total = 0.0
    for t in range(y_true.size):
        e = y_true[t] - y_pred[t]
        total += e * e
        if t >= window:
            e = y_true[t - window] - y_pred[t - window]
            total -= e * e
        out[t] = total / min(t + 1, window)
    return out


@numba.njit(nogil=True, error_model="numpy")
def one_addition(y_true: Array, y_pred: Array, window: int, out: Array) -> Array:
    """The difference of both squares first: one addition fewer on the critical path, and no branch in the long loop."""
    total = 0.0
    head = min(window, y_true.size)
    for t in range(head):
        e = y_true[t] - y_pred[t]
        total += e * e
        out[t] = total / (t + 1)
    for t in range(head, y_true.size):
        e = y_true[t] - y_pred[t]
        o = y_true[t - window] - y_pred[t - window]
        total += e * e - o * o
        out[t] = total / window
    return out


def rolling_mse(window: int, samples: int) -> dict[str, Call]:
    """Both forms; the faster one counts. NumPy allocates the result, as it does for ours."""
    a, b = pairs(samples)
    return {
        "add, then subtract": Call(lambda: subtracting(a, b, window, np.empty(samples)), samples),
        "add the difference": Call(lambda: one_addition(a, b, window, np.empty(samples)), samples),
    }
