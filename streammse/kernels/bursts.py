"""What a filter that normalises its steps does not learn from: a sample of another order than all before it."""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper
from .._jit.instructions import get
from .constants import LARGEST
from .fir import GROWTH
from .rising import follow


@helper
def worth_learning(s: Any, slot: int, newest: int, m: int, d: float, e: float, energy: float) -> bool:
    """Whether d is known, and neither it nor the line is a burst; ``s[slot]`` is the level of the signals.

    An error that no burst explains is learnt however large it is: it comes of the weights, and such a filter mends
    them. ``newest`` is where the m inputs of this sample begin, ``energy`` what is in the line.
    """
    loudest = 0.0
    for r in range(m):
        loudest = max(loudest, abs(get(s, newest + r)))
    if not (abs(d) < LARGEST and abs(e) < LARGEST):
        s[slot] = follow(s[slot], loudest)
        return False
    s[slot] = follow(s[slot], max(loudest, abs(d)))
    return not (abs(e) > GROWTH * s[slot] and abs(e) <= GROWTH * (abs(d) + math.sqrt(energy)))
