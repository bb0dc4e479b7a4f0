"""Adaptive notches: tones of unknown frequency, found, tracked and taken out."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .._jit import Function
from ..kernels import notch as k
from ..node import Denoiser, real_array
from ..param import param

Array = NDArray[np.float64]


def as_start(name: str, value: Any) -> tuple[float, ...] | None:
    """Frequencies as a tuple."""
    if value is None:
        return None
    array = np.atleast_1d(real_array(value, name))
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a frequency, or one for each tone, got {value!r}")
    return tuple(array.tolist())


class Notch(Denoiser):
    """What both forms share: the tones, where they begin, how wide a notch is."""

    tones: int = param(1, "number of tones", low=1, fixed=True, slot=k.TONES)
    rate: float = param(1.0, "samples a second", above=0.0, fixed=True, kw_only=True)
    bandwidth: float | None = param(
        None, "of a notch, between the points of half power", above=0.0, optional=True, fixed=True, kw_only=True
    )
    start: tuple[float, ...] | None = param(
        None, "where the search begins", fixed=True, kw_only=True, check=as_start, encode=lambda start: ()
    )
    mu: float = param(0.005, "step size", low=0.0, high=0.5, kw_only=True, slot=k.MU)

    _section: ClassVar[Function]
    _worst = "tones"
    _variants = ({"tones": 3, "rate": 360.0},)
    _p_size = 5
    _probes: ClassVar = {
        "rate": {"rate": 3.0, "bandwidth": 0.02},
        "bandwidth": {"bandwidth": 0.05},
        "start": {"start": (0.1,)},
    }

    def _check(self) -> None:
        if not self._width < 0.5 * self.rate:
            raise ValueError(f"bandwidth must be below rate / 2 = {self.rate / 2:g}, got {self._width:g}")
        if self.start is not None:
            if len(self.start) != self.tones:
                raise ValueError(f"start must hold a frequency for each of {self.tones} tones, got {len(self.start)}")
            if not all(0.0 < one < 0.5 * self.rate for one in self.start):
                raise ValueError(f"start must be between 0 and rate / 2 = {self.rate / 2:g}, got {self.start}")

    @property
    def _width(self) -> float:
        return self.rate / 100.0 if self.bandwidth is None else self.bandwidth

    def _kernel(self) -> Function:
        return k.steps(self._section)

    def _size(self) -> int:
        return k.SECTIONS + self.tones * k.EACH

    def _begin(self, s: Array, width: float) -> None:
        """What says the bandwidth, from its radians a sample."""
        raise NotImplementedError

    def _place(self, angle: Array) -> Array:
        """Where a notch is, from its radians a sample."""
        raise NotImplementedError

    def _angle(self, place: Array) -> Array:
        """The way back."""
        raise NotImplementedError

    def _start(self, s: Array) -> None:
        width = 2.0 * math.pi * self._width / self.rate
        self._begin(s, width)
        s[k.MEMORY] = max(100.0, 10.0 / width)
        even = np.linspace(0.0, 0.5, 2 * self.tones + 1)[1::2]
        found = even if self.start is None else np.array(self.start) / self.rate
        angle = np.asarray(2.0 * math.pi * found, dtype=np.float64)
        s[k.SECTIONS :].reshape(self.tones, k.EACH)[:, k.WHERE] = self._place(angle)

    @property
    def frequencies(self) -> Array:
        """The frequency of each tone now, in the unit of ``rate``, in the order of the notches: shape (tones,)."""
        place = self._s[k.SECTIONS :].reshape(self.tones, k.EACH)[:, k.WHERE]
        return self._angle(place) * (self.rate / (2.0 * math.pi))

    @property
    def frequency(self) -> float:
        """The frequency of the first tone now, in the unit of ``rate``: in Hz, or by default as a fraction of it."""
        return float(self.frequencies[0])


class LatticeNotch(Notch):
    r"""The adaptive lattice notch: finds tones of unknown frequency, tracks them and takes them out.

    .. math::

        e(n) = \frac{1}{2} (1 + A(z))\, x(n), \qquad
        A(z) = \frac{s_2 + s_1 (1 + s_2) z^{-1} + z^{-2}}{1 + s_1 (1 + s_2) z^{-1} + s_2 z^{-2}}, \qquad
        s_1 = \sin\theta_1, \quad s_2 = \frac{1 - \tan(B / 2)}{1 + \tan(B / 2)}

        \theta_1(n+1) = \theta_1(n) - \frac{\mu\, e(n)\, x_1(n)}{P(n)}, \qquad \omega = \theta_1 + \pi / 2

    x_1 is the state of the lattice and P its running power. For one tone the mean of this step is zero at the tone
    only, in noise of any strength: it is found from everywhere, without bias in white noise. The lattice is made of
    rotations and stays stable however fast the frequency moves.

    For hum of the mains and its harmonics `HumCanceller` does better: it knows that they have one phase, and takes
    nothing from the signal beside them. A notch is for tones of which nothing is known.

    Parameters
    ----------
    tones : int
        Number of tones: as many notches, one behind the other, each on what the one before left. Fixed.
    rate : float
        Samples a second; with the default of 1 frequencies are fractions of it. Fixed.
    bandwidth : float or None
        Of a notch between the points of half power, in the unit of ``rate``; None: a hundredth of it. Narrow takes less
        from the signal, wide is faster. Fixed.
    start : float, sequence of floats, or None
        Where the search begins, between 0 and rate / 2, one for each tone; None: evenly spread. Fixed.
    mu : float
        Step size in radians, without unit, 0 <= mu <= 0.5: 0.001 is quiet, 0.02 fast.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.

    Notes
    -----
    In a gap (NaN or an infinite sample) the tones go on, nothing is learnt, and the output is the last clean sample. A
    sample beyond 10 times the running root mean square enters the notch as so much, so it does not ring after a spike.

    Cost: about 16 multiplications, a sine and a cosine a sample for each tone.

    References
    ----------
    P. A. Regalia, "An improved lattice-based adaptive IIR notch filter", IEEE Trans. Signal Processing 39(9), 1991,
    pp. 2124-2128.
    P. A. Regalia, Adaptive IIR Filtering in Signal Processing and Control, Dekker, 1995, ch. 10.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> t = np.arange(20_000)
    >>> x = np.sin(2 * np.pi * 60.3 / 1000 * t) + 0.5 * np.random.default_rng(0).standard_normal(20_000)
    >>> f = sm.LatticeNotch(rate=1000)
    >>> clean = f.run(x)
    >>> round(f.frequency), round(float(np.std(clean[-5000:])), 1)
    (60, 0.5)
    """

    _section = k.lattice

    def _begin(self, s: Array, width: float) -> None:
        t = math.tan(0.5 * width)
        s[k.FIRST] = (1.0 - t) / (1.0 + t)
        s[k.SECOND] = math.sqrt(1.0 - s[k.FIRST] ** 2)

    def _place(self, angle: Array) -> Array:
        return angle - 0.5 * math.pi

    def _angle(self, place: Array) -> Array:
        return place + 0.5 * math.pi


class AdaptiveNotch(Notch):
    r"""The adaptive notch in its direct form: tracks tones that begin near ``start``, more closely than the lattice.

    .. math::

        e(n) = \frac{1 + a z^{-1} + z^{-2}}{1 + \rho a z^{-1} + \rho^2 z^{-2}}\, x(n), \qquad
        a(n+1) = a(n) - \frac{\mu\, e(n)\, \psi(n)}{P(n)}, \qquad \psi(n) = \frac{d e(n)}{d a}, \qquad
        a = -2 \cos\omega

    It descends the square of the output by its exact gradient, divided by its running power P; a step is at most mu
    times the bandwidth in radians. The surface is a narrow
    valley in a plain: begin within a few bandwidths of the tone, or let `LatticeNotch` find it.

    Parameters
    ----------
    tones : int
        Number of tones: as many notches, one behind the other. Fixed.
    rate : float
        Samples a second; with the default of 1 frequencies are fractions of it. Fixed.
    bandwidth : float or None
        Of a notch between the points of half power, in the unit of ``rate``; None: a hundredth of it. The poles are at
        rho = 1 - pi bandwidth / rate. Fixed.
    start : float, sequence of floats, or None
        Where each tone is looked for, between 0 and rate / 2; None: evenly spread. Fixed.
    mu : float
        Step size of a, without unit, 0 <= mu <= 0.5.

    Raises
    ------
    ValueError, TypeError
        For parameters out of their range, and signals of another shape or type.

    Notes
    -----
    Gaps and spikes: as in `LatticeNotch`.

    Cost: about 16 multiplications a sample for each tone.

    References
    ----------
    A. Nehorai, "A minimal parameter adaptive notch filter with constrained poles and zeros", IEEE Trans. ASSP 33(4),
    1985, pp. 983-996.
    D. V. Bhaskar Rao and S.-Y. Kung, "Adaptive notch filtering for the retrieval of sinusoids in noise", IEEE Trans.
    ASSP 32(4), 1984, pp. 791-802.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> t = np.arange(20_000)
    >>> x = np.sin(2 * np.pi * 60.3 / 1000 * t) + 0.5 * np.random.default_rng(0).standard_normal(20_000)
    >>> f = sm.AdaptiveNotch(rate=1000, start=55)
    >>> clean = f.run(x)
    >>> round(f.frequency, 1), round(float(np.std(clean[-5000:])), 1)
    (60.3, 0.5)
    """

    _section = k.direct

    def _begin(self, s: Array, width: float) -> None:
        s[k.FIRST] = max(0.0, 1.0 - 0.5 * width)

    def _place(self, angle: Array) -> Array:
        return -2.0 * np.cos(angle)

    def _angle(self, place: Array) -> Array:
        return np.arccos(-0.5 * place)
