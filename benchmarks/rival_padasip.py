"""padasip: NLMS in NumPy, a Python loop over the samples. Its windows are laid out beforehand and cost it nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import padasip

from .timing import Call
from .workloads import MU, Array, identification


def _windows(taps: int, samples: int) -> tuple[Array, Array]:
    """Newest sample first, as padasip's own examples have them."""
    data = identification(taps, samples)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(data.padded, taps)[:, ::-1]), data.d


def nlms(taps: int, samples: int) -> dict[str, Call]:
    """A block. It keeps every weight of every sample, so the block is short."""
    windows, d = _windows(taps, samples)
    filt = padasip.filters.FilterNLMS(n=taps, mu=MU, w="zeros")
    return {"": Call(lambda: filt.run(d, windows)[0], samples)}


def nlms_one_by_one(taps: int, samples: int) -> dict[str, Call]:
    """One predict and one adapt a sample."""
    windows, d = _windows(taps, samples)
    filt = padasip.filters.FilterNLMS(n=taps, mu=MU, w="zeros")
    rows = list(zip(windows, d.tolist(), strict=True))

    def call() -> Any:
        predict, adapt = filt.predict, filt.adapt
        for window, desired in rows:
            y = predict(window)
            adapt(desired, window)
        return y

    return {"": Call(call, samples)}
