"""A live backtest as bytes: its model, what it is asked, and all that it has seen, scored and still waits for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import snapshot
from .._jit.tiles import LANES
from ..node import Array, Node
from ..snapshot import COUNTABLE, GROWN, MORE, Stored
from . import loop
from .plan import Plan
from .work import Sums, Work

NAME = "LiveBacktest"
LAYOUT = 1


def arrays(work: Work, sums: Sums) -> dict[str, Array]:
    """All that changes from sample to sample, by name; ``s`` is the state of the model."""
    waiting = {"b": work.b, "ring": work.ring, "halves": work.halves, "out": work.out}
    scored = {"totals": sums.totals, "covers": sums.covers, "scales": sums.scales, "values": sums.values}
    return {"s": work.s, "metrics": work.ms, "intervals": work.vs, **waiting, **scored}


def fits(asked: dict[str, Any], inputs: int, stored: Stored) -> None:
    """ValueError where such a backtest would take other memory than the snapshot holds; nothing is allocated yet."""
    H, gap, season, window = asked["horizon"], asked["gap"], asked["season"], asked["window"] or 0
    if not all(map(snapshot.natural, (H, gap, season, window))):
        raise ValueError("the snapshot's backtest has a horizon, gap, season or window that is no whole number")
    nodes = {"metrics": asked["metrics"] or (), "intervals": () if asked["level"] is None else (asked["level"],)}
    expected: dict[str, tuple[int, ...]] = {
        "b": (loop.HEAD + season + window * (1 + inputs),),
        "ring": (gap + H, -(-H // LANES) * LANES),
        **{name: (H * sum(one._s.size for one in several),) for name, several in nodes.items()},
    }
    for name, shape in expected.items():
        held = stored.arrays[name].shape
        grown = name in nodes and shape[0] <= GROWN * math.prod(held) + MORE * H  # since an older layout
        if held != shape and not grown:
            raise ValueError(f"the snapshot holds {name} of shape {held}, its backtest would have {shape}")


def take_over(node: Node, plan: Plan, work: Work, sums: Sums, stored: Stored) -> None:
    """Go on where a snapshot of a backtest with the same parameters stands; on ValueError nothing has changed."""
    if stored.layout != LAYOUT:
        raise ValueError(f"the snapshot is from a newer version of streammse: it holds a {NAME} in another layout")
    found = dict(stored.arrays)
    told, H = stored.params, plan.horizon
    found["s"] = _states([node], [told["model"]], found["s"], 1)
    found["metrics"] = _states(plan.metrics, told["metrics"] or [], found["metrics"], H)
    one = () if plan.interval is None else (plan.interval,)
    found["intervals"] = _states(one, [told["level"]] if one else [], found["intervals"], H)
    living = arrays(work, sums)
    for name, array in living.items():
        if found[name].shape != array.shape:
            raise ValueError(f"the snapshot holds {name} of shape {found[name].shape}, expected {array.shape}")
    snapshot.whole(found["b"][None], loop.SEEN, 0, COUNTABLE)
    for name, array in living.items():
        snapshot.fill(array, found[name])


def _states(nodes: Sequence[Node], told: Sequence[Any], s: Array, times: int) -> Array:
    """Stored states of several nodes, each of them so many times, as they are today and such as these can have."""
    parts, at = [np.empty(0)], 0
    for node, one in zip(nodes, told, strict=True):
        end = at + times * one["size"]
        parts.append(node._current(one["layout"], one["params"], s[at:end].reshape(times, one["size"])).ravel())
        at = end
    if at != s.size:
        raise ValueError(f"the snapshot holds {s.size} numbers of state, its nodes have {at}")
    return np.concatenate(parts)
