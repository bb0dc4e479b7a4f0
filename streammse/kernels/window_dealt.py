"""Pairs dealt in turn to k windows side by side, and the median of what each of them says.

Sample t goes to window t mod k. The others age meanwhile: what lies too far back leaves them too, and what fades fades
by the pairs and the stamps of all. Stamps are judged against the newest one of all windows.

Which value stands where in the order is kept from sample to sample: one value moves at a time, so that sorting by
insertion takes about k steps.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .._jit import Function, helper, rare
from .statistics import Statistic
from .window import HEAD, SKIPPED, Window
from .window_time import arrive

# The state from base on; then one value a window, their numbers in order, and the windows.
NEWEST, TURN, COUNT, SIZE, VALUES = range(5)

EMPTY = -1.0  # in place of the value of a window that has no pair: first in the order, since no value is negative


def size(inner: Window, count: int, length: int) -> int:
    """How large the state is for so many windows of a length (or a capacity) each."""
    return VALUES + count * (2 + inner.size(length))


def start(inner: Window, s: Any, base: int, count: int, length: int) -> None:
    """Fill what is not zero in a fresh state."""
    s[base + NEWEST] = -math.inf
    s[base + COUNT], s[base + SIZE] = count, inner.size(length)
    order = base + VALUES + count
    s[base + VALUES : order] = EMPTY
    s[order : order + count] = np.arange(count)
    if inner.start is not None:
        for j in range(count):
            inner.start(s, order + count + j * inner.size(length), length)


def indices(inner: Window, base: int, count: int, length: int) -> list[tuple[int | slice, float, float]]:
    """The slots in which whole numbers stand, as ``Node._indices`` has them."""
    size, order = inner.size(length), base + VALUES + count
    fixed: list[tuple[int | slice, float, float]] = [(base + COUNT, count, count), (base + SIZE, size, size)]
    found = [*fixed, (base + TURN, 0, count - 1), (slice(order, order + count), 0, count - 1)]
    for j in range(count):
        found += inner.indices(order + count + j * size, length)
    return found


@rare
def _settle(s, base):  # type: ignore[no-untyped-def]
    """Put the values in order."""
    count = int(s[base + COUNT])
    values, order = base + VALUES, base + VALUES + count
    for i in range(1, count):
        j = s[order + i]
        v = s[values + int(j)]
        while i > 0 and s[values + int(s[order + i - 1])] > v:
            s[order + i] = s[order + i - 1]
            i -= 1  # noqa: PLW2901
        s[order + i] = j


@helper
def _median(s, base):  # type: ignore[no-untyped-def]
    """The median of the values that there are; NaN where there is none."""
    count = int(s[base + COUNT])
    values, order = base + VALUES, base + VALUES + count
    empty = 0
    while empty < count and s[values + int(s[order + empty])] == EMPTY:
        empty += 1
    if empty == count:
        return math.nan
    low = s[values + int(s[order + (empty + count - 1) // 2])]
    high = s[values + int(s[order + (empty + count) // 2])]
    return low if low == high else 0.5 * low + 0.5 * high


@cache
def _others(age: Function | None, refresh: Function) -> Function:
    """What a sample does to the windows that it does not go to."""

    @helper
    def none(s, base, mine, weight, length, time):  # type: ignore[no-untyped-def]
        pass

    if age is None:
        return none

    @helper
    def others(s, base, mine, weight, length, time):  # type: ignore[no-untyped-def]
        count = int(s[base + COUNT])
        at = base + VALUES + 2 * count
        for j in range(count):
            if j != mine and age(s, at, weight, length, time):
                refresh(s, base + VALUES + j, at, length)
            at += int(s[base + SIZE])

    return others


@cache
def dealt(inner: Window, statistic: Statistic, split: bool) -> Window:
    """(weight of all pairs, median of ``statistic`` over the windows); ``split``: they share the length.

    The value of a window that fades stays as it is from one of its pairs to the next: all that it holds fades alike.
    """
    give, total_of, lower, lift_join = inner.push, inner.total, statistic.lower, inner.join

    @helper
    def vote(s, a):  # type: ignore[no-untyped-def]
        """The value of one window; what is not finite counts as infinite."""
        if a[0] == 0.0:
            return EMPTY
        v = lower(s, a)  # a mean asks for no parameter
        return v if v == v else math.inf  # noqa: PLR0124

    @helper
    def refresh(s, value, at, length):  # type: ignore[no-untyped-def]
        s[value] = vote(s, total_of(s, at, length))

    others = _others(inner.age, refresh)
    fades = inner.at is not None
    weigh = inner.at or helper(lambda s, at, length, time: total_of(s, at, length))

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        count = int(s[base + COUNT])
        each = length / count if split else length
        newest, skipped = s[base + NEWEST], s[SKIPPED]
        # a missing pair lets nothing fade, and its stamp counts for nothing there
        now = newest if fades and a[0] == 0.0 else arrive(s, base, time)
        mine = int(s[base + TURN])
        s[base + TURN] = mine + 1 if mine + 1 < count else 0
        held = give(s, base + VALUES + 2 * count + mine * int(s[base + SIZE]), a, each, now)
        learnt = s[SKIPPED] == skipped
        if learnt and (a[0] > 0.0 or not fades):
            s[base + VALUES + mine] = vote(s, held)
        elif not learnt:
            s[base + NEWEST] = newest
        others(s, base, mine, a[0] if learnt else 0.0, each, now)
        _settle(s, base)
        return total(s, base, length)

    @helper
    def total(s, base, length):  # type: ignore[no-untyped-def]
        count = int(s[base + COUNT])
        each = length / count if split else length
        n = 0.0
        at = base + VALUES + 2 * count
        for _ in range(count):
            n += weigh(s, at, each, s[base + NEWEST])[0]
            at += int(s[base + SIZE])
        return n, _median(s, base)

    def join(s: Any, other: Any) -> None:
        assert lift_join is not None
        count, each = int(s[HEAD + COUNT]), int(s[HEAD + SIZE])
        turn = int(s[HEAD + TURN])
        first = VALUES + 2 * count  # of the windows, which join as if each were alone in a state behind its head
        for j in range(count):
            mine = (turn + j) % count  # its turns go on where these end
            lift_join(s[first + mine * each :], other[first + j * each :])
            refresh(s, HEAD + VALUES + mine, HEAD + first + mine * each, 0.0)
        s[HEAD + TURN] = (turn + other[HEAD + TURN]) % count
        _settle(s, HEAD)

    return Window(push, total, inner.size, join=None if lift_join is None else join)
