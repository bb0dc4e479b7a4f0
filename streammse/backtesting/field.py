"""The field of a backtest: who takes part, under which name, and how it is driven."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..forecast.base import SEEN, Forecaster
from ..node import Node, Predictor, open_loop
from .guests import Guest, invite, name_of
from .loop import FILTER, GIVEN, OWN, ROLLED, VECTOR


@dataclass(frozen=True)
class Contestant:
    """One model under its name: a node with a compiled kernel, or a guest in Python."""

    name: str
    node: Predictor | None = None
    guest: Guest | None = None

    @property
    def kind(self) -> int:
        """How the loop drives it."""
        return GIVEN if self.node is None else kind_of(self.node)

    @cached_property
    def needs(self) -> int:
        """How many samples it must have seen before it can forecast, or be fitted where it still has to."""
        if not isinstance(self.node, Forecaster):
            return 1
        open_ones = [one for one in _with_experts(self.node) if _open(one)]
        return max([self.node.needs, *(one.needs_to_fit for one in open_ones)])

    @property
    def able(self) -> str:
        """What it can do then."""
        return "be fitted" if isinstance(self.node, Forecaster) and self.needs > self.node.needs else "forecast"

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
        node = self.node
        return Contestant(self.name, None, Guest(lambda y, _: copy.deepcopy(node).fit(y)))  # type: ignore[attr-defined]

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
        names = [str(name) for name in models]
        doubled = [name for name in names if names.count(name) > 1]
        if doubled:
            raise ValueError(f"two models have the name {doubled[0]!r}")
        return [_contestant(model, name) for name, model in zip(names, models.values(), strict=True)]
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
        found.append(Contestant(name, one.node, one.guest))
    return found


def _contestant(model: Any, name: str | None) -> Contestant:
    if isinstance(model, Node):
        if not isinstance(model, Predictor):
            raise TypeError(f"{model!r} does not forecast: expected a forecaster, a filter or a kernel that predicts")
        open_loop(type(model))
        if model._is_complex():
            raise TypeError(f"a backtest takes models of real series, got {model!r}, which is complex")
        return Contestant(name or repr(model), model)
    guest = invite(model)
    if guest is None:
        raise TypeError(
            f"expected a forecaster, an object with fit and forecast, or a function (y, horizon), got {model!r}"
        )
    return Contestant(name or name_of(model), None, guest)


def begun(node: Predictor) -> int:
    """How many samples it has behind it before its first one, as a fitted statsmodels model has; mostly 0.

    A start that was found for the first sample counts as what the model needs to begin.
    """
    most = 0
    for one in _with_experts(node):
        start = one._s.copy()
        start[:] = 0.0
        one._start(start)
        seen = int(start[SEEN])
        most = max(most, seen if seen > one.needs else 0)
    return most
