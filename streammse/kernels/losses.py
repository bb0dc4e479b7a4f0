"""Losses: a value, its score (the derivative by the error) and, where it exists, its curvature.

A loss is an argument. Its mean over a window is a metric, descending its score is an adaptive filter. Each is three
helpers of ``(e, a, b)``: the error ``e = d - y`` and at most two parameters of the loss.

============================  ========================================  ==========================================
loss                          value                                     known from
============================  ========================================  ==========================================
squared                       e^2                                       Gauss
absolute                      abs(e)                                    Laplace
huber(delta)                  e^2 / 2 up to delta, then linear          Huber 1964
log_cosh(a)                   a^2 log cosh(e / a)                       Green 1990
quartic                       e^4                                       Walach and Widrow 1984 (LMF)
pinball(q)                    q e above, (q - 1) e below                Koenker and Bassett 1978
correntropy(sigma)            sigma^2 (1 - exp(-e^2 / 2 sigma^2))       Dennis and Welsch 1978; Liu et al. 2007
gmcc(alpha, lam)              1 - exp(-lam abs(e)^alpha)                Chen et al. 2016
tukey(c)                      c^2/6 (1 - (1 - e^2/c^2)^3), then flat    Beaton and Tukey 1974
epsilon_insensitive(eps)      max(0, abs(e) - eps)                      Vapnik 1995
============================  ========================================  ==========================================

Huber, log-cosh, correntropy and Tukey are all e^2 / 2 near zero, as their papers have them.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from .._jit import Function, helper
from ..snapshot import defined


@dataclass(frozen=True, repr=False)
class Loss:
    """A loss with its parameters; call it to change them: ``huber(2.0)`` or ``huber(delta=2.0)``.

    ``value``, ``score`` and ``curvature`` are functions of ``(e, a, b)``; ``loss.at(e)`` gives the value for the
    parameters that it has.
    """

    name: str
    value: Function = field(compare=False)
    score: Function = field(compare=False)
    curvature: Function | None = field(default=None, compare=False)
    a: float = 0.0
    b: float = 0.0
    #: the names of a and b in the literature, and the open ranges that they lie in
    parameters: tuple[str, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    #: for a loss of the user's own: what ``make_loss`` was given, so that it pickles as its functions do
    given: tuple[Any, ...] | None = None

    def __call__(self, *values: float, **named: float) -> Loss:
        """The same loss with other parameters."""
        names = self.parameters or ("a", "b")
        if len(values) > 2:
            raise TypeError(f"{self.name} has at most two parameters, got {len(values)}")
        chosen: dict[str, Any] = {"a": self.a, "b": self.b}
        chosen.update(zip(("a", "b"), map(float, values), strict=False))
        for name, value in named.items():
            if name not in names:
                raise TypeError(f"{self.name} has no parameter {name!r}: expected {' and '.join(names)}")
            chosen["ab"[names.index(name)]] = float(value)
        for key, name, (low, high) in zip("ab", self.parameters, self.ranges, strict=False):
            if not low < chosen[key] < high:
                raise ValueError(f"{name} of {self.name} must be {_words(low, name, high)}, got {chosen[key]:g}")
        if self.given is None and any(chosen[key] != 0.0 for key in "ab"[len(self.parameters) :]):
            raise TypeError(f"{self.name} has {len(self.parameters) or 'no'} parameters, got {values}")
        return replace(self, **chosen)

    def at(self, e: float) -> float:
        """The value of the loss at an error."""
        return float(self.value(e, self.a, self.b))

    def plain(self) -> list[Any]:
        """How a snapshot writes it; ValueError when no name leads back to it."""
        if self.given is None:
            return [self.name, self.a, self.b]
        module = self.given[0].__module__
        for variable, value in getattr(sys.modules.get(module), "__dict__", {}).items():
            if isinstance(value, Loss) and value.given == self.given:
                return [f"{module}:{variable}", self.a, self.b]
        raise ValueError(
            f"a snapshot cannot name the loss {self.name!r}: keep it in a variable of the module {module!r}, "
            "beside its functions"
        )

    def __deepcopy__(self, memo: object) -> Loss:
        return self

    def __reduce__(self) -> Any:
        if self.given is None:
            return _known, (self.name, self.a, self.b)
        return make_loss, (*self.given, self.a, self.b, self.name)

    def __repr__(self) -> str:
        names = self.parameters or ("a", "b") if self.given else self.parameters
        told = ", ".join(f"{name}={value:g}" for name, value in zip(names, (self.a, self.b), strict=False))
        return f"{self.name}({told})" if told else self.name


def _words(low: float, name: str, high: float) -> str:
    return f"{low:g} < {name}" + (f" < {high:g}" if math.isfinite(high) else "")


def as_loss(name: str, value: Any) -> Loss:
    """A loss from what a parameter was given: a loss, or what ``plain`` wrote into a snapshot."""
    if isinstance(value, Loss):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str):
        module, _, variable = value[0].rpartition(":")
        if not module:
            return _known(*value)
        own = defined(module, variable)
        if not isinstance(own, Loss):
            raise ValueError(f"the snapshot was made with the loss {variable!r} of {module!r}: import it first")
        return own(*value[1:])
    raise TypeError(f"{name} must be a loss (such as sm.losses.huber(1.5)), got {value!r}")


def _known(name: str, a: float, b: float) -> Loss:
    """One of the losses of this file."""
    found = globals().get(name)
    if not isinstance(found, Loss):
        known = ", ".join(key for key, one in globals().items() if isinstance(one, Loss))
        raise ValueError(f"unknown loss {name!r}: expected one of {known}")  # noqa: TRY004
    return found(a, b)  # checks what the snapshot says as it checks a user


def make_loss(
    value: Callable[..., float],
    score: Callable[..., float],
    curvature: Callable[..., float] | None = None,
    a: float = 0.0,
    b: float = 0.0,
    name: str | None = None,
) -> Loss:
    """A loss of one's own from plain functions of the error; they are compiled when used.

    Parameters
    ----------
    value, score, curvature : function of (e), (e, a) or (e, a, b)
        The loss, its derivative by the error e = truth - prediction, and the second derivative where it exists.
    a, b : float
        Parameters that can change without compiling again: call the loss with others.
    name : str, optional
        What it is called in messages; the name of ``value`` when left out.

    Raises
    ------
    TypeError
        When a function takes other arguments.

    Examples
    --------
    >>> import math, streammse as sm
    >>> cauchy = sm.make_loss(
    ...     lambda e, a: 0.5 * a * a * math.log1p((e / a) ** 2),
    ...     lambda e, a: e / (1 + (e / a) ** 2),
    ...     a=2.0,
    ...     name="cauchy",
    ... )
    >>> m = sm.MeanLoss(cauchy)
    >>> round(m.update(1.0, 1.5), 4), round(m.update(0.0, 100.0), 4)
    (0.1212, 7.8851)
    """
    plain = tuple(getattr(part, "py_func", part) for part in (value, score, curvature))
    parts = [None if part is None else _three(part) for part in plain]
    assert parts[0] is not None
    assert parts[1] is not None
    label = name or str(getattr(plain[0], "__name__", "loss"))
    return Loss(label, parts[0], parts[1], parts[2], float(a), float(b), given=plain)


@cache
def _three(function: Callable[..., float]) -> Function:
    """The function as a helper of (e, a, b)."""
    count = len(inspect.signature(function).parameters)
    inner = helper(function, allocates=True)  # the user's own
    if count == 3:
        return inner
    if count == 2:
        return helper(lambda e, a, b: inner(e, a))
    if count == 1:
        return helper(lambda e, a, b: inner(e))
    raise TypeError(f"a loss takes (e), (e, a) or (e, a, b), got {count} arguments")


@helper
def _sign(e: float) -> float:
    return 1.0 if e > 0.0 else -1.0 if e < 0.0 else 0.0 * e


@helper
def _square(e: float, a: float, b: float) -> float:
    return e * e


@helper
def _square_score(e: float, a: float, b: float) -> float:
    return 2.0 * e


@helper
def _square_curvature(e: float, a: float, b: float) -> float:
    return 2.0


squared = Loss("squared", _square, _square_score, _square_curvature)


@helper
def _absolute(e: float, a: float, b: float) -> float:
    return abs(e)


@helper
def _absolute_score(e: float, a: float, b: float) -> float:
    return float(_sign(e))


absolute = Loss("absolute", _absolute, _absolute_score)


@helper
def _huber(e: float, a: float, b: float) -> float:
    return a * (abs(e) - 0.5 * a) if abs(e) > a else 0.5 * e * e


@helper
def _huber_score(e: float, a: float, b: float) -> float:
    return a if e > a else -a if e < -a else e  # noqa: FURB136  (NaN stays NaN)


@helper
def _huber_curvature(e: float, a: float, b: float) -> float:
    return 1.0 if abs(e) <= a else 0.0


huber = Loss("huber", _huber, _huber_score, _huber_curvature, 1.345, 0.0, ("delta",), ((0.0, math.inf),))


@helper
def _log_cosh(e: float, a: float, b: float) -> float:
    z = abs(e / a)
    if z < 1.0:  # cosh z = 1 + 2 sinh^2(z / 2) loses nothing near zero
        h = math.sinh(0.5 * z)
        return a * a * math.log1p(2.0 * h * h)
    return a * a * (z + math.log1p(math.exp(-2.0 * z)) - 0.6931471805599453)  # and this never overflows


@helper
def _log_cosh_score(e: float, a: float, b: float) -> float:
    return a * math.tanh(e / a)


@helper
def _log_cosh_curvature(e: float, a: float, b: float) -> float:
    q = math.exp(-2.0 * abs(e / a))
    return 4.0 * q / ((1.0 + q) * (1.0 + q))


log_cosh = Loss("log_cosh", _log_cosh, _log_cosh_score, _log_cosh_curvature, 1.0, 0.0, ("a",), ((0.0, math.inf),))


@helper
def _quartic(e: float, a: float, b: float) -> float:
    return (e * e) * (e * e)


@helper
def _quartic_score(e: float, a: float, b: float) -> float:
    return 4.0 * e * e * e


@helper
def _quartic_curvature(e: float, a: float, b: float) -> float:
    return 12.0 * e * e


quartic = Loss("quartic", _quartic, _quartic_score, _quartic_curvature)


@helper
def _pinball(e: float, a: float, b: float) -> float:
    return a * e if e >= 0.0 else (a - 1.0) * e


@helper
def _pinball_score(e: float, a: float, b: float) -> float:
    return a if e > 0.0 else a - 1.0 if e < 0.0 else 0.0 * e


pinball = Loss("pinball", _pinball, _pinball_score, None, 0.5, 0.0, ("q",), ((0.0, 1.0),))


@helper
def _correntropy(e: float, a: float, b: float) -> float:
    z = e / a
    return -a * a * math.expm1(-0.5 * z * z)


@helper
def _correntropy_score(e: float, a: float, b: float) -> float:
    z = e / a
    w = math.exp(-0.5 * z * z)
    return e * w if w != 0.0 else 0.0


@helper
def _correntropy_curvature(e: float, a: float, b: float) -> float:
    z = e / a
    w = math.exp(-0.5 * z * z)
    return (1.0 - z * z) * w if w != 0.0 else 0.0


correntropy = Loss(
    "correntropy", _correntropy, _correntropy_score, _correntropy_curvature, 1.0, 0.0, ("sigma",), ((0.0, math.inf),)
)


@helper
def _scaled_power(e: float, a: float, b: float) -> float:
    """b abs(e)^a, infinite where it overflows: uncompiled, Python would raise."""
    if abs(e) > 1.0 and a * math.log(abs(e)) > 700.0:
        return math.inf
    return float(b * abs(e) ** a)


@helper
def _gmcc(e: float, a: float, b: float) -> float:
    return -math.expm1(-_scaled_power(e, a, b))


@helper
def _gmcc_score(e: float, a: float, b: float) -> float:
    if e == 0.0:
        return 0.0
    z = _scaled_power(e, a, b)
    w = math.exp(-z)
    return a * z * w / e if w != 0.0 else 0.0


@helper
def _gmcc_curvature(e: float, a: float, b: float) -> float:
    if e * e == 0.0:
        return 2.0 * b if a == 2.0 else 0.0 if a > 2.0 else math.nan  # a cusp below 2
    z = _scaled_power(e, a, b)
    w = math.exp(-z)
    return a * z * w * (a - 1.0 - a * z) / (e * e) if w != 0.0 else 0.0


gmcc = Loss("gmcc", _gmcc, _gmcc_score, _gmcc_curvature, 2.0, 0.5, ("alpha", "lam"), ((0.0, math.inf), (0.0, math.inf)))


@helper
def _tukey(e: float, a: float, b: float) -> float:
    if abs(e) > a:
        return a * a / 6.0
    q = (e / a) * (e / a)
    return a * a / 6.0 * q * (3.0 - q * (3.0 - q))  # 1 - (1 - q)^3 without the loss of digits near zero


@helper
def _tukey_score(e: float, a: float, b: float) -> float:
    if abs(e) > a:
        return 0.0
    r = 1.0 - (e / a) * (e / a)
    return e * r * r


@helper
def _tukey_curvature(e: float, a: float, b: float) -> float:
    if abs(e) > a:
        return 0.0
    q = (e / a) * (e / a)
    return (1.0 - q) * (1.0 - 5.0 * q)


tukey = Loss("tukey", _tukey, _tukey_score, _tukey_curvature, 4.685, 0.0, ("c",), ((0.0, math.inf),))


@helper
def _epsilon(e: float, a: float, b: float) -> float:
    return abs(e) - a if not abs(e) <= a else 0.0


@helper
def _epsilon_score(e: float, a: float, b: float) -> float:
    return _sign(e) if not abs(e) <= a else 0.0


epsilon_insensitive = Loss(
    "epsilon_insensitive", _epsilon, _epsilon_score, None, 0.1, 0.0, ("eps",), ((0.0, math.inf),)
)


def textbook_unit(descended: Loss) -> float:
    """What makes the textbook's error of the score: textbooks descend e^2 / 2 and e^4 / 4."""
    return {squared: 0.5, quartic: 0.25}.get(descended, 1.0)
