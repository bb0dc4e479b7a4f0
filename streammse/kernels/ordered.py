"""Values in order, so that the largest can be left out exactly: a treap with the sums of its subtrees.

Every pair held is a node in a slot of a ring. By (value, slot) the nodes are a search tree, by a fixed hash of the slot
a heap, which makes one shape the only one possible, and a balanced one whatever the order in which values come. Beside
its own value and weight a node has the weight and the sum of all below it, always added up anew from its children and
never subtracted from: what has left, be it infinite, leaves no trace.

Seidel and Aragon, "Randomized search trees", Algorithmica 16, 1996.
"""

from __future__ import annotations

import math
from typing import Any

from .._jit import helper, rare
from .window import DROPPED
from .window_time import arrive

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
def _add_up(s, nodes, at):  # type: ignore[no-untyped-def]
    """Weight and sum of a node and all below it."""
    me, left, right = nodes + at, nodes + int(s[nodes + at + LEFT]), nodes + int(s[nodes + at + RIGHT])
    s[me + MASS] = (s[left + MASS] + s[me + WEIGHT]) + s[right + MASS]
    s[me + SUM] = (s[left + SUM] + s[me + WEIGHT] * s[me + VALUE]) + s[right + SUM]


@helper
def _replace(s, nodes, old, new, parent):  # type: ignore[no-untyped-def]
    """``new`` takes the place of ``old`` below its parent."""
    s[nodes + parent + (LEFT if int(s[nodes + parent + LEFT]) == old else RIGHT)] = new
    s[nodes + new + PARENT] = parent


@helper
def _raise(s, nodes, at):  # type: ignore[no-untyped-def]
    """Rotate a node up into the place of its parent."""
    parent = int(s[nodes + at + PARENT])
    side = LEFT if int(s[nodes + parent + LEFT]) == at else RIGHT
    child = int(s[nodes + at + (LEFT + RIGHT - side)])
    _replace(s, nodes, parent, at, int(s[nodes + parent + PARENT]))
    s[nodes + parent + side] = child
    s[nodes + child + PARENT] = parent
    s[nodes + at + (LEFT + RIGHT - side)] = parent
    s[nodes + parent + PARENT] = at
    _add_up(s, nodes, parent)


@rare
def insert(s, nodes, at, value, weight):  # type: ignore[no-untyped-def]
    """Put a pair into the empty node ``at``."""
    s[nodes + at + VALUE], s[nodes + at + WEIGHT] = value, weight
    parent, side = 0, LEFT
    child = int(s[nodes + LEFT])
    while child != 0:
        parent = child
        other = s[nodes + child + VALUE]
        side = LEFT if value < other or (value == other and at < child) else RIGHT
        child = int(s[nodes + child + side])
    s[nodes + parent + side] = at
    s[nodes + at + PARENT] = parent
    rank = _rank(at)
    while parent != 0 and _rank(parent) > rank:
        _raise(s, nodes, at)
        parent = int(s[nodes + at + PARENT])
    while at != 0:
        _add_up(s, nodes, at)
        at = int(s[nodes + at + PARENT])


@rare
def remove(s, nodes, at):  # type: ignore[no-untyped-def]
    """Empty the node ``at``."""
    left, right = int(s[nodes + at + LEFT]), int(s[nodes + at + RIGHT])
    while left != 0 and right != 0:
        _raise(s, nodes, left if _rank(left) < _rank(right) else right)
        left, right = int(s[nodes + at + LEFT]), int(s[nodes + at + RIGHT])
    parent = int(s[nodes + at + PARENT])
    _replace(s, nodes, at, left + right, parent)  # one of them is none
    for field in range(NODE):
        s[nodes + at + field] = 0.0
    while parent != 0:
        _add_up(s, nodes, parent)
        parent = int(s[nodes + parent + PARENT])


@rare
def cut(s, base, trim):  # type: ignore[no-untyped-def]
    """(weight of all that is held, mean of what is left without the largest).

    Whole pairs are left out, from the largest down, as long as together they weigh no more than their share ``trim``.
    """
    nodes = base + NODES
    at = int(s[nodes + LEFT])
    total = s[nodes + at + MASS]
    budget = trim * total * (1.0 + SLACK)
    out = kept = mass = 0.0
    while at != 0:
        me = nodes + at
        left, right = nodes + int(s[me + LEFT]), nodes + int(s[me + RIGHT])
        above = out + s[right + MASS]
        if above + s[me + WEIGHT] <= budget:  # it is left out, and all above it
            out = above + s[me + WEIGHT]
            at = left - nodes
            continue
        mass += s[left + MASS] + s[me + WEIGHT]
        kept += s[left + SUM] + s[me + WEIGHT] * s[me + VALUE]
        if above <= budget:
            break
        at = right - nodes
    if mass > 0.0:
        return total, kept / mass
    at = int(s[nodes + LEFT])
    if at == 0:
        return 0.0, math.nan
    while int(s[nodes + at + LEFT]) != 0:
        at = int(s[nodes + at + LEFT])
    return total, s[nodes + at + VALUE]  # the smallest always counts


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
            _drop(s, base)
            s[DROPPED] += 1.0
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
