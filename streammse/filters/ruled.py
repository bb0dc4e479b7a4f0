"""What the filters share that are NLMS with a rule for the update: see ``kernels/vector_rules.py``."""

from __future__ import annotations

from typing import ClassVar

from .._jit import Function
from ..kernels import line, vector_rules
from ..param import param
from .transversal import TransversalFilter


class RuledFilter(TransversalFilter):
    """A member names its rule and its parameters."""

    mu: float = param(0.5, "step size", low=0.0, high=2.0, slot=vector_rules.MU)
    regulariser: float = param(
        1e-3,
        "what is added to the energy in the line, relative to its running average",
        low=0.0,
        kw_only=True,
        slot=vector_rules.REGULARISER,
    )

    _p_size = vector_rules.P_SIZE
    _rule: ClassVar[Function]

    def _steps(self) -> line.Steps:
        return line.steps(vector_rules.learning(self._rule))

    def _more(self) -> int:
        return self._total
