"""What the transversal filters share whose update is more than a gain: taps, references, the delay line, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import line
from ..node import Index, Predictor, complex_array, real_array
from ..param import param
from ..snapshot import COUNTABLE


class TransversalFilter(Predictor):
    """A filter over the last ``taps`` samples of each reference: the base of the family.

    A member names its kernels (``_steps``), what it keeps behind the line (``_more`` numbers), and how many samples
    further back it looks (``_further``); its own parameters stand in ``p`` from ``line.OWN`` on.
    """

    taps: int = param(32, "number of taps n of each input", low=1, fixed=True, slot=line.TAPS)
    references: int = param(1, "number of input signals m", low=1, fixed=True, kw_only=True, slot=line.REFERENCES)

    _worst = "taps * references"

    def _steps(self) -> line.Steps:
        raise NotImplementedError

    def _more(self) -> int:
        return 0

    def _further(self) -> int:
        return 0

    def _kernel(self) -> Function:
        return self._steps().step if self.references == 1 else self._steps().vector_step

    def _inputs(self) -> int:
        return self.references

    def _size(self) -> int:
        return self._behind + self._more()

    def _indices(self) -> list[Index]:
        return [(line.POSITION, 0, self.taps + self._further() - 1), (line.UNLEARNT, 0, COUNTABLE)]

    @property
    def _behind(self) -> int:
        """Where in the state what a member keeps for itself begins."""
        return line.size(self.taps, self.references, self._further())

    @property
    def _total(self) -> int:
        """The length of the regressor."""
        return self.taps * self.references

    @property
    def unlearnt(self) -> int:
        """How many samples taught nothing since the start or the last reset."""
        return int(self._s[line.UNLEARNT])

    @property
    def weights(self) -> NDArray[Any]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them."""
        return line.newest_first(self._s[line.WEIGHTS : line.WEIGHTS + self._total], self.references)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = line.oldest_first(self._checked_weights(values), self.references)
        self._s[line.WEIGHTS : line.WEIGHTS + self._total] = given

    def _checked_weights(self, values: ArrayLike) -> NDArray[Any]:
        """Weights that somebody sets, checked."""
        given: NDArray[Any] = (complex_array if self._is_complex() else real_array)(values, "weights")
        wanted = (self.taps,) if self.references == 1 else (self.references, self.taps)
        if given.shape != wanted:
            raise ValueError(f"weights must have shape {wanted}, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        return given
