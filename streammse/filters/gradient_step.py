"""NLMS whose step descends the squared error along the whole past: Benveniste, and Ang and Farhang-Boroujeny."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import vector_rules
from ..param import param
from .ruled import RuledFilter


class _GradientStep(RuledFilter):
    """With a step that is kept between two ends."""

    mu: float = param(0.5, "step size at the start", low=0.0, high=2.0, slot=vector_rules.MU)
    rate: float = param(0.01, "rho: how fast the step follows", low=0.0, slot=vector_rules.RATE)
    smallest: float = param(
        0.05, "what the step does not fall below", low=0.0, high=2.0, kw_only=True, slot=vector_rules.SMALLEST
    )
    largest: float = param(
        1.0, "what the step does not exceed", low=0.0, high=2.0, kw_only=True, slot=vector_rules.LARGEST
    )

    _rule = vector_rules.descend

    def _check(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(f"smallest must be at most largest, got {self.smallest:g} and {self.largest:g}")

    def _start(self, s: NDArray[np.float64]) -> None:
        s[vector_rules.STEP] = self.mu

    @property
    def step(self) -> float:
        """The step of the last update, and at the start of the first."""
        return float(self._s[vector_rules.STEP])


class BenvenisteLMS(_GradientStep):
    r"""Variable step of Benveniste: the step descends the squared error, with the exact gradient over all the past.

    .. math::

        \mu(n) = \mu(n-1) + \rho\, \frac{e(n)\, x(n)^T \psi(n)}{\sigma_e^2(n)}, \qquad
        \psi(n+1) = \psi(n) + \left( e(n) - \mu(n)\, x(n)^T \psi(n) \right) \frac{x(n)}{\|x(n)\|^2 + \delta(n)}

    psi is the derivative of the weights by the step; the weights are those of NLMS with step mu(n). The book has the
    step of LMS and plain products. Here the step is that of NLMS and the products are relative to the power of the last
    100 errors or so, so the defaults work for signals of any scale and noise of any level. In psi an error counts for
    at most 3 times the rms of d: a spike must not set the step for long.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step at the start, without unit, 0 <= mu <= 2.
    rate : float
        rho, 0 <= rho.
    smallest, largest : float
        The step stays between them; 0 <= smallest <= largest <= 2, and a largest step below 2 is stable whatever the
        input.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    `MathewsXieLMS` looks one sample back, `AngFarhangLMS` fades.

    Cost: 5 n multiplications a sample for n weights in all.

    References
    ----------
    A. Benveniste, M. Metivier and P. Priouret, Adaptive Algorithms and Stochastic Approximations, 1990, part I, ch. 4.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = np.convolve(rng.standard_normal(5000), 0.9 ** np.arange(50))[:5000]  # coloured: a short step is too slow
    >>> f = sm.BenvenisteLMS(taps=4, mu=0.05)
    >>> error = x - f.run(x, np.convolve(x, [1.0, -0.5])[:5000])
    >>> f.step > 0.05
    True
    """

    _long_variants = ({"references": 2},)
    _probes: ClassVar = {"smallest": {"smallest": 0.4}}


class AngFarhangLMS(_GradientStep):
    r"""Variable step of Ang and Farhang-Boroujeny: that of Benveniste with a past that fades instead.

    .. math::

        \mu(n) = \mu(n-1) + \rho\, \frac{e(n)\, x(n)^T \psi(n)}{\sigma_e^2(n)}, \qquad
        \psi(n+1) = \alpha\, \psi(n) + \frac{e(n)\, x(n)}{\|x(n)\|^2 + \delta(n)}

    The weights are those of NLMS with step mu(n). The paper has the step of LMS and plain products. Here the step is
    that of NLMS and the products are relative to the power of the last 100 errors or so, so the defaults work for
    signals of any scale and noise of any level. In psi an error counts for at most 3 times the rms of d: a spike must
    not set the step for long.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step at the start, without unit, 0 <= mu <= 2.
    rate : float
        rho, 0 <= rho.
    memory : float
        alpha, 0 <= alpha < 1; with 0 it looks one sample back, as `MathewsXieLMS`.
    smallest, largest : float
        The step stays between them; 0 <= smallest <= largest <= 2, and a largest step below 2 is stable whatever the
        input.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Notes
    -----
    Cost: 5 n multiplications a sample for n weights in all.

    On strongly coloured input the errors that are left in weak directions of the
    input alternate, which looks like a step too long: then it ends at its smallest, which should not be too small.

    References
    ----------
    W.-P. Ang and B. Farhang-Boroujeny, "A new class of gradient adaptive step-size LMS algorithms", IEEE Trans. Signal
    Processing 49, 2001, pp. 805-810.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = np.convolve(rng.standard_normal(5000), 0.9 ** np.arange(50))[:5000]  # coloured: a short step is too slow
    >>> f = sm.AngFarhangLMS(taps=4, mu=0.05)
    >>> error = x - f.run(x, np.convolve(x, [1.0, -0.5])[:5000])
    >>> f.step > 0.05
    True
    """

    rate: float = param(0.02, "rho: how fast the step follows", low=0.0, slot=vector_rules.RATE)
    memory: float = param(
        0.95,
        "alpha: what is left of the gradient after a sample",
        low=0.0,
        below=1.0,
        encode=lambda alpha: 1.0 - alpha,
        slot=vector_rules.FADING,
    )

    _probes: ClassVar = {"smallest": {"smallest": 0.4}}
