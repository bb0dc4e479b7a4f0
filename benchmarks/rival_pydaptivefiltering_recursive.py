"""pydaptivefiltering (Diniz): recursive filters, a Python loop over the samples."""

from __future__ import annotations

import numpy as np
from pydaptivefiltering.iir.error_equation import ErrorEquation
from pydaptivefiltering.iir.gauss_newton import GaussNewton
from pydaptivefiltering.iir.gauss_newton_gradient import GaussNewtonGradient
from pydaptivefiltering.iir.rls_iir import RLSIIR
from pydaptivefiltering.iir.steiglitz_mcbride import SteiglitzMcBride

from .timing import Call
from .workloads_recursive import FORGETTING, recursive

MAKE = {
    "EquationError": {
        "ErrorEquation": lambda m, n: ErrorEquation(m, n, forgetting_factor=FORGETTING, epsilon=1e-9),
    },
    "SteiglitzMcBride": {"SteiglitzMcBride": lambda m, n: SteiglitzMcBride(m, n, step_size=1e-4)},
    "GaussNewtonIIR": {
        "RLSIIR": lambda m, n: RLSIIR(m, n, forgetting_factor=FORGETTING),
        "GaussNewton": lambda m, n: GaussNewton(m, n, alpha=1 - FORGETTING, step_size=1 - FORGETTING),
    },
    "OutputError": {"GaussNewtonGradient": lambda m, n: GaussNewtonGradient(m, n, step_size=1e-4)},
}


def iir(what: str, taps: int, poles: int, samples: int) -> dict[str, Call]:
    """Outputs, by every class of theirs that stands for the method; each call begins anew."""
    x, d = recursive(taps, poles, samples)

    def entered(make: object) -> Call:
        return Call(lambda: np.asarray(make(taps - 1, poles).optimize(x, d).outputs), samples)  # type: ignore[operator]

    return {name: entered(make) for name, make in MAKE[what].items()}
