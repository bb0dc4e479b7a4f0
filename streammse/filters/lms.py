"""LMS, NLMS and leaky LMS: the squared error (or any other loss), descended one sample at a time."""

from __future__ import annotations

from typing import ClassVar

from .._jit.instructions import late_leaky_sweep
from ..kernels import fir, losses
from ..kernels.losses import Loss
from ..param import param
from .gradient import GradientFilter, complex_valued, loss, regulariser


class LMS(GradientFilter):
    r"""Least mean squares: the stochastic gradient of the squared error.

    .. math::

        e(n) = d(n) - w(n)^T x(n), \qquad w(n+1) = w(n) + \mu\, e(n)\, x(n)

    With ``loss=`` the error in the update becomes the score of that loss, ``mu * score(e) * x``; the square counts as
    e^2 / 2 and the fourth power as e^4 / 4, as textbooks write them.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu. In the mean square it converges for about mu < 2 / (3 n P) on white input of power P, and
        for less on coloured input; `streammse.max_step` finds the bound for given data. Its unit is one over the power
        of the input: use `NLMS` for a step that fits signals of any scale.
    loss : Loss
        What is descended: one of `streammse.kernels.losses`, or one of your own from `streammse.make_loss`. Fixed.
    references : int
        Number m of input signals; with more than one, a sample of x has m values and ``weights`` has shape (m, taps).
        Fixed.
    complex : bool
        True: x, d, y and the weights are complex, y(n) = w(n)^H x(n) and w(n+1) = w(n) + mu e*(n) x(n). Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows when the error outgrows the signals: set the weights to zero with a RuntimeWarning; raise
        FloatingPointError (``run`` then leaves the state as it was before the block); or stop learning with a
        RuntimeWarning until ``reset`` or until ``weights`` are set. A block warns once. See the notes.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    ``run(x)`` and ``update(x)`` without d give the output and learn nothing: a filter that was never given a d is all
    zeros.

    Divergence is watched for over 512 samples and one for each weight at a time. It is noticed when in two watches on
    end the error has more than 10 times the power of d and the weights grew in the second, instead of falling back as
    they do after a change of the path or a spike; or when in one it also has 10 times what the weights at its start
    could make of the input. A spike in the input raises these limits for a while. An error of more than 1e4 times the
    level of the signals is noticed at once. The level is the peak of x and d; it fades over 100,000 samples, and a
    sample raises it 1000 times at most. A burst, in which d or what is in the line is itself as large as the error, is
    not learnt and is no divergence (``unlearnt``).

    In the steady state the mean squared error exceeds the Wiener filter's by mu tr(R) / (2 - mu tr(R)), and mode i of
    the learning curve decays with time constant 1 / (2 mu lambda_i) samples, lambda_i the eigenvalues of the covariance
    R of the input: see `streammse.predict_mse`.

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    B. Widrow and M. E. Hoff, "Adaptive switching circuits", IRE WESCON Convention Record 4, 1960, pp. 96-104.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 6.
    A. H. Sayed, Adaptive Filters, 2008, ch. 10 (algorithm) and ch. 16 (steady state).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(2000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:2000]
    >>> f = sm.LMS(taps=3, mu=0.05)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [1.0, -0.5, 0.25]

    Complex signals, where the output is what the conjugates of the weights make of the input:

    >>> z = x[:-1] + 1j * x[1:]
    >>> f = sm.LMS(taps=2, mu=0.05, complex=True)
    >>> y = f.run(z, np.convolve(z, [1.0 + 2.0j, -0.5j])[:1999])
    >>> (f.weights.round(3) + 0.0).tolist()
    [(1-2j), 0.5j]
    """

    loss: Loss = loss()
    complex: bool = complex_valued()

    _variants = (
        {"references": 3},
        {"taps": 1, "references": 2},
        {"complex": True, "references": 2, "loss": losses.huber},
    )
    _long_variants = ({"complex": True}, {"loss": losses.tukey})
    _probes: ClassVar = {"loss": {"loss": losses.log_cosh}}


class NLMS(GradientFilter):
    r"""Normalised least mean squares: the step is divided by the energy in the delay line.

    .. math::

        w(n+1) = w(n) + \frac{\mu}{\|x(n)\|^2 + \delta(n)}\, e(n)\, x(n)

    The regulariser delta(n) is relative: ``regulariser`` times the running average of the energy in the line. So the
    defaults work for signals of any scale, and a quiet passage does not let noise drive the weights away. While the
    line fills at the start, its empty places count with the average power so far, so that the first steps are no leaps.
    Where the input rises by 30 dB above its peaks of late, and the errors so far were no smaller than d, the weights
    begin anew from zero: what was learnt from the dither of a reference that is switched on late would explode.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2; it converges for 0 < mu < 2 whatever the input, fastest at 1.
    loss : Loss
        What is descended, as in `LMS`: the score of the loss takes the place of the error. Fixed.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser. The running average reaches back over
        100,000 samples.
    references : int
        Number m of input signals, as in `LMS`; the energy is taken over all. Fixed.
    complex : bool
        True: x, d, y and the weights are complex, y(n) = w(n)^H x(n), and the update has e*(n) for e(n). Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    ``run(x)`` and ``update(x)`` without d give the output and learn nothing: a filter that was never given a d is all
    zeros.

    In the steady state the excess mean squared error is about mu / (2 - mu) times the noise power for a long filter.

    Cost: 2 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    J. Nagumo and A. Noda, "A learning method for system identification", IEEE Trans. Automatic Control 12, 1967,
    pp. 282-287.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 7.
    D. T. M. Slock, "On the convergence behavior of the LMS and the normalized LMS algorithms", IEEE Trans. Signal
    Processing 41, 1993, pp. 2811-2825.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = 1e-3 * np.random.default_rng(0).standard_normal(2000)
    >>> d = np.convolve(x, [1.0, -0.5, 0.25])[:2000]
    >>> f = sm.NLMS(taps=3)
    >>> error = d - f.run(x, d)
    >>> f.weights.round(3).tolist()
    [1.0, -0.5, 0.25]
    """

    mu: float = param(0.5, "step size", low=0.0, high=2.0, slot=fir.MU)
    loss: Loss = loss()
    regulariser: float = regulariser()
    complex: bool = complex_valued()

    _gain = fir.normalised_gain
    _variants = ({"taps": 1}, {"complex": True})
    _long_variants = ({"references": 3}, {"loss": losses.huber(0.5)})
    _probes: ClassVar = {"loss": {"loss": losses.huber}}


class LeakyLMS(GradientFilter):
    r"""LMS whose weights leak away, so that what the input does not excite decays instead of drifting.

    .. math::

        w(n+1) = (1 - \mu\gamma)\, w(n) + \mu\, e(n)\, x(n)

    It descends e^2 / 2 + gamma \|w\|^2 / 2, a ridge regression: in the mean the weights settle at (R + gamma I)^-1 p
    instead of the Wiener solution R^-1 p.

    Parameters
    ----------
    taps : int
        Number of taps n of each input, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu, as in `LMS`; in the mean it converges for mu < 2 / (lambda_max + gamma).
    leak : float
        gamma, 0 <= gamma, in the unit of the power of the input: as if white noise of this power were added to the
        input. mu gamma should be far below 1.
    references : int
        Number m of input signals, as in `LMS`. Fixed.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    Cost: 3 n + O(1) multiplications a sample for n weights in all.

    References
    ----------
    K. Mayyas and T. Aboulnasr, "Leaky LMS algorithm: MSE analysis for Gaussian data", IEEE Trans. Signal Processing 45,
    1997, pp. 927-934.
    A. H. Sayed, Adaptive Filters, 2008, ch. 12.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(20_000)
    >>> f = sm.LeakyLMS(taps=1, mu=0.002, leak=0.25)
    >>> y = f.run(x, x)
    >>> f.weights.round(1).tolist()  # 1 / (1 + 0.25)
    [0.8]
    """

    leak: float = param(1e-3, "leakage gamma: weights shrink by mu * gamma a sample", low=0.0, slot=fir.LEAK)

    _sweep = late_leaky_sweep

    _long_variants = ({"references": 2},)
