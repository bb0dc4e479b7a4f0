"""MSE that a few outliers cannot carry off: the median of means."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._jit import helper
from ..kernels import window_dealt
from ..kernels.statistics import Statistic, mean_of
from ..kernels.window import HEAD, Window
from ..node import Index
from ..param import param
from .base import OWN, MeanMetric, Windowed
from .errors import squared_error


@helper
def _median(p, a):  # type: ignore[no-untyped-def]
    """The second of (weight, median)."""
    return a[1]


class MedianOfMeansMSE(MeanMetric):
    """Median of the mean squared errors of k blocks, dealt out in turn: fewer than k / 2 outliers cannot move it far.

        MoM = median over j of mean (y_t - f_t)^2,   t mod k = j

    Every block has a window of its own kind: the last W / k of its samples, which are the last W of all; its pairs of
    the last T seconds before the newest stamp of all; or it fades by the pairs or the stamps of all. With weights each
    mean is weighted and the median is the plain one.

    Blocks that have no pair do not vote. A pair that is not finite makes its block's mean infinite while it is in a
    window of samples or seconds; running and fading blocks do not learn it, and ``skipped`` counts it. An update takes
    about k steps.

    Parameters
    ----------
    blocks : int
        Number of blocks k; odd, so that the median is one of the means. More of them bear more
        outliers, fewer waver less.
    window, halflife, seconds, halflife_seconds, weighted, steady, compensated, capacity
        Over which pairs, and how: see `streammse.metrics`. ``window`` must be a multiple of ``blocks``; every block
        has its share of ``capacity``.

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

    blocks: int = param(9, "number of blocks", low=1, fixed=True, slot=OWN)

    _worst = "blocks + (capacity if seconds else sqrt(window / blocks) if steady else window / blocks if window else 0)"
    _probes = {
        **MeanMetric._probes,
        "blocks": {"blocks": 5},
        "window": {"window": 18},
        "steady": {"steady": True, "window": 900},
        "compensated": {"compensated": True, "window": 900},
        "capacity": {"capacity": 27, "seconds": 5.0},
    }
    _variants = ({"window": 18}, {"seconds": 2.0})
    _long_variants = (
        {"halflife": 10.0},
        {"halflife_seconds": 1.0},
        {"window": 18, "steady": True, "weighted": True},
        {"compensated": True, "window": 36},
        {"compensated": True, "weighted": True},
    )

    def _check(self) -> None:
        super()._check()
        if self.window is not None and self.window % self.blocks:
            raise ValueError(f"window must be a multiple of blocks={self.blocks}, got {self.window}")

    def _statistic(self) -> Statistic:
        return mean_of(squared_error)._replace(term=None)

    @cached_property
    def _held(self) -> Statistic:
        return self._widened()._replace(lower=_median)

    @cached_property
    def _each(self) -> Window:
        """The window of one block."""
        return self._window(self._widened())

    @cached_property
    def _over(self) -> Window:
        return window_dealt.dealt(self._each, self._widened(), self.window is not None)

    def _places(self) -> int:
        return -(-super()._places() // self.blocks)  # of one block

    def _size(self) -> int:
        return HEAD + window_dealt.size(self._each, self.blocks, self._places())

    def _indices(self) -> list[Index]:
        return Windowed._indices(self) + window_dealt.indices(self._each, HEAD, self.blocks, self._places())

    def _start(self, s: NDArray[np.float64]) -> None:
        window_dealt.start(self._each, s, HEAD, self.blocks, self._places())
