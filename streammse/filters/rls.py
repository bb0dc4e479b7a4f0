"""Recursive least squares."""

from __future__ import annotations

from ..kernels import line, rls
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .transversal import TransversalFilter

class RLS(TransversalFilter):
    """TODO."""
    forgetting: float = param(0.999, "weight lambda of the last sample beside this one", above=0.0, high=1.0, slot=rls.FORGETTING)
    regulariser: float = param(0.01, "delta", above=0.0, kw_only=True, slot=rls.REGULARISER)

    def _steps(self) -> line.Steps:
        return line.steps(rls.learn)

    def _size(self) -> int:
        return rls.size(self.taps, self.references)

    def _start(self, s):
        s[rls.MU] = 1.0

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (rls.NEXT, 0, self._total - 1), (rls.RESTARTS, 0, COUNTABLE)]
