"""Passes over vectors that do several things at once, so that each number is read once, in lanes as in ``vectors``."""

from __future__ import annotations

from typing import Any

from .instructions import Intrinsic
from .vectors import LANES, TOGETHER, _at, _base, _multiply_add, _passes


def spread(builder: Any, value: Any, kind: Any) -> Any:
    """A number in every lane."""
    from llvmlite import ir

    if kind == ir.DoubleType():
        return value
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), mask)


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
        from llvmlite import ir

        builder = self.builder
        *parts, rest = (builder.load(one) for one in self.into)
        total = builder.fadd(builder.fadd(parts[0], parts[1]), builder.fadd(parts[2], parts[3]))
        one, two, three, four = (builder.extract_element(total, ir.IntType(32)(k)) for k in range(LANES))
        return builder.fadd(builder.fadd(builder.fadd(one, three), builder.fadd(two, four)), rest)


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
            new = _multiply_add(builder, spread(builder, factor, kind), added, builder.load(place, align=8))
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
