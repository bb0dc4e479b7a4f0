"""MSE that outliers cannot carry off: trimmed, and the median of means."""

from __future__ import annotations

import math
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel
from ..kernels.statistics import mean_of
from ..kernels.window import HEAD, SKIPPED, Window, running, sliding
from ..node import Estimator
from ..param import param
from .base import length, same_kind
from .errors import squared_error

# p, s of the trimmed mean
WINDOW, TRIM = range(2)
PLACE, SORTED, RING = range(3)  # next slot, how many are sorted, W errors by time and W by size

MISSING = -1.0


@helper
def _rank(s, first, n, v):  # type: ignore[no-untyped-def]
    """How many of the n sorted values are smaller than v."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if s[first + middle] < v:
            low = middle + 1
        else:
            high = middle
    return low


@helper
def _trimmed(p, s):  # type: ignore[no-untyped-def]
    n = int(s[SORTED])
    first = RING + int(p[WINDOW])
    keep = max(1, n - int(p[TRIM] * n + 1e-9))  # 0.29 of 100 is 29, though 0.29 * 100 is less
    total = 0.0
    for i in range(keep):
        total += s[first + i]
    return total / keep if n > 0 else math.nan


@kernel
def _trimmed_step(p, s, x, d):  # type: ignore[no-untyped-def]
    w = int(p[WINDOW])
    first = RING + w
    n = int(s[SORTED])
    at = int(s[PLACE])
    old = s[RING + at]
    if old != MISSING:
        for i in range(_rank(s, first, n, old), n - 1):
            s[first + i] = s[first + i + 1]
        n -= 1
        s[first + n] = 0.0
    new = (d - x) * (d - x)
    if d != d:  # noqa: PLR0124
        new = MISSING
    else:
        if not math.isfinite(new):
            new = math.inf
        at_rank = _rank(s, first, n, new)
        for i in range(n, at_rank, -1):
            s[first + i] = s[first + i - 1]
        s[first + at_rank] = new
        n += 1
    s[RING + at] = new
    s[PLACE] = at + 1 if at + 1 < w else 0
    s[SORTED] = n
    return _trimmed(p, s)


class TrimmedMSE(Estimator):
    """Mean of the smallest squared errors of the last W samples: whatever the largest are, they do not count.

        TMSE = 1/h sum of the h smallest (y - f)^2,      h = max(1, n - floor(trim n))

    An error that is not finite counts as infinite, so that it is trimmed first. An update takes up to 2 W steps. There
    is no running or fading form: which errors are the smallest is known only of pairs that are all held.

    Parameters
    ----------
    window : int
        The last W samples; a missing truth (NaN) takes its place among them.
    trim : float, 0 <= trim < 1
        The share of the largest errors that is left out; 0 is the plain MSE. The smallest error always counts.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.TrimmedMSE(window=4, trim=0.25).run([1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 99.0, 4.1]).round(3)
    array([1.000000e-02, 1.000000e-02, 3.072007e+03, 1.000000e-02])

    References
    ----------
    Rousseeuw, "Least median of squares regression", J. Amer. Statist. Assoc. 79, 1984, eq. 3.1 (least trimmed squares).
    """

    window: int = param(100, "the last W samples", low=1, fixed=True, slot=WINDOW)
    trim: float = param(0.1, "the share of the largest errors left out", low=0.0, below=1.0, slot=TRIM)

    def _kernel(self) -> Function:
        return _trimmed_step

    def _size(self) -> int:
        return RING + 2 * self.window

    def _start(self, s: NDArray[np.float64]) -> None:
        s[RING : RING + self.window] = MISSING

    @property
    def value(self) -> float:
        """The value over the window; NaN before the first pair."""
        return float(_trimmed(self._p, self._s))

    @property
    def count(self) -> int:
        """How many pairs are in the window."""
        return int(self._s[SORTED])


# p, s of the median of means
BLOCKS = 0
TURN, LENGTH, SIZE, MEANS = range(HEAD, HEAD + 4)  # whose turn it is; length and size of a block's window;
# then one mean a block, a scratch of as many, and the windows


@helper
def _median(s, blocks):  # type: ignore[no-untyped-def]
    """The median of the means that there are, sorted by insertion behind them."""
    n = 0
    first = MEANS + blocks
    for j in range(blocks):
        v = s[MEANS + j]
        if v == MISSING:
            continue
        i = n
        while i > 0 and s[first + i - 1] > v:
            s[first + i] = s[first + i - 1]
            i -= 1
        s[first + i] = v
        n += 1
    if n == 0:
        return math.nan
    return 0.5 * (s[first + (n - 1) // 2] + s[first + n // 2])


@cache
def _median_of_means(over: Window) -> Function:
    push, lift = over.push, _SQUARES.lift

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        blocks = int(p[BLOCKS])
        j = int(s[TURN])
        s[TURN] = j + 1 if j + 1 < blocks else 0
        n, total = push(s, MEANS + 2 * blocks + j * int(s[SIZE]), lift(p, s, x, d), s[LENGTH], 0.0)
        mean = total / n if n > 0.0 else MISSING
        s[MEANS + j] = mean if mean == mean else math.inf  # noqa: PLR0124
        return _median(s, blocks)

    return step


_SQUARES = mean_of(squared_error)


class MedianOfMeansMSE(Estimator):
    """Median of the mean squared errors of k blocks, dealt out in turn: fewer than k / 2 outliers cannot move it far.

        MoM = median over j of mean (y_t - f_t)^2,   t mod k = j

    Blocks that have no pair yet do not vote. A pair that is not finite makes its block's mean infinite while it is in a
    window; without a window it is not learnt, and ``skipped`` counts it, and two of them ``merge``. There is no fading
    form.

    Parameters
    ----------
    blocks : int
        Number of blocks k; odd, so that the median is one of the means. More of them bear more
        outliers, fewer waver less.
    window : int, optional
        The last W samples, a multiple of ``blocks``; a missing truth (NaN) takes its place among them. None: all.

    Raises
    ------
    ValueError
        When the window is no multiple of the blocks.

    Examples
    --------
    >>> import streammse as sm
    >>> m = sm.MedianOfMeansMSE(blocks=3)
    >>> m.run([0.0] * 6, [1.0, 1.0, 2.0, 1.0, 1e6, 2.0])
    array([1., 1., 1., 1., 4., 4.])

    References
    ----------
    Nemirovsky and Yudin, Problem Complexity and Method Efficiency in Optimization, 1983; Lugosi and Mendelson, "Mean
    estimation and regression under heavy-tailed distributions", Found. Comput. Math. 19, 2019, section 2.1.
    """

    blocks: int = param(9, "number of blocks", low=1, fixed=True, slot=BLOCKS)
    window: int | None = param(None, "the last W samples", fixed=True, check=length, slot=1)

    _probes = {"window": {"window": 18}, "blocks": {"blocks": 5}}
    _variants = ({"window": 18},)

    def _check(self) -> None:
        if self.window is not None and self.window % self.blocks:
            raise ValueError(f"window must be a multiple of blocks={self.blocks}, got {self.window}")

    def _over(self) -> Window:
        return sliding(_SQUARES) if self.window is not None else running(_SQUARES)

    def merge(self, other: Self) -> Self:
        """Take in what another of the same parameters has seen, its pairs after this one's. Returns self.

        Raises TypeError or ValueError when the other is another metric, has other parameters, or when both are over a
        window.
        """
        same_kind(self, other)
        if self.window is not None:
            raise ValueError(f"only running sums merge: what {self!r} holds depends on the order of the pairs")
        k, turn = self.blocks, int(self._s[TURN])
        sums = self._s[MEANS + 2 * k :].reshape(k, -1)  # of each block (number, sum)
        sums += np.roll(other._s[MEANS + 2 * k :].reshape(k, -1), turn, axis=0)  # its turns go on where these end
        n, total = sums.T
        self._s[MEANS : MEANS + k] = np.where(n > 0.0, total / np.maximum(n, 1.0), MISSING)
        self._s[TURN] = (turn + other._s[TURN]) % k
        self._s[SKIPPED] += other._s[SKIPPED]
        return self

    def _each(self) -> tuple[int, int]:
        """Length and size of a block's window."""
        own = (self.window or 0) // self.blocks
        return own, self._over().size(own)

    def _kernel(self) -> Function:
        return _median_of_means(self._over())

    def _size(self) -> int:
        return MEANS + self.blocks * (2 + self._each()[1])

    def _start(self, s: NDArray[np.float64]) -> None:
        s[LENGTH], s[SIZE] = self._each()
        s[MEANS : MEANS + self.blocks] = MISSING

    @property
    def value(self) -> float:
        """The value over the window; NaN before the first pair."""
        return float(_median(self._s.copy(), self.blocks))

    @property
    def count(self) -> int:
        """How many pairs the value rests on."""
        own, size = self._each()
        first = MEANS + 2 * self.blocks
        total = self._over().total
        return sum(int(total(self._s, first + j * size, own)[0]) for j in range(self.blocks))

    @property
    def skipped(self) -> int:
        """How many pairs were not learnt because they were not finite."""
        return int(self._s[SKIPPED])
