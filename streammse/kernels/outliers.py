"""What is far out counts for less: a running power, and a bound of so many times its root."""

from __future__ import annotations

import math

from .._jit import helper
from .constants import LARGEST
from .line import BURST

FAR = 10.0  # root mean squares: Gaussian errors do not get there
SHORT = 1000.0  # samples of that mean
KNOWN = 100.0  # samples after which it is one
QUIET = 1e-280  # a power below that is none


@helper
def within(s, at, heard, e):  # type: ignore[no-untyped-def]
    """An error as it counts, in its running power ``s[at]`` over ``heard`` samples; none where it is no number."""
    if not abs(e) < LARGEST:
        return 0.0
    power = s[at]
    square = e * e
    if power < QUIET:  # nor do digits fade
        s[at] = square
        return e
    if heard < KNOWN:
        s[at] = power + (square - power) / (heard + 1.0)
        return e
    s[at] = power + (min(square, BURST * power) - power) * (1.0 / SHORT)
    most = FAR * math.sqrt(power)
    return min(max(e, -most), most)
