"""Exponential smoothing: the whole family in innovations form, and its members by name."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .. import fit
from .._jit import Function
from ..kernels import ets as k
from ..kernels.constants import LARGEST
from ..node import Array, Index
from ..param import param
from ..snapshot import COUNTABLE
from .base import Forecaster, estimated, what_fit_found

LEAST, MOST = 1e-4, 0.9999  # of alpha and of the two ratios, as in R
DAMPING = 0.8, 0.98
ENOUGH = 1e-5  # a gain below this share of the mean loss is not worth another round
#: starting points for alpha, beta / alpha, gamma / (1 - alpha), phi
STARTS = (
    (0.5, 0.1, 0.1, 0.95),
    (0.1, 0.1, 0.1, 0.9),
    (0.9, 0.05, 0.5, 0.95),
    (0.2, 0.02, 0.5, 0.97),
    (0.95, 0.8, 0.1, 0.9),
)


class Smoothing(Forecaster):
    """What all of the family have: a class says of which kind its error, trend and season are."""

    _worst = "season"
    _p_size = k.P_SIZE
    _estimated: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "phi")
    _finds_start = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kinds()

    # What a class says.

    def _trend(self) -> float:
        return k.NONE

    def _seasonal(self) -> float:
        return k.NONE

    def _damped(self) -> bool:
        return False

    def _relative(self) -> bool:
        """Whether the error is multiplicative."""
        return False

    def _period(self) -> int:
        return 1

    # What follows.

    def _idle(self) -> dict[str, str]:
        parts = (
            ("beta", self._trend() != k.NONE, "trend"),
            ("gamma", self._seasonal() != k.NONE, "season"),
            ("phi", self._damped(), "damped trend"),
        )
        return {name: part for name, there, part in parts if not there}

    def _check(self) -> None:
        for name, part in self._idle().items():
            if self._values.get(name) is not None:
                raise ValueError(f"{name} belongs to a {part}, which {self!r} has not")
        if self._seasonal() != k.NONE and self._period() < 2:
            raise ValueError(f"season must be at least 2 where there is a seasonal component, got {self._period()}")

    def _kinds(self) -> None:
        """Write the kinds into ``p``, and nothing for what is not there."""
        p = self._p
        p[k.SEASON], p[k.TREND], p[k.SEASONAL] = self._period(), self._trend(), self._seasonal()
        p[k.NEEDS] = self.needs
        p[k.BETA_RATIO] = p[k.GAMMA_RATIO] = math.nan
        if self._trend() == k.NONE:
            p[k.BETA] = 0.0
        if self._seasonal() == k.NONE:
            p[k.GAMMA] = 0.0
        if not self._damped():
            p[k.PHI] = 1.0

    def _kernel(self) -> Function:
        return k.ets

    def _ahead(self) -> Function:
        return k.ets_ahead

    def _size(self) -> int:
        return k.CYCLE + (self._period() if self._seasonal() != k.NONE else 0)

    def _indices(self) -> list[Index]:
        """Without a season the phase is a plain count."""
        most = self._period() - 1 if self._seasonal() != k.NONE else COUNTABLE
        return [*super()._indices(), (k.PHASE, 0, most)]

    def _fresh(self, s: Array) -> None:
        s[k.CYCLE :] = math.nan

    @property
    def needs(self) -> int:
        """A season where there is one, else two samples for a trend, else one."""
        if self._seasonal() != k.NONE:
            return self._period()
        return 1 if self._trend() == k.NONE else 2

    def _multiplies(self) -> bool:
        return k.MULTIPLICATIVE in (self._trend(), self._seasonal())

    def _what_counts(self) -> str:
        return ": a part of it multiplies, so that only positive ones count" if self._multiplies() else ""

    @property
    def level(self) -> float:
        """The level l as it stands."""
        return float(self._s[k.LEVEL])

    @property
    def slope(self) -> float:
        """The slope b as it stands, by which the level grows with every sample."""
        return float(self._s[k.SLOPE])

    @property
    def seasonals(self) -> Array:
        """The season c as it stands, that of the next sample first: a copy."""
        return np.roll(self._s[k.CYCLE :], -int(self._s[k.PHASE]))

    def _problem(self, x: Array, y: Array) -> fit.Problem | None:  # noqa: ARG002
        values = self._values
        found = values.get("fitted")
        known = int((np.abs(y) <= LARGEST).sum())
        wrong = np.flatnonzero(y <= 0.0)
        if wrong.size and self._multiplies():
            at = int(wrong[0])
            raise ValueError(
                f"{self!r} needs positive values, since a part of it multiplies: got {y[at]:g} (sample {at})"
            )
        return smoothing_problem(
            self._p,
            {name: values.get(name) for name in ("alpha", "beta", "gamma", "phi")},
            self._size(),
            known,
            whole=known == y.size,
            damped=self._damped(),
            relative=self._relative(),
            before=None if found is None else np.array(found[len(self._estimated) :]),
        )


def smoothing_problem(
    p: Array,
    given: dict[str, float | None],
    size: int,
    known: int,
    *,
    whole: bool,
    damped: bool,
    relative: bool,
    before: Array | None,
    states_too: bool = True,
) -> fit.Problem | None:
    """The search over the weights and the start states of one member, for a series with so many known samples.

    ``whole`` says that no other samples are in between: then the phases of an additive season differ but in time.
    Without ``states_too`` the start is where backcasting comes to.
    """
    p = p.copy()
    trend, seasonal = p[k.TREND], p[k.SEASONAL]
    alpha, beta, gamma, phi = (given[name] for name in ("alpha", "beta", "gamma", "phi"))
    free: list[fit.Free] = []
    starts: list[list[float]] = []
    if alpha is None:
        low, high = max(LEAST, beta or 0.0), min(MOST, 1.0 - (gamma or 0.0))
        free.append(fit.Free(k.ALPHA, min(low, high), high))
        starts.append([one[0] for one in STARTS])
    if trend != k.NONE and beta is None:
        free.append(fit.Free(k.BETA_RATIO, LEAST, MOST))
        starts.append([one[1] for one in STARTS])
    if seasonal != k.NONE and gamma is None:
        free.append(fit.Free(k.GAMMA_RATIO, LEAST, MOST))
        starts.append([one[2] for one in STARTS])
    if damped and phi is None:
        free.append(fit.Free(k.PHI, *DAMPING))
        starts.append([one[3] for one in STARTS])
    weights = len(free)
    states = [fit.Free(p.size + k.LEVEL, unit=0.0)]
    if trend == k.ADDITIVE:
        states.append(fit.Free(p.size + k.SLOPE, unit=0.0))
    elif trend == k.MULTIPLICATIVE:
        states.append(fit.Free(p.size + k.SLOPE, *k.GROWTH))
    if seasonal != k.NONE:  # one of them stays: what it gains the level would lose
        one = fit.Free(0, unit=0.0) if seasonal == k.ADDITIVE else fit.Free(0, *k.FACTORS)
        states += [one._replace(where=p.size + k.CYCLE + i) for i in range(int(p[k.SEASON]) - 1)]
    if not states_too or known < weights + len(states) + 1:
        states = []
        if known < weights + 1:
            free, starts, weights = [], [], 0
    if not free and not states:
        return None
    trials = np.full((len(STARTS) if weights else 1, weights + len(states)), np.nan)
    for column, values in enumerate(starts[:weights]):
        trials[:, column] = values
    if before is not None and weights:
        warm = np.full((2 if states_too else 1, weights + len(states)), np.nan)
        alpha_now = p[k.ALPHA]
        now = {
            k.ALPHA: alpha_now,
            k.BETA_RATIO: p[k.BETA] / alpha_now if alpha_now else LEAST,
            k.GAMMA_RATIO: p[k.GAMMA] / (1.0 - alpha_now) if alpha_now < 1.0 else LEAST,
            k.PHI: p[k.PHI],
        }
        warm[:, :weights] = [now[one.where] for one in free]
        warm[-1, weights:] = [before[one.where - p.size] for one in states]
        # who chooses among members must not be bound to where one of them ended
        trials = warm if states_too else np.concatenate([warm, trials])
    for one in free:
        p[one.where] = trials[0, free.index(one)]  # no longer NaN: this one is free
    s = np.zeros(size) if before is None else before.copy()
    linear = whole and trend != k.MULTIPLICATIVE and seasonal == k.ADDITIVE
    delayed = int(p[k.SEASON]) - 2 if states and linear else 0
    return fit.Problem(
        k.ets, p, s, (*free, *states), trials, k.ets_begin, k.ets_decode, relative=relative, enough=ENOUGH,
        delayed=delayed,
    )  # fmt: skip


def _weight(until: float, doc: str, slot: int, low: float = 0.0) -> Any:
    return estimated(until, doc, low=low, slot=slot)


class SES(Smoothing):
    r"""Simple exponential smoothing: a level that follows the series.

    .. math::

        \hat y_t = \ell_{t-1}, \qquad \ell_t = \ell_{t-1} + \alpha (y_t - \hat y_t)

    It is ETS(A,N,N), and the best forecast of an ARIMA(0,1,1).

    Parameters
    ----------
    alpha : float, optional
        Weight of the newest sample, 0 to 1. None: estimated by ``fit``; 0.3 until then.
    fitted : tuple of floats, optional
        What ``fit`` found. None: nothing yet.

    Examples
    --------
    >>> import streammse as sm
    >>> model = sm.SES(alpha=0.5)
    >>> model.run([4.0, 8.0, 6.0]), model.forecast(2)
    (array([nan,  4.,  6.]), array([6., 6.]))

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, section 2.2.
    """

    alpha: float | None = _weight(0.3, "weight of the newest sample", k.ALPHA)
    fitted: tuple[float, ...] | None = what_fit_found()

    _worst = "1"
    _estimated = ("alpha",)
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "alpha": {"alpha": 0.6},
        "fitted": {"fitted": (0.4, 1.0, 0.0, 9.0, 0.0)},
    }


class Holt(Smoothing):
    r"""Holt's linear trend: a level and a slope, damped if asked for.

    .. math::

        \hat y_t = \ell_{t-1} + \phi b_{t-1}, \qquad
        \ell_t = \hat y_t + \alpha e_t, \qquad b_t = \phi b_{t-1} + \beta e_t

    It is ETS(A,A,N), damped ETS(A,Ad,N). Holt's own weight of the slope is beta / alpha.

    Parameters
    ----------
    damped : bool
        Whether the slope fades, so that forecasts come to a halt. Fixed.
    alpha : float, optional
        Weight of the newest sample in the level, 0 to 1. None: estimated by ``fit``; 0.3 until then.
    beta : float, optional
        Weight of the error in the slope, 0 to 1, sensibly below alpha. None: estimated by ``fit``; 0.05 until then.
    phi : float, optional
        What remains of the slope after each sample, 0 to 1, of a damped trend alone. None: estimated by ``fit``,
        between 0.8 and 0.98; 0.95 until then.
    fitted : tuple of floats, optional
        What ``fit`` found. None: nothing yet.

    Raises
    ------
    ValueError
        When phi is given without damping.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.Holt().fit([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).forecast(2).round(6)
    array([7., 8.])

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, section 2.3.
    """

    damped: bool = param(False, "whether the slope fades", fixed=True, encode=lambda _: (), slot=k.P_SIZE)
    alpha: float | None = _weight(0.3, "weight of the newest sample", k.ALPHA)
    beta: float | None = _weight(0.05, "weight of the error in the slope", k.BETA)
    phi: float | None = _weight(0.95, "what remains of the slope", k.PHI)
    fitted: tuple[float, ...] | None = what_fit_found()

    _worst = "1"
    _estimated = ("alpha", "beta", "phi")
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "alpha": {"alpha": 0.6},
        "beta": {"beta": 0.2},
        "phi": {"phi": 0.9, "damped": True},
        "fitted": {"fitted": (0.4, 0.1, 1.0, 2.0, 0.0, 9.0, 0.1)},
    }

    def _trend(self) -> float:
        return k.ADDITIVE

    def _damped(self) -> bool:
        return self.damped


class HoltWinters(Smoothing):
    r"""Holt-Winters: a level, a slope and a season, which adds or multiplies.

    .. math::

        \hat y_t = \ell_{t-1} + \phi b_{t-1} + c_{t-m}, \qquad
        \ell_t = \ell_{t-1} + \phi b_{t-1} + \alpha e_t, \qquad
        b_t = \phi b_{t-1} + \beta e_t, \qquad c_t = c_{t-m} + \gamma e_t

    It is ETS(A,A,A), with ``seasonal="mul"`` ETS(A,A,M), where the season is a factor. Winters' own weights are
    beta / alpha for the slope and gamma / (1 - alpha) for the season.

    Parameters
    ----------
    season : int
        Samples m in a season, at least 2. Fixed.
    seasonal : str
        "add" or "mul". Fixed.
    damped : bool
        Whether the slope fades. Fixed.
    alpha : float, optional
        Weight of the newest sample in the level, 0 to 1. None: estimated by ``fit``; 0.3 until then.
    beta : float, optional
        Weight of the error in the slope, 0 to 1, sensibly below alpha. None: estimated by ``fit``; 0.05 until then.
    gamma : float, optional
        Weight of the error in the season, 0 to 1, sensibly below 1 - alpha. None: estimated by ``fit``; 0.1 until then.
    phi : float, optional
        What remains of the slope after each sample, 0 to 1, of a damped trend alone. None: estimated by ``fit``,
        between 0.8 and 0.98; 0.95 until then.
    fitted : tuple of floats, optional
        What ``fit`` found. None: nothing yet.

    Raises
    ------
    ValueError
        When the season is below 2, or phi is given without damping.

    Examples
    --------
    >>> import streammse as sm
    >>> sm.HoltWinters(season=2).fit([1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0, 5.0, 9.0]).forecast(3).round(6)
    array([ 6., 10.,  7.])

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, section 2.3.
    """

    season: int = param(12, "samples in a season", low=2, fixed=True, slot=k.SEASON)
    seasonal: str = param("add", "whether it adds or multiplies", choices=("add", "mul"), fixed=True, slot=k.SEASONAL)
    damped: bool = param(False, "whether the slope fades", fixed=True, encode=lambda _: (), slot=k.P_SIZE)
    alpha: float | None = _weight(0.3, "weight of the newest sample", k.ALPHA)
    beta: float | None = _weight(0.05, "weight of the error in the slope", k.BETA)
    gamma: float | None = _weight(0.1, "weight of the error in the season", k.GAMMA)
    phi: float | None = _weight(0.95, "what remains of the slope", k.PHI)
    fitted: tuple[float, ...] | None = what_fit_found()

    _variants = ({"season": 7, "seasonal": "mul", "damped": True},)
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "alpha": {"alpha": 0.6},
        "beta": {"beta": 0.2},
        "gamma": {"gamma": 0.3},
        "phi": {"phi": 0.9, "damped": True},
        "fitted": {"fitted": (0.4, 0.1, 0.1, 1.0, 2.0, 0.0, 9.0, 0.1, 1.0, -1.0), "season": 2},
    }

    def _trend(self) -> float:
        return k.ADDITIVE

    def _seasonal(self) -> float:
        return k.ADDITIVE if self.seasonal == "add" else k.MULTIPLICATIVE

    def _damped(self) -> bool:
        return self.damped

    def _period(self) -> int:
        return self.season


KINDS = ("N", "A", "M")


class ETS(Smoothing):
    r"""Any member of the exponential smoothing family in innovations form, by the kinds of its error, trend and season.

    .. math::

        \hat y_t = (\ell_{t-1} \circ b_{t-1}^{(\phi)}) \circ c_{t-m}, \qquad \circ \in \{+, \times\}

    with the recursions of tables 2.2 and 2.3 of the book. Errors that add or multiply make the same forecasts from the
    same numbers; they differ in what ``fit`` makes least: the squared error, or for multiplicative errors, whose
    spread grows with the level, the Gaussian likelihood's criterion.

    Parameters
    ----------
    season : int
        Samples m in a season; at least 2 with a seasonal component, of no effect without one. Fixed.
    error : str
        "A" (additive) or "M" (multiplicative, for positive series). Fixed.
    trend : str
        "N" (none), "A" or "M". Fixed.
    seasonal : str
        "N", "A" or "M". Fixed.
    damped : bool
        Whether the trend fades. Fixed.
    alpha : float, optional
        Weight of the newest sample in the level, 0 to 1. None: estimated by ``fit``; 0.3 until then.
    beta : float, optional
        Weight of the error in the trend, 0 to 1, sensibly below alpha. None: estimated by ``fit``; 0.05 until then.
    gamma : float, optional
        Weight of the error in the season, 0 to 1, sensibly below 1 - alpha. None: estimated by ``fit``; 0.1 until then.
    phi : float, optional
        What remains of the trend after each sample, 0 to 1, where it is damped. None: estimated by ``fit``, between
        0.8 and 0.98; 0.95 until then.
    fitted : tuple of floats, optional
        What ``fit`` found. None: nothing yet.

    Raises
    ------
    ValueError
        When a weight is given for a component that is not there, or the season is too short for one.

    Examples
    --------
    >>> import streammse as sm
    >>> model = sm.ETS(season=2, error="M", trend="N", seasonal="M")
    >>> model.fit([4.0, 8.0, 4.2, 8.4, 4.0, 8.0, 4.1, 8.2, 4.1, 8.2]).forecast(3).round(1)
    array([4.1, 8.2, 4.1])

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, tables 2.2 and 2.3.
    """

    season: int = param(12, "samples in a season", low=1, fixed=True, slot=k.SEASON)
    error: str = param("A", "how the error enters", choices=("A", "M"), fixed=True, encode=lambda _: (), slot=k.P_SIZE)
    trend: str = param("N", "none, adding or multiplying", choices=KINDS, fixed=True, slot=k.TREND)
    seasonal: str = param("N", "none, adding or multiplying", choices=KINDS, fixed=True, slot=k.SEASONAL)
    damped: bool = param(False, "whether the trend fades", fixed=True, encode=lambda _: (), slot=k.P_SIZE)
    alpha: float | None = _weight(0.3, "weight of the newest sample", k.ALPHA)
    beta: float | None = _weight(0.05, "weight of the error in the trend", k.BETA)
    gamma: float | None = _weight(0.1, "weight of the error in the season", k.GAMMA)
    phi: float | None = _weight(0.95, "what remains of the trend", k.PHI)
    fitted: tuple[float, ...] | None = what_fit_found()

    _variants = ({"season": 4, "error": "M", "trend": "M", "seasonal": "A", "damped": True},)
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "season": {"season": 6, "seasonal": "A"},
        "trend": {"trend": "A"},
        "seasonal": {"season": 4, "seasonal": "A"},
        "damped": {"damped": True, "trend": "A"},
        "alpha": {"alpha": 0.6},
        "beta": {"beta": 0.2, "trend": "A"},
        "gamma": {"gamma": 0.3, "season": 4, "seasonal": "A"},
        "phi": {"phi": 0.9, "damped": True, "trend": "A"},
        "fitted": {"fitted": (0.4, 0.0, 0.0, 1.0, 1.0, 0.0, 9.0, 0.0)},
    }

    def _check(self) -> None:
        super()._check()
        if self.damped and self.trend == "N":
            raise ValueError("there is no trend to be damped: expected trend='A' or 'M'")

    def _trend(self) -> float:
        return float(KINDS.index(self.trend))

    def _seasonal(self) -> float:
        return float(KINDS.index(self.seasonal))

    def _damped(self) -> bool:
        return self.damped

    def _relative(self) -> bool:
        return self.error == "M"

    def _period(self) -> int:
        return self.season
