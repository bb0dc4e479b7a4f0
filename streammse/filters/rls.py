"""Recursive least squares with exponential forgetting."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import complex_rls, line, rls
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .transversal import TransversalFilter


def remember(forgetting: float, weights: int) -> None:
    """ValueError where so little is remembered that the weights cannot be told from one another."""
    least = math.exp(-rls.SPAN / weights)
    if forgetting < least:
        raise ValueError(
            f"forgetting must be at least {math.ceil(1e4 * least) / 1e4:g} for {weights} weights (taps of all "
            f"references), got {forgetting:g}"
        )


class RLS(TransversalFilter):
    r"""Recursive least squares: at every sample the weights that fit all samples so far best, the old ones less.

    .. math::

        w(n) = \arg\min_w \sum_{i \le n} \lambda^{n-i} (d(i) - w^T x(i))^2 + \lambda^n \delta\, x_0^2\, \|w\|^2

    .. math::

        k = \frac{P x(n)}{\lambda + x(n)^T P x(n)}, \quad w(n) = w(n-1) + k\,(d(n) - w(n-1)^T x(n)), \quad
        P \leftarrow \frac{P - k\, x(n)^T P}{\lambda}

    P is the inverse of the correlation matrix of x in that sum. It converges within some 2 n samples for n weights,
    however coloured the input is.

    Parameters
    ----------
    taps : int
        Number of taps of each input, at least 1. Fixed.
    forgetting : float
        The weight lambda of the last sample beside this one, exp(-9 / n) <= lambda <= 1 for n weights in all; the
        filter looks back over some 1 / (1 - lambda) samples. With 1 it forgets nothing: ordinary (ridge) least squares
        over all samples. Below 1 - 1 / (2 n) it follows the noise.
    regulariser : float
        delta, relative to the square of the first sample x_0 of the input that is not zero, above 0. It matters only
        until each direction has been excited about once.
    references : int
        Number m of input signals; with more than one, a sample of x has m values, ``weights`` has shape (m, taps), and
        each has its own x_0. Fixed.
    complex : bool
        True: x, d, y and the weights are complex, y(n) = w(n)^H x(n), and the sum is that of |d - w^H x|^2. Fixed.

    Raises
    ------
    ValueError
        When so little is remembered that the weights cannot be told from one another: lambda^n below exp(-9).

    Notes
    -----
    Cost: 1.5 n^2 + O(n) multiplications a sample for n weights in all, n^2 / 2 numbers of state; 12 n^2 and 2 n^2 for n
    complex weights, which are those of a real filter with 2 n weights and two rows a sample. Only the lower
    triangle of P is held, so that it is symmetric by construction, and each of its numbers is read and written once a
    sample.

    What is learnt is the formula above, to rounding, where the input is steady and excites all directions. Elsewhere:

    - Of no direction less is remembered than 1e-8 of the energy of its input, so that P stays bounded when the input is
      constant, a sine, or the same in several references. The weights stay where they are in a direction that is not
      excited.
    - A row x(n) counts for at most 100 times an average one: after a spike of any height in the input the memory is
      1 / (1 - lambda) samples long as ever.
    - Rows that lie 80 dB or more below the level of the last 100,000 samples teach nothing, and in them nothing is
      forgotten: a pause does not let noise drive the weights away. Silence counts as such a pause.
    - Where the input rises by 30 dB above all its peaks, and the errors so far were no smaller than d, the weights
      begin anew, and x_0 is the sample that came: what was learnt from the dither of a reference that is switched on
      late would explode. If that was a spike, P begins once more when it has left the line.
    - Where rounding would make P indefinite all the same, it begins anew and the weights stay (``restarts`` counts).
      An ill-conditioned input is rather a case for `QRRLS`, which holds the same solution to twice the digits.

    In the steady state the excess mean squared error on a steady path is about n (1 - lambda) / (1 + lambda) times the
    noise power, as long as 1 / (1 - lambda) is several times n.

    References
    ----------
    R. L. Plackett, "Some theorems in least squares", Biometrika 37, 1950, pp. 149-157.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 10.
    E. Eleftheriou and D. D. Falconer, "Tracking properties and steady-state performance of RLS adaptive filter
    algorithms", IEEE Trans. Acoustics, Speech, and Signal Processing 34, 1986, pp. 1097-1110.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(50)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:50]
    >>> f = sm.RLS(taps=3)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [1.0, -0.5, 0.25]
    """

    forgetting: float = param(0.999, "weight of the past beside the present", above=0.0, high=1.0, slot=rls.FORGETTING)
    regulariser: float = param(
        0.01, "delta, relative to the square of the first sample", above=0.0, kw_only=True, slot=rls.REGULARISER
    )

    complex: bool = param(
        False,
        "whether signals and weights are complex",
        fixed=True,
        kw_only=True,
        slot=complex_rls.IN_COMPLEX,
    )

    _p_size = complex_rls.P_SIZE
    _worst = "(taps * references) ** 2"
    _probes: ClassVar = {"forgetting": {"forgetting": 0.99}}
    _variants: ClassVar[tuple[dict[str, Any], ...]] = (
        {"taps": 5, "references": 2, "forgetting": 0.95},
        {"taps": 3, "references": 2, "forgetting": 0.95, "complex": True},
    )

    def _check(self) -> None:
        remember(self.forgetting, self._total)

    def _steps(self) -> line.Steps:
        return line.steps(rls.learn, forget=rls.forget)

    def _is_complex(self) -> bool:
        return bool(self._values.get("complex"))

    def _kernel(self) -> Function:
        return complex_rls.step if self._is_complex() else super()._kernel()

    def _size(self) -> int:
        return (complex_rls.size if self._is_complex() else rls.size)(self.taps, self.references)

    def _start(self, s: NDArray[np.float64]) -> None:
        s[rls.MU] = s[rls.LAMBDA] = 1.0

    def _indices(self) -> list[Index]:
        parts = 2 if self._is_complex() else 1
        own = [(rls.NEXT, 0, self._total * parts - 1), (rls.SIDE, 0, 1), (rls.RESTARTS, 0, COUNTABLE)]
        own.append((rls.BEGUN, 0, self.references))
        return [*super()._indices(), *own]

    @property
    def restarts(self) -> int:
        """How often rounding made it necessary to begin P anew since the start or the last reset."""
        return int(self._s[rls.RESTARTS])

    @property
    def weights(self) -> NDArray[Any]:
        """The weights, newest tap first: shape (taps,), or (references, taps). A copy; assign to set them.

        Those of a complex filter are complex, and its output is w^H x.
        """
        if not self._is_complex():
            return super().weights
        return line.paired(self._s[line.WEIGHTS : line.WEIGHTS + 2 * self._total], self.references)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = self._checked_weights(values)
        turned = (line.in_pairs if self._is_complex() else line.oldest_first)(given, self.references)
        self._s[line.WEIGHTS : line.WEIGHTS + turned.size] = turned
