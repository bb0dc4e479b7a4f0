"""Active control, recursive filters and notches against their rivals: rows of the table."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

import numpy as np

import streammse as sm

from .table import Against, Race, _entry, aim, below, faster
from .timing import Call
from .workloads_recursive import FORGETTING, STEP, duct, recursive

IIR: dict[str, Any] = {
    "EquationError": partial(sm.EquationError, forgetting=FORGETTING),
    "SteiglitzMcBride": partial(sm.SteiglitzMcBride, forgetting=FORGETTING),
    "GaussNewtonIIR": partial(sm.GaussNewtonIIR, forgetting=FORGETTING),
    "OutputError": sm.OutputError,
    "SHARF": sm.SHARF,
}


def filtered_x(taps: int, samples: int) -> dict[str, Call]:
    """The error at the microphone, in the closed loop."""
    x, d, path = duct(taps, samples)
    f = sm.FilteredXNLMS(taps=taps, mu=STEP, secondary=path, regulariser=0.0)
    return {"": Call(lambda: sm.active_control(f.reset(), x, d, path).error, samples)}


def filtered_x_in_c(taps: int, samples: int) -> dict[str, Call]:
    """The same, written plainly in C."""
    from .rival_c import _at, library

    x, d, path = duct(taps, samples)
    code = library("filtered_x")
    padded = np.concatenate([np.zeros(taps - 1), x])

    def call() -> Any:
        f, y = np.zeros(samples + taps - 1), np.zeros(samples + taps - 1)
        e, w = np.empty(samples), np.zeros(taps)
        places = [ctypes.c_void_p(one[taps - 1 :].ctypes.data) for one in (padded, f, y)]
        sizes = [ctypes.c_size_t(one) for one in (samples, taps, path.size)]
        steps = (ctypes.c_double(STEP), ctypes.c_double(1e-12))
        code.filtered_x_nlms(places[0], _at(d), _at(path), places[1], places[2], _at(e), _at(w), *sizes, *steps)
        return e

    return {"": Call(call, samples)}


def iir(what: str, taps: int, poles: int, samples: int) -> dict[str, Call]:
    """Outputs; each call begins anew."""
    x, d = recursive(taps, poles, samples)
    f = IIR[what](taps=taps, poles=poles)
    return {"": Call(lambda: f.reset().run(x, d), samples)}


def one_by_one(node: Any, samples: int, inputs: int) -> dict[str, Call]:
    """One ``update`` a sample."""
    x, d = recursive(3, 2, samples)
    rows = list(zip(x.tolist(), d.tolist(), strict=True)) if inputs == 2 else [(one,) for one in x.tolist()]

    def call() -> Any:
        update = node.update
        for row in rows:
            y = update(*row)
        return y

    return {"": Call(call, samples)}


def races(part: float = 1.0) -> list[Race]:
    """All rows, with this part of the samples."""
    block, short = max(2000, int(50_000 * part)), max(300, int(2000 * part))
    adafilt = _entry("rival_adafilt_filtered_x", "filtered_x", 32, short)
    found = [
        Race(
            "FilteredXNLMS in its loop, 32 taps, path 32",
            partial(filtered_x, 32, block),
            (
                Against("plain C", (aim(1.0),), partial(filtered_x_in_c, 32, block)),
                Against("adafilt", (faster(50),), adafilt),
            ),
        ),
        Race(
            "FilteredXNLMS in its loop, 256 taps, path 256",
            partial(filtered_x, 256, block),
            (Against("plain C", (aim(1.0),), partial(filtered_x_in_c, 256, block)),),
        ),
    ]
    for what in ("EquationError", "SteiglitzMcBride", "GaussNewtonIIR", "OutputError"):
        for taps, poles in ((3, 2), (32, 2)):
            rival = _entry("rival_pydaptivefiltering_recursive", "iir", what, taps, poles, short)
            against = (Against("pydaptivefiltering", (faster(50),), rival),)
            found.append(Race(f"{what}, {taps} taps, {poles} poles", partial(iir, what, taps, poles, block), against))
    clock = (Against("the clock", (below(1e-6),)),)
    for node, inputs in (
        (sm.FilteredXNLMS(taps=32, secondary=np.r_[0.0, np.ones(31)]), 2),
        (sm.OutputError(), 2),
        (sm.SteiglitzMcBride(), 2),
        (sm.LatticeNotch(), 1),
        (sm.AdaptiveNotch(), 1),
    ):
        what = f"{type(node).__name__}, one by one"
        found.append(Race(what, partial(one_by_one, node, max(300, int(20_000 * part)), inputs), clock))
    return found
