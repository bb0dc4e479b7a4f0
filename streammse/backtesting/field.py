"""The field of a backtest: who takes part, under which name, and how it is driven."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..forecast.base import Forecaster
from ..node import Array, Node, Predictor
from .loop import FILTER, GIVEN, OWN, ROLLED, VECTOR


@dataclass(frozen=True)
class Contestant:
    """One model under its name: a node with a compiled kernel, or a Python function (history, h) -> forecasts."""

    name: str
    node: Predictor | None = None
    function: Callable[[Array, int], Any] | None = None

    @property
    def kind(self) -> int:
        """How the loop drives it."""
        return GIVEN if self.node is None else kind_of(self.node)

    @property
    def needs(self) -> int:
        """How many samples it must have seen before it can forecast."""
        return self.node.needs if isinstance(self.node, Forecaster) else 1

    @cached_property
    def estimates(self) -> bool:
        """Whether it has parameters that history can tell."""
        return self.node is not None and any(one._estimated for one in _with_experts(self.node))

    @cached_property
    def by_window(self) -> Contestant:
        """The same over the last samples alone.

        A start that was found for the first sample is none for another, so a model that finds one is fitted to each
        window.
        """
        if self.node is None or not any(one._finds_start for one in _with_experts(self.node)):
            return self
        return Contestant(self.name, None, _fitted(self.node))

    @cached_property
    def unfitted(self) -> bool:
        """Whether such a parameter is still open."""
        return self.node is not None and any(_open(one) for one in _with_experts(self.node))


def _open(node: Forecaster) -> bool:
    """Whether a parameter is still to be estimated; one that the model has no use for is not."""
    if not node._open():
        return False
    if not node._estimated:
        return True  # an ensemble has none of its own
    values, idle = node.params, node._idle()
    return any(values.get(name) is None and name not in idle for name in node._estimated)


def _with_experts(node: Predictor) -> list[Forecaster]:
    """A forecaster, and those that it is made of."""
    found = [node] if isinstance(node, Forecaster) else []
    for one in node.params.get("models") or ():
        found += _with_experts(one)
    return found


def kind_of(node: Predictor) -> int:
    """How the loop drives a node."""
    if isinstance(node, Forecaster):
        if node._exogenous():
            return VECTOR
        return ROLLED if node._ahead() is None else OWN
    return FILTER if node._inputs() == 1 else VECTOR


def field(models: Any) -> list[Contestant]:
    """Everybody who takes part, with names that differ."""
    if isinstance(models, Mapping):
        return [_contestant(model, str(name)) for name, model in models.items()]
    if not isinstance(models, (list, tuple)):
        models = [models]
    if not models:
        raise ValueError("models must hold at least one model")
    found: list[Contestant] = []
    for model in models:
        one = _contestant(model, None)
        name, k = one.name, 1
        while name in [other.name for other in found]:
            k += 1
            name = f"{one.name} #{k}"
        found.append(Contestant(name, one.node, one.function))
    return found


def _contestant(model: Any, name: str | None) -> Contestant:
    if isinstance(model, Node):
        if not isinstance(model, Predictor):
            raise TypeError(f"{model!r} does not forecast: expected a forecaster, a filter or a kernel that predicts")
        return Contestant(name or repr(model), model)
    if isinstance(model, type):
        raise TypeError(f"expected a model such as {model.__name__}(...), got the class")
    if hasattr(model, "fit") and (hasattr(model, "forecast") or hasattr(model, "predict")):
        return Contestant(name or type(model).__name__, None, _fitted(model))
    if callable(model):
        try:
            inspect.signature(model).bind(None, None)
        except TypeError:
            raise TypeError(f"a function that forecasts takes (y, horizon), got {model!r}") from None
        return Contestant(name or str(getattr(model, "__name__", type(model).__name__)), None, model)
    raise TypeError(
        f"expected a forecaster, an object with fit and forecast, or a function (y, horizon), got {model!r}"
    )


def _fitted(model: Any) -> Callable[[Array, int], Any]:
    def forecasts(y: Array, horizon: int) -> Any:
        mine = copy.deepcopy(model)  # whatever fitting does to it, the next origin begins afresh
        fitted = mine.fit(y)
        target = mine if fitted is None else fitted
        made = target.forecast(horizon) if hasattr(target, "forecast") else target.predict(horizon)
        return made["mean"] if isinstance(made, Mapping) else made

    return forecasts


def given(one: Contestant, y: Array, origins: range, ahead: int, window: int | None) -> Array:
    """What a Python model says at each origin, fitted afresh to what was known then: shape (origins, ahead)."""
    assert one.function is not None
    found = np.empty((len(origins), ahead))
    for i, k in enumerate(origins):
        known = y[max(0, k - window) if window is not None else 0 : k].copy()
        told = np.asarray(one.function(known, ahead), dtype=np.float64).reshape(-1)
        if told.size != ahead:
            raise ValueError(f"expected {ahead} forecasts, got {told.size}")
        found[i] = told
    return found
