"""Guests of a backtest: models of somebody else's, fitted and asked in Python.

Whoever has one of these forms may take part. ``y`` is what is known at an origin; ``x``, where the form has such a
parameter (or one called ``X`` or ``exog``), holds the rows of regressors beside it.

- a function ``(y, horizon)``, or ``(y, horizon, x)``, whose ``x`` has the rows of the samples to come behind those of
  ``y``: what it returns are the forecasts;
- a function ``(y)``, or ``(y, x)``, that returns something fitted, with ``forecast(horizon)`` or ``predict(horizon)``;
- an object with ``fit(y)`` and ``forecast(horizon)`` or ``predict(horizon)``, as statsforecast's models are, each with
  ``x`` or without;
- a model of statsmodels: the same specification is fitted to what is known. Or its results, which keep their
  parameters.

With ``refit=k`` they are fitted at every k-th origin. In between what was fitted goes on with its parameters where it
can: by ``apply(y)`` or ``append(new)`` as results of statsmodels, by ``forward(y, horizon)`` as statsforecast's models.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..node import Array

#: what regressors may be called
_X = ("x", "X", "exog")
#: what the samples may be called of which a fitted model is to go on
_Y = ("y", "endog")


@dataclass(frozen=True)
class Guest:
    """How it is fitted and asked."""

    #: fit (y, x) -> what can forecast; None: there is nothing to keep between origins
    fit: Callable[[Array, Array | None], Any] | None = None
    #: say (y, x, horizon) -> forecasts, where there is nothing to fit
    say: Callable[[Array, Array | None, int], Any] | None = None
    #: go on (fitted, y, x) -> fitted with the same parameters, where that takes something of its own
    go_on: Callable[[Any, Array, Array | None], Any] | None = None
    #: what is fitted already and keeps its parameters
    fitted: Any = None
    takes_x: bool = False
    needs_x: bool = False


class Visit:
    """A guest on one series, origin after origin."""

    def __init__(self, guest: Guest, refit: int | None) -> None:
        self._guest, self._refit = guest, refit
        self._fitted, self._seen, self._first, self._asked = guest.fitted, 0, 0, 0

    def __call__(self, y: Array, x: Array | None, first: int, ahead: int) -> Array:
        """The next ``ahead`` values after y, which begins at sample ``first``; x has their rows behind those of y."""
        guest = self._guest
        rows, future = (None, None) if x is None else (x[: len(y)], x[len(y) :])
        if guest.say is not None:
            return _numbers(guest.say(y, x, ahead), ahead)
        assert guest.fit is not None
        anew = guest.fitted is None if self._refit is None else self._asked % self._refit == 0
        self._asked += 1
        said = None
        if not anew:
            said = self._forward(y, rows, future, ahead)
            gone = self._gone_on(y, rows, first) if said is None else self._fitted
            anew = gone is None
            self._fitted = self._fitted if anew else gone
        if anew:
            self._fitted = guest.fit(y, rows)
        self._seen, self._first = first + len(y), first
        return _numbers(_ask(self._fitted, future, ahead) if said is None else said, ahead)

    def _forward(self, y: Array, rows: Array | None, future: Array | None, ahead: int) -> Any:
        method = getattr(self._fitted, "forward", None)
        names = _names(method)
        if names[:2] != ["y", "h"]:
            return None
        beside = {"X": rows, "X_future": future} if rows is not None and "X_future" in names else {}
        return method(y, ahead, **beside)  # type: ignore[misc]

    def _gone_on(self, y: Array, rows: Array | None, first: int) -> Any:
        """What was fitted with y as its sample, or None where it cannot go on."""
        if self._guest.go_on is not None:
            return self._guest.go_on(self._fitted, y, rows)
        apply, append = (getattr(self._fitted, name, None) for name in ("apply", "append"))
        if _names(apply)[:1] and _names(apply)[0] in _Y:
            return apply(y, **_beside(apply, rows))  # type: ignore[misc]
        if first == self._first and _names(append)[:1] and _names(append)[0] in _Y:
            new = self._seen - first
            return append(y[new:], **_beside(append, None if rows is None else rows[new:]))  # type: ignore[misc]
        return None


def _names(method: Any) -> list[str]:
    """The parameters of a method, none where there is no such method."""
    try:
        return list(inspect.signature(method).parameters) if callable(method) else []
    except ValueError:  # one of C
        return []


def _beside(method: Any, x: Array | None) -> dict[str, Array]:
    """The regressors under the name that a method has for them."""
    if x is None:
        return {}
    names = _names(method)
    word = next((name for name in _X if name in names), "exog" if "kwargs" in names else None)
    return {} if word is None else {word: x}


def _binds(call: Any, *args: Any) -> bool:
    """Whether it can be called with so many arguments, regressors aside."""
    try:
        inspect.signature(call).bind(*args, **{name: None for name in _X if name in _names(call)})
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _ask(fitted: Any, future: Array | None, ahead: int) -> Any:
    """The forecasts of something fitted."""
    for name in ("forecast", "predict"):
        method = getattr(fitted, name, None)
        if callable(method) and _binds(method, ahead):
            return method(ahead, **_beside(method, future))
    raise TypeError(f"expected something with forecast(horizon) or predict(horizon), got {type(fitted).__name__}")


def _numbers(made: Any, ahead: int) -> Array:
    told = np.asarray(made["mean"] if isinstance(made, Mapping) else made, dtype=np.float64).reshape(-1)
    if told.size != ahead:
        raise ValueError(f"expected {ahead} forecasts, got {told.size}")
    return told


# Which form a model has.


def invite(model: Any) -> Guest | None:
    """How a model takes part; None where it has no form that is known. TypeError says what is missing."""
    if isinstance(model, type):
        raise TypeError(f"expected a model such as {model.__name__}(...), got the class{_as_function(model)}")
    if _of_statsmodels(model):
        return _statsmodels(model)
    if hasattr(model, "fit") and (hasattr(model, "forecast") or hasattr(model, "predict")):
        return _object(model)
    return _function(model) if callable(model) else None


def name_of(model: Any) -> str:
    """What it is called where nobody gives it a name."""
    plain = getattr(model, "_results", model)
    if _of_statsmodels(model) and hasattr(plain, "model"):
        plain = plain.model
    return str(getattr(model, "__name__", type(plain).__name__))


def _x_of(*methods: Any) -> tuple[bool, bool]:
    """Whether each of several methods takes regressors, and whether one cannot do without."""
    found = [[one for name, one in _parameters(method).items() if name in _X] for method in methods]
    needed = any(one.default is inspect.Parameter.empty for several in found for one in several)
    return all(found), needed


def _parameters(method: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(method).parameters
    except (TypeError, ValueError):
        return {}


def _object(model: Any) -> Guest:
    name = type(model).__name__
    if not _binds(model.fit, None):
        raise TypeError(f"expected fit(y), a model of one series, got {name}, whose fit takes {_listed(model.fit)}")
    ways = [one for one in (getattr(model, way, None) for way in ("forecast", "predict")) if callable(one)]
    ways = [one for one in ways if _binds(one, 1)]
    if not ways:
        raise TypeError(f"expected forecast(horizon) or predict(horizon), and {name} has neither")

    def fit(y: Array, x: Array | None) -> Any:
        mine = copy.deepcopy(model)  # whatever fitting does to it, the next fit begins afresh
        fitted = mine.fit(y, **_beside(mine.fit, x))
        return mine if fitted is None else fitted

    takes, needs = _x_of(model.fit, ways[0])
    return Guest(fit, takes_x=takes, needs_x=needs)


def _listed(method: Any) -> str:
    return f"({', '.join(_names(method))})"


def _function(model: Any) -> Guest:
    takes, needs = _x_of(model)
    if _binds(model, None, None):
        return Guest(say=lambda y, x, h: model(y, h, **_beside(model, x)), takes_x=takes, needs_x=needs)
    if _binds(model, None):
        return Guest(lambda y, x: model(y, **_beside(model, x)), takes_x=takes, needs_x=needs)
    raise TypeError(f"a function that forecasts takes (y, horizon), or (y) and returns what can, got {model!r}")


# statsmodels, which is not imported here: whoever has such a model has done that.


def _of_statsmodels(model: Any) -> bool:
    """Whether it is a model of statsmodels or what came of its fit."""
    plain = getattr(model, "_results", model)
    theirs = any(cls.__module__.startswith("statsmodels.") for cls in type(plain).__mro__)
    return theirs and (hasattr(plain, "fit") or hasattr(plain, "model"))


def _as_function(cls: type) -> str:
    """How to write a class of statsmodels as a function."""
    if not cls.__module__.startswith("statsmodels."):
        return ""
    return f": write lambda y: {cls.__name__}(y, ...).fit()"


def _statsmodels(given: Any) -> Guest:
    plain = getattr(given, "_results", given)
    model = getattr(plain, "model", plain)
    results = None if plain is model else given
    regressors = model.k_exog if hasattr(model, "k_exog") else getattr(model, "exog", None) is not None
    fitting = _specification(model)
    go_on = None
    if fitting is not None:
        again = fitting

        def fit(y: Array, x: Array | None) -> Any:
            made = again(y, x)
            return made.fit(**({"disp": False} if "disp" in _names(made.fit) else {}))

        if _is_ets(model):

            def go_on(fitted: Any, y: Array, x: Array | None) -> Any:
                return again(y, x).smooth(fitted.params)

    elif hasattr(results, "apply"):

        def fit(y: Array, x: Array | None) -> Any:
            return results.apply(y, refit=True, **_exog(x))  # type: ignore[union-attr]

    else:
        name = type(model).__name__
        raise TypeError(
            f"{name} of statsmodels cannot be made anew for another sample: write a function, "
            f"lambda y: {name}(y, ...).fit()"
        )
    return Guest(fit, go_on=go_on, fitted=results, takes_x=bool(regressors), needs_x=bool(regressors))


def _is_ets(model: Any) -> bool:
    return type(model).__name__ == "ETSModel"


def _specification(model: Any) -> Callable[[Array, Array | None], Any] | None:
    """The same model of another sample, or None where statsmodels has no way to make it."""
    if _is_ets(model):
        words = ["error", "trend", "damped_trend", "seasonal", "seasonal_periods", "initialization_method"]
        if model.initialization_method == "known":
            words += ["initial_level", "initial_trend", "initial_seasonal"]
        made = {word: getattr(model, word) for word in words}
        # a fit of theirs adds to the bounds of its model, and with names that a new one refuses
        bounds = {name: pair for name, pair in model.bounds.items() if name in model.param_names}
        return lambda y, _: type(model)(y, **made, bounds=dict(bounds))
    if hasattr(model, "clone") and hasattr(model, "ssm"):
        return lambda y, x: model.clone(y, **_exog(x))
    return None


def _exog(x: Array | None) -> dict[str, Array]:
    return {} if x is None else {"exog": x}
