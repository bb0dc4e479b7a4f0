"""Filtered-x LMS and NLMS: active control, where the output is heard only through a path of its own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._jit import Function
from ..kernels import filtered_x as k
from ..node import Index, real_array
from ..param import REQUIRED, param
from ..snapshot import COUNTABLE
from .transversal import TransversalFilter

Path = tuple[float, ...] | tuple[tuple[float, ...], ...]


def as_path(name: str, value: Any) -> Path:
    """An impulse response, or one for each error microphone, as tuples."""
    array = real_array(value, name)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} must have shape (L,), or (microphones, L), got {array.shape}")
    if not (np.abs(array) < 1e100).all():
        raise ValueError(f"{name} must hold finite numbers")
    if array.ndim == 1:
        return tuple(array.tolist())
    return tuple(tuple(row) for row in array.tolist())


def extent(value: Path) -> tuple[float, float]:
    """How many microphones, and how many coefficients for each."""
    rows = np.atleast_2d(np.array(value))
    return float(rows.shape[0]), float(rows.shape[1])


class FilteredX(TransversalFilter):
    """What both share: the paths, the lines, the limit."""

    mu: float = param(0.01, "step size", low=0.0, slot=k.MU)
    secondary: Path = param(
        REQUIRED, "impulse response s from the output to each error", kw_only=True, fixed=True,
        check=as_path, encode=extent, slot=k.ERRORS,
    )  # fmt: skip
    leak: float = param(0.0, "leakage gamma: weights shrink by mu * gamma a sample", low=0.0, kw_only=True, slot=k.LEAK)
    limit: float | None = param(
        None, "the largest output: beyond it the weights shrink", above=0.0, optional=True, kw_only=True, slot=k.LIMIT
    )

    on_divergence: str = param(
        "reset", "what follows a divergence", choices=("raise", "reset", "hold"), kw_only=True, slot=k.POLICY
    )

    _closed_loop = True
    _fallible = True
    _p_size = k.P_SIZE
    _needs: ClassVar = {"secondary": (0.0, 1.0, 0.5)}
    _worst = "errors * references * (taps + path)"
    _variants: ClassVar[tuple[dict[str, Any], ...]] = (
        {"taps": 6, "references": 2, "secondary": ((0.0, 0.8, 0.4, 0.1), (0.5, 0.2, 0.0, -0.1))},
    )
    _probes: ClassVar = {
        "limit": {"limit": 0.5},
        "secondary": {"secondary": (0.0, 0.0, 1.0)},
        "on_divergence": {"on_divergence": "raise"},
    }

    def _kernel(self) -> Function:
        return k.step if self._inputs() == 1 else k.vector_step

    def _inputs(self) -> int:
        return self.references + self.errors - 1

    @property
    def errors(self) -> int:
        """How many error microphones there are."""
        return int(extent(self.secondary)[0])

    @property
    def path(self) -> int:
        """How many samples the model of the secondary path is long."""
        return int(extent(self.secondary)[1])

    def _more(self) -> int:
        n, errors = self._total, self.errors
        return 2 * self.references * self.path + 2 * n * errors + errors * self.path + errors

    def _start(self, s: NDArray[np.float64]) -> None:
        at = self._behind + 2 * self.references * self.path + 2 * self._total * self.errors
        s[at : at + self.errors * self.path] = np.atleast_2d(np.array(self.secondary))[:, ::-1].ravel()

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (k.WHERE, 0, self.path - 1), (k.DIVERGED, 0, COUNTABLE), (k.HELD, 0, 1)]

    @property
    def diverged(self) -> int:
        """How often a divergence was noticed since the start or the last reset."""
        return int(self._s[k.DIVERGED])


class FilteredXLMS(FilteredX):
    r"""Filtered-x least mean squares: active control of noise or vibration through a secondary path.

    .. math::

        y(n) = w(n)^T x(n), \qquad x'_k(n) = \sum_j \hat s_{k,j}\, x(n-j), \qquad
        w(n+1) = (1 - \mu\gamma)\, w(n) - \mu \sum_k e_k(n)\, x'_k(n)

    Unlike other filters it works in a closed loop: y drives a loudspeaker, and what error microphone k hears is e_k(n)
    = d_k(n) + sum_j s_kj y(n-j), the disturbance and what arrives of the output through the secondary path. So d in
    ``update(x, d)`` is not a desired sample: it is the measured error e(n) itself, which is to become zero.

    In the loop, once a sample: read the reference x(n) and the error e(n), ``y = f.update(x, e)``, put y out. That y
    was not heard in e(n) yet: ``secondary`` is measured in the same loop, from the sample at which a value is put out,
    and begins with the zeros of converters and sound (at least one). `streammse.active_control` is that loop over
    recorded noise. ``run(x, e)`` filters and learns from errors as they were recorded: it hears nothing of its output.

    Parameters
    ----------
    taps : int
        Number of taps n of each reference, at least 1. Fixed.
    mu : float
        Step size, 0 <= mu, in one over the power of the filtered reference. With white input it converges up to about
        2 / (P' (n + delay)), P' the power of x' and delay that of the secondary path in samples (Elliott and Nelson,
        who find 1 / (P' (n + delay)) fastest); errors of phase in the model up to 90 degrees only slow it down, beyond
        it diverges at any step.
    secondary : array, shape (L,), or (microphones, L)
        The model of the impulse response from the output to the error microphone, or to each of several. Fixed.
    leak : float
        gamma, 0 <= gamma, in the unit of the power of the filtered reference: keeps the weights from growing where the
        reference does not excite them, at the price of some attenuation.
    limit : float or None
        The largest output, in its unit: beyond it the weights shrink until it is kept. None: no limit; then a wrong
        model lets the output grow without bound, so give what the loudspeaker can stand.
    references : int
        Number m of references. Fixed.
    on_divergence : str
        "reset" sets the weights to zero and warns, "hold" does so and learns nothing until ``reset()``, "raise" raises
        FloatingPointError; ``diverged`` counts.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.
    FloatingPointError
        On divergence, with on_divergence="raise".

    Notes
    -----
    With several references or microphones a row of x holds the references and behind them the errors of microphones 2
    and on, and d is the error of the first. Several loudspeakers are several filters, one for each, that are given the
    same references and errors: that is the multiple-error LMS of Elliott, Stothers and Nelson, whose update of one
    loudspeaker needs nothing of the others.

    NaN for d, or no d: the output only, nothing is learnt. A NaN of a further microphone leaves that one out. An error
    beyond 10 times its running root mean square (over 1000 samples) counts as that much.

    A divergence is noticed, and ``on_divergence`` answers it, when error and weights have grown together by 20 dB, in
    some hundreds to thousands of samples, and the error is about what the model makes of the output. Then the learning
    waits until what was put out is no longer heard. An output that is kept at its ``limit`` does not grow: there the
    error alone tells. A path to the microphone or a noise that itself rises by 40 dB, faster than a small step follows,
    can look the same.

    Cost: m n multiplications a sample for the output, and for each microphone m (L + n).

    References
    ----------
    B. Widrow, D. Shur and S. Shaffer, "On adaptive inverse control", Proc. 15th Asilomar Conf., 1981, pp. 185-189.
    S. J. Elliott, I. M. Stothers and P. A. Nelson, "A multiple error LMS algorithm and its application to the active
    control of sound and vibration", IEEE Trans. ASSP 35(10), 1987, pp. 1423-1434.
    S. M. Kuo and D. R. Morgan, "Active noise control: a tutorial review", Proc. IEEE 87(6), 1999, pp. 943-973 (the
    largest step, after Elliott and Nelson).
    X. Qiu and C. H. Hansen, "A study of time-domain FXLMS algorithms with control output constraint", J. Acoust. Soc.
    Am. 109(6), 2001, pp. 2815-2823 (the limit).

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal(20_000)
    >>> d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[:20_000]  # the noise at the microphone
    >>> path = [0, 0, 0.6, 0.2]  # from loudspeaker to microphone
    >>> f = sm.FilteredXLMS(taps=16, mu=0.02, secondary=path)
    >>> error, output = sm.active_control(f, x, d, path)
    >>> 10 * np.log10(np.mean(d[-1000:] ** 2) / np.mean(error[-1000:] ** 2)) > 60  # dB
    np.True_
    """


class FilteredXNLMS(FilteredX):
    r"""Filtered-x LMS with a step by the energy in the filtered lines, so that it fits signals of any scale.

    .. math::

        w(n+1) = (1 - \mu\gamma)\, w(n) -
        \frac{\mu}{\sum_k \|x'_k(n)\|^2 + \delta(n)} \sum_k e_k(n)\, x'_k(n)

    The loop, the meaning of d (the measured error) and of ``secondary`` are those of `FilteredXLMS`; delta is relative,
    as in `NLMS`.

    Parameters
    ----------
    taps : int
        Number of taps n of each reference, at least 1. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 2. The delay of the secondary path asks for less than NLMS: on white input
        it converges up to about 2 n / (n + delay), on tones for less; 0.1 is a start.
    secondary : array, shape (L,), or (microphones, L)
        The model of the secondary path, as in `FilteredXLMS`. Fixed.
    leak : float
        gamma, 0 <= gamma: weights shrink by mu gamma a sample.
    limit : float or None
        The largest output, as in `FilteredXLMS`.
    references : int
        Number m of references, as in `FilteredXLMS`. Fixed.
    on_divergence : str
        As in `FilteredXLMS`.
    regulariser : float
        delta relative to the average energy in the filtered lines, 0 <= regulariser.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.

    Notes
    -----
    Several microphones and loudspeakers, NaN, outliers and divergence: as in `FilteredXLMS`.

    Cost: m n multiplications a sample for the output, and for each microphone m (L + 2 n).

    References
    ----------
    S. M. Kuo and D. R. Morgan, Active Noise Control Systems, Wiley, 1996, ch. 3.
    S. J. Elliott, Signal Processing for Active Control, Academic Press, 2001, sec. 3.4.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = 1e-3 * np.random.default_rng(0).standard_normal(20_000)
    >>> d = np.convolve(x, [0, 0, 0, 0.9, -0.4, 0.2])[:20_000]
    >>> path = [0, 0, 0.6, 0.2]
    >>> f = sm.FilteredXNLMS(taps=16, mu=0.5, secondary=path)
    >>> error, output = sm.active_control(f, x, d, path)
    >>> 10 * np.log10(np.mean(d[-1000:] ** 2) / np.mean(error[-1000:] ** 2)) > 60  # dB
    np.True_
    """

    mu: float = param(0.1, "step size", low=0.0, high=2.0, encode=lambda mu: (mu, 1.0), slot=k.MU)  # normalised
    regulariser: float = param(
        1e-3,
        "what is added to the energy in the filtered lines, relative to its running average",
        low=0.0,
        kw_only=True,
        slot=k.REGULARISER,
    )
