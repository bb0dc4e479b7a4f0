"""ARIMA and seasonal ARIMA with regressors, by the Kalman filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..kernels import arma as kernel
from ..kernels.losses import Loss
from ..kernels.state_space import System
from ..matrices import in_the_system, plain_number
from ..node import Array
from ..param import param
from .base import what_fit_found
from .likelihood import Likelihood
from .state_space import MOST, Kalman, in_use, innovations

Coefficients = tuple[float | None, ...] | None

ARMA = ("ar", "ma", "seasonal_ar", "seasonal_ma")
TRENDS = ("n", "c", "t", "ct")
NEAREST = 1.0 - 1e-6  # the largest partial autocorrelation that is tried


def _whole(count: int) -> Callable[[str, Any], tuple[int, ...]]:
    """A check for so many non-negative integers."""

    def check(name: str, value: Any) -> tuple[int, ...]:
        if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)) or len(value) != count:
            raise ValueError(f"{name} must be {count} integers, got {value!r}")
        if any(isinstance(one, (bool, str)) or int(one) != one or one < 0 for one in value):
            raise ValueError(f"{name} must hold integers that are not negative, got {value!r}")
        return tuple(int(one) for one in value)

    return check


def coefficients(name: str, value: Any) -> Coefficients:
    """Numbers, with None for one that is to be estimated; None for all."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        return (plain_number(name, value),)
    found = tuple(None if one is None else plain_number(name, one) for one in value)
    return None if found and all(one is None for one in found) else found


def _coefficients(words: str) -> Any:
    return in_use(words, coefficients)


def filled(value: Coefficients, count: int) -> tuple[float, ...]:
    """The coefficients as numbers; what is not known counts as zero."""
    return tuple(0.0 if one is None else one for one in (value or (None,) * count))


class Shape(NamedTuple):
    """The orders of a model, and its unit polynomials."""

    p: int
    d: int
    q: int
    P: int
    D: int
    Q: int
    m: int
    trend: str

    @property
    def lags(self) -> int:
        """States of the differencing."""
        return self.d + self.m * self.D

    @property
    def r(self) -> int:
        """States of the ARMA process."""
        return max(self.p + self.m * self.P, self.q + self.m * self.Q + 1)

    @property
    def states(self) -> int:
        """All states."""
        return self.lags + self.r + self.moving

    @property
    def powers(self) -> tuple[int, ...]:
        """The powers of time in the trend."""
        return {"n": (), "c": (0,), "t": (1,), "ct": (0, 1)}[self.trend]

    @property
    def moving(self) -> int:
        """States of the trend: its value, and its slope where it has one."""
        return {"n": 0, "c": 1, "t": 2, "ct": 2}[self.trend]

    def product(self, first: Array, seasonal: Array, sign: float) -> Array:
        """The coefficients 1, 2, ... of (1 + sign a(B)) (1 + sign A(B^m)), times sign."""
        one = np.concatenate([[1.0], sign * first])
        other = np.zeros(self.m * seasonal.size + 1)
        other[0] = 1.0
        if seasonal.size:
            other[self.m :: self.m] = sign * seasonal
        return np.asarray(sign * np.convolve(one, other)[1:])

    @property
    def differences(self) -> Array:
        """y(t) = sum of these times y(t - 1), y(t - 2), ..., plus the differenced series."""
        delta = np.ones(1)
        for _ in range(self.d):
            delta = np.convolve(delta, [1.0, -1.0])
        for _ in range(self.D):
            delta = np.convolve(delta, np.concatenate([[1.0], np.zeros(self.m - 1), [-1.0]]))
        return -delta[1:]


def process(shape: Shape, ar: Array, ma: Array, sar: Array, sma: Array) -> tuple[Array, Array, Array]:
    """The ARMA process alone: phi and R as long as its state, and the stationary variance of that."""
    r = shape.r
    phi, R = np.zeros(r), np.zeros(r)
    first, others = shape.product(ar, sar, -1.0), shape.product(ma, sma, 1.0)
    phi[: first.size] = first
    R[0], R[1 : 1 + others.size] = 1.0, others
    T = np.eye(r, k=1)
    T[:, 0] = phi
    return phi, R, stationary(T, np.outer(R, R))


def system(shape: Shape, ar: Array, ma: Array, sar: Array, sma: Array, trend: Array | None, beta: Array) -> System:
    """The model in matrices (Harvey 1989, section 4.1.2): past values, the ARMA process, the trend.

    ``trend`` None: its coefficients are unknown, a diffuse part of the state.
    """
    lags, r, moving = shape.lags, shape.r, shape.moving
    n, w, u = shape.states, lags, lags + r
    phi = shape.product(ar, sar, -1.0)
    theta = shape.product(ma, sma, 1.0)
    T, links = np.zeros((n, n)), np.zeros((n, n), dtype=bool)
    Z = np.zeros(n)
    Z[:lags], Z[w] = shape.differences, 1.0
    if lags:
        T[0], links[0] = Z, Z != 0.0
        T[np.arange(1, lags), np.arange(lags - 1)] = 1.0
    T[w : w + phi.size, w] = phi
    may = shape.product(-np.ones_like(ar), -np.ones_like(sar), -1.0)  # where phi can differ from zero
    links[w : w + phi.size, w] = may != 0.0
    T[np.arange(w, u - 1), np.arange(w + 1, u)] = 1.0
    if moving:
        T[w, u] = 1.0
        T[u:, u:] = np.triu(np.ones((moving, moving)))
    links |= T != 0.0
    R = np.zeros(n)
    R[w], R[w + 1 : w + 1 + theta.size] = 1.0, theta
    Q = np.outer(R, R)

    a, P, P_inf = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
    P[w:u, w:u] = stationary(T[w:u, w:u], Q[w:u, w:u])
    P_inf[:lags, :lags] = np.eye(lags)
    rank = lags
    if moving:
        starts = np.zeros((n, len(shape.powers)))  # what a unit of each coefficient is at the first sample, t = 1
        starts[u] = 1.0
        starts[u + 1 :] = shape.powers
        unit = np.zeros(r)
        unit[0] = 1.0
        starts[w:u] = np.linalg.solve(np.eye(r) - T[w:u, w:u], unit)[:, None]
        if trend is None:
            starts /= np.abs(starts).max()
            P_inf += starts @ starts.T
            rank += len(shape.powers)
        else:
            a = starts @ trend
    return System(Z, T, Q, 0.0, a, P, P_inf, rank, beta, links)


def stationary(T: Array, Q: Array) -> Array:
    """P = T P T' + Q, by doubling."""
    P, A = Q.copy(), T.copy()
    for _ in range(64):
        more = A @ P @ A.T
        P += more
        if np.abs(more).max() <= 1e-17 * np.abs(P).max():
            break
        A = A @ A
    return (P + P.T) / 2.0


def stable(polynomial: Array) -> bool:
    """Whether 1 - a1 B - a2 B^2 - ... has its roots outside of the unit circle: every partial autocorrelation < 1."""
    a = polynomial.copy()
    while a.size:
        last = a[-1]
        if not abs(last) < 1.0:
            return False
        a = (a[:-1] + last * a[-2::-1]) / (1.0 - last * last) if a.size > 1 else a[:-1]
    return True


def from_partial(r: Array) -> Array:
    """The coefficients with these partial autocorrelations (Monahan 1984)."""
    a = np.zeros(0)
    for last in r:
        a = np.concatenate([a - last * a[::-1], [last]])
    return a


def to_partial(polynomial: Array) -> Array:
    """The partial autocorrelations of stable coefficients."""
    a, found = polynomial.copy(), []
    while a.size:
        last = a[-1]
        found.append(last)
        a = (a[:-1] + last * a[-2::-1]) / (1.0 - last * last) if a.size > 1 else a[:-1]
    return np.array(found[::-1])


class ARIMA(Kalman):
    r"""Seasonal ARIMA with regressors: differences of the series are a stationary ARMA process.

    .. math::

        \phi(B)\,\Phi(B^m)\,(1 - B)^d (1 - B^m)^D\, (y_t - \beta^T x_t) = c(t) + \theta(B)\,\Theta(B^m)\,\varepsilon_t

    with phi(B) = 1 - ar_1 B - ..., theta(B) = 1 + ma_1 B + ..., as in statsmodels' SARIMAX. The forecast is that of the
    exact Kalman filter: the past values start diffuse, the ARMA process in its stationary distribution.

    ``fit`` maximises the exact Gaussian likelihood over the coefficients that were not given; variance, regressors and
    trend are concentrated out of it. That is least squares but for the first samples, which count for as much as their
    variance says, so that it uses short series better. With ``loss=`` it makes the mean loss of the one-step errors
    after the diffuse start least, beginning at the largest likelihood. Fitting again starts from what was found.

    Until then what was not given counts as zero, but for the trend, which is learnt from sample to sample as a part of
    the state.

    Parameters
    ----------
    order : (int, int, int)
        p, d, q. Fixed, as all the others are.
    seasonal : (int, int, int, int)
        P, D, Q and the season m in samples, at least 2 where one of the three is not zero.
    trend : {"n", "c", "t", "ct"}
        c(t): nothing, a constant, a multiple of time (1 at the first sample), or both.
    exogenous : int
        How many regressors m stand beside every sample.
    ar, ma : tuple of float
        p and q coefficients; None: to be estimated, all or single ones. ``ar`` must be stationary.
    seasonal_ar, seasonal_ma : tuple of float
        P and Q coefficients, likewise.
    trend_coefficients : tuple of float
        Those of c(t), the constant first; None: to be estimated.
    beta : tuple of float
        Those of the regressors; None: to be estimated.
    fitted : tuple of float
        What ``fit`` found: all coefficients, one after another.

    Raises
    ------
    ValueError
        When a tuple has another length than the orders say, or the autoregression is not stationary.

    References
    ----------
    J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, section 3.4.
    A. C. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, section 3.4.
    J. F. Monahan, "A note on enforcing stationarity in autoregressive-moving average models", Biometrika 71, 1984,
    pp. 403-404.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> e = np.random.default_rng(0).standard_normal(3000)
    >>> y = np.cumsum(e[1:] + 0.5 * e[:-1])
    >>> model = sm.ARIMA(order=(0, 1, 1)).fit(y)
    >>> round(model.ma[0], 1)
    0.5
    >>> model.forecast(3).round(1) - model.forecast(1).round(1)
    array([0., 0., 0.])
    """

    order: tuple[int, int, int] = param((1, 1, 1), "p, d, q", fixed=True, check=_whole(3), encode=in_the_system)
    seasonal: tuple[int, int, int, int] = param(
        (0, 0, 0, 0), "P, D, Q and the season m", fixed=True, check=_whole(4), encode=in_the_system
    )
    trend: str = param("n", "c(t)", choices=TRENDS, fixed=True)
    exogenous: int = param(0, "regressors beside every sample", low=0, high=MOST, fixed=True)
    ar: Coefficients = _coefficients("of phi")
    ma: Coefficients = _coefficients("of theta")
    seasonal_ar: Coefficients = _coefficients("of Phi")
    seasonal_ma: Coefficients = _coefficients("of Theta")
    trend_coefficients: Coefficients = _coefficients("of c(t)")
    beta: Coefficients = _coefficients("of the regressors")
    fitted: tuple[float, ...] | None = what_fit_found()

    _estimated = ("ar", "ma", "seasonal_ar", "seasonal_ma", "trend_coefficients", "beta")
    _variants = (
        {
            "order": (2, 0, 1),
            "trend": "c",
            "exogenous": 2,
            "ar": (0.5, 0.2),
            "ma": (0.3,),
            "beta": (1.0, 1.0),
        },
        {"order": (0, 1, 1), "seasonal": (0, 1, 1, 12), "ma": (-0.4,), "seasonal_ma": (-0.6,)},
    )
    _probes = {
        "order": {"order": (1, 0, 1)},
        "seasonal": {"seasonal": (0, 1, 0, 12)},
        "trend": {"trend": "c"},
        "exogenous": {"exogenous": 2},
        "ar": {"ar": (0.5,)},
        "ma": {"ma": (0.5,)},
        "seasonal_ar": {"seasonal": (1, 0, 0, 12), "seasonal_ar": (0.5,)},
        "seasonal_ma": {"seasonal": (0, 0, 1, 12), "seasonal_ma": (0.5,)},
        "trend_coefficients": {"trend": "c", "trend_coefficients": (1.0,)},
        "beta": {"exogenous": 2, "beta": (1.0, 2.0)},
        "fitted": {"fitted": (0.5, 0.3)},
    }

    def _exogenous(self) -> int:
        return self.exogenous

    @property
    def _shape(self) -> Shape:
        return Shape(*self.order, *self.seasonal, self.trend)

    def _states(self) -> int:
        return self._shape.states

    def _counts(self) -> dict[str, int]:
        """How many coefficients each has."""
        shape = self._shape
        counts = (shape.p, shape.q, shape.P, shape.Q, len(shape.powers), self.exogenous)
        return dict(zip(self._estimated, counts, strict=True))

    def _check(self) -> None:
        P, D, Q, m = self.seasonal
        if (P or D or Q) and m < 2:
            raise ValueError(f"seasonal must end with a season of at least 2 samples, got {self.seasonal}")
        for name, count in self._counts().items():
            value = self._values[name]
            if value is None and count == 0:
                self._values[name] = ()
            elif value is not None and len(value) != count:
                raise ValueError(f"{name} must hold {count} coefficients, got {len(value)}")
        fitted = self._values["fitted"]
        if fitted is not None and len(fitted) != sum(self._counts().values()):
            raise ValueError(f"fitted must hold {sum(self._counts().values())} numbers, got {len(fitted)}")
        for name in ("ar", "seasonal_ar"):
            polynomial = self._in_use()[name]
            if not stable(np.array(polynomial)):
                raise ValueError(f"{name} must be stationary, got {polynomial}: take differences instead")

    def _in_use(self) -> dict[str, tuple[float, ...]]:
        """The coefficients by name: given, else found, else zero."""
        counts, fitted = self._counts(), self._values["fitted"]
        if fitted is None:
            return {name: filled(self._values[name], count) for name, count in counts.items()}
        edges = np.cumsum([0, *counts.values()]).tolist()
        return {name: fitted[a:b] for name, (a, b) in zip(counts, pairwise(edges), strict=True)}

    def _open(self) -> bool:
        unknown = any(value is None or None in value for value in (self._values[name] for name in self._estimated))
        return unknown and self._values["fitted"] is None

    def _asked(self) -> dict[str, tuple[float | None, ...]]:
        """The coefficients by name, None for what is to be estimated."""
        return {name: self._values[name] or (None,) * count for name, count in self._counts().items()}

    @property
    def needs_to_fit(self) -> int:
        """Those that the differences take, one for each coefficient to be estimated, and two more."""
        unknown = sum(one is None for value in self._asked().values() for one in value)
        return max(self.needs, self._shape.lags + unknown + 2) if unknown else self.needs

    def _system(self) -> System:
        ar, ma, sar, sma, trend, beta = map(np.array, self._in_use().values())
        known = self._values["trend_coefficients"] is not None or self._values["fitted"] is not None
        return system(self._shape, ar, ma, sar, sma, trend if known else None, beta)

    def _estimate(self, x: Array, y: Array, loss: Loss | None) -> tuple[float, ...] | None:
        asked = self._asked()
        if not any(one is None for value in asked.values() for one in value):
            return None
        beside = x.reshape(y.size, -1) if self.exogenous else np.zeros((y.size, 0))
        before = None if self._values["fitted"] is None else self._in_use()
        return Search(self._shape, asked, y, beside, loss, before).best()


class Search(Likelihood):
    """The coefficients of largest likelihood, or of the least mean loss; from those before on, where there are some."""

    def __init__(
        self,
        shape: Shape,
        asked: dict[str, tuple[float | None, ...]],
        y: Array,
        x: Array,
        loss: Loss | None = None,
        before: dict[str, tuple[float, ...]] | None = None,
    ) -> None:
        super().__init__(y, x, (*asked["trend_coefficients"], *asked["beta"]), loss)
        self.shape, self.before = shape, before
        self.unsaid = 0 if shape.lags else 1
        self.arma = {name: asked[name] for name in ARMA}
        if any(len({one is None for one in value}) > 1 for value in self.arma.values()):
            self.smooth = False  # between fixed ones stationarity is a wall
        #: the process itself, where no sample is missing that a difference would ask for
        self.plain = self.shape.trend in ("n", "c") and (not shape.lags or bool(self.known.all()))
        if self.plain:
            columns = np.vstack([self.y, np.zeros((len(shape.powers), y.size)), self.x.T])
            for lag, times in ((1, shape.d), (shape.m, shape.D)):
                for _ in range(times):
                    columns = columns[:, lag:] - columns[:, :-lag]
            self.columns = np.ascontiguousarray(columns)
        else:
            self.silent = np.where(self.known, 0.0, np.nan)

    def best(self) -> tuple[float, ...]:
        """All coefficients, one after another."""
        free = sum(one is None for value in self.arma.values() for one in value)
        starts = [np.zeros(free), self.guess(), np.full(free, 0.3)]
        if self.before is not None:  # not from the edge itself, where nothing moves any more
            starts = [self.encode({name: np.array(self.before[name]) for name in ARMA}, 0.999)]
        found = self.descend(starts, descents=1 if self.before is not None else 2)
        if self.criterion is not None:
            found, linear = self.by_loss(found)
        else:
            linear = self.linear(found)
        return tuple(float(one) for value in (*self.decode(found).values(), linear) for one in value)

    def decode(self, free: Array) -> dict[str, Array]:
        """Coefficients from unbounded numbers: a polynomial that is wholly free by its partial autocorrelations."""
        at, found = 0, {}
        for name, value in self.arma.items():
            count = sum(one is None for one in value)
            part, at = free[at : at + count], at + count
            if count == len(value):
                polynomial = from_partial(NEAREST * part / np.sqrt(1.0 + part * part))
                found[name] = -polynomial if name.endswith("ma") else polynomial
            else:
                rest = iter(part)
                found[name] = np.array([next(rest) if one is None else one for one in value], dtype=float)
        return found

    def encode(self, coefficients: dict[str, Array], most: float) -> Array:
        """The unbounded numbers of coefficients, no partial autocorrelation beyond ``most``."""
        parts = [np.zeros(0)]
        for name, value in self.arma.items():
            polynomial = -coefficients[name] if name.endswith("ma") else coefficients[name]
            if all(one is None for one in value):
                while not stable(polynomial):
                    polynomial = 0.8 * polynomial
                r = np.clip(to_partial(polynomial), -most, most)
                parts.append(r / np.sqrt(1.0 - r * r))
            else:
                parts.append(np.array([c for c, one in zip(coefficients[name], value, strict=True) if one is None]))
        return np.concatenate(parts)

    def innovations(self, free: Array) -> tuple[Array, Array, Array] | None:
        """Of the series and of what its linear coefficients are of: the trend's powers, the regressors."""
        ar, ma, sar, sma = self.decode(free).values()
        if not self.smooth and not all(map(stable, (ar, -ma, sar, -sma))):
            return None
        if not self.plain:
            return self.filtered((ar, ma, sar, sma))
        phi, R, P = process(self.shape, ar, ma, sar, sma)
        columns = self.columns
        if self.shape.powers:
            columns[1] = 1.0 / (1.0 - phi.sum())  # the mean that a constant of one makes
        e, F = np.empty(columns.shape), np.empty(columns.shape[1])
        kernel.innovations.compiled(phi, R, P, columns, e, F)
        told = F == F  # noqa: PLR0124
        if not told.all():
            e, F = e[:, told], F[told]
        return e[0], e[1:].T, F

    def filtered(self, arma: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array]:
        """The same by the whole filter."""
        terms = len(self.shape.powers)
        none = np.zeros(terms)

        def run(y: Array, trend: Array) -> tuple[Array, Array]:
            return innovations(system(self.shape, *arma, trend, np.zeros(0)), y)

        e, F = run(self.y, none)
        X = np.empty((e.size, self.given.size))  # the filter is linear: innovations are those of y less each column's
        for k in range(terms):
            X[:, k] = -run(self.silent, np.eye(terms)[k])[0]
        for k, one in enumerate(self.x.T):
            X[:, terms + k] = run(np.ascontiguousarray(one), none)[0]
        return e, X, F

    def guess(self) -> Array:
        """A start by two regressions (Hannan and Rissanen 1982): a long autoregression tells the noise."""
        free = np.zeros(sum(one is None for value in self.arma.values() for one in value))
        if not free.size:
            return free
        shape = self.shape
        w = self.y.copy()
        for lag, times in ((1, shape.d), (shape.m, shape.D)):
            for _ in range(times):
                w = w[lag:] - w[:-lag]
        known = np.isfinite(w)
        if known.sum() < 30 or (~known).sum() > 0.05 * w.size:
            return free
        w = np.where(known, w - w[known].mean(), 0.0)
        own, other = [*range(1, shape.p + 1)], [*range(1, shape.q + 1)]
        far, further = [shape.m * k for k in range(1, shape.P + 1)], [shape.m * k for k in range(1, shape.Q + 1)]
        long = min(w.size // 4, max(2 * max((*own, *other, *far, *further, 1)), 20))
        A = np.column_stack([_back(w, k, long) for k in range(1, long + 1)])
        noise = np.concatenate([np.zeros(long), w[long:] - A @ np.linalg.lstsq(A, w[long:], rcond=None)[0]])
        first = long + max((*other, *further, 0))
        if w.size - first < 10:
            return free
        lags = [_back(w, k, first) for k in own] + [_back(noise, k, first) for k in other]
        lags += [_back(w, k, first) for k in far] + [_back(noise, k, first) for k in further]
        found = np.linalg.lstsq(np.column_stack(lags), w[first:], rcond=None)[0]
        edges = np.cumsum([0, *map(len, self.arma.values())])
        told = {name: found[i:j] for name, (i, j) in zip(self.arma, pairwise(edges), strict=True)}
        return self.encode(told, 0.95)


def _back(w: Array, k: int, first: int) -> Array:
    """w(t - k) for t from ``first`` on."""
    return w[first - k : w.size - k]
