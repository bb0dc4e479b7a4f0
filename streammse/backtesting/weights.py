"""The weights of an ensemble over a backtest: what each origin's forecast was made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..node import Array
from .field import Contestant
from .plan import Plan
from .portion import fit_at, up_to
from .series import Series


def has_weights(one: Contestant) -> bool:
    """Whether a model is a node that weighs others."""
    return one.node is not None and hasattr(one.node, "models") and hasattr(one.node, "weights")


def weights(one: Contestant, series: Series, row: int, plan: Plan) -> Array:
    """The weights at each origin of one series: (origins, experts).

    The pass keeps nothing of a model but its forecasts; an ensemble is sent over the one series again, origin by
    origin, in the way of the plan.
    """
    if not has_weights(one):
        raise ValueError(f"{one.name} has no weights: expected an ensemble that weighs its models")
    node: Any = one.node.clone() if one.node is not None else None
    if one.unfitted:
        fit_at(node, series, row, plan.start, plan)
        node.reset()  # a fit has learnt what it saw, but the pass begins with nothing
    y = series.one(row)
    found = np.empty((plan.origins(len(y)), len(node.models)))
    seen = 0
    for i in range(len(found)):
        origin = plan.start + i * plan.stride
        if plan.refit is not None and one.estimates and i and i % plan.refit == 0:
            fit_at(node, series, row, origin, plan)
            up_to(node, series, row, origin)
        elif plan.window is not None:
            node.reset().run(y[max(0, origin - plan.window) : origin])
        else:
            node.run(y[seen:origin])
        found[i] = node.weights
        seen = origin
    return found
