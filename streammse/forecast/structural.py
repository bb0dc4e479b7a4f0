"""Structural time series models: a level, a slope, a season and noise, each with a variance of its own."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..kernels.losses import Loss
from ..kernels.state_space import System
from ..matrices import plain_number
from ..node import Array
from ..param import param
from .arima import Coefficients, coefficients, filled
from .base import what_fit_found
from .likelihood import Likelihood
from .state_space import MOST, Kalman, in_use, innovations

#: the variances in use until some are given or found
LONGEST = 1 << 16  # the matrices of a pattern are season by season
UNTIL = {"irregular": 1.0, "level": 0.1, "slope": 0.01, "seasonal": 0.01}


def _not_negative(name: str, value: Any) -> float | None:
    if value is None:
        return None
    number = plain_number(name, value)
    if number < 0.0:
        raise ValueError(f"{name} must be 0 <= {name} or None, got {value!r}")
    return number


def _variance(words: str) -> Any:
    return in_use(f"variance of the {words}", _not_negative)


class Parts(NamedTuple):
    """What a series is made of."""

    linear: bool  # whether the level has a slope
    season: int  # samples; 0: none
    harmonics: int  # of the season; 0: it is a pattern that sums to zero
    exogenous: int

    @property
    def states(self) -> int:
        """Of all of them together."""
        m, h = self.season, self.harmonics
        seasonal = 2 * h - (2 * h == m) if h else max(0, m - 1)
        return 1 + self.linear + seasonal

    @property
    def variances(self) -> tuple[str, ...]:
        """Those that the model has."""
        return ("irregular", "level", *(("slope",) * self.linear), *(("seasonal",) * (self.season > 0)))


def system(parts: Parts, variance: dict[str, float], beta: Array) -> System:
    """The model in matrices (Durbin and Koopman 2012, sections 3.2.1 and 3.2.2)."""
    blocks: list[tuple[Array, list[float], list[float]]] = []  # T, Z and the diagonal of Q
    if parts.linear:
        blocks.append((np.array([[1.0, 1.0], [0.0, 1.0]]), [1.0, 0.0], [variance["level"], variance["slope"]]))
    else:
        blocks.append((np.eye(1), [1.0], [variance["level"]]))
    m = parts.season
    if m and not parts.harmonics:
        T = np.eye(m - 1, k=-1)
        T[0] = -1.0
        blocks.append((T, [1.0] + [0.0] * (m - 2), [variance["seasonal"]] + [0.0] * (m - 2)))
    for j in range(1, parts.harmonics + 1):
        if 2 * j == m:  # its sine is zero at every sample
            blocks.append((-np.eye(1), [1.0], [variance["seasonal"]]))
            continue
        c, s = math.cos(2.0 * math.pi * j / m), math.sin(2.0 * math.pi * j / m)
        c = 0.0 if 4 * j == m else c
        blocks.append((np.array([[c, s], [-s, c]]), [1.0, 0.0], [variance["seasonal"]] * 2))
    n = sum(len(Z) for _, Z, _ in blocks)
    T = np.zeros((n, n))
    at = 0
    for block, _, _ in blocks:
        T[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    Z = np.concatenate([Z for _, Z, _ in blocks])
    Q = np.diag(np.concatenate([q for _, _, q in blocks]))
    return System(Z, T, Q, variance["irregular"], np.zeros(n), np.zeros((n, n)), np.eye(n), n, beta)


class Components(Kalman):
    """What the structural models share."""

    #: whether the level has a slope, in a class that does not ask
    _linear: ClassVar[bool] = False

    def _parts(self) -> Parts:
        value = self._values
        linear = value["trend"] == "linear" if "trend" in value else self._linear
        return Parts(linear, value.get("season", 0), value.get("harmonics", 0), value.get("exogenous", 0))

    def _states(self) -> int:
        return self._parts().states

    def _exogenous(self) -> int:
        return int(self._values.get("exogenous", 0))

    def _check(self) -> None:
        parts = self._parts()
        if parts.season == 1:
            raise ValueError("season must be at least 2 samples, or 0 for none, got 1")
        if parts.season > LONGEST and not parts.harmonics:
            raise ValueError(
                f"season must be at most {LONGEST} samples as a pattern of its own (harmonics have no such bound), "
                f"got {parts.season}"
            )
        if 2 * parts.harmonics > parts.season:
            raise ValueError(f"harmonics must be at most half a season of {parts.season}, got {parts.harmonics}")
        for name in self._estimated:
            if name == "beta":
                continue
            if name not in parts.variances:
                if self._values[name]:
                    raise ValueError(f"{name} must be 0 or None in a model without it, got {self._values[name]!r}")
                self._values[name] = 0.0
        if "beta" in self._values:
            beta = self._values["beta"]
            if beta is None and not parts.exogenous:
                self._values["beta"] = ()
            elif beta is not None and len(beta) != parts.exogenous:
                raise ValueError(f"beta must hold {parts.exogenous} coefficients, got {len(beta)}")
        fitted = self._values["fitted"]
        expected = len(parts.variances) + parts.exogenous
        if fitted is not None and (len(fitted) != expected or min(fitted[: len(parts.variances)]) < 0.0):
            raise ValueError(f"fitted must hold {expected} numbers, no variance among them negative, got {fitted}")

    def _in_use(self) -> dict[str, Any]:
        parts, fitted = self._parts(), self._values["fitted"]
        found: dict[str, Any] = dict.fromkeys(UNTIL, 0.0)
        for k, name in enumerate(parts.variances):
            given = self._values[name]
            until = UNTIL[name] if fitted is None else fitted[k]
            found[name] = until if given is None else given
        if "beta" in self._values:
            n = parts.exogenous
            found["beta"] = filled(self._values["beta"], n) if fitted is None else fitted[len(parts.variances) :]
        return found

    def _open(self) -> bool:
        asked = [self._values[name] for name in self._estimated]
        unknown = any(one is None or (isinstance(one, tuple) and None in one) for one in asked)
        return unknown and self._values["fitted"] is None

    def _asked(self) -> tuple[dict[str, float | None], tuple[float | None, ...]]:
        """The variances by name and the coefficients, None for what is to be estimated."""
        parts = self._parts()
        beta = self._values.get("beta") or (None,) * parts.exogenous
        return {name: self._values[name] for name in parts.variances}, beta

    @property
    def needs_to_fit(self) -> int:
        """Those that the diffuse start takes, one for each number to be estimated, and one more."""
        asked, beta = self._asked()
        unknown = sum(one is None for one in (*asked.values(), *beta))
        return self.needs + unknown + 1 if unknown else self.needs

    def _system(self) -> System:
        values = self._in_use()
        return system(self._parts(), values, np.array(values.get("beta", ()), dtype=float))

    def _estimate(self, x: Array, y: Array, loss: Loss | None) -> tuple[float, ...] | None:
        parts, (asked, beta) = self._parts(), self._asked()
        if None not in (*asked.values(), *beta):
            return None
        beside = x.reshape(y.size, -1) if parts.exogenous else np.zeros((y.size, 0))
        before = None if self._values["fitted"] is None else self._in_use()
        return Search(parts, asked, beta, y, beside, loss, before).best()


#: where a search begins: variances relative to one another, in the order of ``UNTIL``
STARTS = ((1.0, 0.1, 0.01, 0.01), (1.0, 1.0, 0.1, 0.1), (0.1, 1.0, 1e-4, 0.01), (1.0, 1e-3, 1e-3, 0.1))
FAINT = 1e-3  # a variance that was zero begins here, since at zero itself nothing moves


class Search(Likelihood):
    """The variances of largest likelihood, or of the least mean loss; from those before on, where there are some."""

    def __init__(
        self,
        parts: Parts,
        asked: dict[str, float | None],
        beta: tuple[float | None, ...],
        y: Array,
        x: Array,
        loss: Loss | None = None,
        before: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(y, x, beta, loss)
        self.asked, self.before = asked, before
        self.names = [name for name, value in asked.items() if value is None]
        #: whether all variances can grow together
        self.scalable = not any(asked.values())
        steps = np.diff(self.y)
        steps = steps[np.isfinite(steps)]
        self.size = max(float(np.std(steps)) if steps.size else 0.0, 1e6 * self.small)
        # the parameters of the filter are linear in the variances
        nothing = dict.fromkeys(UNTIL, 0.0)
        self.model = system(parts, nothing, np.zeros(0))
        self.base = self.model.parameters()
        self.units = np.array(
            [system(parts, nothing | {name: 1.0}, np.zeros(0)).parameters() - self.base for name in asked]
        )

    def best(self) -> tuple[float, ...]:
        """All variances and coefficients, one after another."""
        places = [list(UNTIL).index(name) for name in self.names]
        starts = [np.sqrt([ratio[k] for k in places]) for ratio in STARTS]
        if self.before is not None and self.names:
            known = np.array([self.before[name] for name in self.names])
            unit = (known.max() or 1.0) if self.scalable else self.size**2
            starts = [np.sqrt(np.maximum(known / unit, FAINT))]
        found = self.descend(starts, descents=1 if self.before is not None else 2)
        least = self.loss(found)
        for k in range(found.size):  # a variance that is hardly there is none
            without = found.copy()
            without[k] = 0.0
            if without.any() and self.loss(without) <= least + 1e-9:
                found = without
        linear = self.linear(found)
        if self.criterion is not None:
            found, linear = self.by_loss(found)
        scale = self.scale(found, linear)
        variances = [scale * value for value in self.variances(found).values()]
        return tuple(float(one) for one in (*variances, *linear))

    def variances(self, free: Array) -> dict[str, float]:
        """All of them: a free one is the square of a number, which may be zero."""
        unit = 1.0 if self.scalable else self.size**2
        found = {name: 0.0 if value is None else value for name, value in self.asked.items()}
        return found | {name: float(one * one) * unit for name, one in zip(self.names, free, strict=True)}

    def scale(self, free: Array, linear: Array) -> float:
        """The factor that all variances lack; never zero, since what comes later must still be learnt."""
        told = self.innovations(free) if self.scalable else None
        if told is None:
            return 1.0
        e, X, F = told
        return max(float(np.mean((e - X @ linear) ** 2 / F)) if e.size else 0.0, self.small**2)

    def innovations(self, free: Array) -> tuple[Array, Array, Array] | None:
        """Of the series and of each regressor."""
        values = np.array(list(self.variances(free).values()))
        if not values.any():
            return None
        p = self.base + values @ self.units
        e, F = innovations(self.model, self.y, p)
        X = np.empty((e.size, self.given.size))
        for k, one in enumerate(self.x.T):
            X[:, k] = innovations(self.model, np.ascontiguousarray(one), p)[0]
        return e, X, F


class LocalLevel(Components):
    r"""A level that wanders, in noise: exponential smoothing with the best weight at every sample.

    .. math::

        y_t = \mu_t + \varepsilon_t, \qquad \mu_{t+1} = \mu_t + \eta_t

    ``fit`` finds the variances by maximum likelihood, which tells the noise from the level's steps and weighs the first
    samples by what is known of them; with ``loss=`` those of the least mean loss of the one-step errors. Until then the
    ratio of level to irregular is 0.1. The start is diffuse: the first sample is the level.

    Parameters
    ----------
    irregular : float
        Variance of eps, not negative; None: to be estimated. Fixed, as all the others are.
    level : float
        Variance of eta, likewise. Forecasts depend on the ratio alone.
    fitted : tuple of float
        What ``fit`` found.

    References
    ----------
    J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, ch. 2.

    Examples
    --------
    The Nile has variances 15099 and 1469.2 (section 2.10.3).

    >>> import statsmodels.api, streammse as sm
    >>> nile = statsmodels.api.datasets.nile.load_pandas().data["volume"]
    >>> model = sm.LocalLevel().fit(nile)
    >>> f"{model.irregular:.0f} {model.level:.0f}", model.forecast(2).round(1)
    ('15099 1469', array([798.4, 798.4]))
    """

    irregular: float | None = _variance("noise")
    level: float | None = _variance("level's steps")
    fitted: tuple[float, ...] | None = what_fit_found()

    _estimated = ("irregular", "level")
    _probes = {"irregular": {"irregular": 3.0}, "level": {"level": 2.0}, "fitted": {"fitted": (1.0, 2.0)}}


class LocalTrend(Components):
    r"""A level with a slope, both wandering, in noise.

    .. math::

        y_t = \mu_t + \varepsilon_t, \qquad \mu_{t+1} = \mu_t + \nu_t + \eta_t, \qquad \nu_{t+1} = \nu_t + \zeta_t

    Parameters
    ----------
    irregular, level, slope : float
        Variances of eps, eta and zeta, not negative; None: to be estimated. Fixed. ``level=0`` is the smooth trend.
    fitted : tuple of float
        What ``fit`` found.

    References
    ----------
    J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, section 3.2.1.

    Examples
    --------
    >>> import streammse as sm
    >>> model = sm.LocalTrend(irregular=1.0, level=0.0, slope=0.1)
    >>> y = model.run([1.0, 2.0, 3.0, 4.0])
    >>> model.forecast(3).round(6)
    array([5., 6., 7.])
    """

    irregular: float | None = _variance("noise")
    level: float | None = _variance("level's steps")
    slope: float | None = _variance("slope's steps")
    fitted: tuple[float, ...] | None = what_fit_found()

    _linear = True
    _estimated = ("irregular", "level", "slope")
    _probes = {
        "irregular": {"irregular": 3.0},
        "level": {"level": 2.0},
        "slope": {"slope": 1.0},
        "fitted": {"fitted": (1.0, 2.0, 1.0)},
    }


class BasicStructural(Components):
    r"""The basic structural model: a local trend and a season whose pattern changes slowly.

    .. math::

        y_t = \mu_t + \gamma_t + \varepsilon_t, \qquad \gamma_{t+1} = -\sum_{j=0}^{m-2} \gamma_{t-j} + \omega_t

    with mu as in `LocalTrend`.

    Parameters
    ----------
    season : int
        Samples m in a season, at least 2. Fixed, as all the others are.
    irregular, level, slope, seasonal : float
        Variances of eps, eta, zeta and omega, not negative; None: to be estimated.
    fitted : tuple of float
        What ``fit`` found.

    References
    ----------
    A. C. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, section 2.3.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> y = np.arange(24.0) + np.tile([3.0, 0.0, -3.0], 8)
    >>> sm.BasicStructural(season=3).fit(y).forecast(3).round(3)
    array([27., 25., 23.])
    """

    season: int = param(12, "samples in a season", low=2, fixed=True)
    irregular: float | None = _variance("noise")
    level: float | None = _variance("level's steps")
    slope: float | None = _variance("slope's steps")
    seasonal: float | None = _variance("season's steps")
    fitted: tuple[float, ...] | None = what_fit_found()

    _linear = True
    _estimated = ("irregular", "level", "slope", "seasonal")
    _probes = {
        "irregular": {"irregular": 3.0},
        "level": {"level": 2.0},
        "slope": {"slope": 1.0},
        "seasonal": {"seasonal": 1.0},
        "fitted": {"fitted": (1.0, 2.0, 1.0, 0.1)},
    }


class Structural(Components):
    r"""A structural model of chosen parts: level or local trend, season as a pattern or in harmonics, regressors.

    .. math::

        y_t = \mu_t + \gamma_t + \beta^T x_t + \varepsilon_t

    mu is a local level or a local trend, gamma a seasonal pattern as in `BasicStructural` or a sum of harmonics whose
    phasors turn by 2 pi j / m a sample and wander, all with one variance.

    Parameters
    ----------
    trend : {"linear", "level"}
        Whether the level has a slope. Fixed, as all the others are.
    season : int
        Samples m in a season; 0: none.
    harmonics : int
        How many, up to half of m; 0: a pattern of m - 1 free values.
    exogenous : int
        How many regressors stand beside every sample.
    irregular, level, slope, seasonal : float
        Variances of the noise and of the steps of each part, not negative; None: to be estimated.
    beta : tuple of float
        Coefficients of the regressors; None: to be estimated.
    fitted : tuple of float
        What ``fit`` found.

    References
    ----------
    J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, section 3.2.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> t = np.arange(100.0)
    >>> model = sm.Structural(trend="level", season=10, harmonics=1).fit(5.0 + np.sin(2 * np.pi * t / 10))
    >>> abs(model.forecast(2) - 5.0 - np.sin(2 * np.pi * np.array([0.0, 0.1]))).max() < 1e-6
    np.True_
    """

    trend: str = param("linear", "whether the level has a slope", choices=("linear", "level"), fixed=True)
    season: int = param(0, "samples in a season", low=0, fixed=True)
    harmonics: int = param(0, "of the season", low=0, fixed=True)
    exogenous: int = param(0, "regressors beside every sample", low=0, high=MOST, fixed=True)
    irregular: float | None = _variance("noise")
    level: float | None = _variance("level's steps")
    slope: float | None = _variance("slope's steps")
    seasonal: float | None = _variance("season's steps")
    beta: Coefficients = in_use("of the regressors", coefficients)
    fitted: tuple[float, ...] | None = what_fit_found()

    _estimated = ("irregular", "level", "slope", "seasonal", "beta")
    _variants = (
        {"trend": "level", "season": 12, "harmonics": 6, "exogenous": 2, "beta": (1.0, 1.0)},
        {"season": 7, "harmonics": 2, "level": 0.0},
    )
    _probes = {
        "trend": {"trend": "level"},
        "season": {"season": 12},
        "harmonics": {"harmonics": 2, "season": 12},
        "exogenous": {"exogenous": 2},
        "irregular": {"irregular": 3.0},
        "level": {"level": 2.0},
        "slope": {"slope": 1.0},
        "seasonal": {"seasonal": 1.0, "season": 12},
        "beta": {"exogenous": 2, "beta": (1.0, 2.0)},
        "fitted": {"fitted": (1.0, 2.0, 1.0)},
    }
