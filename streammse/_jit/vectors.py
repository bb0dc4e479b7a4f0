"""Sums and updates of whole vectors, in lanes: the same bits wherever they are inlined, and no doubt of aliases.

Left to the vectoriser, the order of a sum depends on where the loop was inlined, and a loop that reads and writes the
same flat state is often not turned into vectors at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .instructions import Intrinsic

LANES, TOGETHER = 4, 4  # four accumulators hide the latency of the fused multiply-add


def _passes(builder: Any, count: Any, each: Callable[[Any, Any, int], None]) -> None:
    """``each(k, kind, which)`` over the vectors from 0 to ``count``, then over what is left, one by one (which = 4)."""
    from llvmlite import ir
    from numba.core import cgutils

    real, word = ir.DoubleType(), ir.IntType(64)
    vector = ir.VectorType(real, LANES)
    wide = builder.and_(count, word(-LANES * TOGETHER))
    middle = builder.and_(count, word(-LANES))
    with cgutils.for_range_slice(builder, word(0), wide, word(LANES * TOGETHER), word) as (k, _):
        for which in range(TOGETHER):
            each(builder.add(k, word(which * LANES)), vector, which)
    with cgutils.for_range_slice(builder, wide, middle, word(LANES), word) as (k, _):
        each(k, vector, 0)
    with cgutils.for_range_slice(builder, middle, count, word(1), word) as (k, _):
        each(k, real, TOGETHER)


def _base(context: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
    from numba.np.arrayobj import make_array

    return builder.gep(make_array(kind)(context, builder, array).data, [first])


def _at(builder: Any, base: Any, k: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(base, [k]), kind.as_pointer())


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils

    kind = c.type
    name = "llvm.fma.f64" if kind == ir.DoubleType() else f"llvm.fma.v{kind.count}f64"
    return builder.call(
        cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name), [a, b, c]
    )


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """The number in every lane, or as it is."""
    from llvmlite import ir

    if kind == ir.DoubleType():
        return value
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), mask)


def _across(builder: Any, parts: list[Any], join: Callable[[Any, Any], Any]) -> Any:
    """Of the vectors and the number at ``parts`` one number, in a fixed order."""
    from llvmlite import ir

    a, b, c, d, rest = (builder.load(part) for part in parts)
    vector = join(join(a, b), join(c, d))
    a, b, c, d = (builder.extract_element(vector, ir.IntType(32)(k)) for k in range(LANES))
    return join(join(join(a, c), join(b, d)), rest)


def _build_dot() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    real = ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, b, j, count = args
        left = _base(context, builder, signature.args[0], a, i)
        right = _base(context, builder, signature.args[2], b, j)
        zero = ir.Constant(ir.VectorType(real, LANES), None)
        sums = [cgutils.alloca_once_value(builder, zero) for _ in range(TOGETHER)]
        sums.append(cgutils.alloca_once_value(builder, real(0.0)))

        def add(k: Any, kind: Any, which: int) -> None:
            one, other = (builder.load(_at(builder, base, k, kind), align=8) for base in (left, right))
            builder.store(_multiply_add(builder, one, other, builder.load(sums[which])), sums[which])

        _passes(builder, count, add)
        return _across(builder, sums, builder.fadd)

    def dot(typingctx: Any, a: Any, i: Any, b: Any, j: Any, count: Any) -> Any:
        return types.float64(a, types.int64, b, types.int64, types.int64), codegen

    return intrinsic(dot)


def _dot_in_python(a: Any, i: int, b: Any, j: int, count: int) -> float:
    return float(sum(a[i + k] * b[j + k] for k in range(count)))


#: dot(a, i, b, j, count) is the inner product of a[i : i + count] and b[j : j + count]
dot = Intrinsic(_build_dot, _dot_in_python)


def _build_add_scaled() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, factor, b, j, count = args
        into = _base(context, builder, signature.args[0], a, i)
        of = _base(context, builder, signature.args[3], b, j)

        def add(k: Any, kind: Any, which: int) -> None:
            place = _at(builder, into, k, kind)
            more = builder.load(_at(builder, of, k, kind), align=8)
            builder.store(
                _multiply_add(builder, _spread(builder, factor, kind), more, builder.load(place, align=8)),
                place,
                align=8,
            )

        _passes(builder, count, add)
        return context.get_dummy_value()

    def add_scaled(typingctx: Any, a: Any, i: Any, factor: Any, b: Any, j: Any, count: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(a, i8, f8, b, i8, i8), codegen

    return intrinsic(add_scaled)


def _add_scaled_in_python(a: Any, i: int, factor: float, b: Any, j: int, count: int) -> None:
    for k in range(count):
        a[i + k] += factor * b[j + k]


#: add_scaled(a, i, factor, b, j, count): to a[i : i + count] is added factor * b[j : j + count]; they do not overlap
add_scaled = Intrinsic(_build_add_scaled, _add_scaled_in_python)


def _reduction(start: float, join: Callable[[Any, Any, Any], Any], *, magnitude: bool = False) -> Callable[[], Any]:
    """One number of a whole vector, or of its magnitudes."""

    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        real = ir.DoubleType()
        vector = ir.VectorType(real, LANES)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            base = _base(context, builder, signature.args[0], args[0], args[1])
            parts = [cgutils.alloca_once_value(builder, ir.Constant(vector, [start] * LANES)) for _ in range(TOGETHER)]
            parts.append(cgutils.alloca_once_value(builder, real(start)))

            def take(k: Any, kind: Any, which: int) -> None:
                value = builder.load(_at(builder, base, k, kind), align=8)
                if magnitude:
                    value = _abs(builder, value)
                builder.store(join(builder, builder.load(parts[which]), value), parts[which])

            _passes(builder, args[2], take)
            return _across(builder, parts, lambda a, b: join(builder, a, b))

        def reduction(typingctx: Any, a: Any, i: Any, count: Any) -> Any:
            return types.float64(a, types.int64, types.int64), codegen

        return intrinsic(reduction)

    return build


def _abs(builder: Any, x: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils

    name = "llvm.fabs.f64" if x.type == ir.DoubleType() else f"llvm.fabs.v{x.type.count}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(x.type, [x.type]), name), [x])


def _add(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    """The larger one; a where b is no number."""
    return builder.select(builder.fcmp_ordered(">", b, a), b, a)


def _numbers(a: Any, i: int, count: int) -> list[float]:
    return [float(a[i + k]) for k in range(count) if not math.isnan(a[i + k])]


#: total(a, i, count) is the sum of a[i : i + count]
total = Intrinsic(_reduction(0.0, _add), lambda a, i, count: float(sum(a[i + k] for k in range(count))))
#: highest(a, i, count) is the largest of a[i : i + count], as if nothing there were NaN; -inf where all are
highest = Intrinsic(_reduction(-math.inf, _larger), lambda a, i, count: max([-math.inf, *_numbers(a, i, count)]))
#: loudest(a, i, count) is the largest magnitude there
loudest = Intrinsic(
    _reduction(0.0, _larger, magnitude=True),
    lambda a, i, count: max([0.0, *map(abs, _numbers(a, i, count))]),
)
