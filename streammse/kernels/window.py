"""The windows a statistic can be held over, each written once: running, the last W samples, exponentially weighted.

A window is a pure helper ``a = push(s, base, a, length, time)``: it takes the statistic of one pair in, keeps what it
must in ``s[base:]``, and returns the statistic of all that it holds. ``length`` is W, or the factor of one sample.

The last W samples never subtract what leaves. They are two stacks (Tangwongsan et al. 2017): time is cut into blocks
of W, the current block has a prefix sum, and every slot of the block before holds the sum of what stands to its right.
So a sum never has an error of more than about W roundings of its own size, is never negative, and NaN and inf are gone
the moment that they leave.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .._jit import Function, helper, loop
from .._jit.instructions import add_lanes, get, put
from .statistics import Statistic
from .tuples import finite, load, store, zeros

# s: what every metric has; the window lies behind
SKIPPED, LATE, DROPPED, HEAD = range(4)
# s[HEAD:] of the running mean in lanes
SEEN, NUMBER, LANES = range(3)
# of the last W samples
PLACE, PREFIX = range(2)

# p: what every metric has first
WINDOW, HALFLIFE, SECONDS, HALFLIFE_SECONDS = range(4)

BLOCK = "void(f8[::1],f8[::1],f8[:,::1],f8[::1],f8[::1])"
LANE_COUNT = 8
CHUNK = 1024


class Window(NamedTuple):
    """A statistic over a window."""

    #: ``total = push(s, base, a, length, time)``
    push: Function
    #: ``total(s, base, length)``: the statistic of what is held now
    total: Function
    #: how large the state is for a length (or a capacity)
    size: Callable[[int], int]
    #: a block of its own, where that pays
    block: Function | None = None
    #: ``start(s, base, size)`` fills what is not zero in a fresh state
    start: Callable[[Any, int, int], None] | None = None
    #: ``join(s, other)`` takes in the state of the pairs that follow
    join: Callable[[Any, Any], None] | None = None
    #: whether ``reduce`` works on its state
    reducible: bool = False
    #: ``age(s, base, weight, length, time)``: a pair of that weight came to another window, beside which this one is
    #: held; tells whether pairs left. Only where that lets pairs fade or leave.
    age: Function | None = None
    #: ``at(s, base, length, time)``: the total as it will be then; only where pairs fade
    at: Function | None = None
    #: ``indices(base, size)``: the slots of the state in which whole numbers stand, as ``Node._indices`` has them
    indices: Callable[[int, int], list[tuple[int | slice, float, float]]] = lambda base, size: []


@cache
def lanes(statistic: Statistic) -> Window:
    """The running mean of a term: a count, and a sum in eight lanes by the number of the sample.

    So one value of a whole block needs no serial chain of additions and runs as fast as memory delivers (``reduce``),
    with the same bits. The tree that adds the lanes reads the same from every lane, up to the order of two summands:
    the block turns the lanes instead of counting them.
    """
    return Window(
        _lanes_push,
        _lanes_total,
        lambda w: LANES + LANE_COUNT,
        block=_lanes_block(statistic),
        join=_join_lanes,
        reducible=True,
        indices=lambda base, size: [(base + SEEN, 0, LANE_COUNT - 1)],
    )


def _join_lanes(s: Any, other: Any) -> None:
    s[HEAD + SEEN] = (s[HEAD + SEEN] + other[HEAD + SEEN]) % LANE_COUNT
    s[HEAD + NUMBER :] += other[HEAD + NUMBER :]


@helper
def _lanes_total(s, base, length):  # type: ignore[no-untyped-def]
    first = base + LANES
    return s[base + NUMBER], (
        ((s[first] + s[first + 4]) + (s[first + 2] + s[first + 6]))
        + ((s[first + 1] + s[first + 5]) + (s[first + 3] + s[first + 7]))
    )


@helper
def _lanes_push(s, base, a, length, time):  # type: ignore[no-untyped-def]
    seen = s[base + SEEN]
    s[base + SEEN] = seen + 1.0 if seen < 7.0 else 0.0
    lane = base + LANES + int(seen)
    added = s[lane] + a[1]
    if math.isfinite(added):
        s[lane] = added
        s[base + NUMBER] += a[0]
    else:
        s[SKIPPED] += 1.0
    return _lanes_total(s, base, length)


@cache
def _lanes_block(statistic: Statistic) -> Function:
    lift, lower = statistic.lift, statistic.lower

    @loop(BLOCK)
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        i = int(s[HEAD + SEEN])
        n = s[HEAD + NUMBER]
        lane = s[HEAD + LANES :]
        l0, l1, l2, l3 = lane[i], lane[(i + 1) & 7], lane[(i + 2) & 7], lane[(i + 3) & 7]
        l4, l5, l6, l7 = lane[(i + 4) & 7], lane[(i + 5) & 7], lane[(i + 6) & 7], lane[(i + 7) & 7]
        p0, p1, p2, p3 = l0 + l4, l1 + l5, l2 + l6, l3 + l7
        even, odd = p0 + p2, p1 + p3
        for t in range(y.size):
            one, v = lift(p, s, x[t, 0], d[t])
            added = l0 + v
            if math.isfinite(added):
                l0 = added
                n += one
            else:
                s[SKIPPED] += 1.0
            p0 = l0 + l4
            even = p0 + p2
            y[t] = lower(p, (n, even + odd))
            l0, l1, l2, l3, l4, l5, l6, l7 = l1, l2, l3, l4, l5, l6, l7, l0
            p0, p1, p2, p3 = p1, p2, p3, p0
            even, odd = odd, even
        i = (i + y.size) & 7
        s[HEAD + SEEN] = i
        s[HEAD + NUMBER] = n
        lane[i], lane[(i + 1) & 7], lane[(i + 2) & 7], lane[(i + 3) & 7] = l0, l1, l2, l3
        lane[(i + 4) & 7], lane[(i + 5) & 7], lane[(i + 6) & 7], lane[(i + 7) & 7] = l4, l5, l6, l7

    return block


@cache
def reduce(statistic: Statistic) -> Function:
    """The value after a whole block, at the speed of memory, and the state as if the pairs had come one by one."""
    term, lift, lower = statistic.term, statistic.lift, statistic.lower
    assert term is not None

    @loop("f8(f8[::1],f8[::1],f8[::1],f8[::1])")
    def reduce(p, s, x, d):  # type: ignore[no-untyped-def]
        i = int(s[HEAD + SEEN])
        n = s[HEAD + NUMBER]
        lanes, trial, terms = np.empty(8), np.empty(8), np.empty(CHUNK)
        for k in range(8):
            lanes[k] = s[HEAD + LANES + ((i + k) & 7)]
        start = 0
        while start < x.size:
            size = min(CHUNK, x.size - start) & ~7
            for t in range(size):
                put(terms, t, term(p, get(x, start + t), get(d, start + t)))
            trial[:] = lanes
            add_lanes(trial, terms, size)
            if size > 0 and math.isfinite(trial.sum()):
                lanes[:] = trial
                n += size
            else:  # a missing or infinite sample in here, or the rest of the block: one by one
                size = min(CHUNK, x.size - start) if size == 0 else size
                for t in range(size):
                    one, v = lift(p, s, x[start + t], d[start + t])
                    added = lanes[t & 7] + v
                    if math.isfinite(added):
                        lanes[t & 7] = added
                        n += one
                    else:
                        s[SKIPPED] += 1.0
            start += size
        for k in range(8):
            s[HEAD + LANES + ((i + k) & 7)] = lanes[k]
        s[HEAD + SEEN] = (i + x.size) & 7
        s[HEAD + NUMBER] = n
        return lower(p, _lanes_total(s, HEAD, 0.0))

    return reduce


@cache
def running(statistic: Statistic) -> Window:
    """All pairs so far. What is not finite is counted and not learnt."""
    k, merge, lift, lower = statistic.size, statistic.merge, statistic.lift, statistic.lower
    get, put, sound = load(k), store(k), finite(k)

    @helper
    def learn(s, held, a):  # type: ignore[no-untyped-def]
        total = merge(held, a)
        if sound(total):
            return total
        s[SKIPPED] += 1.0
        return held

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        total = learn(s, get(s, base), a)
        put(s, base, total)
        return total

    @loop(BLOCK)
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        held = get(s, HEAD)
        for t in range(y.size):
            held = learn(s, held, lift(p, s, x[t, 0], d[t]))
            y[t] = lower(p, held)
        put(s, HEAD, held)

    def join(s: Any, other: Any) -> None:
        put(s, HEAD, merge(get(s, HEAD), get(other, HEAD)))

    return Window(push, helper(lambda s, base, length: get(s, base)), lambda w: k, block, join=join)


@cache
def decaying(statistic: Statistic) -> Window:
    """Every pair weighs ``length`` times as much as the one after it. A missing truth lets nothing fade."""
    k, merge, scale, lift, lower = statistic.size, statistic.merge, statistic.scale, statistic.lift, statistic.lower
    get, put, sound = load(k), store(k), finite(k)

    @helper
    def learn(s, held, a, length):  # type: ignore[no-untyped-def]
        if a[0] == 0.0:
            return held
        total = merge(scale(held, length), a)
        if sound(total):
            return total
        s[SKIPPED] += 1.0
        return held

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        total = learn(s, get(s, base), a, length)
        put(s, base, total)
        return total

    @loop(BLOCK)
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        held = get(s, HEAD)
        length = p[HALFLIFE]
        for t in range(y.size):
            held = learn(s, held, lift(p, s, x[t, 0], d[t]), length)
            y[t] = lower(p, held)
        put(s, HEAD, held)

    @helper
    def age(s, base, weight, length, time):  # type: ignore[no-untyped-def]
        if weight > 0.0:
            put(s, base, scale(get(s, base), length))
        return False

    total = helper(lambda s, base, length: get(s, base))
    return Window(push, total, lambda w: k, block, age=age, at=helper(lambda s, base, length, time: get(s, base)))


@cache
def sliding(statistic: Statistic) -> Window:
    """The last W pairs: two stacks in one array of W slots, and a slot of zeros behind it."""
    k, merge, lift, lower = statistic.size, statistic.merge, statistic.lift, statistic.lower
    get, put, empty = load(k), store(k), zeros(k)

    @helper
    def turn(s, slots, w):  # type: ignore[no-untyped-def]
        """A block is full: every slot becomes the sum of all that stand from there on."""
        right = get(s, slots + (w - 1) * k)
        for j in range(w - 2, -1, -1):
            right = merge(get(s, slots + j * k), right)
            put(s, slots + j * k, right)

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        slots = base + PREFIX + k
        place = s[base + PLACE]
        left = get(s, base + PREFIX)
        if place >= length:  # only now, so that what is held still adds up to the last value, bit for bit
            turn(s, slots, int(length))
            place = 0.0
            left = empty()
        left = merge(left, a)
        i = int(place)
        put(s, slots + i * k, a)
        put(s, base + PREFIX, left)
        s[base + PLACE] = place + 1.0  # counted as it is kept: to an integer and back would be the longest way here
        return merge(get(s, slots + (i + 1) * k), left)

    @helper
    def total(s, base, length):  # type: ignore[no-untyped-def]
        i = int(s[base + PLACE])
        return merge(get(s, base + PREFIX + k + i * k), get(s, base + PREFIX))

    @loop(BLOCK)
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        w = int(p[WINDOW])
        slots = HEAD + PREFIX + k
        i = int(s[HEAD + PLACE])
        left = get(s, HEAD + PREFIX)
        done = 0
        while done < y.size:
            if i == w:
                turn(s, slots, w)
                i = 0
                left = empty()
            size = min(w - i, y.size - done)
            slot = slots + i * k
            for t in range(done, done + size):  # up to the turn of the stacks, with no question asked
                a = lift(p, s, x[np.uint64(t), np.uint64(0)], d[np.uint64(t)])
                left = merge(left, a)
                put(s, slot, a)
                slot += k
                y[np.uint64(t)] = lower(p, merge(get(s, slot), left))
            i += size
            done += size
        put(s, HEAD + PREFIX, left)
        s[HEAD + PLACE] = i

    def indices(base: int, w: int) -> list[tuple[int | slice, float, float]]:
        return [(base + PLACE, 0, w)]

    return Window(push, total, lambda w: PREFIX + k + (w + 1) * k, block, indices=indices)
