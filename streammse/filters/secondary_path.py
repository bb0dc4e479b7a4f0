"""Active control that learns the secondary path while it works."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .._jit import Function
from ..kernels import secondary_path as k
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .filtered_x import FilteredXNLMS


class OnlineFilteredXNLMS(FilteredXNLMS):
    r"""Filtered-x NLMS that identifies the secondary path while it works, with a quiet noise of its own.

    .. math::

        y(n) = w(n)^T x(n) + v(n), \qquad f(n) = e(n) - \hat s(n)^T v(n), \qquad
        \varepsilon(n) = f(n) - h(n)^T x(n)

        \hat s(n+1) = \hat s(n) + \frac{\nu\,\varepsilon(n)}{\|v(n)\|^2}\, v(n), \qquad
        h(n+1) = h(n) + \frac{\nu\,\varepsilon(n)}{\|x(n)\|^2}\, x(n), \qquad
        w(n+1) = w(n) - \frac{\mu\, f(n)}{\|x'(n)\|^2}\, x'(n)

    v is a white probe that goes out with the output (Eriksson and Allie). The filter h takes what the references
    explain out of the error that the model learns from, and the model takes the probe out of the error that w learns
    from (Zhang, Lan and Ser), so that none disturbs the others.

    A path that changes while the control runs is learnt anew. As long as so much is heard that a tenth of the model
    could be noise, w learns the less, down to nothing. And where the output stays at its ``limit`` the control does
    harm: it is given up (``retreats`` counts it), the path alone is learnt for ``settle`` samples, then it begins anew.

    Parameters
    ----------
    taps : int
        Number of taps n of each reference, of w and of h. Fixed.
    mu : float
        Step size of w, without unit, 0 <= mu <= 2; small against ``nu``, so that the model is there first.
    secondary : array, shape (L,)
        The model to begin with; zeros of the right length, if nothing is known. Fixed.
    leak, limit, references, on_divergence, regulariser :
        As in `FilteredXNLMS`. The limit holds for the output without the probe, which adds 1.73 ``probe`` at most;
        without one a path that turns round is noticed only when the control diverges. Then too the path is learnt anew.
    probe : float
        Root mean square of the probe, in the unit of the output, 0 < probe. What is heard of it remains: the error
        is never quieter than the probe through the path. Twenty decibels below what the loudspeaker plays are usual.
    nu : float
        Step size of the model and of h, without unit, 0 <= nu <= 2. The less the probe is heard under the rest, the
        smaller it must be.
    settle : int
        Samples for which only the path is learnt, at the start and when the control was given up. About L / nu.
    seed : int
        The probe is the same for the same seed.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.

    Notes
    -----
    There is one error microphone.

    Cost: m (L + 3 n) multiplications a sample as in `FilteredXNLMS`, and 4 L + 3 m n more for the model and for h.

    References
    ----------
    L. J. Eriksson and M. C. Allie, "Use of random noise for on-line transducer modeling in an adaptive active
    attenuation system", J. Acoust. Soc. Am. 85(2), 1989, pp. 797-802.
    M. Zhang, H. Lan and W. Ser, "Cross-updated active noise control system with online secondary path modeling", IEEE
    Trans. Speech and Audio Processing 9(5), 2001, pp. 598-602.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(60_000)
    >>> d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[:60_000]
    >>> f = sm.OnlineFilteredXNLMS(taps=16, mu=0.01, secondary=np.zeros(4), probe=0.05, nu=0.02, settle=10_000)
    >>> error, output = sm.active_control(f, x, d, [0, 0, 0.6, 0.2])
    >>> f.model.round(1).tolist()
    [-0.0, 0.0, 0.6, 0.2]
    """

    mu: float = 0.02
    probe: float = param(0.05, "root mean square of the probe", above=0.0, kw_only=True, slot=k.PROBE)
    nu: float = param(0.01, "step size of the model", low=0.0, high=2.0, kw_only=True, slot=k.STEP)
    settle: int = param(5000, "samples for which only the path is learnt", low=0, kw_only=True, slot=k.SETTLE)
    seed: int = param(1, "of the probe", low=1, high=k.MODULUS - 1, kw_only=True, fixed=True, slot=k.SEED)

    _p_size = k.SIZE
    _variants = ()
    _long_variants = ({"taps": 6, "references": 2},)
    _needs: ClassVar = {**FilteredXNLMS._needs, "settle": 50}  # so that the laws see it control
    _probes: ClassVar = {**FilteredXNLMS._probes, "limit": {"limit": 0.01}}

    def _check(self) -> None:
        if self.errors > 1 or isinstance(self.secondary[0], tuple):
            raise ValueError(f"secondary must have shape (L,): one error microphone, got {self.errors} rows")

    def _kernel(self) -> Function:
        return k.step if self.references == 1 else k.vector_step

    def _more(self) -> int:
        return super()._more() + 1 + 2 * self.path + self._total

    def _start(self, s: NDArray[np.float64]) -> None:
        super()._start(s)
        s[k.DRAWN] = self.seed

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (k.DRAWN, 1, k.MODULUS - 1), (k.RETREATS, 0, COUNTABLE)]

    @property
    def retreats(self) -> int:
        """How often the control was given up because its output stayed at the limit."""
        return int(self._s[k.RETREATS])

    @property
    def model(self) -> NDArray[np.float64]:
        """The model of the secondary path now: shape (L,). A copy."""
        at = self._behind + 2 * self.references * self.path + 2 * self._total
        found: NDArray[np.float64] = self._s[at : at + self.path][::-1].copy()
        return found
