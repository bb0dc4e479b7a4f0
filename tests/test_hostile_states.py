"""A state that no honest node has: refused when it is loaded, or harmless. Over the whole catalogue."""

from __future__ import annotations

import numpy as np
import pytest

import streammse as sm
from streammse.kernels import ordered
from streammse.kernels.window import HEAD
from streammse.node import Node

from .cases import Case, all_cases, extras, signals
from .hostile import VALUES, survives, with_state

INTERVALS = [sm.AdaptiveConformal(0.8, scores=8), sm.ConformalInterval(0.5, scores=8), sm.ResidualInterval()]
STEPS = 10
SCALARS = 16  # in front of every state


def learnt(case: Case) -> Node:
    node = case.make()
    node.run(*signals(node, 60), **extras(node, 60))
    return node


def slots(node: Node) -> dict[int, tuple[float, float]]:
    """Where whole numbers must stand, and in which range."""
    found = {}
    for where, low, high in node._indices():
        at = range(where.start, where.stop) if isinstance(where, slice) else (where,)
        found |= dict.fromkeys(at, (low, high))
    if hasattr(node, "models"):  # each expert has its own
        at = node._own_size()
        for one in node.models:
            found |= {at + k: ends for k, ends in slots(one).items()}
            at += one._s.size
    return found


def tried(node: Node, s: np.ndarray, drive) -> bool:
    """Whether the state is taken; then it must do no harm."""
    try:
        taken = sm.load(with_state(node, s))
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return False
    np.testing.assert_array_equal(taken._s, s)
    drive(taken)
    return True


def attack(node: Node, drive) -> None:
    rng = np.random.default_rng(0)
    places, honest = slots(node), node._s.copy()
    free = [at for at in range(honest.size) if at not in places]
    for at, (low, high) in places.items():
        for value in (np.nan, np.inf, low - 1.0, high + 1.0 if high < 1e9 else 2.0 * high, low + 0.5, -1e18):
            s = honest.copy()
            s[at] = value
            with pytest.raises(ValueError, match="the snapshot's state cannot be"):
                sm.load(with_state(node, s))
    taken = 0
    for number in range(4):  # garbage everywhere, or among the scalars, but in these, which hold what they may
        s = honest.copy()
        end = s.size if number < 2 else SCALARS
        s[:end] = rng.choice(VALUES, s[:end].size)
        for at, (low, high) in places.items():
            s[at] = rng.integers(low, min(high, 1e6), endpoint=True) if at < end else honest[at]
        taken += tried(node, s, drive)
        s = honest.copy()  # or in a single slot
        s[rng.choice(free)] = rng.choice(VALUES)
        taken += tried(node, s, drive)
    assert taken, "nothing was tried"


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_a_hostile_state_is_refused_or_harmless(case: Case) -> None:
    node = learnt(case)
    args, more = signals(node, STEPS, seed=3), extras(node, STEPS)
    more = {key: value + 1e3 if key == "time" else value for key, value in more.items()}
    attack(node, lambda taken: survives(taken, args, more))


@pytest.mark.parametrize("node", INTERVALS, ids=repr)
def test_a_hostile_interval_is_refused_or_harmless(node: Node) -> None:
    node.run(np.random.default_rng(1).standard_normal(20))
    errors = np.random.default_rng(2).standard_normal(STEPS)
    attack(node, lambda taken: survives(taken, (errors,), {}))


def test_links_of_another_shape_are_refused() -> None:
    """A link that leads back would keep a kernel for ever: every link of a heap of six, to every other place."""
    node = sm.TrimmedMSE(0.25, window=6)
    node.run(np.zeros(9), np.arange(9.0) % 5)
    honest = node._s.copy()
    nodes = HEAD + ordered.NODES
    links = [nodes + k * ordered.NODE + field for k in range(7) for field in (ordered.LEFT, ordered.RIGHT)]
    links += [nodes + k * ordered.NODE + ordered.PARENT for k in range(1, 7)]  # whose child nothing is does not matter
    pairs = (np.zeros(20), np.arange(20.0) % 7)
    for at in links:
        for place in range(7):
            s = honest.copy()
            s[at] = ordered.NODE * place
            if s[at] != honest[at]:
                assert not tried(node, s, lambda taken: survives(taken, pairs, {})), (at - nodes, place)
