"""When the gain of a Kalman filter has settled: its covariance need not be computed any more."""

from __future__ import annotations

from .._jit import helper

EVERY = 32.0  # samples between two looks at the gain
SETTLED, NEGLIGIBLE = 1e-13, 1e-15  # its change over them, relative to itself and to the largest


@helper
def unchanged(s, now, before, n):  # type: ignore[no-untyped-def]
    """Whether the gain at ``now``, of n numbers, is what it was at the last look; it is kept for the next."""
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(s[now + i]))
    settled = True
    for i in range(n):
        g = s[now + i]
        if not abs(g - s[before + i]) <= SETTLED * abs(g) + NEGLIGIBLE * largest:
            settled = False
        s[before + i] = g
    return settled
