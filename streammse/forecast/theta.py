"""The theta method and its state-space relatives: exponential smoothing that leans on the straight line through all."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import fit
from .._jit import Function, ahead_kernel, helper, kernel, loop
from ..kernels.constants import LARGEST
from ..kernels.losses import Loss
from ..node import Index
from ..param import param
from ..snapshot import COUNTABLE
from .base import SEEN, Forecaster, estimated, what_fit_found

Array = NDArray[np.float64]

# p
SEASON, ALPHA, THETA = range(3)
# s: whether a fit holds the line and the season; the level, (1 - alpha)^t and t; the line A + B t through all samples,
# and the moments that it comes from; the phase of the sample to come, the index of each, and while nothing is held the
# sum and number of ratios for each and the last samples
HELD, LEVEL, DECAY, TIME, INTERCEPT, SLOPE, COUNT, MEAN_T, MEAN_Y, SQUARES, PRODUCTS, PHASE, INDEX = range(1, 14)

LOWEST = 1e-4  # alpha: below, (1 - (1 - alpha)^t) / alpha loses its digits
STEEPEST = 1e6  # theta: the whole slope of the line
VANISHED = 1e-300  # a power of 1 - alpha below is zero: denormal numbers take a hundred times as long
LEAST = 0.01  # an index below would make a hundredfold of whatever noise there is
ALPHAS = (0.1, 0.99)  # where fit looks for alpha, as its authors do
QUANTILE = 1.6448536269514722  # of the normal distribution at 0.95: the season is tested at 90 %


@helper
def _share(p):  # type: ignore[no-untyped-def]
    """1 - 1 / theta; a class without a theta has none in p."""
    return 1.0 - 1.0 / p[THETA] if p[THETA] >= 1.0 else 0.5


@helper
def _next(level, decay, share, alpha, intercept, slope):  # type: ignore[no-untyped-def]
    """mu(t+1) = level + (1 - 1/theta) ((1-alpha)^t A + (1 - (1-alpha)^(t+1)) / alpha B)."""
    return level + share * (decay * intercept + (1.0 - decay * (1.0 - alpha)) / alpha * slope)


@helper
def _faded(decay, alpha):  # type: ignore[no-untyped-def]
    decay *= 1.0 - alpha
    return decay if decay > VANISHED else 0.0


@helper
def _moments(t, z, count, mean_t, mean_y, squares, products):  # type: ignore[no-untyped-def]
    """The moments of (t, z) with one more point."""
    count += 1.0
    off = t - mean_t
    mean_t += off / count
    mean_y += (z - mean_y) / count
    squares += off * (t - mean_t)
    products += off * (z - mean_y)
    return count, mean_t, mean_y, squares, products


@helper
def _line(mean_t, mean_y, squares, products):  # type: ignore[no-untyped-def]
    """The least-squares line: (intercept, slope)."""
    slope = products / squares if squares > 0.0 else 0.0
    return mean_y - slope * mean_t, slope


@helper
def _decompose(p, s, d):  # type: ignore[no-untyped-def]
    """One more sample for the classical decomposition: mean ratios to the centred moving average, of mean 1."""
    m = int(p[SEASON])
    phase = int(s[PHASE])
    sums = INDEX + m
    counts = sums + m
    last = counts + m  # a ring of m + 1
    reach = m + 1
    t = int(s[TIME])
    newest = t % reach
    s[last + newest] = d
    if t < m - m % 2:
        return
    total = 0.0
    for k in range(m):
        total += s[last + (newest + reach - k) % reach]
    if m % 2 == 0:  # the ends count half
        total += 0.5 * (s[last + (newest + 1) % reach] - d)
    middle = s[last + (newest + reach - m // 2) % reach]
    ratio = middle * m / total if total > 0.0 else -1.0
    if not (ratio >= 0.0 and ratio <= m):  # no series of positive values: there is nothing to say
        return
    centre = (phase + m - m // 2) % m
    s[sums + centre] += ratio
    s[counts + centre] += 1.0
    mean = 0.0
    for k in range(m):
        if s[counts + k] == 0.0:
            return
        mean += s[sums + k] / s[counts + k] / m
    for k in range(m):
        s[INDEX + k] = max(LEAST, s[sums + k] / s[counts + k] / mean)


def _kernels(dynamic: bool) -> tuple[Function, Function]:
    """The step and ``ahead``; a dynamic line goes through every sample, a missing one's forecast included."""

    @kernel
    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        known = abs(d) <= LARGEST
        if s[SEEN] == 0.0:
            if not known:
                return math.nan  # the series has not begun
            if s[HELD] == 0.0:
                s[LEVEL] = (1.0 - _share(p)) * d
        alpha = p[ALPHA]
        phase = int(s[PHASE])
        index = s[INDEX + phase]
        z = _next(s[LEVEL], s[DECAY], _share(p), alpha, s[INTERCEPT], s[SLOPE])
        y = z * index if s[SEEN] > 0.0 else math.nan
        if known:
            z = d / index
            s[SEEN] += 1.0
        if p[SEASON] > 1.0 and s[HELD] == 0.0:
            if known:
                _decompose(p, s, d)
            else:
                s[INDEX + 3 * int(p[SEASON]) + int(s[TIME]) % (int(p[SEASON]) + 1)] = y
        s[TIME] += 1.0
        s[LEVEL] += alpha * (z - s[LEVEL])
        s[DECAY] = _faded(s[DECAY], alpha)
        if dynamic or (known and s[HELD] == 0.0):
            s[COUNT], s[MEAN_T], s[MEAN_Y], s[SQUARES], s[PRODUCTS] = _moments(
                s[TIME], z, s[COUNT], s[MEAN_T], s[MEAN_Y], s[SQUARES], s[PRODUCTS]
            )
            s[INTERCEPT], s[SLOPE] = _line(s[MEAN_T], s[MEAN_Y], s[SQUARES], s[PRODUCTS])
        s[PHASE] = phase + 1.0 if phase + 1 < int(p[SEASON]) else 0.0
        return y

    @ahead_kernel
    def ahead(p, s, out):  # type: ignore[no-untyped-def]
        m = int(p[SEASON])
        alpha, share = p[ALPHA], _share(p)
        level, decay, t, phase = s[LEVEL], s[DECAY], s[TIME], int(s[PHASE])
        intercept, slope = s[INTERCEPT], s[SLOPE]
        count, mean_t, mean_y, squares, products = s[COUNT], s[MEAN_T], s[MEAN_Y], s[SQUARES], s[PRODUCTS]
        for k in range(out.size):
            z = _next(level, decay, share, alpha, intercept, slope)
            out[k] = z * s[INDEX + phase]
            t += 1.0
            level += alpha * (z - level)
            decay = _faded(decay, alpha)
            if dynamic:
                count, mean_t, mean_y, squares, products = _moments(t, z, count, mean_t, mean_y, squares, products)
                intercept, slope = _line(mean_t, mean_y, squares, products)
            phase = phase + 1 if phase + 1 < m else 0

    return step, ahead


_STATIC, _DYNAMIC = _kernels(False), _kernels(True)


@helper
def _errors(z, alpha, share, static, intercept, slope):  # type: ignore[no-untyped-def]
    """The least sum of squared one-step errors for an alpha: (sum, level at the start, share of the line).

    The errors are linear in the level at the start and in the share, so both come from two normal equations. A share
    that is given is 0 or more.
    """
    level, decay = z[0], 1.0
    count, mean_t, mean_y, squares, products = 0.0, 0.0, 0.0, 0.0, 0.0
    a, b = intercept, slope
    aa, ac, ag, cc, cg, gg = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(z.size):
        g = _next(0.0, decay, 1.0, alpha, a, b)
        e = z[t] - level
        if share >= 0.0:
            e -= share * g
            g = 0.0
        aa += e * e
        ac += e * decay
        ag += e * g
        cc += decay * decay
        cg += decay * g
        gg += g * g
        level += alpha * (z[t] - level)
        decay = _faded(decay, alpha)
        if not static:
            count, mean_t, mean_y, squares, products = _moments(t + 1.0, z[t], count, mean_t, mean_y, squares, products)
            a, b = _line(mean_t, mean_y, squares, products)
    found = max(share, 0.0)
    if share < 0.0:
        below = cc * gg - cg * cg
        found = (cc * ag - cg * ac) / below if below > 0.0 else 0.0
        found = min(max(found, 0.0), 1.0 - 1.0 / STEEPEST)
        ac -= found * cg
        aa += found * (found * gg - 2.0 * ag)
    return aa - ac * ac / cc, z[0] + ac / cc, found


@loop("void(f8[::1],f8,f8,f8,f8,f8,f8,f8,f8[::1])")
def _search(z, low, high, share, static, intercept, slope, near, out):  # type: ignore[no-untyped-def]
    """The best alpha; out: alpha, level at the start, share, and how often the errors were summed.

    From a grid, or where it still lies in a valley from the one before (NaN: none); then by Brent's parabolas
    (Algorithms for Minimization without Derivatives, 1973, section 5.8).
    """
    grid = 24
    width = (high - low) / grid
    fixed = static > 0.0
    number = 0.0
    x, fx, a, b = low, math.inf, low, high
    if low <= near <= high:
        a, b = max(low, near - width), min(high, near + width)
        at_a, _, _ = _errors(z, a, share, fixed, intercept, slope)
        at_b, _, _ = _errors(z, b, share, fixed, intercept, slope)
        middle, _, _ = _errors(z, near, share, fixed, intercept, slope)
        number += 3.0
        if middle <= at_a and middle <= at_b:
            x, fx = near, middle
    if fx == math.inf:
        for k in range(grid + 1 if high > low else 1):
            alpha = low + width * k
            value, _, _ = _errors(z, alpha, share, fixed, intercept, slope)
            number += 1.0
            if value < fx:
                x, fx = alpha, value
        a, b = max(low, x - width), min(high, x + width)
    golden = 0.3819660112501051
    w, v, fw, fv = x, x, fx, fx
    step = last = 0.0
    for _ in range(60):
        middle = 0.5 * (a + b)
        close = 1e-9
        if abs(x - middle) <= 2.0 * close - 0.5 * (b - a):
            break
        bold = abs(last) > close
        if bold:  # the parabola through x, w and v
            r, q = (x - w) * (fx - fv), (x - v) * (fx - fw)
            p = (x - v) * q - (x - w) * r
            q = 2.0 * (q - r)
            if q > 0.0:
                p = -p
            q = abs(q)
            bold = abs(p) < abs(0.5 * q * last) and q * (a - x) < p < q * (b - x)
            if bold:
                last = step
                step = p / q
        if not bold:
            last = b - x if x < middle else a - x
            step = golden * last
        u = x + (step if abs(step) >= close else math.copysign(close, step))
        u = min(max(u, a), b)
        fu, _, _ = _errors(z, u, share, fixed, intercept, slope)
        number += 1.0
        if fu <= fx:
            if u < x:
                b = x
            else:
                a = x
            v, fv, w, fw, x, fx = w, fw, x, fx, u, fu
        else:
            if u < x:
                a = u
            else:
                b = u
            if fu <= fw or w == x:
                v, fv, w, fw = w, fw, u, fu
            elif fu <= fv or v in (x, w):
                v, fv = u, fu
    out[0] = x
    _, out[1], out[2] = _errors(z, x, share, fixed, intercept, slope)
    out[3] = number + 1.0


def is_seasonal(y: Array, m: int) -> bool:
    """Whether the autocorrelation at lag m lies outside its 90 % bounds (Bartlett's, as the M3 entry had it)."""
    if y.size <= 2 * m or m < 2:
        return False
    off = y - y.mean()
    power = off @ off
    if power <= 0.0:
        return False
    r = np.array([off[k:] @ off[:-k] for k in range(1, m + 1)]) / power
    return bool(abs(r[-1]) > QUANTILE * math.sqrt((1.0 + 2.0 * np.sum(r[:-1] ** 2)) / y.size))


def seasonal_indices(y: Array, m: int) -> Array | None:
    """Mean ratios to the centred moving average, of mean 1, None where they make no sense."""
    half = m // 2
    weights = np.full(m, 1.0 / m) if m % 2 else np.concatenate([[0.5], np.ones(m - 1), [0.5]]) / m
    trend = np.convolve(y, weights, "valid")
    if trend.min() <= 0.0:
        return None
    ratios = np.full(-(-y.size // m) * m, np.nan)
    ratios[half : half + trend.size] = y[half : half + trend.size] / trend
    found = np.nanmean(ratios.reshape(-1, m), axis=0)
    found /= found.mean()
    return found if found.min() >= LEAST else None


def filled(y: Array) -> Array:
    """The series from its first known sample on, with gaps bridged by straight lines."""
    known = np.flatnonzero(np.abs(y) <= LARGEST)
    return np.interp(np.arange(known[0], y.size), known, y[known])


def line(z: Array) -> tuple[float, float]:
    """The least-squares line through (1, z[0]), (2, z[1]), ...: (intercept, slope)."""
    t = np.arange(1.0, z.size + 1.0)
    off = t - t.mean()
    slope = float(off @ z / (off @ off)) if z.size > 1 else 0.0
    return float(z.mean()) - slope * float(t.mean()), slope


#: what a fit without a season might find: held, a level of 9 and the line 9 + t / 100
START = (0.0, 1.0, 9.0, 1.0, 0.0, 9.0, 0.01, *[0.0] * 6, 1.0, *[0.0] * 4)


class _ThetaModel(Forecaster):
    """What the members share: the start, the fit and the forecasts."""

    season: int = param(1, "samples in a season, 1 for none", low=1, fixed=True, slot=SEASON)
    alpha: float = estimated(0.5, "weight of the last sample in the level", low=LOWEST, slot=ALPHA)
    fitted: tuple[float, ...] | None = what_fit_found()

    _worst = "season"
    _estimated: ClassVar[tuple[str, ...]] = ("alpha",)
    _finds_start = True
    _dynamic: ClassVar[bool] = False
    _p_size = THETA + 1
    _probes: ClassVar = {"alpha": {"alpha": 0.3}, "fitted": {"fitted": (0.3, *START)}}

    def _kernel(self) -> Function:
        return (_DYNAMIC if self._dynamic else _STATIC)[0]

    def _ahead(self) -> Function:
        return (_DYNAMIC if self._dynamic else _STATIC)[1]

    def _size(self) -> int:
        return INDEX + 4 * self.season + 1

    def _indices(self) -> list[Index]:
        return [*super()._indices(), (TIME, 0, COUNTABLE), (PHASE, 0, self.season - 1)]

    def _fresh(self, s: Array) -> None:
        s[DECAY] = 1.0
        s[INDEX : INDEX + self.season] = 1.0

    def _given_share(self) -> float:
        """1 - 1 / theta, or -1 where fit finds it."""
        return 0.5

    def _estimate(self, x: Array, y: Array, loss: Loss | None) -> tuple[float, ...]:
        s, m = np.zeros(self._size()), self.season
        self._fresh(s)
        z = filled(y)
        indices = seasonal_indices(z, m) if is_seasonal(z, m) else None
        if indices is not None:
            s[INDEX : INDEX + m] = indices
            z /= np.resize(indices, z.size)
        s[HELD] = 1.0
        if not self._dynamic:
            s[INTERCEPT], s[SLOPE] = line(z)
        given = self._values["alpha"]
        low, high = ALPHAS if given is None else (given, given)
        near = math.nan if self._values["fitted"] is None else self._values["fitted"][0]
        found = np.empty(4)
        static = float(not self._dynamic)
        _search.compiled(z, low, high, self._given_share(), static, s[INTERCEPT], s[SLOPE], near, found)
        alpha, s[LEVEL], share, _ = found
        p = self._p.copy()
        p[ALPHA], p[THETA] = alpha, 1.0 / (1.0 - share)
        start = fit.Found(p, s, found, 0.0, 0, 0, 0.0, 0.0)
        if loss is None:
            return self._pack(start)
        return self._pack(self._descend(start, x, y, loss))

    def _descend(self, start: fit.Found, x: Array, y: Array, loss: Loss) -> fit.Found:
        """From the least squares to the least of another loss."""
        free = []
        if self._values["alpha"] is None:
            free.append(fit.Free(ALPHA, *ALPHAS))
        if self._given_share() < 0.0:
            free.append(fit.Free(THETA, 1.0, STEEPEST))
        free.append(fit.Free(start.p.size + LEVEL, unit=0.0))
        trial = np.concatenate([start.p, start.s])[[one.where for one in free]]
        problem = fit.Problem(self._kernel(), start.p, start.s, tuple(free), trial[None])
        return fit.minimise(problem, x, y, loss) or start

    @property
    def slope(self) -> float:
        """The slope B of the straight line; forecasts grow by 1 - 1 / theta of it a sample, before the season."""
        return float(self._s[SLOPE])

    @property
    def indices(self) -> Array:
        """The seasonal index of each phase, that of the first sample first; ones where there is no season."""
        return self._s[INDEX : INDEX + self.season].copy()


class Theta(_ThetaModel):
    r"""The theta method: exponential smoothing, and half the slope of the straight line through the whole series.

    .. math::

        \hat y_{t+1} = s_{t+1} \Big(\ell_t + \big(1 - \tfrac1\theta\big) \Big\{(1-\alpha)^t A +
        \frac{1 - (1-\alpha)^{t+1}}{\alpha} B\Big\}\Big), \qquad
        \ell_t = \alpha\, y_t / s_t + (1-\alpha)\, \ell_{t-1}, \qquad \theta = 2

    with the least-squares line A + B t through the series without its season s (the mean of two theta lines is simple
    exponential smoothing with a drift of B / 2). ``fit`` tests for a season (autocorrelation at its lag, 90 %), takes
    the multiplicative indices of the classical decomposition where there is one, and finds alpha (0.1 to 0.99) and the
    level at the start by least squares. Afterwards every sample updates the level; line, indices and alpha stay.

    Without a fit all of it is found on the way: the line and the decomposition are those of the samples so far, alpha
    is 0.5; a sample then costs O(season). The indices stay at 1 until every phase has been seen within a full season.

    A missing sample is taken to be its forecast, by the level alone. A series with values below zero has no season.

    Parameters
    ----------
    season : int
        Samples m in a season, 1 for none. Two seasons and a sample are needed to find one. Fixed.
    alpha : float, optional
        Weight of the last sample in the level, 0.0001 <= alpha <= 1. Left out: found by ``fit``, 0.5 until then.
    fitted : tuple of float, optional
        What ``fit`` found; None: nothing yet.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.arange(1.0, 41.0) * np.tile([0.5, 1.5], 20)
    >>> model = sm.Theta(season=2).fit(y)
    >>> model.indices.round(1).tolist(), model.forecast(2).round(0).tolist()
    ([0.5, 1.5], [20.0, 61.0])

    References
    ----------
    V. Assimakopoulos and K. Nikolopoulos, "The theta model: a decomposition approach to forecasting", International
    Journal of Forecasting 16, 2000, pp. 521-530.
    R. J. Hyndman and B. Billah, "Unmasking the Theta method", International Journal of Forecasting 19, 2003,
    pp. 287-290.
    """

    _variants = ({"season": 12},)


class OptimisedTheta(_ThetaModel):
    r"""The theta method with a theta of its own: how much of the straight line's slope a forecast has is estimated.

    .. math::

        \hat y_{t+1} = s_{t+1} \Big(\ell_t + \big(1 - \tfrac1\theta\big) \Big\{(1-\alpha)^t A +
        \frac{1 - (1-\alpha)^{t+1}}{\alpha} B\Big\}\Big), \qquad
        \ell_t = \alpha\, y_t / s_t + (1-\alpha)\, \ell_{t-1}

    All else is as in `Theta`: after ``fit`` the level goes on with every sample; line, indices, alpha and theta stay.
    theta = 1 is simple exponential smoothing, a very large one has the whole slope.

    Parameters
    ----------
    season : int
        Samples m in a season, 1 for none. Fixed.
    alpha : float, optional
        Weight of the last sample in the level, 0.0001 <= alpha <= 1. Left out: found by ``fit``, 0.5 until then.
    theta : float, optional
        The theta of the line, 1 <= theta <= 1e6. Left out: found by ``fit``, 2 until then.
    fitted : tuple of float, optional
        What ``fit`` found; None: nothing yet.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> model = sm.OptimisedTheta().fit(3.0 + 2.0 * np.arange(30.0))
    >>> bool(model.theta > 1e3), model.forecast(2).round(1).tolist()  # a straight line is all there is
    (True, [63.0, 65.0])

    References
    ----------
    J. A. Fiorucci, T. R. Pellegrini, F. Louzada, F. Petropoulos and A. B. Koehler, "Models for optimising the theta
    method and their relationship to state space models", International Journal of Forecasting 32, 2016, pp. 1151-1161.
    """

    theta: float = estimated(2.0, "theta of the line", low=1.0, high=STEEPEST, slot=THETA)
    fitted: tuple[float, ...] | None = what_fit_found()

    _estimated: ClassVar[tuple[str, ...]] = ("alpha", "theta")
    _probes: ClassVar = {
        "alpha": {"alpha": 0.3},
        "theta": {"theta": 3.0},
        "fitted": {"fitted": (0.3, 3.0, *START)},
    }

    def _given_share(self) -> float:
        given = self._values["theta"]
        return -1.0 if given is None else 1.0 - 1.0 / given


class DynamicTheta(OptimisedTheta):
    r"""The dynamic theta model: as `OptimisedTheta`, with a line that goes through all samples so far.

    .. math::

        \hat y_{t+1} = s_{t+1} \Big(\ell_t + \big(1 - \tfrac1\theta\big) \Big\{(1-\alpha)^t A_t +
        \frac{1 - (1-\alpha)^{t+1}}{\alpha} B_t\Big\}\Big), \qquad
        \ell_t = \alpha\, y_t / s_t + (1-\alpha)\, \ell_{t-1}

    The level and the line A_t + B_t t go on with every sample (a missing one is its forecast for both); the indices,
    alpha and theta stay as ``fit`` found them. With ``theta=2`` this is the dynamic standard model.

    Parameters
    ----------
    season : int
        Samples m in a season, 1 for none. Fixed.
    alpha : float, optional
        Weight of the last sample in the level, 0.0001 <= alpha <= 1. Left out: found by ``fit``, 0.5 until then.
    theta : float, optional
        The theta of the line, 1 <= theta <= 1e6. Left out: found by ``fit``, 2 until then.
    fitted : tuple of float, optional
        What ``fit`` found; None: nothing yet.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> model = sm.DynamicTheta().fit(3.0 + 2.0 * np.arange(30.0))
    >>> model.forecast(2).round(1).tolist(), model.update(63.0).__round__(1)
    ([63.0, 65.0], 63.0)

    References
    ----------
    J. A. Fiorucci, T. R. Pellegrini, F. Louzada, F. Petropoulos and A. B. Koehler, "Models for optimising the theta
    method and their relationship to state space models", International Journal of Forecasting 32, 2016, pp. 1151-1161.
    """

    _dynamic = True
