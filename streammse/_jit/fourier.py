"""The passes of a fast Fourier transform, four lanes side by side: see ``kernels/fourier.py`` for what they are for.

A butterfly is written once, in complex numbers as pairs, for numbers and for vectors alike (``lanes.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .instructions import Intrinsic
from .lanes import LANES, Writer, multiply_add

Pair = tuple[Any, Any]  # real and imaginary part

#: exp(-i pi q / 8): by so much the q-th quarter of the input is turned against the first
TURNS = tuple((math.cos(math.pi * q / 8.0), -math.sin(math.pi * q / 8.0)) for q in range(4))


def times(a: Pair, b: Pair) -> Pair:
    """The product of two complex numbers."""
    return multiply_add(a[0], b[0], -(a[1] * b[1])), multiply_add(a[0], b[1], a[1] * b[0])


def times_conjugate(a: Pair, b: Pair) -> Pair:
    """The product of the first and the conjugate of the second."""
    return multiply_add(a[0], b[0], a[1] * b[1]), multiply_add(a[1], b[0], -(a[0] * b[1]))


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def forth(x: list[Pair]) -> list[Pair]:
    """A Fourier transform of four."""
    even, odd = (_plus(x[0], x[2]), _minus(x[0], x[2])), (_plus(x[1], x[3]), _minus(x[1], x[3]))
    turned = odd[1][1], -odd[1][0]  # times -i
    return [_plus(even[0], odd[0]), _plus(even[1], turned), _minus(even[0], odd[0]), _minus(even[1], turned)]


def back(x: list[Pair]) -> list[Pair]:
    """Its inverse, times four."""
    even, odd = (_plus(x[0], x[2]), _minus(x[0], x[2])), (_plus(x[1], x[3]), _minus(x[1], x[3]))
    turned = -odd[1][1], odd[1][0]  # times i
    return [_plus(even[0], odd[0]), _plus(even[1], turned), _minus(even[0], odd[0]), _minus(even[1], turned)]


def _splits(x: list[Pair], w: list[Pair]) -> list[Pair]:
    one, *others = forth(x)
    return [one, *(times(value, factor) for value, factor in zip(others, w, strict=True))]


def _joins(x: list[Pair], w: list[Pair]) -> list[Pair]:
    return back([x[0], *(times_conjugate(value, factor) for value, factor in zip(x[1:], w, strict=True))])


def _halves(x: list[Pair]) -> list[Pair]:
    return [_plus(*x), _minus(*x)]


def _pass(butterfly: Callable[..., list[Pair]], legs: int, factors: int) -> Intrinsic:
    """(p, w, s, re, im, points, h): a pass in place over ``points`` vectors, from each leg to the next ``h`` vectors.

    The factors of the j-th butterfly of each group are at ``p[w + 2 factors j :]``, real and imaginary part in turn.
    """

    def build() -> Any:
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            p, w, s, re, im, points, h = args
            write = Writer(context, builder)
            word = write.word
            table = write.base(signature.args[0], p, w)
            bases = [write.base(signature.args[2], s, place) for place in (re, im)]
            lanes = word(LANES)
            with cgutils.for_range_slice(builder, word(0), h, word(1), word) as (j, _):
                mine = builder.gep(table, [builder.mul(j, word(2 * factors))])
                numbers = [builder.load(builder.gep(mine, [word(k)])) for k in range(2 * factors)]
                spread = [write.spread(one, write.vector) for one in numbers]
                given = list(zip(spread[::2], spread[1::2], strict=True))
                step = builder.mul(h, word(legs))
                with cgutils.for_range_slice(builder, j, points, step, word) as (k, _):
                    at = [builder.mul(builder.add(k, builder.mul(h, word(leg))), lanes) for leg in range(legs)]
                    x = [tuple(write.load(base, one, write.vector) for base in bases) for one in at]
                    for place, value in zip(at, butterfly(x, given) if factors else butterfly(x), strict=True):
                        for base, part in zip(bases, value, strict=True):
                            write.store(part, base, place)
            return context.get_dummy_value()

        def run(typingctx: Any, p: Any, w: Any, s: Any, re: Any, im: Any, points: Any, h: Any) -> Any:
            i8 = types.int64
            return types.void(p, i8, s, i8, i8, i8, i8), codegen

        return intrinsic(run)

    def in_python(p: Any, w: int, s: Any, re: int, im: int, points: int, h: int) -> None:
        for j in range(h):
            mine = w + 2 * factors * j
            given = [(p[mine + 2 * k], p[mine + 2 * k + 1]) for k in range(factors)]
            for k in range(j, points, legs * h):
                for lane in range(LANES):
                    at = [LANES * (k + leg * h) + lane for leg in range(legs)]
                    x = [(s[re + one], s[im + one]) for one in at]
                    for one, value in zip(at, butterfly(x, given) if factors else butterfly(x), strict=True):
                        s[re + one], s[im + one] = value

    return Intrinsic(build, in_python)


#: from four times as long transforms to four short ones, each point times its factor; and the way back
split, join = _pass(_splits, 4, 3), _pass(_joins, 4, 3)
#: the same for transforms of four, which have no factors, and of two
split_last, join_first = _pass(forth, 4, 0), _pass(back, 4, 0)
halves = _pass(_halves, 2, 0)


def _fold(x: list[Pair], w: list[Pair]) -> list[Pair]:
    turned = [x[0], *(times(value, TURNS[q]) for q, value in enumerate(x) if q)]
    return [times(value, factor) for value, factor in zip(forth(turned), w, strict=True)]


def _unfold(x: list[Pair], w: list[Pair]) -> list[Pair]:
    first, *others = back([times_conjugate(value, factor) for value, factor in zip(x, w, strict=True)])
    return [first, *(times_conjugate(value, TURNS[q + 1]) for q, value in enumerate(others))]


def _build_fold(*, forward: bool) -> Callable[[], Any]:
    def build() -> Any:
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            p, w, s, real, spectrum, half, scale = args
            write = Writer(context, builder)
            word = write.word
            table = write.base(signature.args[0], p, w)
            ends = [write.base(signature.args[2], s, place) for place in (real, builder.add(real, half))]
            parts = [write.base(signature.args[2], s, place) for place in (spectrum, builder.add(spectrum, half))]
            quarter = builder.lshr(half, word(2))
            factor = write.spread(scale, write.vector)
            with cgutils.for_range_slice(builder, word(0), quarter, word(LANES), word) as (j, _):
                far = [builder.add(j, builder.mul(quarter, word(q))) for q in range(4)]
                near = [builder.add(builder.mul(j, word(4)), word(LANES * k)) for k in range(LANES)]
                turns = [
                    write.load(table, builder.add(builder.mul(j, word(8)), word(LANES * k)), write.vector)
                    for k in range(8)
                ]
                given = list(zip(turns[::2], turns[1::2], strict=True))
                if forward:
                    x = [
                        (write.load(ends[0], one, write.vector), -write.load(ends[1], one, write.vector)) for one in far
                    ]
                    made = _fold(x, given)
                    for part in (0, 1):
                        for row, place in zip(write.transposed([one[part] for one in made]), near, strict=True):
                            write.store(row, parts[part], place)
                else:
                    sides = [
                        write.transposed([write.load(parts[part], one, write.vector) for one in near])
                        for part in (0, 1)
                    ]
                    for (re, im), place in zip(_unfold(list(zip(*sides, strict=True)), given), far, strict=True):
                        write.store(re * factor, ends[0], place)
                        write.store(-(im * factor), ends[1], place)
            return context.get_dummy_value()

        def run(typingctx: Any, p: Any, w: Any, s: Any, real: Any, spectrum: Any, half: Any, scale: Any) -> Any:
            i8 = types.int64
            return types.void(p, i8, s, i8, i8, i8, types.float64), codegen

        return intrinsic(run)

    return build


def _turns(p: Any, w: int, j: int) -> list[Pair]:
    """The factors of the j-th column, which lie four columns side by side."""
    at = w + 8 * (j - j % LANES) + j % LANES
    return [(p[at + 2 * LANES * k], p[at + 2 * LANES * k + LANES]) for k in range(4)]


def _fold_in_python(p: Any, w: int, s: Any, real: int, spectrum: int, half: int, scale: float) -> None:
    quarter = half // 4
    for j in range(quarter):
        x = [(s[real + j + q * quarter], -s[real + half + j + q * quarter]) for q in range(4)]
        for k, (re, im) in enumerate(_fold(x, _turns(p, w, j))):
            s[spectrum + 4 * j + k], s[spectrum + half + 4 * j + k] = re, im


def _unfold_in_python(p: Any, w: int, s: Any, real: int, spectrum: int, half: int, scale: float) -> None:
    quarter = half // 4
    for j in range(quarter):
        x = [(s[spectrum + 4 * j + k], s[spectrum + half + 4 * j + k]) for k in range(4)]
        for q, (re, im) in enumerate(_unfold(x, _turns(p, w, j))):
            s[real + j + q * quarter] = re * scale
            s[real + half + j + q * quarter] = -(im * scale)


#: fold(p, w, s, real, spectrum, half, 1.0): the first pass forth, from 2 half real numbers to half complex ones, in
#: four transforms side by side; unfold(..., scale) is the last one back, which leaves everything times ``scale``
fold = Intrinsic(_build_fold(forward=True), _fold_in_python)
unfold = Intrinsic(_build_fold(forward=False), _unfold_in_python)
