"""adafilt: filtered-x NLMS in its closed loop, a Python loop over the samples."""

from __future__ import annotations

from adafilt import LMSFilter

from .timing import Call
from .workloads_recursive import STEP, duct


def filtered_x(taps: int, samples: int) -> dict[str, Call]:
    """The error at the microphone; its filter begins anew in each call, as ours does."""
    x, d, path = duct(taps, samples)

    def call() -> object:
        filt = LMSFilter(taps, stepsize=STEP, epsilon_power=1e-12)
        return filt(x, d, sec_path_coeff=path, sec_path_est=path)[2]

    return {"": Call(call, samples)}
