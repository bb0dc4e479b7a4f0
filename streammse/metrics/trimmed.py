"""MSE without the largest errors: the trimmed mean."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, kernel, vector_kernel
from ..kernels import buckets, ordered
from ..kernels.window import HEAD
from ..node import Index
from ..param import param
from .base import OWN, Windowed

TRIM = OWN


class TrimmedMSE(Windowed):
    """Mean of the smallest squared errors: whatever the largest are, they do not count.

        TMSE = 1/h sum of the h smallest (y - f)^2,      h = max(1, n - floor(trim n))

    Over ``window`` and ``seconds`` this is exact. The errors are held in order, and an update takes about log W steps
    (for each pair that comes or leaves). With weights whole pairs are left out, from the largest error down and of
    equal ones from the newest, as long as together they weigh no more than the share ``trim`` of all; the mean of the
    others is weighted. The smallest error always counts. An error that is not finite counts as infinite, so that it is
    left out first.

    Running and fading ones cannot hold all pairs. They count the errors in buckets, 16 to an octave, in 8.7 thousand
    numbers (70 kB) for any number of pairs; an update takes about as many steps as octaves are in use. All is exact but
    for the bucket in which the cut falls, whose mean stands for what is kept of it: the value is never below the exact
    one, and above it by at most a 64th of the squared error at the cut, times the weight of that bucket over what is
    kept (both up to rounding). Squared errors below 2^-128 or above 2^128 count in the outermost buckets, for which the
    bound does not hold. With weights or half-lives exactly the share ``trim`` of the weight is left out: the pair at
    the cut may count in part. Here a pair that is not finite is not learnt, and ``skipped`` counts it. Running ones
    ``merge``.

    There is no ``steady``, since no update of a window is long, and no ``compensated``: in the order a sum has a few
    roundings a level.

    Parameters
    ----------
    trim : float, 0 <= trim < 1
        The share of the largest errors that is left out; 0 is the plain MSE. It can be set at any moment.
    window, halflife, seconds, halflife_seconds, weighted, capacity
        Over which pairs: see `streammse.metrics`.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.TrimmedMSE(0.25, window=4).run([1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 99.0, 4.1]).round(3)
    array([1.000000e-02, 1.000000e-02, 3.072007e+03, 1.000000e-02])

    References
    ----------
    Rousseeuw, "Least median of squares regression", J. Amer. Statist. Assoc. 79, 1984, eq. 3.1 (least trimmed squares).
    Buckets of equal relative width: Masson, Rim and Lee, "DDSketch", VLDB 2019, section 2.
    """

    trim: float = param(0.1, "the share of the largest errors left out", low=0.0, below=1.0, slot=TRIM)

    _worst = "capacity if seconds else log(window) if window else 1"
    _variants = (
        {"window": 16},
        {"halflife": 10.0},
        {"seconds": 2.0},
        {"halflife_seconds": 1.0},
        {"window": 16, "weighted": True},
        {"weighted": True},
    )

    def _holds(self) -> bool:
        """Whether all pairs of the window are held."""
        return self.window is not None or self.seconds is not None

    def _push(self) -> Function:
        if self._holds():
            return ordered.sliding if self.window is not None else ordered.lasting
        if self.halflife is not None:
            return buckets.decaying
        return buckets.fading if self.halflife_seconds is not None else buckets.running

    def _cut(self) -> Function:
        if self._holds():
            return ordered.cut
        fades = self.halflife is not None or self.halflife_seconds is not None
        return buckets.cut(whole=not fades and not self.weighted)

    def _kernel(self) -> Function:
        return (_step if self._inputs() == 1 else _row_step)(self._push(), self._cut(), self._length_slot)

    def _size(self) -> int:
        return HEAD + (ordered.size(self._places()) if self._holds() else buckets.SIZE)

    def _start(self, s: NDArray[np.float64]) -> None:
        if not self._holds():
            buckets.start(s, HEAD)
        elif self.seconds is not None:
            ordered.start(s, HEAD, self._places())

    def _indices(self) -> list[Index]:
        timed = self.seconds is not None
        own = ordered.indices(HEAD, self._places(), timed=timed) if self._holds() else buckets.indices(HEAD)
        return super()._indices() + own

    def _inspect(self, s: NDArray[np.float64]) -> None:
        super()._inspect(s)
        for row in s:
            timed = self.seconds is not None
            wrong = (
                ordered.links(row, HEAD, self._places(), timed=timed) if self._holds() else buckets.weights(row, HEAD)
            )
            if wrong:
                raise ValueError(f"the snapshot's state cannot be: {wrong}")

    def _total(self) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            total: tuple[Any, ...] = self._cut()(self._s, HEAD, self.trim)
            return total

    def _join(self) -> Callable[[Any, Any], None] | None:
        fades = self.halflife is not None or self.halflife_seconds is not None
        return None if fades or self._holds() else buckets.join


@cache
def _step(push: Function, cut: Function, slot: int) -> Function:
    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        push(s, HEAD, 0.0 if d != d else 1.0, (d - x) * (d - x), p[slot], 0.0)  # noqa: PLR0124
        return cut(s, HEAD, p[TRIM])[1]

    return step


@cache
def _row_step(push: Function, cut: Function, slot: int) -> Function:
    """The same with x = (prediction, weight, time)."""

    @vector_kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        e = d - x[0]
        push(s, HEAD, 0.0 if d != d else x[1], e * e, p[slot], x[2])  # noqa: PLR0124
        return cut(s, HEAD, p[TRIM])[1]

    return step
