"""LMS on the discrete cosine transform of the delay line, each coefficient by its own power: DCT-LMS.

    C_k(n) = c_k sum_i x(n - i) cos(pi k (2 i + 1) / (2 L)),          c_0 = sqrt(1 / L), c_k = sqrt(2 / L)
    P_k(n) = P_k(n-1) + r (C_k(n)^2 - P_k(n-1)),                      y(n) = sum_k W_k(n) C_k(n)
    W_k(n+1) = W_k(n) + mu e(n) (C_k / (P_k + delta)) / max(N, sum_k C_k^2 / (P_k + delta))

over the N = m L coefficients of m references. In the mean the sum is N, and so mu counts as in NLMS; where the power
has just risen, the larger of the two keeps the step from being too long.

The transform slides. With z_k the same sum over exp(i pi k (2 i + 1) / (2 L)), of which C_k is the real part,

    z_k(n) = exp(i pi k / L) z_k(n-1) + exp(i pi k / (2 L)) (x(n) - (-1)^k x(n - L))

costs a few operations each, but its errors never fade. So a second sum runs beside it, to which nothing is ever taken
from: begun at zero L samples ago it is the transform of the line, takes the place of the first, and begins anew. What
has left the line is forgotten 2 L samples later, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import helper
from .._jit.lanes import elementwise, multiply_add
from .._jit.vectors import add_scaled, dot
from . import line
from .constants import LARGEST

# p behind the line's; tables of TABLES times L numbers behind
MU, REGULARISER, RATE = range(line.OWN, line.OWN + 3)
P_SIZE = 8
TABLES = 7
# s behind the line's
AGE = line.FREE  # samples in the second sum
VECTORS = 7  # of N numbers, behind the line: z and its successor, C, P, and C over P
TINY = 1e-190  # what is divided by at least


def tables(taps: int) -> NDArray[np.float64]:
    """What turns each z by a sample, what the sample that comes and the one that leaves count with, and c."""
    k = np.arange(taps)
    turn, enter = np.exp(1j * np.pi * k / taps), np.exp(0.5j * np.pi * k / taps)
    leave = enter * (1.0 - 2.0 * (k % 2))
    scale = np.where(k == 0, np.sqrt(1.0 / taps), np.sqrt(2.0 / taps))
    return np.concatenate([turn.real, turn.imag, enter.real, enter.imag, leave.real, leave.imag, scale])


def _slide(
    z_re: Any, z_im: Any, b_re: Any, b_im: Any, c: Any, power: Any, over: Any,
    turn_re: Any, turn_im: Any, enter_re: Any, enter_im: Any, leave_re: Any, leave_im: Any, scale: Any,
    new: Any, old: Any, rate: Any, delta: Any,
) -> Any:  # fmt: skip
    b_re, b_im = (
        multiply_add(b_re, turn_re, multiply_add(-b_im, turn_im, enter_re * new)),
        multiply_add(b_im, turn_re, multiply_add(b_re, turn_im, enter_im * new)),
    )
    z_re, z_im = (
        multiply_add(z_re, turn_re, multiply_add(-z_im, turn_im, multiply_add(-leave_re, old, enter_re * new))),
        multiply_add(z_im, turn_re, multiply_add(z_re, turn_im, multiply_add(-leave_im, old, enter_im * new))),
    )
    c = z_re * scale
    power = multiply_add(rate, multiply_add(c, c, -power), power)
    return z_re, z_im, b_re, b_im, c, power, c / (power + delta)


_slide_ = elementwise(_slide, VECTORS + TABLES, 4, TABLES)


@helper
def _one_more(p: Any) -> int:
    """The sample that leaves the line."""
    return 1


@helper
def learn(p, s, u, n, d):  # type: ignore[no-untyped-def]
    """Slide the transform, filter, and descend."""
    taps = int(p[line.TAPS])
    m = n // taps
    z = line.WEIGHTS + n + 2 * m * (taps + 1)
    delta = p[REGULARISER] * s[line.POWER] + TINY
    rate = max(p[RATE], m / max(s[line.COUNT], float(m)))
    for r in range(m):
        at = z + taps * r
        w = P_SIZE
        _slide_(
            p, s, at, at + n, at + 2 * n, at + 3 * n, at + 4 * n, at + 5 * n, at + 6 * n,
            w, w + taps, w + 2 * taps, w + 3 * taps, w + 4 * taps, w + 5 * taps, w + 6 * taps,
            s[u + n - m + r], s[u - m + r], rate, delta, taps,
        )  # fmt: skip
    s[AGE] += 1.0
    if s[AGE] >= taps:
        s[AGE] = 0.0
        for i in range(2 * n):
            s[z + i] = s[z + 2 * n + i]
            s[z + 2 * n + i] = 0.0
    c, over = z + 4 * n, z + 6 * n
    y = dot(s, line.WEIGHTS, s, c, n)
    e = d - y
    if abs(e) < LARGEST:
        add_scaled(s, line.WEIGHTS, p[MU] * e / max(float(n), dot(s, c, s, over, n)), s, over, n)
    else:
        s[line.UNLEARNT] += 1.0
    return y


def steps() -> line.Steps:
    """The kernels, for one reference and for several."""
    return line.steps(learn, _one_more)
