"""The hum canceller: mains hum and its harmonics, tracked and subtracted with no delay.

The model is one phase for all harmonics and a slowly drifting complex amplitude for each,

    x(t) = s(t) + sum_k Re(c_k e^{i k phi(t)}),        phi' = 2 pi mains + nu.

Every sample is cleaned at once with what is believed at that moment. What is left, e(t) = x(t) - hum(t), is watched
through windows of two periods (Hann, one ending each period), which say by how much each amplitude is wrong:

    z_k = 2 sum_t g(t) (e(t) - e(t-1)) e^{-i k phi(t)} / (sum_t g(t) (1 - e^{-i k w})),        w = phi' / rate.

The difference takes out offset and slow signal before they can leak into z; the window puts its zeros on the other
harmonics. Once a period two small Kalman filters learn from z:

- the common phase and its rate (phi, nu), nu a random walk; their observation is what all harmonics agree upon,
  d = sum_k I_k Im(z_k / c_k) / k / sum_k I_k, of variance 1 / sum_k I_k, with I_k = 2 k^2 |c_k|^2 omega_k / r_k;
- each amplitude c_k, a random walk, from the rest z_k - i k c_k d.

The signal itself is their noise, and it is far from Gaussian (a heart beat is quiet but for its QRS complexes). So the
noise r_k is a running scale with the weights omega_k = (n + 2) / (n + 2 |z_k|^2 / r_k) of Student's t with n degrees
of freedom, which are also what each filter divides its r_k by. A beat passes and moves nothing.

What repeats with the same phase, period after period, is no beat but hum that the model lags behind. The running mean
m_k of the (clipped) z_k is near zero as long as the filter is as fast as it should be (Mehra 1970: innovations of the
right gain are white). When it is larger than chance allows, the excess opens the filter: it counts as variance of c_k,
and such a z_k is no longer an outlier. So hum that is switched on, jumps or wanders faster than thought is caught
within about half a second, with no gain to tune.

Each window shares half of its samples with the one before, so no gain is above one half: without that limit the delay
of the windows makes the loop swing as soon as the noise vanishes.

Nothing here has a unit but times and frequencies: all thresholds are ratios of z to its own scale.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import Function, helper, kernel, rare
from ..kernels.constants import LARGEST
from ..node import Denoiser, Index
from ..param import REQUIRED, param

# p
RATE, MAINS, HARMONICS, TOLERANCE, WANDER, DRIFT = range(6)
# s: the half phase v = e^{i phi / 2} of the next sample and its turn a sample; nu and the covariance of (phi, nu) and
# the mean of d in units of its deviation; the weights seen by either window; the last clean sample and whether it is
# one; windows learnt from; harmonics below the Nyquist frequency
V_RE, V_IM, TURN_RE, TURN_IM, NU, P00, P01, P11, AGREED, G0, G1, CLEAN, BROKEN, SEEN, LINES, FIRST = range(16)
# and for each harmonic: c, the sums of both windows, m, the variance of c, r, the z of this period, its weight, and
# for how many periods it has been far out
C_RE, C_IM, A_RE, A_IM, B_RE, B_IM, M_RE, M_IM, VAR, NOISE, Z_RE, Z_IM, OMEGA, ODD, EACH = range(15)

FREEDOM = 10.0  # of Student's t
MEMORY = 50.0  # periods over which the scale of the noise is averaged
AGREE = 0.1  # of the mean of z: about ten periods
CHANCE = 4.0 * AGREE / (2.0 - AGREE)  # four times what that mean has of white noise
TURN = 2.0 * math.pi
UNKNOWN = 3.0  # the variance of a phase that may be anything
LOST = 0.3  # the variance at which a phase is no longer worth the name
FAR = 1e30  # a squared ratio beyond which everything is equally far out
STANDS = 2.0  # s[BROKEN] as long as all samples were the same
LONG = 25.0  # periods: no beat lasts so long


@kernel
def step(p: Any, s: Any, x: float, d: float) -> float:
    """Subtract the hum as it is believed to be, and collect what that leaves."""
    lines = int(s[LINES])
    end = FIRST + lines * EACH
    v = complex(s[V_RE], s[V_IM])
    u = v * v
    hum = 0.0
    w = u
    for k in range(FIRST, end, EACH):
        hum += s[k + C_RE] * w.real - s[k + C_IM] * w.imag
        w *= u
    if abs(x) < LARGEST:
        y = x - hum
        if s[BROKEN] == STANDS and y == s[CLEAN]:
            pass
        elif s[BROKEN] == 0.0:
            e = y - s[CLEAN]
            a = 1.0 - v.real
            b = 1.0 + v.real
            s[G0] += a
            s[G1] += b
            w = u
            for k in range(FIRST, end, EACH):
                s[k + A_RE] += a * e * w.real
                s[k + A_IM] -= a * e * w.imag
                s[k + B_RE] += b * e * w.real
                s[k + B_IM] -= b * e * w.imag
                w *= u
        # a sensor that warms up gives the same value again and again: the step from there to the signal is no hum
        s[BROKEN] = STANDS if s[CLEAN] != s[CLEAN] or (s[BROKEN] == STANDS and y == s[CLEAN]) else 0.0
        s[CLEAN] = y
    else:  # nothing to see: the phase runs on, the last clean sample is what stands here
        y = s[CLEAN]
        s[BROKEN] = max(s[BROKEN], 1.0)
    after = v * complex(s[TURN_RE], s[TURN_IM])
    s[V_RE] = after.real
    s[V_IM] = after.imag
    if (v.imag >= 0.0) != (after.imag >= 0.0):  # a period has passed, and with it one of the windows
        period(p, s, v, hum)
    return y


@helper
def ratio(a: float, b: float) -> float:
    """How far out a square is, in units of its scale."""
    return a / b if b * FAR > a else (FAR if a > 0.0 else 0.0)


@rare
def period(p: Any, s: Any, v: complex, hum: float) -> None:
    """Learn from the window that is complete, if enough of it was seen, and begin it anew."""
    first_window = v.imag < 0.0
    sums = A_RE if first_window else B_RE
    end = FIRST + int(s[LINES]) * EACH
    if s[SEEN] < 0.0:  # the stream began in the middle of this one
        s[SEEN] = 0.0
    else:
        if s[SEEN] > 0.0:
            predict(p, s)
        if measure(p, s, sums, s[G0] if first_window else s[G1]):
            if s[SEEN] > 0.0:
                settled = s[SEEN] * AGREE >= 1.0
                d, information = weigh(s, settled)
                correct(s, d, follow(p, s, d, information, settled))
                s[SEEN] += 1.0
            else:
                believe(s)
            if s[BROKEN] == 0.0:
                refine(s, v, hum)
        elif s[SEEN] > 0.0:
            dephase(s)
    for i in range(FIRST, end, EACH):
        s[i + sums] = 0.0
        s[i + sums + 1] = 0.0
    s[G0 if first_window else G1] = 0.0
    half = 0.5 * (TURN * p[MAINS] + s[NU]) / p[RATE]
    s[TURN_RE] = math.cos(half)
    s[TURN_IM] = math.sin(half)
    size = 1.0 / math.hypot(s[V_RE], s[V_IM])
    s[V_RE] *= size
    s[V_IM] *= size


@helper
def refine(s: Any, v: complex, hum: float) -> None:
    """What the last clean sample is in the light of what has been learnt."""
    u = v * v
    w = u
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        hum -= s[i + C_RE] * w.real - s[i + C_IM] * w.imag
        w *= u
    s[CLEAN] += hum


@helper
def measure(p: Any, s: Any, sums: int, seen: float) -> bool:
    """From the sums of a window to z, where it saw at least half of its samples and something in them."""
    if not seen > p[RATE] / p[MAINS]:
        return False
    turn = complex(s[TURN_RE], s[TURN_IM])
    back = 1.0 / (turn * turn)
    w = back
    power = 0.0
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        z = 2.0 / seen * complex(s[i + sums], s[i + sums + 1]) / (1.0 - w)
        s[i + Z_RE] = z.real
        s[i + Z_IM] = z.imag
        power += z.real * z.real + z.imag * z.imag
        w *= back
    return math.isfinite(power) and (power > 0.0 or s[SEEN] > 0.0)


@helper
def believe(s: Any) -> None:
    """From nothing: the first window is all there is to go by."""
    s[SEEN] = 1.0
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        s[i + C_RE] = s[i + Z_RE]
        s[i + C_IM] = s[i + Z_IM]
        s[i + NOISE] = s[i + Z_RE] * s[i + Z_RE] + s[i + Z_IM] * s[i + Z_IM]
        s[i + VAR] = s[i + NOISE]


@helper
def predict(p: Any, s: Any) -> None:
    """How much less is known after another period."""
    time = 1.0 / (p[MAINS] + s[NU] / TURN)
    s[P00] += time * (2.0 * s[P01] + time * s[P11])
    s[P01] += time * s[P11]
    s[P11] += (TURN * p[WANDER]) ** 2 * time
    limit(s, p[TOLERANCE])
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        scale = s[i + C_RE] * s[i + C_RE] + s[i + C_IM] * s[i + C_IM] + s[i + NOISE]
        s[i + VAR] += p[DRIFT] * p[DRIFT] * time * scale


@helper
def limit(s: Any, tolerance: float) -> None:
    """Nothing is less known than a phase that may be anything and a frequency anywhere within the tolerance."""
    widest = (math.pi * tolerance) ** 2
    if s[P00] > UNKNOWN:
        s[P01] *= math.sqrt(UNKNOWN / s[P00])
        s[P00] = UNKNOWN
    if s[P11] > widest:
        s[P01] *= math.sqrt(widest / s[P11])
        s[P11] = widest


@helper
def dephase(s: Any) -> None:
    """In a gap: a phase that has become too uncertain is uncertainty of the amplitudes, with the same two moments."""
    if s[P00] > LOST:
        k = 0.0
        for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
            k += 1.0
            kept = math.exp(-0.5 * k * k * s[P00])
            square = s[i + C_RE] * s[i + C_RE] + s[i + C_IM] * s[i + C_IM]
            s[i + VAR] += (1.0 - kept * kept) * square
            s[i + C_RE] *= kept
            s[i + C_IM] *= kept
        s[P00] = 0.0
        s[P01] = 0.0


@helper
def weigh(s: Any, settled: bool) -> tuple[float, float]:
    """How far out each z is, and whether it goes on in one direction: (what all say of the phase, information)."""
    fast = 1.0 / min(s[SEEN], MEMORY)
    d = 0.0
    information = 0.0
    k = 0.0
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        k += 1.0
        z = complex(s[i + Z_RE], s[i + Z_IM])
        c = complex(s[i + C_RE], s[i + C_IM])
        square = z.real * z.real + z.imag * z.imag
        far = ratio(square, s[i + NOISE])
        omega = (FREEDOM + 2.0) / (FREEDOM + 2.0 * far)
        s[i + ODD] = s[i + ODD] + 1.0 if far > FREEDOM * FREEDOM else 0.0
        if s[i + ODD] > LONG:  # the scale itself is what is odd
            s[i + NOISE] = square
            s[i + ODD] = 0.0
        else:
            s[i + NOISE] += fast * (omega * square - s[i + NOISE])
        clip = 1.0 / math.sqrt(max(1.0, far))
        s[i + M_RE] += AGREE * (clip * z.real - s[i + M_RE])
        s[i + M_IM] += AGREE * (clip * z.imag - s[i + M_IM])
        if settled:
            agreed = s[i + M_RE] * s[i + M_RE] + s[i + M_IM] * s[i + M_IM]
            excess = max(0.0, agreed - CHANCE * s[i + NOISE])
            omega += max(0.0, 1.0 - omega) * min(1.0, ratio(excess, s[i + NOISE]))
            s[i + VAR] += excess * max(1.0, far)
        s[i + OMEGA] = omega
        if s[i + NOISE] > 0.0:
            weight = 2.0 * omega * k / s[i + NOISE]
            information += weight * k * (c.real * c.real + c.imag * c.imag)
            d += weight * (z.imag * c.real - z.real * c.imag)
    return d / information if information > 0.0 else 0.0, information


@helper
def follow(p: Any, s: Any, d: float, information: float, settled: bool) -> float:
    """Phase and frequency from what the harmonics agree upon: how far the phase is put forward."""
    if not information > 0.0:
        return 0.0
    n = d * math.sqrt(information)
    s[AGREED] += AGREE * (min(1.0, max(-1.0, n)) - s[AGREED])
    if settled:
        excess = max(0.0, s[AGREED] * s[AGREED] - CHANCE) * max(1.0, n * n) / information
        s[P00] += excess
        s[P11] += excess * (0.5 * AGREE * p[MAINS]) ** 2
        limit(s, p[TOLERANCE])
    total = s[P00] + max(1.0 / information, s[P00])  # half of a window is old news
    gain: float = s[P00] / total
    widest = TURN * p[TOLERANCE]
    s[NU] = min(widest, max(-widest, s[NU] + s[P01] / total * min(1.0, max(-1.0, d))))
    s[P11] -= s[P01] * s[P01] / total
    s[P00] *= 1.0 - gain
    s[P01] *= 1.0 - gain
    s[AGREED] *= 1.0 - gain
    return gain * d


@helper
def correct(s: Any, d: float, forward: float) -> None:
    """The amplitudes: forward with the phase, and by their part of what it leaves of z."""
    k = 0.0
    for i in range(FIRST, FIRST + int(s[LINES]) * EACH, EACH):
        k += 1.0
        z = complex(s[i + Z_RE], s[i + Z_IM])
        c = complex(s[i + C_RE], s[i + C_IM])
        along = complex(-k * c.imag, k * c.real)  # where c goes when the phase advances
        total = s[i + VAR] + max(s[i + NOISE] / s[i + OMEGA], s[i + VAR])
        g = s[i + VAR] / total if total > 0.0 else 0.0
        c += forward * along + g * (z - d * along)
        s[i + C_RE] = c.real
        s[i + C_IM] = c.imag
        s[i + VAR] *= 1.0 - g
        s[i + M_RE] *= 1.0 - g
        s[i + M_IM] *= 1.0 - g


class HumCanceller(Denoiser):
    """Mains hum and its harmonics, tracked and subtracted without delay.

    With phi the phase of the mains, tracked, and c_k the complex amplitude of harmonic k, tracked::

        clean(t) = x(t) - sum_k Re(c_k e^{i k phi(t)})

    Unlike a notch it takes nothing from the signal but what is coherent with the mains, does not ring after a beat and
    follows a wandering frequency. Works at any scale of the signal without tuning; after the first two periods, which
    pass as they are, it is there within about 0.2 s. Hum that is not there adds no noise worth the name (on a
    five-minute ECG without any: 50 dB below it), but ``frequency`` means nothing then.

    A NaN or an infinite sample teaches nothing. What stands in its place is the last clean sample; the phase runs on,
    and after a gap so long that it is lost it is found again in about 0.2 s.

    Parameters
    ----------
    rate : float
        Samples a second, at least ``3 * mains``.
    mains : float, default 50
        The nominal frequency in Hz: 50 or 60 in public grids, 16.7 by railways, 400 in aircraft.
    harmonics : int, default 3
        How many harmonics, the fundamental included. Those above ``(rate - mains) / 2``, where a window of two periods
        no longer tells a harmonic from its mirror image at the Nyquist frequency, are dropped.
    tolerance : float, default 1.0
        How far the frequency may be from nominal, in Hz; at most ``mains / 4``.
    wander : float, default 0.05
        How much the frequency wanders in a second, in Hz (deviation of a random walk). Less is quieter, more is faster;
        what wanders faster is still followed, as the filter opens when its innovations agree.
    drift : float, default 0.04
        How much an amplitude drifts in a second, as a fraction of itself (deviation of a random walk).

    Raises
    ------
    ValueError
        When ``rate`` is below ``3 * mains`` or ``tolerance`` above ``mains / 4``.

    Examples
    --------
    >>> import numpy as np
    >>> import streammse as sm
    >>> t = np.arange(3600) / 360
    >>> clean = np.sin(2 * np.pi * 1.2 * t)
    >>> hum = 0.5 * np.sin(2 * np.pi * 49.9 * t + 1) + 0.1 * np.sin(2 * np.pi * 99.8 * t)
    >>> canceller = sm.HumCanceller(rate=360, mains=50)
    >>> y = canceller.run(clean + hum)
    >>> bool(np.abs(y - clean)[360:].max() < 0.002)
    True
    >>> round(canceller.frequency, 2), canceller.amplitudes.round(2).tolist()
    (49.9, [0.5, 0.1, 0.0])

    References
    ----------
    The canceller: B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE 63 (1975),
    1692-1716. One phase for all harmonics, on ECG: A. K. Ziarani and A. Konrad, "A nonlinear adaptive method of
    elimination of power line interference in ECG signals", IEEE Trans. Biomed. Eng. 51 (2004), 540-547, and
    S. M. M. Martens et al., "An improved adaptive power line interference canceller for electrocardiography", ibid. 53
    (2006), 2220-2231. Kalman filters for frequency: B. F. La Scala and R. R. Bitmead, "Design of an extended Kalman
    filter frequency tracker", IEEE Trans. Signal Process. 44 (1996), 739-742. The weights: K. L. Lange, R. J. A. Little
    and J. M. G. Taylor, "Robust statistical modeling using the t distribution", J. Am. Stat. Assoc. 84 (1989), 881-896.
    White innovations: R. K. Mehra, "On the identification of variances and adaptive Kalman filtering", IEEE Trans.
    Autom. Control 15 (1970), 175-184.
    """

    rate: float = param(REQUIRED, "samples a second", above=0.0, fixed=True)
    mains: float = param(50.0, "nominal frequency of the mains in Hz", above=0.0, fixed=True)
    harmonics: int = param(3, "number of harmonics, the fundamental included", low=1, fixed=True)
    tolerance: float = param(1.0, "how far the frequency may be from nominal, in Hz", above=0.0, fixed=True)
    wander: float = param(0.05, "how much the frequency wanders in a second, in Hz", low=0.0)
    drift: float = param(0.04, "how much an amplitude drifts in a second, as a fraction", low=0.0)

    _worst = "harmonics"
    _needs = {"rate": 360.0}
    _variants = ({"rate": 1000.0, "mains": 60.0, "harmonics": 4},)
    _probes = {"harmonics": {"harmonics": 2}}

    def _check(self) -> None:
        if self.rate < 3.0 * self.mains:
            raise ValueError(f"rate must be at least 3 * mains = {3.0 * self.mains:g} Hz, got {self.rate:g}")
        if self.tolerance > self.mains / 4.0:
            raise ValueError(f"tolerance must be at most mains / 4 = {self.mains / 4.0:g} Hz, got {self.tolerance:g}")

    def _lines(self) -> int:
        """How many harmonics are below the Nyquist frequency by half of mains, where the window still tells them."""
        return min(self.harmonics, int((self.rate / self.mains - 1.0) / 2.0))

    def _kernel(self) -> Function:
        return step

    def _size(self) -> int:
        return FIRST + self._lines() * EACH

    def _start(self, s: NDArray[np.float64]) -> None:
        half = math.pi * self.mains / self.rate
        s[V_RE] = 1.0
        s[TURN_RE], s[TURN_IM] = math.cos(half), math.sin(half)
        s[P00], s[P11] = 1.0, (math.pi * self.tolerance) ** 2
        s[SEEN], s[LINES], s[BROKEN], s[CLEAN] = -1.0, self._lines(), 1.0, math.nan

    def _indices(self) -> list[Index]:
        return [(LINES, self._lines(), self._lines())]

    @property
    def frequency(self) -> float:
        """The frequency of the mains now, in Hz."""
        return float(self.mains + self._s[NU] / TURN)

    @property
    def amplitudes(self) -> NDArray[np.float64]:
        """The amplitude (peak, in units of the signal) of each harmonic that is below the Nyquist frequency."""
        harmonics = self._s[FIRST:].reshape(-1, EACH)
        return np.hypot(harmonics[:, C_RE], harmonics[:, C_IM])
