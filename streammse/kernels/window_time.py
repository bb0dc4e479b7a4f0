"""Windows in seconds, for samples at irregular times.

A stamp older than the newest one cannot be put back into its place: such a sample counts as having arrived at the
newest stamp (``LATE`` counts them). Equal stamps are welcome. A missing truth moves the time on and is not kept.

The last seconds may hold more pairs than there is room for. Then neighbours become one, which leaves when its newest
pair does: memory stays as it is, no pair is lost, and only the far edge of the window becomes fuzzy, by less than
``FUZZY`` / capacity of its length.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from .._jit import helper, rare
from .._jit.instructions import warn
from .statistics import Statistic
from .tuples import finite, load, store, zeros
from .window import DROPPED, LATE, SKIPPED, Window

# The state from base on.
NEWEST, FADED = range(2)
FIRST, FRONT, HELD, CAPACITY, BACK = range(1, 6)
# The oldest of HELD pairs lies in slot FIRST; the FRONT oldest are summed to the right.

FUZZY = 4.0  # twice what a full ring of neighbours would span, so that half of it is free when they are one
MOST = 0.5  # of the length, however little room there is


@rare
def overflow(s):  # type: ignore[no-untyped-def]
    """A pair leaves before its time, for want of room: it is counted, and said once."""
    s[DROPPED] += 1.0
    if s[DROPPED] == 1.0:
        warn("more pairs came within the seconds than there is room for: the oldest leave early; give more capacity")


@helper
def arrive(s, base, time):  # type: ignore[no-untyped-def]
    """When a sample counts as having arrived."""
    newest = s[base + NEWEST]
    if time >= newest:
        s[base + NEWEST] = time
        return time
    s[LATE] += 1.0
    return newest


@cache
def lasting(statistic: Statistic) -> Window:
    """The last ``length`` seconds, newest - length < stamp: a queue of two stacks in a ring."""
    k, merge = statistic.size, statistic.merge
    get, put, empty = load(k), store(k), zeros(k)
    slots, slot = BACK + k, 1 + k  # a slot: stamp, statistic

    @helper
    def turn(s, base):  # type: ignore[no-untyped-def]
        """The older stack is empty: it becomes the sums to the right of all that is held."""
        capacity = int(s[base + CAPACITY])
        held = int(s[base + HELD])
        at = int(s[base + FIRST]) + held
        at -= capacity if at >= capacity else 0
        right = empty()
        for _ in range(held):
            at = at - 1 if at > 0 else capacity - 1
            right = merge(get(s, base + slots + at * slot + 1), right)
            put(s, base + slots + at * slot + 1, right)
        s[base + FRONT] = held
        put(s, base + BACK, empty())

    @helper
    def drop(s, base):  # type: ignore[no-untyped-def]
        """The oldest leaves."""
        if s[base + FRONT] == 0.0:
            turn(s, base)
        first = int(s[base + FIRST])
        put(s, base + slots + first * slot + 1, empty())
        s[base + FIRST] = first + 1 if first + 1 < int(s[base + CAPACITY]) else 0
        s[base + FRONT] -= 1.0
        s[base + HELD] -= 1.0

    @rare
    def thin(s, base, length):  # type: ignore[no-untyped-def]
        """There is no room left: neighbours become one, as long as they lie less than the fuzzy edge apart.

        Of two sums to the right the older one is that of both. What all add up to stays the same, bit for bit.
        """
        capacity, first = int(s[base + CAPACITY]), int(s[base + FIRST])
        held, front = int(s[base + HELD]), int(s[base + FRONT])
        edge = length * min(FUZZY / capacity, MOST)
        last = 0  # the pair that the next one may join
        before = -math.inf  # the stamp of the one before it
        fronts = min(front, 1)
        for i in range(1, held):
            here = base + slots + (first + i) % capacity * slot
            there = base + slots + (first + last) % capacity * slot
            if i != front and s[here] - before <= edge:
                if i > front:
                    put(s, there + 1, merge(get(s, there + 1), get(s, here + 1)))
            else:
                before = s[there]
                last += 1
                there = base + slots + (first + last) % capacity * slot
                put(s, there + 1, get(s, here + 1))
                if i < front:
                    fronts += 1
            s[there] = s[here]
        for i in range(last + 1, held):
            put(s, base + slots + (first + i) % capacity * slot + 1, empty())
        s[base + FRONT] = fronts
        s[base + HELD] = last + 1

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        now = arrive(s, base, time)
        while s[base + HELD] > 0.0 and s[base + slots + int(s[base + FIRST]) * slot] <= now - length:
            drop(s, base)
        if a[0] > 0.0:
            if s[base + HELD] == s[base + CAPACITY]:
                thin(s, base, length)
                if s[base + HELD] == s[base + CAPACITY]:
                    overflow(s)
                    drop(s, base)
            capacity = int(s[base + CAPACITY])
            at = int(s[base + FIRST]) + int(s[base + HELD])
            at -= capacity if at >= capacity else 0
            s[base + slots + at * slot] = now
            put(s, base + slots + at * slot + 1, a)
            put(s, base + BACK, merge(get(s, base + BACK), a))
            s[base + HELD] += 1.0
        return total(s, base, length)

    @helper
    def total(s, base, length):  # type: ignore[no-untyped-def]
        back = get(s, base + BACK)
        if s[base + FRONT] == 0.0:
            return back
        return merge(get(s, base + slots + int(s[base + FIRST]) * slot + 1), back)

    @rare
    def expire(s, base, since):  # type: ignore[no-untyped-def]
        while s[base + HELD] > 0.0 and s[base + slots + int(s[base + FIRST]) * slot] <= since:
            drop(s, base)

    @helper
    def age(s, base, weight, length, time):  # type: ignore[no-untyped-def]
        since = time - length
        if s[base + HELD] > 0.0 and s[base + slots + int(s[base + FIRST]) * slot] <= since:
            expire(s, base, since)
            return True
        return False

    def start(s: Any, base: int, capacity: int) -> None:
        s[base + NEWEST] = -math.inf
        s[base + CAPACITY] = capacity

    def indices(base: int, capacity: int) -> list[tuple[int | slice, float, float]]:
        most = {FIRST: capacity - 1, FRONT: capacity, HELD: capacity}
        return [*((base + slot, 0, high) for slot, high in most.items()), (base + CAPACITY, capacity, capacity)]

    return Window(push, total, lambda capacity: slots + capacity * slot, start=start, age=age, indices=indices)


@cache
def fading(statistic: Statistic) -> Window:
    """A pair weighs half as much ``length`` seconds later."""
    k, merge, scale = statistic.size, statistic.merge, statistic.scale
    get, put, sound = load(k), store(k), finite(k)

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        held = get(s, base + FADED)
        if a[0] > 0.0:
            if held[0] == 0.0 and math.isfinite(time):
                s[base + NEWEST] = time  # the first
            newest = s[base + NEWEST]
            total = merge(scale(held, 0.5 ** ((arrive(s, base, time) - newest) / length)), a)
            if sound(total):
                held = total
                put(s, base + FADED, total)
            else:
                s[SKIPPED] += 1.0
                s[base + NEWEST] = newest
        return held

    @helper
    def at(s, base, length, time):  # type: ignore[no-untyped-def]
        held = get(s, base + FADED)
        return scale(held, 0.5 ** ((time - s[base + NEWEST]) / length)) if held[0] > 0.0 else held

    return Window(push, helper(lambda s, base, length: get(s, base + FADED)), lambda capacity: FADED + k, at=at)
