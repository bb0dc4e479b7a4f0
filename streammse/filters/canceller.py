"""Noise cancelling by any adaptive filter: what it predicts from the references is taken out of the signal."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, vector_kernel
from .._jit.instructions import get, put
from .._jit.parts import call_part, call_vector_part
from ..composite import Composite, settled
from ..kernels.constants import LARGEST
from ..node import Denoiser, Index, Predictor, adaptive_filter
from ..param import REQUIRED, param
from .lms import NLMS

# p: how many samples the filter is late; the table of one part follows
LATE, TABLE = range(2)
# s: the last clean sample, the place in the ring of noisy samples that wait for the filter, then the ring
LAST, PLACE, RING = range(3)


def _filter(name: str, value: Any) -> Predictor:
    """A fresh copy of the filter, whose parameters are fixed from now on."""
    found = adaptive_filter(value, f"{name} must be")
    if found._is_complex():
        raise TypeError(f"{name} must be a real filter, got {value!r}: the signals are real")
    return settled(found.clone())


@helper
def _clean(p, s, d, y):  # type: ignore[no-untyped-def]
    """What is left of the noisy sample that the output is for; a missing one is the last clean one."""
    late = int(p[LATE])
    if late > 0:
        place = int(s[PLACE])
        now = get(s, RING + place)
        put(s, RING + place, d)
        s[PLACE] = place + 1 if place + 1 < late else 0
        d = now
    if abs(d) < LARGEST and math.isfinite(y):
        s[LAST] = d - y
    return s[LAST]


@kernel
def step(p: Any, s: Any, x: float, d: float) -> Any:
    """One reference."""
    return _clean(p, s, d, call_part(p, s, TABLE, x, d))


@vector_kernel
def vector_step(p: Any, s: Any, x: Any, d: float) -> Any:
    """Several references."""
    return _clean(p, s, d, call_vector_part(p, s, TABLE, x, d))


class FilterCanceller(Composite, Denoiser):
    r"""Noise cancelling by an adaptive filter of one's choice.

    .. math::

        \hat s(n) = d(n) - \hat d(n)

    d is the noisy signal and :math:`\hat d` what the filter makes of the references. The wanted signal is the
    disturbance of the filter's learning, so small steps and long memories pay; `NoiseCanceller` chooses the step by
    itself, takes offsets out and withstands bursts, which this class leaves to the filter.

    Parameters
    ----------
    filter : Predictor
        Any adaptive filter, such as ``sm.RLS(32)``; with m references it takes as many inputs. A block filter is
        ``latency`` samples late: so is the output then, and its first samples are NaN. Fixed.

    Raises
    ------
    TypeError
        For what is no adaptive filter, or a complex one.

    Notes
    -----
    A missing sample of the signal gives the last clean one, and teaches nothing; one of a reference is silence.

    Cost: that of the filter.

    References
    ----------
    B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE 63(12), 1975, pp. 1692-1716,
    fig. 1.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> wanted, motor = np.sin(np.arange(20000) / 9.3), rng.standard_normal(20000)
    >>> noisy = wanted + np.convolve(motor, [0.5, 0.3, -0.2])[:20000]
    >>> canceller = sm.FilterCanceller(sm.NLMS(taps=8, mu=0.02))
    >>> clean = canceller.run(noisy, motor)
    >>> canceller.weights[:3].round(1).tolist()
    [0.5, 0.3, -0.2]
    """

    filter: Predictor = param(
        REQUIRED, "the adaptive filter", fixed=True, check=_filter, encode=lambda one: one.latency, slot=LATE
    )

    _p_size = _table = TABLE
    _made_of = "filter"
    _worst = "filter.taps * filter.references"
    _needs: ClassVar[dict[str, Any]] = {"filter": NLMS(taps=4)}
    _variants = ({"filter": NLMS(taps=3, references=2)},)
    _probes: ClassVar[dict[str, dict[str, Any]]] = {"filter": {"filter": NLMS(taps=2)}}

    def _kernel(self) -> Function:
        return step if self._references() == 1 else vector_step

    def _references(self) -> int:
        return self.filter._inputs()

    @property
    def latency(self) -> int:
        """How many samples after its noisy sample a clean one comes."""
        return self.filter.latency

    def _own_size(self) -> int:
        return RING + self.latency

    def _start(self, s: NDArray[np.float64]) -> None:
        s[LAST] = math.nan
        s[RING : RING + self.latency] = math.nan
        self._start_parts(s)

    def _indices(self) -> list[Index]:
        return [(PLACE, 0, max(0, self.latency - 1))]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights of its filter, where that has some."""
        (living,) = self._living()
        return np.asarray(living.weights)  # type: ignore[attr-defined]
