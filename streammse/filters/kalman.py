"""The Kalman filter of a linear Gaussian model."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import kalman
from ..kernels.kalman import System, decorrelated
from ..matrices import Rows, Variances, in_the_system, matrix, or_none, spelt_out, table, variances, vector
from ..node import Array
from ..param import REQUIRED, param
from .observer import Observer

WIDE = 1e6  # the standard of what is not known at the start: so many times the noise of the observations


class KalmanFilter(Observer):
    r"""The Kalman filter: the best linear estimate of a hidden state, from all observations up to now.

    .. math::

        x(t) = F x(t-1) + B u(t) + w(t), \quad w \sim N(0, Q) \qquad z(t) = H x(t) + v(t), \quad v \sim N(0, R)

    .. math::

        \hat x = F \hat x + B u, \quad P = F P F^T + Q; \qquad
        K = P H^T (H P H^T + R)^{-1}, \quad \hat x = \hat x + K (z - H \hat x), \quad P = P - K H P

    ``run`` and ``update`` give one number a sample, a row times the filtered state (``output``): by default what the
    first observation would be without its noise. ``run(z, states=True)`` gives the whole state of every sample.

    Parameters
    ----------
    transition : array, shape (n, n)
        F. Fixed, as all others are.
    observation : array, shape (m, n)
        H; one row may be given as (n,).
    process_noise : float or array, shape (n,) or (n, n)
        Q, symmetric without negative eigenvalues; its diagonal, or the one number on it.
    observation_noise : float or array, shape (m,) or (m, m)
        R, likewise. Zeros are permitted: observations without noise. One that repeats what is known tells nothing then.
    control : array, shape (n, k)
        B; None: there are no control inputs.
    initial_state : array, shape (n,)
        The state expected at the first sample; None: zeros.
    initial_covariance : float or array, shape (n,) or (n, n)
        P at the first sample. None: the steady one with ``steady=True``, else so large that what is observed decides,
        1e6 times the noise of the observations seen from the state.
    output : array, shape (n,)
        The row that is put out; None: the first row of H.
    steady : bool
        True: begin with the covariance of the steady state, the solution of the Riccati equation, so that the gain is
        constant from the first sample on (the Wiener filter).
    square_root : bool
        True: hold P = U D U' (Bierman, Thornton), which cannot become indefinite and has the digits of twice the
        precision; about three times the work until the gain settles.

    Raises
    ------
    ValueError
        When shapes do not fit, a variance has a negative eigenvalue, or there is no steady state (some unstable state
        is not observed).

    Notes
    -----
    Observations are taken in one by one, so that no matrix is inverted; correlated ones are decorrelated first. A NaN
    skips this number alone. The gain is kept once it has settled (at 1e-13, looked at every 32 samples), until a number
    is missing: nothing of the result changes by more than rounding.

    Cost: n^2 + 2 m n multiplications a sample with a settled gain; 2 n^3 + m (2 n^2 + 3 n) more before, in the
    square-root form about 3 n^3 + 3 m n^2.

    A control input acts between the sample before and this one; the first one is not used, because
    ``initial_state`` speaks of the first sample. One that is not finite counts as zero.

    References
    ----------
    R. E. Kalman, "A new approach to linear filtering and prediction problems", J. Basic Engineering 82, 1960,
    pp. 35-45.
    B. D. O. Anderson and J. B. Moore, Optimal Filtering, 1979, ch. 3, 4 and 6.
    G. J. Bierman, Factorization Methods for Discrete Sequential Estimation, 1977, ch. V and VI.

    Examples
    --------
    A position that is measured every second, with a speed that wanders:

    >>> import numpy as np, streammse as sm
    >>> f = sm.KalmanFilter([[1.0, 1.0], [0.0, 1.0]], [1.0, 0.0], process_noise=[0.0, 0.01], observation_noise=4.0)
    >>> track = 3.0 * np.arange(200) + 2.0 * np.random.default_rng(0).standard_normal(200)
    >>> track[150:155] = np.nan
    >>> position = f.run(track)
    >>> position[152].round(1), f.state.round(1).tolist(), f.covariance.diagonal().round(2).tolist()
    (np.float64(455.4), [596.8, 3.0], [1.09, 0.06])
    """

    transition: Rows = param(REQUIRED, "F", fixed=True, check=matrix, encode=in_the_system)
    observation: Rows = param(REQUIRED, "H", fixed=True, check=table, encode=in_the_system)
    process_noise: Variances = param(REQUIRED, "Q", fixed=True, check=variances, encode=in_the_system)
    observation_noise: Variances = param(REQUIRED, "R", fixed=True, check=variances, encode=in_the_system)
    control: Rows | None = param(None, "B", fixed=True, kw_only=True, check=or_none(table), encode=in_the_system)
    initial_state: tuple[float, ...] | None = param(
        None,
        "state expected at the first sample",
        fixed=True,
        kw_only=True,
        check=or_none(vector),
        encode=in_the_system,
    )
    initial_covariance: Variances | None = param(
        None, "P at the first sample", fixed=True, kw_only=True, check=or_none(variances), encode=in_the_system
    )
    output: tuple[float, ...] | None = param(
        None, "row that is put out", fixed=True, kw_only=True, check=or_none(vector), encode=in_the_system
    )
    steady: bool = param(False, "begin in the steady state", fixed=True, kw_only=True, encode=in_the_system)
    square_root: bool = param(False, "hold the factors of P", fixed=True, kw_only=True, encode=in_the_system)

    _worst = "len(state) ** 3"
    _needs: ClassVar[dict[str, Any]] = {
        "transition": ((1.0, 1.0), (0.0, 1.0)),
        "observation": ((1.0, 0.0),),
        "process_noise": (0.0, 0.01),
        "observation_noise": 0.1,
    }
    _variants = (
        {
            "transition": ((0.9, 0.2, 0.0), (0.0, 0.8, 0.1), (0.0, 0.0, 1.0)),
            "observation": ((1.0, 0.0, 0.5), (0.3, 1.0, 0.0)),
            "process_noise": 0.05,
            "observation_noise": ((0.3, 0.1), (0.1, 0.2)),
            "control": ((0.1,), (0.0,), (0.05,)),
        },
        {"square_root": True, "observation": ((1.0, 0.0), (1.0, 0.3)), "observation_noise": (0.1, 0.2)},
    )
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "transition": {"transition": ((0.9, 0.5), (0.0, 0.9))},
        "observation": {"observation": ((2.0, 0.5),)},
        "process_noise": {"process_noise": 0.3},
        "observation_noise": {"observation_noise": 1.0},
        "control": {"control": ((1.0,), (0.0,))},
        "initial_state": {"initial_state": (3.0, 1.0), "initial_covariance": 1.0},
        "initial_covariance": {"initial_covariance": 1.0},
        "output": {"output": (0.0, 1.0)},
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p = self._system.parameters(self._form)

    def __repr__(self) -> str:
        n, m = self._states(), self._observations()
        return super().__repr__() if n <= 2 else f"KalmanFilter({n} states, {m} observations)"

    def _states(self) -> int:
        return len(self.transition)

    def _observations(self) -> int:
        return len(self.observation)

    def _controls(self) -> int:
        return 0 if self.control is None else len(self.control[0])

    def _check(self) -> None:
        n, m = self._states(), self._observations()
        if n == 0:
            raise ValueError("transition must have at least one row, got none")
        if len(self.observation[0]) != n:
            raise ValueError(f"observation must have rows of {n} numbers, a state each, got {len(self.observation[0])}")
        if self.control is not None and len(self.control) != n:
            raise ValueError(f"control must have a row for each of {n} states, got {len(self.control)}")
        for name in ("initial_state", "output"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"{name} must hold {n} numbers, a state each, got {len(value)}")
        for name, size in (("process_noise", n), ("observation_noise", m), ("initial_covariance", n)):
            value = getattr(self, name)
            if value is not None:
                spelt_out(name, value, size)
        if self.steady and self.initial_covariance is not None:
            raise ValueError("initial_covariance is that of the steady state with steady=True: expected one of the two")

    @cached_property
    def _system(self) -> System:
        n, m = self._states(), self._observations()
        F, H = np.array(self.transition), np.array(self.observation)
        Q, R = (
            spelt_out("process_noise", self.process_noise, n),
            spelt_out("observation_noise", self.observation_noise, m),
        )
        B = np.zeros((n, 0)) if self.control is None else np.array(self.control)
        mean = np.zeros(n) if self.initial_state is None else np.array(self.initial_state)
        output = H[0] if self.output is None else np.array(self.output)
        steady = None
        if self.steady:
            P, steady = settled(F, H, Q, R)
        elif self.initial_covariance is None:
            P = wide(H, Q, R) * np.eye(n)
        else:
            P = spelt_out("initial_covariance", self.initial_covariance, n)
        return System(F, H, Q, R, B, mean, P, output, steady)

    def _steps(self) -> kalman.Steps:
        n = self._states()
        return kalman.steps(self._form, n if n <= kalman.UNROLLED else 0)

    def _start(self, s: Array) -> None:
        self._system.start(s, self._form)

    @property
    def settled(self) -> bool:
        """Whether the gain is that of the steady state now."""
        return bool(self._s[kalman.STEADY])

    def _last(self) -> tuple[NDArray[np.bool_], Array, Array, Array, Array]:
        """Of the last sample: which numbers were there; innovations, variances and gains one by one; L."""
        n, m, at = self._states(), self._observations(), self._places()
        e, V = self._s[at.e : at.e + m], self._s[at.V : at.V + m]
        there = V > 0.0
        gains = self._s[at.gains : at.gains + m * (-(-n // 4) * 4)].reshape(m, -1)[:, :n]
        R = self._system.R[np.ix_(there, there)]
        return there, e[there], V[there], gains[there], R

    @property
    def innovation(self) -> Array:
        """What the last sample was beside its prediction, z - H x: (m,), NaN where nothing was observed."""
        there, e, _, gains, R = self._last()
        L, _, H = decorrelated(R, self._system.H[there])
        found = np.full(there.size, np.nan)
        found[there] = L @ (e + np.tril(H @ gains.T, -1) @ e)
        return found

    @property
    def innovation_covariance(self) -> Array:
        """What was expected of its square, H P H' + R with the P predicted: (m, m), NaN where nothing was observed."""
        there, _, V, gains, R = self._last()
        L, _, H = decorrelated(R, self._system.H[there])
        unit = L @ (np.eye(len(V)) + np.tril(H @ gains.T, -1))
        found = np.full((there.size, there.size), np.nan)
        found[np.ix_(there, there)] = (unit * V) @ unit.T
        return found


def wide(H: Array, Q: Array, R: Array) -> float:
    """A variance beside which that of the observations is nothing."""
    rows = np.square(H).sum(axis=1)
    seen = rows[rows > 0.0]
    noise = R.diagonal().max() / (seen.min() if seen.size else 1.0)
    return WIDE * float(max(noise, Q.diagonal().max()) or 1.0)


def settled(F: Array, H: Array, Q: Array, R: Array) -> tuple[Array, tuple[Array, Array]]:
    """The filtered covariance of the steady state, gains and variances of the innovations, taken one by one."""
    from scipy.linalg import solve_discrete_are

    none = (
        "there is no steady state: expected noise in every observation, and in every state that does not die by itself"
    )
    try:
        P = solve_discrete_are(F.T, H.T, Q, R)
    except (ValueError, np.linalg.LinAlgError):
        raise ValueError(none) from None
    _, D, G = decorrelated(R, H)
    loop = F
    gains, V = np.zeros(H.shape), np.zeros(len(H))
    for j, (row, r) in enumerate(zip(G, D, strict=True)):
        V[j] = row @ P @ row + r
        gains[j] = P @ row / V[j]
        loop = loop - np.outer(gains[j], row @ loop)
        P = P - np.outer(gains[j], gains[j]) * V[j]
    if np.abs(np.linalg.eigvals(loop)).max() > 1.0 - 1e-9:
        raise ValueError(none)
    return 0.5 * (P + P.T), (gains, V)
