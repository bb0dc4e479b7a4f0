"""Values in order, so that the largest can be left out exactly: a treap with the sums of its subtrees.

Every pair held is a node in a slot of a ring. By value, and among equals by age, the nodes are a search tree; by a
fixed hash of the slot they are a heap, which makes one shape the only one possible, and a balanced one whatever the
order in which values come. Beside its own value and weight a node has the weight and the sum of all below it, always
added up anew from its children and never subtracted from: what has left, be it infinite, leaves no trace.

Seidel and Aragon, "Randomized search trees", Algorithmica 16, 1996.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._jit import helper, rare
from .window_time import arrive, overflow

# The state from base on. NEXT is the slot of the next pair; the oldest of HELD pairs lies in slot FIRST.
NEWEST, NEXT, FIRST, HELD, CAPACITY, NODES = range(6)
# A node. Links are distances from s[NODES]; there lies a node of nothing, whose left child is the root.
VALUE, WEIGHT, LEFT, RIGHT, PARENT, MASS, SUM, STAMP, NODE = range(9)

SLACK = 1e-12  # 0.29 of 100 is 29, though 0.29 * 100 is less


@helper
def _rank(node):  # type: ignore[no-untyped-def]
    """The priority of a node: a hash of its slot, another one for each of 2^32."""
    h = node // NODE
    h = ((h >> 16) ^ h) * 0x45D9F3B & 0xFFFFFFFF
    h = ((h >> 16) ^ h) * 0x45D9F3B & 0xFFFFFFFF
    return (h >> 16) ^ h


@helper
def _get(s, i):  # type: ignore[no-untyped-def]
    """A field of a node; for a signed position numba would ask whether it counts from the end."""
    return s[np.uint64(i)]


@helper
def _put(s, i, value):  # type: ignore[no-untyped-def]
    s[np.uint64(i)] = value


@helper
def _link(s, i):  # type: ignore[no-untyped-def]
    return int(s[np.uint64(i)])


@helper
def _add_up(s, nodes, at):  # type: ignore[no-untyped-def]
    """Weight and sum of a node and all below it."""
    me = nodes + at
    left, right = nodes + _link(s, me + LEFT), nodes + _link(s, me + RIGHT)
    w = _get(s, me + WEIGHT)
    _put(s, me + MASS, (_get(s, left + MASS) + _get(s, right + MASS)) + w)
    _put(s, me + SUM, (_get(s, left + SUM) + _get(s, right + SUM)) + w * _get(s, me + VALUE))


@helper
def _add_up_all(s, nodes, at):  # type: ignore[no-untyped-def]
    """The same for a node and all above it; what was summed last is at hand."""
    _add_up(s, nodes, at)
    mass, total = _get(s, nodes + at + MASS), _get(s, nodes + at + SUM)
    parent = _link(s, nodes + at + PARENT)
    while parent != 0:
        me = nodes + parent
        sibling = nodes + _link(s, me + LEFT) + _link(s, me + RIGHT) - at
        w = _get(s, me + WEIGHT)
        mass = (mass + _get(s, sibling + MASS)) + w
        total = (total + _get(s, sibling + SUM)) + w * _get(s, me + VALUE)
        _put(s, me + MASS, mass)
        _put(s, me + SUM, total)
        at = parent
        parent = _link(s, me + PARENT)


@helper
def _hang(s, nodes, at, parent, side):  # type: ignore[no-untyped-def]
    """Make a node (or none) the child of another on a side."""
    _put(s, nodes + parent + side, at)
    _put(s, nodes + at + PARENT, parent)


@helper
def _add_up_to(s, nodes, at, top):  # type: ignore[no-untyped-def]
    """The sums of a node and all above it, below ``top``."""
    while at != top:
        _add_up(s, nodes, at)
        at = _link(s, nodes + at + PARENT)


@rare
def insert(s, nodes, at, value, weight):  # type: ignore[no-untyped-def]
    """Put a pair into the empty node ``at``."""
    _put(s, nodes + at + VALUE, value)
    _put(s, nodes + at + WEIGHT, weight)
    parent, side = 0, LEFT
    child = _link(s, nodes + LEFT)
    rank = _rank(at)
    while child != 0 and _rank(child) < rank:
        other = _get(s, nodes + child + VALUE)
        before = value < other  # of equal values the newest is the last
        parent = child
        side = RIGHT - int(before)
        left, right = _link(s, nodes + child + LEFT), _link(s, nodes + child + RIGHT)
        child = left if before else right
    _hang(s, nodes, at, parent, side)
    # what stood here is split: what comes before the value goes to the left of it, each below the one before
    smaller, larger = at, at
    smaller_side, larger_side = LEFT, RIGHT
    while child != 0:
        other = _get(s, nodes + child + VALUE)
        if value < other:
            _hang(s, nodes, child, larger, larger_side)
            larger, larger_side = child, LEFT
            child = _link(s, nodes + child + LEFT)
        else:
            _hang(s, nodes, child, smaller, smaller_side)
            smaller, smaller_side = child, RIGHT
            child = _link(s, nodes + child + RIGHT)
    _put(s, nodes + smaller + smaller_side, 0.0)
    _put(s, nodes + larger + larger_side, 0.0)
    _add_up_to(s, nodes, smaller, at)
    _add_up_to(s, nodes, larger, at)
    _add_up_all(s, nodes, at)


@rare
def remove(s, nodes, at):  # type: ignore[no-untyped-def]
    """Empty the node ``at``."""
    parent = _link(s, nodes + at + PARENT)
    side = LEFT if _link(s, nodes + parent + LEFT) == at else RIGHT
    left, right = _link(s, nodes + at + LEFT), _link(s, nodes + at + RIGHT)
    while left != 0 and right != 0:  # its children become one
        if _rank(left) < _rank(right):
            _hang(s, nodes, left, parent, side)
            parent, side = left, RIGHT
            left = _link(s, nodes + left + RIGHT)
        else:
            _hang(s, nodes, right, parent, side)
            parent, side = right, LEFT
            right = _link(s, nodes + right + LEFT)
    _hang(s, nodes, left + right, parent, side)  # one of them is none
    for field in range(NODE):
        _put(s, nodes + at + field, 0.0)
    if parent != 0:
        _add_up_all(s, nodes, parent)


@rare
def cut(s, base, trim):  # type: ignore[no-untyped-def]
    """(weight of all that is held, mean of what is left without the largest).

    Whole pairs are left out, from the largest down, as long as together they weigh no more than their share ``trim``.
    """
    nodes = base + NODES
    at = _link(s, nodes + LEFT)
    total = _get(s, nodes + at + MASS)
    budget = trim * total * (1.0 + SLACK)
    out = kept = mass = 0.0
    while at != 0:
        me = nodes + at
        left, right = _link(s, me + LEFT), _link(s, me + RIGHT)
        above = out + _get(s, nodes + right + MASS)
        w = _get(s, me + WEIGHT)
        if above + w <= budget:  # it is left out, and all above it
            out = above + w
            at = left
        else:
            mass += _get(s, nodes + left + MASS) + w
            kept += _get(s, nodes + left + SUM) + w * _get(s, me + VALUE)
            at = right if above > budget else 0
    if mass > 0.0:
        return total, kept / mass
    at = _link(s, nodes + LEFT)
    if at == 0:
        return 0.0, math.nan
    while _link(s, nodes + at + LEFT) != 0:
        at = _link(s, nodes + at + LEFT)
    return total, _get(s, nodes + at + VALUE)  # the smallest always counts


@helper
def _sound(value):  # type: ignore[no-untyped-def]
    """What is not a number counts as infinite: it is left out first."""
    return value if value == value else math.inf  # noqa: PLR0124


@helper
def sliding(s, base, weight, value, length, time):  # type: ignore[no-untyped-def]
    """The last W samples; a weight of zero is a missing one."""
    nodes = base + NODES
    i = int(s[base + NEXT])
    s[base + NEXT] = i + 1 if i + 1 < int(length) else 0
    at = (i + 1) * NODE
    if s[nodes + at + WEIGHT] > 0.0:
        remove(s, nodes, at)
    if weight > 0.0:
        insert(s, nodes, at, _sound(value), weight)


@helper
def _drop(s, base):  # type: ignore[no-untyped-def]
    """The oldest leaves."""
    i = int(s[base + FIRST])
    remove(s, base + NODES, (i + 1) * NODE)
    s[base + FIRST] = i + 1 if i + 1 < int(s[base + CAPACITY]) else 0
    s[base + HELD] -= 1.0


@helper
def lasting(s, base, weight, value, length, time):  # type: ignore[no-untyped-def]
    """The same over the last ``length`` seconds, newest - length < stamp."""
    nodes = base + NODES
    now = arrive(s, base, time)
    while s[base + HELD] > 0.0 and s[nodes + (int(s[base + FIRST]) + 1) * NODE + STAMP] <= now - length:
        _drop(s, base)
    if weight > 0.0:
        if s[base + HELD] == s[base + CAPACITY]:
            overflow(s)
            _drop(s, base)
        i = int(s[base + NEXT])
        s[base + NEXT] = i + 1 if i + 1 < int(s[base + CAPACITY]) else 0
        at = (i + 1) * NODE
        s[nodes + at + STAMP] = now
        insert(s, nodes, at, _sound(value), weight)
        s[base + HELD] += 1.0


def size(capacity: int) -> int:
    """How large the state is for so many pairs."""
    return NODES + (capacity + 1) * NODE


def start(s: Any, base: int, capacity: int) -> None:
    """Fill what is not zero in a fresh state of the last seconds."""
    s[base + NEWEST] = -math.inf
    s[base + CAPACITY] = capacity


def links(s: NDArray[np.float64], base: int, capacity: int, *, timed: bool) -> str:
    """What is wrong with the links of a stored state; nothing, where they make a heap of just the pairs that it holds.

    The kernels follow them without a look: one that leads back would keep them for ever.
    """
    nodes = s[base + NODES :].reshape(capacity + 1, NODE)
    far = nodes[:, [LEFT, RIGHT, PARENT]] / NODE
    if not ((far >= 0.0) & (far <= capacity) & (far == np.floor(far))).all():
        return "a link leads out of it"
    left, right, parent = far.astype(np.int64).T
    held = nodes[:, WEIGHT] > 0.0
    held[0] = False
    child = np.concatenate([left, right])
    above = np.tile(np.arange(capacity + 1), 2)[child > 0]
    child = child[child > 0]
    below = above > 0
    if not (
        right[0] == 0
        and np.array_equal(np.sort(child), np.flatnonzero(held))  # every pair is the child of one, and nothing else is
        and held[above[below]].all()
        and (parent[child] == above).all()
        and (_rank(above[below] * NODE) < _rank(child[below] * NODE)).all()  # so no link leads back
    ):
        return "its links are those of no heap"
    if timed:
        first, count, following = (int(s[base + slot]) for slot in (FIRST, HELD, NEXT))
        ring = (first + np.arange(count)) % capacity + 1
        if not (held[ring].all() and held.sum() == count and (first + count) % capacity == following):
            return "it holds other pairs than its ring"
    return ""


def indices(base: int, capacity: int, *, timed: bool) -> list[tuple[int | slice, float, float]]:
    """The slots in which whole numbers stand, as ``Node._indices`` has them; the links besides."""
    found: list[tuple[int | slice, float, float]] = [(base + NEXT, 0, capacity - 1)]
    if timed:
        found += [(base + FIRST, 0, capacity - 1), (base + HELD, 0, capacity), (base + CAPACITY, capacity, capacity)]
    return found
