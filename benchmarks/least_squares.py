"""Recursive least squares: ours, plain C of the same recursion, padasip, pydaptivefiltering; the rows of the table."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import streammse as sm

from .rival_c import _at, library
from .table import Against, Race, _entry, aim, at_most, faster
from .timing import Call
from .workloads import identification

if TYPE_CHECKING:
    from collections.abc import Callable

FORGETTING, REGULARISER = 0.999, 0.01


def ours(name: str, taps: int, samples: int) -> dict[str, Call]:
    """A block of any of the family."""
    data = identification(taps, samples)
    filt = getattr(sm, name)(taps, FORGETTING)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


def plain_c(taps: int, samples: int) -> dict[str, Call]:
    """The update of P in a pass of its own, or in the pass of the next product."""
    data = identification(taps, samples)
    x, d = data.padded, data.d
    size, rate = ctypes.c_size_t, ctypes.c_double(FORGETTING)

    def caller(function: Any) -> Callable[[], Any]:
        w, p, q = np.zeros(taps), np.zeros(taps * (taps + 1) // 2), np.zeros(2 * taps)
        p[np.cumsum(np.arange(1, taps + 1)) - 1] = 1.0 / (REGULARISER * x[taps - 1] ** 2)

        def call() -> Any:
            y = np.empty(samples)
            function(_at(x), _at(d), _at(y), _at(w), _at(p), _at(q), size(samples), size(taps), rate)
            return y

        return call

    code = library("rls")
    return {
        "two passes": Call(caller(code.rls_two_passes), samples),
        "one pass": Call(caller(code.rls_one_pass), samples),
    }


def padasip(taps: int, samples: int) -> dict[str, Call]:
    """Its windows are laid out beforehand and cost it nothing."""
    from padasip.filters import FilterRLS

    from .rival_padasip import _windows

    windows, d = _windows(taps, samples)
    filt = FilterRLS(n=taps, mu=FORGETTING, eps=REGULARISER, w="zeros")
    return {"": Call(lambda: filt.run(d, windows)[0], samples)}


def pydaptivefiltering(name: str, taps: int, samples: int) -> dict[str, Call]:
    """A block, a Python loop over the samples."""
    import pydaptivefiltering

    data = identification(taps, samples)
    rates = {"LRLSErrorFeedback": "lambda_factor", "QRRLS": "lamb"}
    filt = getattr(pydaptivefiltering, name)(taps - 1, **{rates[name]: FORGETTING})
    return {"": Call(lambda: filt.optimize(data.x, data.d), samples)}


def races(part: float) -> list[Race]:
    """RLS at four lengths, and the others at one."""
    entry = partial(_entry, "least_squares")
    found = []
    for taps, long, short, slow in ((8, 5e4, 500, 50), (32, 2e4, 200, 50), (128, 2000, 10, 50), (512, 512, 1, 250)):
        samples, few = max(2 * taps, int(long * part)), max(1, int(short * part))
        against = (
            Against("plain C", (at_most(1.0),), entry("plain_c", taps, samples)),
            Against("padasip", (faster(slow),), entry("padasip", taps, few)),
        )
        found.append(Race(f"RLS block, {taps} taps", entry("ours", "RLS", taps, samples), against))
    for name, theirs in (("QRRLS", "QRRLS"), ("LatticeRLS", "LRLSErrorFeedback")):
        rival = Against(
            "pydaptivefiltering", (faster(50),), entry("pydaptivefiltering", theirs, 32, int(200 * part) + 64)
        )
        found.append(Race(f"{name} block, 32 taps", entry("ours", name, 32, int(2e4 * part) + 64), (rival,)))
    against = (Against("RLS", (aim(1.0),), entry("ours", "RLS", 512, 512)),)
    found.append(Race("LatticeRLS block, 512 taps", entry("ours", "LatticeRLS", 512, 2048), against))
    return found
