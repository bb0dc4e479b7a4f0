"""What the adaptive cancellers share: the step sizes and what they are relative to."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import cancelling, rising
from ..node import Denoiser
from ..param import param


class AdaptiveCanceller(Denoiser):
    """Three normalised LMS filters with steps mu, mu / 10 and mu / 100, weighted by what they leave behind."""

    mu: float = param(0.5, "largest of the three step sizes", low=0.0, high=1.0, kw_only=True, slot=cancelling.MU)
    memory: float = param(
        1000.0, "samples over which the three filters are compared", low=1.0, kw_only=True, slot=cancelling.MEMORY
    )
    regulariser: float = param(
        1e-3,
        "what is added to the energy, relative to taps times the running input power",
        low=0.0,
        kw_only=True,
        slot=cancelling.REGULARISER,
    )
    huber: float = param(
        2.5,
        "where the error is cut in the update, in running standard deviations of the error",
        above=0.0,
        kw_only=True,
        slot=cancelling.HUBER,
    )

    _p_size = cancelling.P_SIZE
    _layout = 3
    _worst = "taps * references"
    _probes: ClassVar = {"memory": {"memory": 50.0}}

    def _start(self, s: NDArray[np.float64]) -> None:
        cancelling.start(s)

    def _behind(self) -> int:
        """How many numbers of the state stand behind those of the canceller."""
        return 0

    def _size_at_first(self) -> int:
        return self._size() - rising.NUMBERS - self._inputs() * (cancelling.EACH - 2)

    def _migrate(self, layout: int, s: NDArray[np.float64]) -> NDArray[np.float64]:
        if layout == 2 and s.size == self._size() - rising.NUMBERS:
            return cancelling.from_second(s, self._behind())
        if layout != 1 or s.size != self._size_at_first():
            return super()._migrate(layout, s)
        return cancelling.from_first(s, int(self._p[cancelling.TAPS]), self._inputs(), self._behind())
