"""CMSIS-DSP's Python wheel: ``arm_lms_norm_f32``, NLMS in float32 C, in blocks of several sizes; the best counts."""

from __future__ import annotations

from typing import Any

import cmsisdsp
import numpy as np

from .timing import Call
from .workloads import MU, identification


def nlms(taps: int, samples: int) -> dict[str, Call]:
    return {f"blocks of {size}": _nlms(taps, samples, size) for size in (512, 4096, samples) if size <= samples}


def _nlms(taps: int, samples: int, size: int) -> Call:
    data = identification(taps, samples)
    x, d = data.x.astype(np.float32), data.d.astype(np.float32)
    filt = cmsisdsp.arm_lms_norm_instance_f32()
    zeros = np.zeros(taps, np.float32)
    cmsisdsp.arm_lms_norm_init_f32(filt, taps, zeros, np.zeros(taps + size - 1, np.float32), MU)
    blocks = [(x[i : i + size], d[i : i + size]) for i in range(0, samples - size + 1, size)]
    error = np.zeros(size, np.float32)

    def call() -> Any:
        return [cmsisdsp.arm_lms_norm_f32(filt, a, b, error) for a, b in blocks]

    return Call(call, size * len(blocks))
