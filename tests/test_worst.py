"""No update bursts beyond what its class says: counted in lines of the plain Python form, not in time."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np
import pytest

import streammse as sm
from streammse import catalog
from streammse.node import Node

from .cases import Case, all_cases, extras, for_kernel, signals

SAMPLES = 80


def worst(node: Node, samples: int = SAMPLES) -> int:
    """The most lines that a single step of these samples takes."""
    x, d = node._arrange(*signals(node, samples), **extras(node, samples))
    step, p, s = node._kernel(), node._p.copy(), node._s.copy()
    lines, most = 0, 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    with np.errstate(all="ignore"):
        for xt, dt in for_kernel(node, x, d):
            lines = 0
            sys.settrace(count)
            try:
                step(p, s, xt, dt)
            finally:
                sys.settrace(before)
            most = max(most, lines)
    return most


class Names(dict[str, Any]):
    """What a statement may name: parameters, and what the node tells."""

    def __init__(self, node: Node, more: Mapping[str, Any]) -> None:
        params = {
            name: range(value) if name == "lags" and isinstance(value, int) else value
            for name, value in node.params.items()
        }
        super().__init__(params | more)
        self.node = node

    def __missing__(self, name: str) -> Any:
        return getattr(self.node, name)


def stated(node: Node) -> float:
    """The value of what the class says, for these parameters."""
    functions = {"len": len, "sqrt": math.sqrt, "log": math.log}
    return float(eval(node._worst, {"__builtins__": {}}, Names(node, functions)))


def _cases() -> list[Case]:
    """Each algorithm once, and the windows of a metric."""
    few = {one.name: one for one in reversed(all_cases())}.values()
    return [
        *few,
        *(Case("MSE", (("window", w), ("steady", s))) for w in (16, 20) for s in (False, True)),
        Case("MSE", (("halflife", 9.0),)),
    ]


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_the_worst_update_grows_as_stated(case: Case) -> None:
    node = case.make()
    assert catalog.get(case.name)._worst
    lines, work = worst(node), stated(node)
    assert work >= 1.0
    for name, value in node.params.items():
        if isinstance(value, int) and not isinstance(value, bool):
            other = type(node)(**{**node.params, name: 2 * value})
            assert worst(other) <= 1.2 * lines * max(1.0, stated(other) / work) + 10, name
        elif name == "models":
            assert worst(type(node)(models=2 * value)) <= 2.4 * lines


def test_a_burst_is_seen() -> None:
    """The count does find the turn of the stacks, and that the steady form has none."""
    assert worst(sm.MSE(window=32)) > 1.8 * worst(sm.MSE(window=16))
    assert worst(sm.MSE(window=60, steady=True)) < worst(sm.MSE(window=60)) / 3
