"""The last W samples with no burst: the two stacks of ``window.sliding`` turn at once, which takes W steps.

Time is cut into pieces of B, about eight roots of W. The window is then

    the rest of the oldest piece  +  whole pieces  +  the piece that is being filled

The rest of a piece is a sum to the right: while one piece leaves, every update sums one step of the next. The sums of
whole pieces wait in a queue of two stacks, which turns in at most W / B steps, while a piece is half gone. So the worst
update takes an eighth of the root of W steps, all the others a few, and still nothing is ever subtracted.
"""

from __future__ import annotations

import math
from functools import cache

from .._jit import helper, loop
from .statistics import Statistic
from .tuples import load, store, zeros
from .window import BLOCK, HEAD, WINDOW, Window

# The state from base on.
NEW, FILL, OLD, GONE, HELD, FRONT, SPLIT, SUMS = range(8)
# Piece NEW is being filled and has FILL samples; OLD is the oldest, of which GONE have left. HELD samples are in the
# window. The stacks of whole pieces: FRONT to SPLIT are summed to the right, those from SPLIT on are as they came.


@helper
def _piece(w):  # type: ignore[no-untyped-def]
    """The length of a piece: at most half of the window, so that the next is whole when one begins to leave."""
    return max(1, min(8 * int(math.sqrt(w)), w // 2))


@cache
def steady(statistic: Statistic) -> Window:
    """The last W pairs, the worst update in an eighth of the root of W steps."""
    k, merge, lift, lower = statistic.size, statistic.merge, statistic.lift, statistic.lower
    get, put, empty = load(k), store(k), zeros(k)
    # sums: of the piece being filled, of the whole pieces behind SPLIT, of all whole pieces
    prefix, back, middle, wholes = SUMS, SUMS + k, SUMS + 2 * k, SUMS + 3 * k

    @helper
    def following(i, n):  # type: ignore[no-untyped-def]
        return i + 1 if i + 1 < n else 0

    @helper
    def gather(s, base):  # type: ignore[no-untyped-def]
        """The sum of all whole pieces from the two stacks."""
        front = int(s[base + FRONT])
        if front == int(s[base + SPLIT]):
            put(s, base + middle, get(s, base + back))
        else:
            put(s, base + middle, merge(get(s, base + wholes + front * k), get(s, base + back)))

    @helper
    def complete(s, base, m):  # type: ignore[no-untyped-def]
        """The piece being filled is whole."""
        new = int(s[base + NEW])
        whole = get(s, base + prefix)
        put(s, base + wholes + new * k, whole)
        put(s, base + back, merge(get(s, base + back), whole))
        put(s, base + prefix, empty())
        gather(s, base)
        s[base + NEW] = following(new, m)
        s[base + FILL] = 0.0

    @helper
    def turn(s, base, m):  # type: ignore[no-untyped-def]
        """Where the older stack of whole pieces is empty, the younger becomes it."""
        front = int(s[base + FRONT])
        if front == int(s[base + SPLIT]):
            j = int(s[base + NEW])
            right = empty()
            while j != front:
                j = j - 1 if j > 0 else m - 1
                right = merge(get(s, base + wholes + j * k), right)
                put(s, base + wholes + j * k, right)
            s[base + SPLIT] = s[base + NEW]
            put(s, base + back, empty())
            gather(s, base)

    @helper
    def sum_on(s, base, piece, b, m, step):  # type: ignore[no-untyped-def]
        """One step from the end of a piece to its beginning; the sum of all of it is nowhere needed."""
        if 1 <= step <= b - 2:
            at = base + wholes + (m + piece * b + b - 1 - step) * k
            put(s, at, merge(get(s, at), get(s, at + k)))

    @helper
    def push(s, base, a, length, time):  # type: ignore[no-untyped-def]
        w = int(length)
        b = _piece(w)
        m = w // b + 2
        if int(s[base + FILL]) == b:
            complete(s, base, m)
        put(s, base + prefix, merge(get(s, base + prefix), a))
        put(s, base + wholes + (m + int(s[base + NEW]) * b + int(s[base + FILL])) * k, a)
        s[base + FILL] += 1.0
        old = int(s[base + OLD])
        if int(s[base + HELD]) < w:
            s[base + HELD] += 1.0
            sum_on(s, base, old, b, m, int(s[base + HELD]) - b)
        else:
            if s[base + GONE] == 0.0:  # the oldest piece is whole no more
                turn(s, base, m)
                s[base + FRONT] = following(int(s[base + FRONT]), m)
                gather(s, base)
            gone = int(s[base + GONE]) + 1
            sum_on(s, base, following(old, m), b, m, gone)
            if gone == b // 2:
                turn(s, base, m)
            s[base + GONE] = gone
            if gone == b:
                s[base + GONE] = 0.0
                s[base + OLD] = following(old, m)
        return total(s, base, length)

    @helper
    def total(s, base, length):  # type: ignore[no-untyped-def]
        b = _piece(int(length))
        m = int(length) // b + 2
        rest = get(s, base + middle)
        gone = int(s[base + GONE])
        if gone > 0:
            rest = merge(get(s, base + wholes + (m + int(s[base + OLD]) * b + gone) * k), rest)
        return merge(rest, get(s, base + prefix))

    @loop(BLOCK)
    def block(p, s, x, d, y):  # type: ignore[no-untyped-def]
        length = p[WINDOW]
        w = int(length)
        b = _piece(w)
        m = w // b + 2
        slots = HEAD + wholes + m * k
        t = 0
        while t < y.size:
            y[t] = lower(p, push(s, HEAD, lift(p, s, x[t, 0], d[t]), length, 0.0))
            t += 1
            # how many samples follow in which nothing happens but sums
            fill, gone, held = int(s[HEAD + FILL]), int(s[HEAD + GONE]), int(s[HEAD + HELD])
            quiet = min(b - fill, y.size - t)
            if held < w:
                quiet = min(quiet, w - held) if held >= 2 * b else 0
            else:
                quiet = min(quiet, 0 if gone == 0 else b // 2 - 1 - gone if gone < b // 2 else b - 2 - gone)
            if quiet <= 0:
                continue
            left, whole = get(s, HEAD + prefix), get(s, HEAD + middle)
            new = slots + (int(s[HEAD + NEW]) * b + fill) * k
            old = slots + (int(s[HEAD + OLD]) * b + gone) * k
            if held < w:
                for j in range(quiet):
                    a = lift(p, s, x[t + j, 0], d[t + j])
                    left = merge(left, a)
                    put(s, new + j * k, a)
                    y[t + j] = lower(p, merge(whole, left))
                s[HEAD + HELD] += quiet
            else:
                at = slots + (following(int(s[HEAD + OLD]), m) * b + b - 1 - gone) * k
                right = get(s, at)
                for j in range(quiet):
                    a = lift(p, s, x[t + j, 0], d[t + j])
                    left = merge(left, a)
                    put(s, new + j * k, a)
                    at -= k
                    right = merge(get(s, at), right)
                    put(s, at, right)
                    y[t + j] = lower(p, merge(merge(get(s, old + (j + 1) * k), whole), left))
                s[HEAD + GONE] += quiet
            put(s, HEAD + prefix, left)
            s[HEAD + FILL] += quiet
            t += quiet

    def size(w: int) -> int:
        b = int(_piece(w))
        m = w // b + 2
        return wholes + (m + m * b) * k

    def indices(base: int, w: int) -> list[tuple[int | slice, float, float]]:
        b = int(_piece(w))
        last = w // b + 1
        most = {NEW: last, FILL: b, OLD: last, GONE: b - 1, HELD: w, FRONT: last, SPLIT: last}
        return [(base + slot, 0, high) for slot, high in most.items()]

    return Window(push, total, size, block, indices=indices)
