"""Passes over vectors that do several things at once, so that each number is read once, in lanes as in ``vectors``."""

from __future__ import annotations

from typing import Any

from .instructions import Intrinsic
from .vectors import LANES, TOGETHER, _abs, _across, _at, _base, _larger, _multiply_add, _passes, _spread


class Sums:
    """The accumulators of a sum over a vector, in a fixed order."""

    def __init__(self, builder: Any) -> None:
        from llvmlite import ir
        from numba.core import cgutils

        real = ir.DoubleType()
        zero = ir.Constant(ir.VectorType(real, LANES), None)
        self.builder = builder
        self.into = [cgutils.alloca_once_value(builder, zero) for _ in range(TOGETHER)]
        self.into.append(cgutils.alloca_once_value(builder, real(0.0)))

    def add_product(self, which: int, one: Any, other: Any) -> None:
        """Add a product to one of them."""
        builder, into = self.builder, self.into[which]
        builder.store(_multiply_add(builder, one, other, builder.load(into)), into)

    def total(self) -> Any:
        """All lanes together."""
        return _across(self.builder, self.into, self.builder.fadd)


def _build_add_then_dot() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, factor, j, k, count = args
        into, more, by = (_base(context, builder, signature.args[0], a, at) for at in (i, j, k))
        sums = Sums(builder)

        def each(at: Any, kind: Any, which: int) -> None:
            place = _at(builder, into, at, kind)
            added, other = (builder.load(_at(builder, base, at, kind), align=8) for base in (more, by))
            new = _multiply_add(builder, _spread(builder, factor, kind), added, builder.load(place, align=8))
            builder.store(new, place, align=8)
            sums.add_product(which, new, other)

        _passes(builder, count, each)
        return sums.total()

    def add_then_dot(typingctx: Any, a: Any, i: Any, factor: Any, j: Any, k: Any, count: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return f8(a, i8, f8, i8, i8, i8), codegen

    return intrinsic(add_then_dot)


def _add_then_dot_in_python(a: Any, i: int, factor: float, j: int, k: int, count: int) -> float:
    total = 0.0
    for at in range(count):
        a[i + at] += factor * a[j + at]
        total += a[i + at] * a[k + at]
    return float(total)


#: add_then_dot(a, i, factor, j, k, count): to a[i : i + count] is added factor * a[j : j + count], which it does not
#: overlap; then its inner product with a[k : k + count]
add_then_dot = Intrinsic(_build_add_then_dot, _add_then_dot_in_python)


def _build_sum_at_least() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, least, count = args
        base = _base(context, builder, signature.args[0], a, i)
        sums = Sums(builder)

        def each(at: Any, kind: Any, which: int) -> None:
            size = _abs(builder, builder.load(_at(builder, base, at, kind), align=8))
            counted = _larger(builder, _spread(builder, least, kind), size)
            sums.add_product(which, counted, _spread(builder, ir.DoubleType()(1.0), kind))

        _passes(builder, count, each)
        return sums.total()

    def sum_at_least(typingctx: Any, a: Any, i: Any, least: Any, count: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return f8(a, i8, f8, i8), codegen

    return intrinsic(sum_at_least)


#: sum_at_least(a, i, least, count): the sum of the absolute values in a[i : i + count], each at least ``least``
sum_at_least = Intrinsic(
    _build_sum_at_least,
    lambda a, i, least, count: float(sum(max(abs(float(a[i + k])), least) for k in range(count))),
)


def _build_proportion() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, j, k, even, slope, least, count = args
        into, by, of = (_base(context, builder, signature.args[0], a, at) for at in (i, j, k))
        sums = Sums(builder)

        def each(at: Any, kind: Any, which: int) -> None:
            x, w = (builder.load(_at(builder, base, at, kind), align=8) for base in (by, of))
            size = _larger(builder, _spread(builder, least, kind), _abs(builder, w))
            gain = _multiply_add(builder, _spread(builder, slope, kind), size, _spread(builder, even, kind))
            z = builder.fmul(gain, x)
            builder.store(z, _at(builder, into, at, kind), align=8)
            sums.add_product(which, z, x)

        _passes(builder, count, each)
        return sums.total()

    def proportion(
        typingctx: Any, a: Any, i: Any, j: Any, k: Any, even: Any, slope: Any, least: Any, count: Any
    ) -> Any:
        i8, f8 = types.int64, types.float64
        return f8(a, i8, i8, i8, f8, f8, f8, i8), codegen

    return intrinsic(proportion)


def _proportion_in_python(a: Any, i: int, j: int, k: int, even: float, slope: float, least: float, count: int) -> float:
    total = 0.0
    for at in range(count):
        a[i + at] = (even + slope * max(abs(a[k + at]), least)) * a[j + at]
        total += a[i + at] * a[j + at]
    return float(total)


#: proportion(a, i, j, k, even, slope, least, count): a[i : i + count] becomes a[j : j + count], each number times
#: even + slope max(|a[k + ...]|, least); the inner product of both
proportion = Intrinsic(_build_proportion, _proportion_in_python)


def _build_attract() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, factor, j, pull, slope, count = args
        into, more = (_base(context, builder, signature.args[0], a, at) for at in (i, j))

        def each(at: Any, kind: Any, which: int) -> None:
            place = _at(builder, into, at, kind)
            w, x = (builder.load(one, align=8) for one in (place, _at(builder, more, at, kind)))
            one, zero = _spread(builder, ir.DoubleType()(1.0), kind), ir.Constant(kind, None)
            below = _multiply_add(builder, _spread(builder, slope, kind), _abs(builder, w), one)
            pulled = builder.fdiv(_spread(builder, pull, kind), below)
            low = builder.select(builder.fcmp_ordered("<", w, zero), builder.fneg(pulled), zero)
            signed = builder.select(builder.fcmp_ordered(">", w, zero), pulled, low)
            new = _multiply_add(builder, _spread(builder, factor, kind), x, builder.fsub(w, signed))
            builder.store(new, place, align=8)

        _passes(builder, count, each)
        return context.get_dummy_value()

    def attract(typingctx: Any, a: Any, i: Any, factor: Any, j: Any, pull: Any, slope: Any, count: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(a, i8, f8, i8, f8, f8, i8), codegen

    return intrinsic(attract)


def _attract_in_python(a: Any, i: int, factor: float, j: int, pull: float, slope: float, count: int) -> None:
    for at in range(count):
        w = a[i + at]
        a[i + at] = w - (float(w > 0) - float(w < 0)) * pull / (1.0 + slope * abs(w)) + factor * a[j + at]


#: attract(a, i, factor, j, pull, slope, count): to a[i : i + count] is added factor * a[j : j + count], and each number
#: w is pulled towards zero by pull / (1 + slope |w|)
attract = Intrinsic(_build_attract, _attract_in_python)


def _build_fade_and_add() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, keep, factor, j, count = args
        into, more = (_base(context, builder, signature.args[0], a, at) for at in (i, j))

        def each(at: Any, kind: Any, which: int) -> None:
            place = _at(builder, into, at, kind)
            old, x = (builder.load(one, align=8) for one in (place, _at(builder, more, at, kind)))
            kept = builder.fmul(_spread(builder, keep, kind), old)
            builder.store(_multiply_add(builder, _spread(builder, factor, kind), x, kept), place, align=8)

        _passes(builder, count, each)
        return context.get_dummy_value()

    def fade_and_add(typingctx: Any, a: Any, i: Any, keep: Any, factor: Any, j: Any, count: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(a, i8, f8, f8, i8, i8), codegen

    return intrinsic(fade_and_add)


def _fade_and_add_in_python(a: Any, i: int, keep: float, factor: float, j: int, count: int) -> None:
    for at in range(count):
        a[i + at] = keep * a[i + at] + factor * a[j + at]


#: fade_and_add(a, i, keep, factor, j, count): a[i : i + count] is multiplied by ``keep``, then there is added
#: factor * a[j : j + count]
fade_and_add = Intrinsic(_build_fade_and_add, _fade_and_add_in_python)
