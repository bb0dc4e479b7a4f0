"""The gradient filters and affine projection: every one that a rival has too, and plain C where a bound asks for it."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import streammse as sm

from .table import Against, Race, at_most, faster
from .timing import Call
from .workloads import MU, identification

if TYPE_CHECKING:
    from collections.abc import Callable

TAPS, ORDER = 32, 4

#: ours, the rival's name for it, and its parameters; a step that keeps every one of them stable costs nobody anything
PADASIP: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("LMS", "FilterLMS", {"mu": 0.01}),
    ("SignSignLMS", "FilterSSLMS", {"mu": 0.001}),
    ("LMF", "FilterLMF", {"mu": 1e-4}),
    ("NLMF", "FilterNLMF", {"mu": 0.01}),
    ("GMCCLMS", "FilterGMCC", {"mu": 0.01}),
    ("LogCoshLMS", "FilterLlncosh", {"mu": 0.01}),
    ("GNGD", "FilterGNGD", {"mu": 0.5}),
    ("MathewsXieLMS", "FilterVSLMS_Mathews", {"mu": 0.001, "ro": 1e-12}),
    ("BenvenisteLMS", "FilterVSLMS_Benveniste", {"mu": 0.001, "ro": 1e-12}),
    ("AngFarhangLMS", "FilterVSLMS_Ang", {"mu": 0.001, "ro": 1e-12}),
)
PYDAPTIVE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("SignErrorLMS", "SignError", {"step_size": 0.001}),
    ("SignDataLMS", "SignData", {"step_size": 0.01}),
    ("SMNLMS", "SMNLMS", {"gamma_bar": 0.1, "gamma": 1e-3}),
    ("DCTLMS", "TDomainDCT", {"gamma": 1e-3, "alpha": 0.01, "initial_power": 1.0, "step_size": 0.01}),
    (
        "SMAffineProjection",
        "SMAffineProjection",
        {"gamma_bar": 0.1, "gamma_bar_vector": np.zeros(ORDER), "gamma": 1e-3, "L": ORDER - 1},
    ),
)


def ours(name: str, samples: int, **params: Any) -> dict[str, Call]:
    """A block, with the defaults."""
    data = identification(TAPS, samples)
    filt = getattr(sm, name)(taps=TAPS, **params)
    return {"": Call(lambda: filt.run(data.x, data.d), samples)}


def padasip(name: str, samples: int, **params: Any) -> dict[str, Call]:
    """A block; its windows are laid out beforehand and cost it nothing."""
    import padasip as pa

    data = identification(TAPS, samples)
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(data.padded, TAPS)[:, ::-1])
    filt = getattr(pa.filters, name)(n=TAPS, w="zeros", **params)
    return {"": Call(lambda: filt.run(data.d, windows)[0], samples)}


def pydaptive(name: str, samples: int, **params: Any) -> dict[str, Call]:
    """A block; the order that it asks for is one less than the taps."""
    import pydaptivefiltering as pdf

    data = identification(TAPS, samples)
    return {
        "": Call(
            lambda: np.real(getattr(pdf, name)(filter_order=TAPS - 1, **params).optimize(data.x, data.d).outputs),
            samples,
        )
    }


def plain_c(order: int, samples: int) -> dict[str, Call]:
    """Affine projection with its errors afresh or carried along; the faster one counts."""
    from .rival_c import library

    data = identification(TAPS, samples)
    x, d = np.concatenate([np.zeros(order - 1), data.padded]), data.d
    code = library("affine_projection")

    def at(array: np.ndarray[Any, Any]) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def caller(function: Any) -> Callable[[], Any]:
        w = np.zeros(TAPS)
        sizes = (ctypes.c_size_t(samples), ctypes.c_size_t(TAPS), ctypes.c_size_t(order))
        steps = (ctypes.c_double(MU), ctypes.c_double(1e-3 * TAPS))

        def call() -> Any:
            y = np.empty(samples)
            function(at(x), at(d), at(y), at(w), *sizes, *steps)
            return y

        return call

    return {
        "errors afresh": Call(caller(code.ap_afresh), samples),
        "errors carried along": Call(caller(code.ap_carried), samples),
    }


def races(part: float = 1.0) -> list[Race]:
    """The rows of the table."""

    def some(samples: float, least: int = 1024) -> int:
        return max(least, int(samples * part))

    block, short = some(1e5), some(2000, 200)
    found = []
    for order in (2, ORDER, 8):
        against = [Against("plain C", (at_most(1.1),), partial(plain_c, order, block))]
        if order == ORDER:
            against += [
                Against("padasip", (faster(30),), partial(padasip, "FilterAP", short, mu=MU, order=order)),
                Against(
                    "pydaptivefiltering",
                    (faster(50),),
                    partial(pydaptive, "AffineProjection", short, step_size=MU, L=order - 1, gamma=1e-3),
                ),
            ]
        entry = partial(ours, "AffineProjection", block, order=order, mu=MU)
        found.append(Race(f"affine projection of order {order}, {TAPS} taps", entry, tuple(against)))
    for who, rival, table in (("padasip", padasip, PADASIP), ("pydaptivefiltering", pydaptive, PYDAPTIVE)):
        for name, theirs, params in table:
            against = [Against(who, (faster(50),), partial(rival, theirs, short, **params))]
            found.append(Race(f"{name}, {TAPS} taps", partial(ours, name, block), tuple(against)))
    return found
