"""Blind equalisers: CMA and decision-directed, which undo a channel without being told what was sent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import blind, complex_fir, constellations, fir
from ..kernels.complex_fir import Forms
from ..kernels.constellations import constellation
from ..node import Denoiser, Index, complex_array
from ..param import param
from ..snapshot import COUNTABLE


def _lattice(name: str) -> tuple[float, ...]:
    one = constellation(name)
    return one.across, one.up, one.half


class _Equaliser(Denoiser):
    """A complex transversal filter whose desired sample is what it makes of its own output."""

    taps: int = param(11, "number of taps n", low=1, fixed=True, slot=fir.TAPS)
    mu: float = param(0.01, "step size", low=0.0, high=1.0, slot=fir.MU)
    regulariser: float = param(
        1e-3,
        "what is added to the energy in the line, relative to its running average",
        low=0.0,
        kw_only=True,
        slot=fir.REGULARISER,
    )
    on_divergence: str = param(
        "reset", "what follows a divergence", choices=("raise", "reset", "hold"), kw_only=True, slot=fir.POLICY
    )

    _fallible = True
    _worst = "taps"
    _p_size = blind.P_SIZE

    def _forms(self) -> Forms:
        raise NotImplementedError

    def _is_complex(self) -> bool:
        return True

    def _kernel(self) -> Function:
        return self._forms().step

    def _block(self) -> Function:
        return self._forms().block

    def _size(self) -> int:
        return complex_fir.size(self.taps, 1)

    def _start(self, s: NDArray[np.float64]) -> None:
        self._p[[fir.REFERENCES, fir.COMPLEX]] = 1.0
        fir.watch_afresh(self._p, s)

    def _indices(self) -> list[Index]:
        counters: list[Index] = [(slot, 0, COUNTABLE) for slot in (fir.LEFT, fir.DIVERGED, fir.UNLEARNT)]
        places: list[Index] = [(fir.POSITION, 0, self.taps), (fir.PLACE, 0, self.taps - 1)]
        return [*places, (complex_fir.STARTED, 0, 1), *counters]

    @property
    def diverged(self) -> int:
        """How often a divergence was noticed since the start or the last reset."""
        return int(self._s[fir.DIVERGED])

    @property
    def unlearnt(self) -> int:
        """How many samples taught nothing: those that filled the line, missing ones, bursts, or during a ``hold``."""
        return int(self._s[fir.UNLEARNT])

    @property
    def weights(self) -> NDArray[np.complex128]:
        """The weights, newest tap first: the output is w^H x. A copy; assign to set them, and to begin from them."""
        return complex_fir.weights(self._s, self.taps, 1)

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        given = complex_array(values, "weights")
        if given.shape != (self.taps,):
            raise ValueError(f"weights must have shape {(self.taps,)}, got {given.shape}")
        if not np.isfinite(given).all():
            raise ValueError("weights must be finite")
        complex_fir.set_weights(self._p, self._s, given, 1)


class CMA(_Equaliser):
    r"""Constant-modulus algorithm: a blind equaliser that makes the modulus of its output as even as symbols have it.

    .. math::

        y(n) = w(n)^H x(n), \qquad w(n+1) = w(n) + \frac{\mu}{\|x(n)\|^2 + \delta}\, [y(n)\,(R - |y(n)|^2)]^* x(n)

    It descends the mean of (|y|^2 - R)^2, normalised by the energy in the line. R = E|a|^4 / E|a|^2 of the points a of
    the constellation, which have mean power 1; so has the output, whatever the level of the input. What it finds is
    right up to a delay and a phase, which the modulus does not tell: ``sm.constellation(name).phase`` measures the
    phase, and `DecisionDirected` goes on from there.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1; some times the length of the channel. It begins with a single weight, in the
        middle, once the line is full. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 1; 0.002 to 0.05 is usual. An output beyond 2 sqrt(R) counts as one there,
        and no step goes beyond the circle of radius sqrt(R), so that a spike does not throw it.
    constellation : {"BPSK", "QPSK", "8-PSK", "16-QAM", "64-QAM", "256-QAM"}
        What is sent; only its R counts here.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`; after "reset" it begins anew.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    A sample that is missing (NaN in either part) teaches nothing. About 8 n multiplications a sample.

    References
    ----------
    D. N. Godard, "Self-recovering equalization and carrier tracking in two-dimensional data communication systems",
    IEEE Trans. Communications 28, 1980, pp. 1867-1875, eq. (26) with p = 2 (R on p. 1870).
    J. R. Treichler and B. G. Agee, "A new approach to multipath correction of constant modulus signals", IEEE Trans.
    Acoustics, Speech and Signal Processing 31, 1983, pp. 459-472.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 17.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> sent = np.random.default_rng(0).choice(sm.constellation("QPSK").points, 4000)
    >>> heard = np.convolve(sent, [0.2, 1.0, 0.3j])[:4000]
    >>> y = sm.CMA(taps=11, mu=0.05).run(heard)
    >>> uneven = lambda z: float(np.abs(np.abs(z[-500:]) - 1.0).max())
    >>> round(uneven(heard), 1), uneven(y) < 0.01
    (0.5, True)
    """

    constellation: str = param(
        "QPSK",
        "what is sent",
        choices=constellations.NAMES,
        encode=lambda name: float(np.sqrt(constellation(name).dispersion)),
        slot=blind.RADIUS,
    )

    _variants = ({"constellation": "16-QAM", "taps": 1},)

    def _forms(self) -> Forms:
        return blind.constant_modulus()


class DecisionDirected(_Equaliser):
    r"""Decision-directed equaliser: what it learns from is the point that is nearest to its own output.

    .. math::

        w(n+1) = w(n) + \frac{\mu}{\|x(n)\|^2 + \delta}\, [a(n) - y(n)]^* x(n), \qquad a(n) = \text{nearest}(y(n))

    It is NLMS with the decision a(n) for the desired sample: it follows a channel, and the carrier's phase, with the
    small error of NLMS as long as nearly all decisions are right. It does not get there by itself where they are not:
    let `CMA` or a training sequence open the eye, and give it their weights.

    Parameters
    ----------
    taps : int
        Number of taps n, at least 1. Without other weights it begins with a single one, in the middle. Fixed.
    mu : float
        Step size, without unit, 0 <= mu <= 1.
    constellation : {"BPSK", "QPSK", "8-PSK", "16-QAM", "64-QAM", "256-QAM"}
        What is sent, of mean power 1. The decisions for an output are ``sm.constellation(name).nearest(y)``.
    regulariser : float
        delta relative to the average energy in the line, 0 <= regulariser.
    on_divergence : {"reset", "raise", "hold"}
        What follows a divergence, as in `LMS`; after "reset" it begins anew, with a single weight.

    Raises
    ------
    FloatingPointError
        On divergence, with ``on_divergence="raise"``.

    Notes
    -----
    A new one learns nothing while its line fills: to take over from another filter without a gap, run it over the last
    ``taps`` samples of that one first. About 8 n multiplications a sample, and a few for the decision.

    References
    ----------
    R. W. Lucky, "Techniques for adaptive equalization of digital communication systems", Bell System Technical Journal
    45, 1966, pp. 255-286.
    S. Haykin, Adaptive Filter Theory, 5th ed., 2014, ch. 17.
    A. H. Sayed, Adaptive Filters, 2008, ch. 10 (decision-directed operation).

    Examples
    --------
    CMA first, then its weights turned back by the phase that is left:

    >>> import numpy as np, streammse as sm
    >>> qam = sm.constellation("16-QAM")
    >>> sent = np.random.default_rng(0).choice(qam.points, 20_000)
    >>> heard = np.convolve(sent, [0.1, 1.0, 0.25j])[:20_000] * np.exp(0.5j)
    >>> cma = sm.CMA(taps=11, mu=0.01, constellation="16-QAM")
    >>> y = cma.run(heard[:10_000])
    >>> f = sm.DecisionDirected(taps=11, mu=0.02, constellation="16-QAM")
    >>> f.weights = cma.weights * np.exp(1j * qam.phase(y[-2000:]))
    >>> y = f.run(heard[9990:])
    >>> bool(np.abs(y - qam.nearest(y))[-500:].max() < 0.01)
    True
    """

    constellation: str = param(
        "QPSK", "what is sent", choices=constellations.NAMES, encode=_lattice, slot=constellations.ACROSS
    )

    _variants = ({"constellation": "8-PSK"}, {"constellation": "16-QAM", "taps": 1})

    def _forms(self) -> Forms:
        return blind.decision_directed()
