"""What a blind equaliser holds the desired sample to be: the nearest point, or the nearest place on a circle.

Both are the complex NLMS of ``complex_fir.py`` with a desired sample of their own making. It begins as soon as the line
is full, from a single weight in the middle, which brings the signal to the power that symbols have.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper
from .complex_fir import STARTED, Forms, forms, plain_factor
from .complex_line import modulus
from .constants import SMALLEST
from .constellations import P_SIZE as KNOWN
from .constellations import nearest
from .fir import COUNT, MU, POWER, WEIGHTS, normalised_gain
from .line import HORIZON

RADIUS = KNOWN  # in p: of the circle
P_SIZE = KNOWN + 1
BEYOND = 2.0  # radii; the outermost points of 256-QAM lie at 1.4


@helper
def begun(p: Any, s: Any, n: int) -> bool:
    """Whether there is something to learn from; what was set to begin with stays as it is."""
    if s[COUNT] < min(float(n), HORIZON):
        return False
    if s[STARTED] != 0.0:
        return True
    if s[POWER] > SMALLEST * SMALLEST:
        s[STARTED] = 1.0
        s[WEIGHTS + n - 1 - n // 2] += 1.0 / math.sqrt(s[POWER])
    return False


@helper
def decided(p: Any, yr: float, yi: float, d: complex) -> tuple[float, float]:
    """The nearest point of the constellation."""
    re, im = nearest(p, yr, yi)
    return re, im


@helper
def on_the_circle(p: Any, yr: float, yi: float, d: complex) -> tuple[float, float]:
    """The nearest place on the circle."""
    r = modulus(yr, yi)
    if r > 0.0:
        return yr * (p[RADIUS] / r), yi * (p[RADIUS] / r)
    return p[RADIUS], 0.0


@helper
def of_fourth_order(p: Any, squared_e: float, yr: float, yi: float) -> float:
    """What makes y (R - |y|^2) of the distance to the circle of radius sqrt(R).

    An output beyond ``BEYOND`` radii counts as one there: a spike is no symbol. And no step goes beyond the circle.
    """
    r = modulus(yr, yi)
    most = BEYOND * p[RADIUS]
    far: float = r * (p[RADIUS] + r)
    if r > most:
        far = most * (p[RADIUS] + most) * (most - p[RADIUS]) / (r - p[RADIUS])
    return min(far, 1.0 / p[MU]) if p[MU] > 0.0 else far


def constant_modulus() -> Forms:
    """The kernels of CMA."""
    return forms(normalised_gain, of_fourth_order, on_the_circle, begun)


def decision_directed() -> Forms:
    """The kernels of a decision-directed equaliser."""
    return forms(normalised_gain, plain_factor, decided, begun)
