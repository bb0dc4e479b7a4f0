"""adafilt: overlap-save block LMS in NumPy, a Python loop over the blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from adafilt import FastBlockLMSFilter

from .timing import Call
from .workloads import MU, identification


def fdaf(taps: int, block: int, samples: int) -> dict[str, Call]:
    """Constrained and with a step by bin, as ours; its own loop would keep all weights of all blocks."""
    data = identification(taps, samples)
    filt = FastBlockLMSFilter(length=taps, blocklength=block, stepsize=MU * block / taps)
    blocks = [slice(at, at + block) for at in range(0, samples - block + 1, block)]

    def call() -> Any:
        y = np.empty(samples)
        for one in blocks:
            y[one] = filt.filt(data.x[one])
            filt.adapt(data.x[one], data.d[one] - y[one])
        return y

    return {"": Call(call, block * len(blocks))}
