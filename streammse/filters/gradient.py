"""What all stochastic-gradient filters share: taps, step, references, weights, and what to do on divergence."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from .._jit.instructions import Intrinsic, late_sign_sweep, late_sweep
from ..kernels import complex_fir, fir, losses
from ..kernels.losses import textbook_unit
from ..node import Index, Predictor, complex_array, real_array
from ..param import param
from ..snapshot import COUNTABLE


def regulariser() -> Any:
    """The field of every normalised member."""
    return param(
        1e-3,
        "what is added to the energy in the line, relative to its running average",
        low=0.0,
        kw_only=True,
        slot=fir.REGULARISER,
    )


def loss() -> Any:
    """The field of the members that descend any loss."""
    return param(
        losses.squared,
        "the loss that is descended",
        fixed=True,
        kw_only=True,
        check=losses.as_loss,
        encode=lambda one: (one.a, one.b),
        slot=fir.A,
    )


def complex_valued() -> Any:
    """The field of the members that also filter complex signals."""
    return param(
        False,
        "whether signals and weights are complex",
        fixed=True,
        kw_only=True,
        slot=fir.COMPLEX,
    )


class GradientFilter(Predictor):
    """A transversal filter that descends the score of a loss: the base of the family.

    A member names its loss, its normalisation and its regressor; ``kernels/fir.py`` is the arithmetic of all.
    """

    taps: int = param(32, "number of taps n of each input", low=1, fixed=True, slot=fir.TAPS)
    mu: float = param(0.01, "step size", low=0.0, slot=fir.MU)
    references: int = param(1, "number of input signals m", low=1, fixed=True, kw_only=True, slot=fir.REFERENCES)
    on_divergence: str = param(
        "reset", "what follows a divergence", choices=("raise", "reset", "hold"), kw_only=True, slot=fir.POLICY
    )

    _fallible = True
    _worst = "taps * references"
    _p_size = fir.P_SIZE
    _loss: ClassVar[losses.Loss] = losses.squared
    _gain: ClassVar[Function] = fir.plain_gain
    _sweep: ClassVar[Intrinsic] = late_sweep
    _regressor: ClassVar[Function] = fir.itself
    _rule: ClassVar[Function] = fir.steady
    _layout = 3

    def _family(self) -> fir.Family:
        descended = self._descended
        unit = textbook_unit(descended)
        return fir.family(descended.score, self._gain, self._sweep, self._regressor, unit, self._rule)

    @property
    def _descended(self) -> losses.Loss:
        given: losses.Loss = self._values.get("loss", self._loss)
        return given

    def _is_complex(self) -> bool:
        return bool(self._values.get("complex"))

    def _check(self) -> None:
        if self._is_complex():
            one = self._descended
            if any(one.score(e, one.a, one.b) != -one.score(-e, one.a, one.b) for e in (0.5, 3.0)):
                raise ValueError(f"a complex error has no sign: expected an even loss with complex=True, got {one!r}")

    def _complex(self) -> complex_fir.Forms:
        one = self._descended
        if one.score is losses.squared.score:
            return complex_fir.forms(self._gain)
        return complex_fir.forms(self._gain, complex_fir.scored(one.score, textbook_unit(one)))

    def _kernel(self) -> Function:
        if self._is_complex():
            return self._complex().step
        return self._family().step if self.references == 1 else self._family().vector_step

    def _block(self) -> Function | None:
        if self._is_complex():
            return self._complex().block if self.references == 1 else None
        return self._family().block if self.references == 1 else self._family().vector_block

    def _inputs(self) -> int:
        return self.references

    def _size(self) -> int:
        return (complex_fir.size if self._is_complex() else fir.state_size)(self.taps, self.references)

    def _start(self, s: NDArray[np.float64]) -> None:
        fir.start(self._p, s)

    def _indices(self) -> list[Index]:
        counters: list[Index] = [(slot, 0, COUNTABLE) for slot in (fir.DIVERGED, fir.UNLEARNT)]
        rows = self.taps + (1 if self._is_complex() else 2)
        return [(fir.POSITION, 0, rows - 1), (fir.PLACE, 0, self.taps - 1), (fir.LEFT, 0, COUNTABLE), *counters]

    def _size_at_first(self) -> int:
        return fir.size_at_first(self.taps, self.references)

    def _migrate(self, layout: int, s: NDArray[np.float64]) -> NDArray[np.float64]:
        if layout != 1 or s.size != self._size_at_first() or not 0 <= s[fir.POSITION] <= self.taps:
            return super()._migrate(layout, s)
        return fir.from_first(self._p, s, self.taps, self.references, sign=self._sweep is late_sign_sweep)

    @property
    def diverged(self) -> int:
        """How often a divergence was noticed since the start or the last reset."""
        return int(self._s[fir.DIVERGED])

    @property
    def unlearnt(self) -> int:
        """How many samples taught nothing since the start or the last reset.

        They had no desired sample or one that is not finite, were a burst or a divergence, or came during a ``hold``.
        """
        return int(self._s[fir.UNLEARNT])

    @property
    def weights(self) -> NDArray[Any]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them.

        Setting them also ends a ``hold`` after a divergence. Those of a complex filter are complex, and its output is
        w^H x: their conjugates are what the input is convolved with.
        """
        if self._is_complex():
            return complex_fir.weights(self._s, self.taps, self.references)
        return fir.weights(self._s, self.taps, self.references, sign=self._sweep is late_sign_sweep)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = (complex_array if self._is_complex() else real_array)(values, "weights")
        wanted = (self.taps,) if self.references == 1 else (self.references, self.taps)
        if given.shape != wanted:
            raise ValueError(f"weights must have shape {wanted}, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        setting: Any = complex_fir.set_weights if self._is_complex() else fir.set_weights
        setting(self._p, self._s, given, self.references)
