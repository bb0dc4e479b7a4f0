"""The extended Kalman filter of a model that a user writes."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..kernels import extended_kalman, kalman
from ..kernels.extended_kalman import Model
from ..kernels.user_function import UserFunction, as_function
from ..matrices import Variances, in_the_system, or_none, spelt_out, variances, vector
from ..node import Array, on_a_line
from ..param import REQUIRED, param
from ..scalar import shown
from .observer import Observer


def swing(x: Any, out: Any) -> None:
    """A pendulum, a hundredth of a second on: angle and speed."""
    out[0] = x[0] + 0.01 * x[1]
    out[1] = x[1] - 0.0981 * math.sin(x[0])


def shadow(x: Any, out: Any) -> None:
    """Where its shadow falls."""
    out[0] = math.sin(x[0])


def pushed(x: Any, out: Any, u: Any, a: Any) -> None:
    """The pendulum with friction, the first constant, and a push."""
    friction = a[0] if len(a) > 0 else 0.0
    out[0] = x[0] + 0.01 * x[1]
    out[1] = x[1] - 0.0981 * math.sin(x[0]) - 0.01 * friction * x[1] + (0.01 * u[0] if len(u) > 0 else 0.0)


def slopes(x: Any, J: Any, u: Any, a: Any) -> None:
    """The Jacobian of that."""
    friction = a[0] if len(a) > 0 else 0.0
    J[0, 0], J[0, 1] = 1.0, 0.01
    J[1, 0], J[1, 1] = -0.0981 * math.cos(x[0]), 1.0 - 0.01 * friction


def both(x: Any, out: Any) -> None:
    """Its shadow, and its speed."""
    out[0] = math.sin(x[0])
    out[1] = x[1]


def speed(x: Any, out: Any) -> None:
    """Its speed alone."""
    out[0] = x[1]


def level(x: Any, J: Any) -> None:
    """The slopes of the shadow where it hangs."""
    J[0, 0], J[0, 1] = 1.0, 0.0


def _flags(name: str, value: Any) -> tuple[bool, ...]:
    """Which observations are angles."""
    found = (value,) if isinstance(value, bool) else tuple(value)
    if any(one not in (True, False) for one in found):
        raise TypeError(f"{name} must hold True and False, got {value!r}")
    return tuple(bool(one) for one in found)


class ExtendedKalmanFilter(Observer):
    r"""The extended Kalman filter: a hidden state that moves and is observed as the functions of a user say.

    .. math::

        x(t) = f(x(t-1), u(t)) + w(t), \quad w \sim N(0, Q) \qquad z(t) = h(x(t), u(t)) + v(t), \quad v \sim N(0, R)

    At every sample it is the `KalmanFilter` of the slopes of f and h at the estimate.

    Parameters
    ----------
    f : function
        ``f(x, out)`` writes the next state into ``out``; also ``f(x, out, u)`` with the control inputs and
        ``f(x, out, u, a)`` with the constants. It is compiled: arithmetic, the functions of ``math``, loops. Fixed, as
        all others are but the constants.
    h : function
        Likewise: what would be observed of the state without noise.
    initial_state : array, shape (n,)
        The state expected at the first sample.
    process_noise : float or array, shape (n,) or (n, n)
        Q, as in `KalmanFilter`.
    observation_noise : float or array, shape (m,) or (m, m)
        R; it says how many observations there are: a number, one.
    initial_covariance : float or array, shape (n,) or (n, n)
        P at the first sample.
    f_jacobian, h_jacobian : function
        ``(x, J)``, ``(x, J, u)`` or ``(x, J, u, a)`` writes the slopes, J[i, j] that of number i by state j. None: they
        are differences, right to about ten digits, for 2 n calls of the function a sample.
    controls : int
        How many control inputs stand beside the observations.
    constants : array
        Numbers that f and h are given as ``a``: others need no new compilation.
    angles : bool or array of bool, shape (m,)
        Which observations are angles in radians: what is off is taken between -pi and pi.
    output : array, shape (n,)
        The row that is put out; None: the first state.
    square_root : bool
        True: hold the factors of P, as in `KalmanFilter`.

    Raises
    ------
    ValueError
        When shapes do not fit, or f or h leave a number unwritten or give none at the first state.

    Notes
    -----
    It is no optimal filter, and can lose the state where the functions bend within the uncertainty of it. A prediction
    that is not finite makes the filter begin anew (``restarts``); of an observation, that it counts as missing.

    Cost: that of `KalmanFilter` before its gain settles, and of the functions.

    A snapshot names the functions: they must be defined in a module, and imported where it is loaded.

    References
    ----------
    A. H. Jazwinski, Stochastic Processes and Filtering Theory, 1970, section 8.3.
    B. D. O. Anderson and J. B. Moore, Optimal Filtering, 1979, section 8.2.

    Examples
    --------
    A radar measures distance and bearing of what flies past:

    >>> import math, numpy as np, streammse as sm
    >>> def fly(x, out):
    ...     out[0], out[1], out[2], out[3] = x[0] + x[2], x[1] + x[3], x[2], x[3]
    >>> def radar(x, out):
    ...     out[0], out[1] = math.hypot(x[0], x[1]), math.atan2(x[1], x[0])
    >>> f = sm.ExtendedKalmanFilter(
    ...     fly, radar, [-900.0, 450.0, 0.0, 0.0], [0.0, 0.0, 1e-3, 1e-3], [25.0, 1e-4], [1e4, 1e4, 100.0, 100.0],
    ...     angles=[False, True],
    ... )
    >>> east, north = -1000.0 + 10.0 * np.arange(200), np.full(200, 500.0)
    >>> rng = np.random.default_rng(0)
    >>> distance = np.hypot(east, north) + 5.0 * rng.standard_normal(200)
    >>> bearing = np.arctan2(north, east) + 0.01 * rng.standard_normal(200)
    >>> y = f.run(np.column_stack([distance, bearing]))
    >>> (f.state - [990.0, 500.0, 10.0, 0.0]).round(1).tolist()
    [-0.2, -1.0, -0.0, -0.0]
    """

    f: UserFunction = param(REQUIRED, "moves the state", fixed=True, check=as_function, encode=in_the_system)
    h: UserFunction = param(REQUIRED, "observes it", fixed=True, check=as_function, encode=in_the_system)
    initial_state: tuple[float, ...] = param(
        REQUIRED, "state expected at the first sample", fixed=True, check=vector, encode=in_the_system
    )
    process_noise: Variances = param(REQUIRED, "Q", fixed=True, check=variances, encode=in_the_system)
    observation_noise: Variances = param(REQUIRED, "R", fixed=True, check=variances, encode=in_the_system)
    initial_covariance: Variances = param(
        REQUIRED, "P at the first sample", fixed=True, check=variances, encode=in_the_system
    )
    f_jacobian: UserFunction | None = param(
        None, "slopes of f", fixed=True, kw_only=True, check=or_none(as_function), encode=in_the_system
    )
    h_jacobian: UserFunction | None = param(
        None, "slopes of h", fixed=True, kw_only=True, check=or_none(as_function), encode=in_the_system
    )
    controls: int = param(0, "number of control inputs", low=0, fixed=True, kw_only=True, encode=in_the_system)
    constants: tuple[float, ...] = param(
        (), "numbers for f and h", fixed=True, kw_only=True, check=vector, encode=in_the_system
    )
    angles: tuple[bool, ...] = param(
        (), "which observations are angles", fixed=True, kw_only=True, check=_flags, encode=in_the_system
    )
    output: tuple[float, ...] | None = param(
        None, "row that is put out", fixed=True, kw_only=True, check=or_none(vector), encode=in_the_system
    )
    square_root: bool = param(False, "hold the factors of P", fixed=True, kw_only=True, encode=in_the_system)

    _fallible = True  # the user's code may raise
    _worst = "len(state) ** 3"
    _needs: ClassVar[dict[str, Any]] = {
        "f": as_function("f", swing),
        "h": as_function("h", shadow),
        "initial_state": (0.3, 0.0),
        "process_noise": (0.0, 0.01),
        "observation_noise": 0.1,
        "initial_covariance": 1.0,
    }
    _long_variants = (
        {
            "f": as_function("f", pushed),
            "h": as_function("h", both),
            "f_jacobian": as_function("f_jacobian", slopes),
            "observation_noise": ((0.1, 0.02), (0.02, 0.1)),
            "controls": 1,
            "constants": (0.1,),
            "square_root": True,
        },
    )
    _probes: ClassVar[dict[str, dict[str, Any]]] = {
        "f": {"f": both},
        "h": {"h": speed},
        "initial_state": {"initial_state": (1.0, 0.0)},
        "process_noise": {"process_noise": 0.3},
        "observation_noise": {"observation_noise": 1.0},
        "initial_covariance": {"initial_covariance": 0.1},
        "f_jacobian": {"f_jacobian": slopes},
        "h_jacobian": {"h_jacobian": level},
        "controls": {"controls": 1},
        "constants": {"f": pushed, "constants": (0.5,)},
        "angles": {"angles": (True,)},
        "output": {"output": (0.0, 1.0)},
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p = self._model.parameters(self._form, self.controls)

    def _states(self) -> int:
        return len(self.initial_state)

    def _observations(self) -> int:
        noise = self.observation_noise
        return len(noise) if isinstance(noise, tuple) else 1

    def _controls(self) -> int:
        return self.controls

    def _check(self) -> None:
        n, m = self._states(), self._observations()
        if n == 0:
            raise ValueError("initial_state must hold at least one number, got none")
        if self.angles and len(self.angles) != m:
            raise ValueError(f"angles must hold {m} truth values, an observation each, got {len(self.angles)}")
        if self.output is not None and len(self.output) != n:
            raise ValueError(f"output must hold {n} numbers, a state each, got {len(self.output)}")
        for name, size in (("process_noise", n), ("observation_noise", m), ("initial_covariance", n)):
            spelt_out(name, getattr(self, name), size)
        for function, name, shape in (
            (self.f, "f", (n,)), (self.h, "h", (m,)),
            (self.f_jacobian, "f_jacobian", (n, n)), (self.h_jacobian, "h_jacobian", (m, n)),
        ):  # fmt: skip
            if function is not None and not function.from_snapshot:
                self._try(function, name, shape)

    def _try(self, function: UserFunction, name: str, shape: tuple[int, ...]) -> None:
        """Call it once, as plain Python: whoever forgets a number, or gives it back instead, is told."""
        out = np.full(shape, np.nan)
        function(
            np.array(self.initial_state),
            out,
            on_a_line(1, self.controls, f"controls={shown(self.controls)}")[0],
            np.array(self.constants),
        )
        if not np.isfinite(out).all():
            raise ValueError(
                f"{name} must write {' x '.join(map(str, shape))} finite numbers into its second argument at the "
                f"initial state, got {out.tolist()}"
            )

    @cached_property
    def _model(self) -> Model:
        n, m = self._states(), self._observations()
        output = np.eye(n)[0] if self.output is None else np.array(self.output)
        angles = np.array(self.angles or (False,) * m, dtype=float)
        names = (("process_noise", n), ("observation_noise", m), ("initial_covariance", n))
        Q, R, P = (spelt_out(name, getattr(self, name), size) for name, size in names)
        return Model(Q, R, np.array(self.initial_state), P, output, angles, np.array(self.constants, dtype=float))

    def _steps(self) -> kalman.Steps:
        slopes_of_f, slopes_of_h = (None if one is None else one.compiled for one in (self.f_jacobian, self.h_jacobian))
        return extended_kalman.steps(self._form, self.f.compiled, self.h.compiled, slopes_of_f, slopes_of_h)

    def _size(self) -> int:
        return int(extended_kalman.places_in_s(*self._sizes())[-1])

    def _start(self, s: Array) -> None:
        p = self._model.parameters(self._form, self.controls)
        extended_kalman.begin(p, s, *self._sizes())
