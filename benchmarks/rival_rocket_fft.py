"""rocket-fft: DUCC's transforms for compiled code, into arrays of the caller's."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from rocket_fft import c2r, r2c

from .frequency import real_numbers
from .timing import Call


@numba.njit("void(f8[::1], c16[::1], i8[::1], i8)", nogil=True)
def _forth_and_back(x: Any, spectrum: Any, axes: Any, times: int) -> None:
    for _ in range(times):
        r2c(x, spectrum, axes, True, 1.0, 1)
        c2r(spectrum, x, axes, False, 1.0 / x.size, 1)


def transform(size: int, times: int) -> dict[str, Call]:
    """Forth and back."""
    x, spectrum, axes = real_numbers(size), np.zeros(size // 2 + 1, complex), np.zeros(1, np.int64)

    def call() -> Any:
        _forth_and_back(x, spectrum, axes, times)
        return x

    return {"": Call(call, times)}
