"""How the step of a gradient filter follows its signals: rules for the one kernel of ``fir.py``.

``rule(p, s, e, d, energy, lagged, mu, floor) -> (mu, floor)`` is asked once for every sample that teaches: e the
error, ``energy`` |x(n)|^2, ``lagged`` x(n-1)' x(n), ``floor`` the regulariser. What it keeps lies behind the state of
the filter. The step is that of NLMS, relative to the energy in the line, and squares of errors count relative to the
running power of d, products of two errors to the power of the errors of late: so every rule works for signals of any
scale, where the papers have steps of LMS and plain squares. Relative to d, such products would fade with the noise, and
the step would stay where the start had driven it.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper
from . import fir
from .constants import SMALLEST as SMALL
from .fir import UNLEARNT
from .line import BURST, listen

# p
RATE, MEMORY, SMALLEST, LARGEST = range(fir.P_SIZE, fir.P_SIZE + 4)
P_SIZE = fir.P_SIZE + 4
# behind the state: the step (or regulariser) of now, the running power of d and of how many samples, or that of the
# errors of late, the error and the energy of the sample before, and how many had taught nothing by then
NOW, POWER, COUNT, BEFORE, ENERGY, SINCE = range(6)
MORE = 6

WHILE = 100.0  # samples over which the power of the error is averaged
OUTLIER = 10.0  # of what errors on end agree in, relative: a spike must not set the step
STEEPEST = 4.0  # GNGD: of the average energy over that in the line: an empty line must not set the regulariser
MOST = 100.0  # GNGD: what the regulariser grows to at most, relative to the energy: a step of a hundredth


@helper
def behind(p: Any) -> int:
    """Where in the state it begins."""
    size: int = fir.state_size(int(p[fir.TAPS]), int(p[fir.REFERENCES]))
    return size


@helper
def desired_power(s: Any, at: int, d: float) -> float:
    """The running power of d, this sample included."""
    s[at + POWER], s[at + COUNT] = listen(d, s[at + POWER], s[at + COUNT])
    power: float = s[at + POWER]
    return power


@helper
def error_power(power: float, e: float) -> float:
    """The power of the error of late, with one more: what the products of errors are relative to."""
    square = e * e
    if not square > SMALL:
        return power
    return power + (min(square, BURST * power) - power) * (1.0 / WHILE) if power > 0.0 else square


@helper
def agreement(s: Any, at: int, e: float, lagged: float) -> float:
    """e(n) e(n-1) over the power of the error times x(n-1)' x(n) over what the last step was divided by.

    Nothing where the sample before taught nothing. Keeps the error for the next one.
    """
    power = s[at + POWER]  # that before this error: the division does not wait for it
    s[at + POWER] = error_power(power, e)
    before, last = s[at + BEFORE], s[at + ENERGY]
    fresh = s[at + SINCE] == s[UNLEARNT]
    s[at + BEFORE], s[at + SINCE] = e, s[UNLEARNT]
    if not (fresh and power > 0.0 and last > 0.0):
        return 0.0
    both: float = e * ((before / power) * (lagged / last))
    return max(-OUTLIER, min(OUTLIER, both))


@helper
def kwong_johnston(p, s, e, d, energy, lagged, mu, floor):  # type: ignore[no-untyped-def]
    """mu(n+1) = alpha mu(n) + gamma e(n)^2."""
    at = behind(p)
    power = desired_power(s, at, d)
    now = s[at + NOW]
    if power > 0.0:
        following = p[MEMORY] * now + p[RATE] * (e * e / power)
        s[at + NOW] = min(max(following, p[SMALLEST]), p[LARGEST])
    return now, floor


@helper
def mathews_xie(p, s, e, d, energy, lagged, mu, floor):  # type: ignore[no-untyped-def]
    """mu(n) = mu(n-1) + rho e(n) e(n-1) x(n-1)' x(n)."""
    at = behind(p)
    following = s[at + NOW] + p[RATE] * agreement(s, at, e, lagged)
    s[at + NOW] = min(max(following, p[SMALLEST]), p[LARGEST])
    s[at + ENERGY] = energy + floor
    return s[at + NOW], floor


@helper
def gngd(p, s, e, d, energy, lagged, mu, floor):  # type: ignore[no-untyped-def]
    """epsilon(n) = epsilon(n-1) - rho mu e(n) e(n-1) x(n-1)' x(n) / (|x(n-1)|^2 + epsilon(n-1))^2."""
    at = behind(p)
    least, last = p[fir.REGULARISER], s[at + ENERGY]
    unit = floor / least  # the average energy in the line
    same = agreement(s, at, e, lagged)
    if last > 0.0:
        following = s[at + NOW] - p[RATE] * mu * same * min(unit / last, STEEPEST)
        s[at + NOW] = min(max(following, least), MOST)
    s[at + ENERGY] = energy + s[at + NOW] * unit
    return mu, s[at + NOW] * unit


@helper
def set_membership(p, s, e, d, energy, lagged, mu, floor):  # type: ignore[no-untyped-def]
    """mu(n) = 1 - gamma / |e(n)| where the error is beyond gamma, else nothing."""
    at = behind(p)
    threshold = p[RATE] * math.sqrt(desired_power(s, at, d))
    if not abs(e) > threshold:
        return 0.0, floor
    s[at + NOW] += 1.0
    return mu * (1.0 - threshold / abs(e)), floor
