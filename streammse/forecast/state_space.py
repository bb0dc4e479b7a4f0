"""Linear Gaussian state space models: any of them, given by its matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._jit import Function
from ..kernels import state_space as ss
from ..kernels.state_space import System
from ..matrices import in_the_system, matrix, or_none, variance, vector
from ..node import Array
from ..param import Param, param
from .base import Forecaster

#: regressors that a model may have
MOST = 10_000


def _flags(name: str, value: Any) -> tuple[bool, ...] | None:
    if value is None:
        return None
    found = tuple(value) if isinstance(value, (Sequence, np.ndarray)) else (value,)
    if any(one not in (True, False) for one in found):
        raise TypeError(f"{name} must hold True and False, got {value!r}")
    return tuple(bool(one) for one in found)


class InUse(Param):
    """A parameter that ``fit`` estimates where it is None; reading it gives what is in use."""

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else node._in_use()[self.name]


def in_use(words: str, check: Callable[[str, Any], Any]) -> Any:
    """Declare such a parameter."""
    return InUse(
        None, words, None, None, None, None, None,
        fixed=True, optional=True, kw_only=False, check=check, encode=in_the_system, slot=None,
    )  # fmt: skip


class Kalman(Forecaster):
    """A forecaster by the Kalman filter: a class says which system its parameters make."""

    _worst = "len(state) ** 3"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p = self._model.parameters()

    def __repr__(self) -> str:
        default = {name: one.default for name, one in self._params.items()}
        told = [f"{k}={v!r}" for k, v in self._values.items() if k != "fitted" and v != default[k] and v != ()]
        return f"{type(self).__name__}({', '.join(told)})"

    def _system(self) -> System:
        """The matrices for these parameters."""
        raise NotImplementedError

    @cached_property
    def _model(self) -> System:
        return self._system()

    def _kernel(self) -> Function:
        return ss.regressed if self._exogenous() else ss.filtered

    def _ahead(self) -> Function | None:
        return None if self._exogenous() else ss.rolled

    def _states(self) -> int:
        """How many states the system has."""
        raise NotImplementedError

    def _size(self) -> int:
        return ss.size(self._states())

    def _start(self, s: Array) -> None:
        self._model.start(s)

    def _settle(self) -> None:
        self.__dict__.pop("_model", None)
        found = self._model.parameters()
        if found.size == self._p.size:  # in place: what was taken out of the node speaks of these parameters
            self._p[:] = found
        else:
            self._p = found

    @property
    def needs(self) -> int:
        """As many samples as the diffuse part of the state has dimensions, at least one."""
        return int(self._p[ss.NEEDS])

    @property
    def state(self) -> Array:
        """The state predicted for the next sample: a copy, (n,)."""
        n = int(self._p[ss.STATES])
        return self._s[ss.VECTORS : ss.VECTORS + n].copy()


def innovations(system: System, y: Array, p: Array | None = None) -> tuple[Array, Array]:
    """The innovations of a series and their variances, without those of the diffuse start; ``p`` if it is known."""
    s, e, F = np.zeros(system.size), np.empty(y.size), np.empty(y.size)
    system.start(s)
    ss.innovations.compiled(system.parameters() if p is None else p, s, y, e, F)
    told = F > 0.0
    return e[told], F[told]


def regressed(e: Array, X: Array, given: Array, free: NDArray[np.bool_]) -> tuple[Array, Array]:
    """What remains of whitened innovations less whitened columns, and the coefficients: the free ones are the best."""
    linear = given.copy()
    if linear.size:
        e = e - X @ linear
    if free.any():
        linear[free] = np.linalg.lstsq(X[:, free], e, rcond=None)[0]
        e = e - X[:, free] @ linear[free]
    return e, linear


def small(y: Array) -> float:
    """An error that is rounding in this series."""
    return 1e-14 * max(float(np.nanmean(np.abs(y))), 1e-100)


class StateSpace(Kalman):
    r"""A linear Gaussian model given by its matrices, filtered by Kalman.

    .. math::

        y_t = Z a_t + \beta^T x_t + \varepsilon_t, \quad \varepsilon_t \sim N(0, H) \qquad
        a_{t+1} = T a_t + \eta_t, \quad \eta_t \sim N(0, Q)

    The forecast is that of the exact filter: a diffuse start is exact, a missing sample moves the state on, and once
    the gain has settled a sample costs as many products as Z and T have elements that are not zero.

    Parameters
    ----------
    design : array, shape (n,)
        Z. Fixed, as all the others are.
    transition : array, shape (n, n)
        T.
    state_cov : array, shape (n, n)
        Q, symmetric: what disturbs the state, R Q R' where a book has a selection R.
    obs_cov : float
        H >= 0, the variance of the observation's noise. Forecasts depend on the ratio of Q to H alone.
    beta : array, shape (m,)
        Coefficients of m regressors beside every sample; empty: none.
    mean : array, shape (n,)
        The state expected at the first sample; None: zeros.
    cov : array, shape (n, n)
        Its variance; None: zeros.
    diffuse : array of bool, shape (n,)
        Which states are wholly unknown at the first sample. None: all, where neither mean nor cov is given, else none.
    seen : int
        How many samples stand behind ``mean``; below ``needs`` there is no forecast yet.

    Raises
    ------
    ValueError
        When the shapes do not fit, or a variance is negative or not symmetric.

    References
    ----------
    J. Durbin and S. J. Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, ch. 4 and 5.

    Examples
    --------
    A level that is disturbed with half the variance of the noise, so that the gain settles at one half.

    >>> import streammse as sm
    >>> level = sm.StateSpace([1.0], [[1.0]], [[0.5]], obs_cov=1.0)
    >>> level.run([2.0] * 30 + [3.0])[-1].round(6), level.forecast(2).round(6)
    (np.float64(2.0), array([2.5, 2.5]))
    """

    design: tuple[float, ...] = param((1.0,), "Z", fixed=True, check=vector, encode=in_the_system)
    transition: tuple[tuple[float, ...], ...] = param(((1.0,),), "T", fixed=True, check=matrix, encode=in_the_system)
    state_cov: tuple[tuple[float, ...], ...] = param(((0.1,),), "Q", fixed=True, check=matrix, encode=in_the_system)
    obs_cov: float = param(1.0, "H, variance of the noise", low=0.0, fixed=True, encode=in_the_system)
    beta: tuple[float, ...] = param((), "of the regressors", fixed=True, check=vector, encode=in_the_system)
    mean: tuple[float, ...] | None = param(
        None, "state at the first sample", fixed=True, check=or_none(vector), encode=in_the_system
    )
    cov: tuple[tuple[float, ...], ...] | None = param(
        None, "variance of the state at the first sample", fixed=True, check=or_none(matrix), encode=in_the_system
    )
    diffuse: tuple[bool, ...] | None = param(
        None, "states unknown at the first sample", fixed=True, check=_flags, encode=in_the_system
    )
    seen: int = param(0, "samples behind the mean", low=0, fixed=True, encode=in_the_system)

    _variants = (
        {
            "design": (1.0, 1.0, 0.0),
            "transition": ((1.0, 1.0, 0.0), (0.0, 0.6, 1.0), (0.0, 0.0, 0.0)),
            "state_cov": ((0.0, 0.0, 0.0), (0.0, 1.0, 0.3), (0.0, 0.3, 0.09)),
            "obs_cov": 0.1,
            "beta": (1.0, 1.0),
        },
    )
    _probes = {
        "design": {"design": (2.0,)},
        "transition": {"transition": ((0.9,),)},
        "state_cov": {"state_cov": ((0.5,),)},
        "beta": {"beta": (1.0, 2.0)},
        "mean": {"mean": (5.0,), "cov": ((1.0,),)},
        "cov": {"cov": ((1.0,),), "mean": (5.0,)},
        "diffuse": {"diffuse": (False,)},
        "seen": {"seen": 3, "diffuse": (False,)},
    }

    def __repr__(self) -> str:
        n = len(self.design)
        return super().__repr__() if n <= 3 else f"StateSpace({n} states)"

    def _exogenous(self) -> int:
        return len(self.beta)

    def _states(self) -> int:
        return len(self.design)

    def _check(self) -> None:
        n = len(self.design)
        for name in ("transition", "state_cov", "mean", "cov", "diffuse"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} must have as many rows as design has numbers, {n}, got {len(value)}")
        for name in ("state_cov", "cov"):
            value = getattr(self, name)
            if value is not None:
                variance(name, np.array(value))

    def _system(self) -> System:
        n = len(self.design)
        known = self.mean is not None or self.cov is not None
        diffuse = self.diffuse if self.diffuse is not None else (not known,) * n
        P = np.zeros((n, n)) if self.cov is None else np.array(self.cov)
        a = np.zeros(n) if self.mean is None else np.array(self.mean)
        arrays = map(np.array, (self.design, self.transition, self.state_cov))
        Z, T, Q = (np.asarray(one, dtype=float) for one in arrays)
        beta = np.array(self.beta, dtype=float)
        return System(Z, T, Q, self.obs_cov, a, P, np.diag(diffuse).astype(float), sum(diffuse), beta)

    def _start(self, s: Array) -> None:
        self._model.start(s, self.seen)


def rows(values: ArrayLike) -> tuple[tuple[float, ...], ...]:
    """An array of two dimensions as a tuple of rows."""
    return tuple(tuple(row) for row in np.asarray(values, dtype=float).tolist())
