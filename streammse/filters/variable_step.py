"""NLMS whose step follows its signals: Kwong and Johnston, Mathews and Xie, and GNGD."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import fir, step_rules
from ..param import param
from .gradient import GradientFilter, regulariser


class _Ruled(GradientFilter):
    """A gradient filter with a rule for its step, and what that keeps."""

    _gain = fir.normalised_gain
    _p_size = step_rules.P_SIZE

    def _size(self) -> int:
        return super()._size() + step_rules.MORE

    @property
    def _kept(self) -> NDArray[np.float64]:
        """What the rule keeps."""
        return self._s[super()._size() :]


class _VariableStep(_Ruled):
    """With a step that is kept between two ends."""

    mu: float = param(0.5, "step size at the start", low=0.0, high=2.0, slot=fir.MU)
    smallest: float = param(
        0.05, "what the step does not fall below", low=0.0, high=2.0, kw_only=True, slot=step_rules.SMALLEST
    )
    largest: float = param(
        1.0, "what the step does not exceed", low=0.0, high=2.0, kw_only=True, slot=step_rules.LARGEST
    )
    regulariser: float = regulariser()

    _probes: ClassVar = {"smallest": {"smallest": 0.4}}

    def _check(self) -> None:
        if self.smallest > self.largest:
            raise ValueError(f"smallest must be at most largest, got {self.smallest:g} and {self.largest:g}")

    def _start(self, s: NDArray[np.float64]) -> None:
        super()._start(s)
        s[GradientFilter._size(self) + step_rules.NOW] = self.mu

    @property
    def step(self) -> float:
        """The step of the next update."""
        return float(self._kept[step_rules.NOW])


class KwongJohnstonLMS(_VariableStep):
    r"""Variable step of Kwong and Johnston: a large error makes the step large, a small one lets it decay.

    .. math::

        w(n+1) = w(n) + \frac{\mu(n)}{\|x(n)\|^2 + \delta(n)}\, e(n)\, x(n), \qquad
        \mu(n+1) = \alpha\, \mu(n) + \gamma\, \frac{e(n)^2}{\sigma_d^2(n)}

    Fast at the start and after a change of the path, when the error is large; a small misadjustment later. The paper
    has the step of LMS and the plain square of the error. Here the step is that of NLMS and the square is relative to
    the running power sigma_d^2 of d, so the defaults work for signals of any scale.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step at the start, without unit, 0 <= mu <= 2, within smallest and largest from the second sample on.
    rate : float
        gamma, 0 <= gamma. The step settles at gamma / (1 - alpha) times the power of the error over that of d: with
        the defaults at its largest as long as the error is less than 8 dB below d, at 0.067 where it is 20 dB below.
    memory : float
        alpha, 0 <= alpha < 1: the step forgets over 1 / (1 - alpha) samples.
    smallest, largest : float
        The step stays between them; 0 <= smallest <= largest <= 2, and a largest step below 2 is stable whatever the
        input.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    In the steady state, for noise of power s^2 and small steps, the misadjustment is about
    gamma (3 - alpha) / (2 (1 - alpha^2)) s^2 / sigma_d^2 (their section III, in units of NLMS), as long as the step
    is above its smallest.

    Cost: 2 n + O(1) multiplications a sample for n weights in all, three more than `NLMS`.

    References
    ----------
    R. H. Kwong and E. W. Johnston, "A variable step size LMS algorithm", IEEE Trans. Signal Processing 40, 1992,
    pp. 1633-1642.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(5000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.2])[:5000] + 0.1 * rng.standard_normal(5000)
    >>> f = sm.KwongJohnstonLMS(taps=8)
    >>> error = d - f.run(x, d)
    >>> f.weights[:3].round(1).tolist(), f.step < 0.2
    ([1.0, -0.5, 0.2], True)
    """

    rate: float = param(0.2, "gamma: what the squared error adds to the step", low=0.0, slot=step_rules.RATE)
    memory: float = param(
        0.97, "alpha: what is left of the step after a sample", low=0.0, below=1.0, slot=step_rules.MEMORY
    )

    _rule = step_rules.kwong_johnston


class MathewsXieLMS(_VariableStep):
    r"""Variable step of Mathews and Xie: the step itself descends the squared error.

    .. math::

        \mu(n) = \mu(n-1) + \rho\, \frac{e(n)\, e(n-1)}{\sigma_e^2(n)} \, \frac{x(n-1)^T x(n)}{\|x(n-1)\|^2 + \delta}
        \qquad w(n+1) = w(n) + \frac{\mu(n)}{\|x(n)\|^2 + \delta(n)}\, e(n)\, x(n)

    Where two errors on end agree, as regressors are alike, the last step was too short; where they do not, too long.
    The paper has the step of LMS and plain products. Here the step is that of NLMS and the products are relative to the
    power of the last 100 errors or so and to the energy in the line, so the defaults work for signals of any scale and
    noise of any level.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step at the start, without unit, 0 <= mu <= 2.
    rate : float
        rho, 0 <= rho.
    smallest, largest : float
        The step stays between them, as in `KwongJohnstonLMS`.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    A sample that taught nothing leaves the step as it is, and so does the one after it. On strongly coloured input the
    errors that are left in weak directions of the input alternate, which looks like a step too long: then it ends at
    its smallest, which should not be too small.

    Cost: 2 n + O(1) multiplications a sample for n weights in all, six and two divisions more than `NLMS`.

    References
    ----------
    V. J. Mathews and Z. Xie, "A stochastic gradient adaptive filter with gradient adaptive step size", IEEE Trans.
    Signal Processing 41, 1993, pp. 2075-2087 (their single step).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(5000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.2])[:5000] + 0.1 * rng.standard_normal(5000)
    >>> f = sm.MathewsXieLMS(taps=8)
    >>> error = d - f.run(x, d)
    >>> f.weights[:3].round(1).tolist(), f.step < 0.3
    ([1.0, -0.5, 0.2], True)
    """

    mu: float = param(0.5, "step size at the start", low=0.0, high=2.0, slot=fir.MU)
    rate: float = param(0.03, "rho: how fast the step follows", low=0.0, slot=step_rules.RATE)

    _rule = step_rules.mathews_xie


class GNGD(_Ruled):
    r"""Generalised normalised gradient descent: NLMS whose regulariser descends the squared error.

    .. math::

        w(n+1) = w(n) + \frac{\mu}{\|x(n)\|^2 + \varepsilon(n)}\, e(n)\, x(n), \qquad
        \varepsilon(n) = \varepsilon(n-1) - \rho\mu\, \frac{e(n)\, e(n-1)}{\sigma_e^2(n)}\,
        \frac{P(n)\, x(n-1)^T x(n)}{(\|x(n-1)\|^2 + \varepsilon(n-1))^2}

    A regulariser that suits the signals need not be known, and NLMS at a bold step becomes robust. The paper has plain
    products. Here they are relative to the power of the last 100 errors or so and to P(n), the running average of the
    energy in the line, of which epsilon is a multiple: so the defaults work for signals of any scale and noise of any
    level. It stays between ``regulariser`` and 100 times P(n); the paper has no bounds, and divides by zero where
    epsilon becomes negative.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; it converges for 0 < mu < 2 whatever the input.
    rate : float
        rho, 0 <= rho: how fast the regulariser follows.
    regulariser : float
        epsilon at the start and at least, relative to the average energy in the line, above 0.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    A sample that taught nothing leaves the regulariser as it is, and so does the one after it. After a change of the
    path the regulariser has to come down again before it learns at full speed: on coloured input that takes long.

    Cost: 2 n + O(1) multiplications a sample for n weights in all, eight and three divisions more than `NLMS`.

    References
    ----------
    D. P. Mandic, "A generalized normalized gradient descent algorithm", IEEE Signal Processing Letters 11, 2004,
    pp. 115-118.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(5000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.2])[:5000] + 0.1 * rng.standard_normal(5000)
    >>> f = sm.GNGD(taps=8)
    >>> error = d - f.run(x, d)
    >>> f.weights[:3].round(1).tolist()
    [1.0, -0.5, 0.2]
    """

    mu: float = param(1.0, "step size", low=0.0, high=2.0, slot=fir.MU)
    rate: float = param(0.03, "rho: how fast the regulariser follows", low=0.0, slot=step_rules.RATE)
    regulariser: float = param(
        1e-3,
        "what is added to the energy in the line at the start and at least, relative to its running average",
        above=0.0,
        kw_only=True,
        slot=fir.REGULARISER,
    )

    _rule = step_rules.gngd

    def _start(self, s: NDArray[np.float64]) -> None:
        super()._start(s)
        s[GradientFilter._size(self) + step_rules.NOW] = self.regulariser

    @property
    def compensation(self) -> float:
        """The regulariser of now, relative to the average energy in the line."""
        return float(self._kept[step_rules.NOW])


class SMNLMS(_Ruled):
    r"""Set-membership NLMS: it learns only where the error is beyond a threshold, and only up to it.

    .. math::

        w(n+1) = w(n) + \mu \left( 1 - \frac{\gamma(n)}{|e(n)|} \right) \frac{e(n)\, x(n)}{\|x(n)\|^2 + \delta(n)}
        \quad \text{if } |e(n)| > \gamma(n)

    Any weights with which the error is within the threshold are as good as any others, so most samples, once it has
    converged, ask for no update. The threshold is relative: gamma(n) is ``threshold`` times the running root mean
    square of d, so the default works for signals of any scale.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2: 1 leaves the error on the threshold, as in the paper.
    threshold : float
        gamma relative to the running root mean square of d, 0 <= threshold. About sqrt(5) times the standard deviation
        of the noise, over that of d, is the usual choice. With 0 it is `NLMS`.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser, as in `NLMS`.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    ``updates`` counts the samples that asked for an update. Where the noise never exceeds the threshold the weights
    never move away from the true ones, whatever the input.

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    S. Gollamudi, S. Nagaraj, S. Kapoor and Y.-F. Huang, "Set-membership filtering and a set-membership normalized LMS
    algorithm with an adaptive step size", IEEE Signal Processing Letters 5, 1998, pp. 111-114.
    P. S. R. Diniz, Adaptive Filtering, 4th ed., 2013, ch. 6 (SM-NLMS).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(5000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:5000] + 0.02 * rng.standard_normal(5000)
    >>> f = sm.SMNLMS(taps=8, threshold=0.05)
    >>> error = d - f.run(x, d)
    >>> f.updates < 500
    True
    """

    mu: float = param(1.0, "step size", low=0.0, high=2.0, slot=fir.MU)
    threshold: float = param(
        0.1, "error from which on it learns, relative to the rms of d", low=0.0, slot=step_rules.RATE
    )
    regulariser: float = regulariser()

    _rule = step_rules.set_membership

    @property
    def updates(self) -> int:
        """How many samples asked for an update since the start or the last reset."""
        return int(self._kept[step_rules.NOW])
