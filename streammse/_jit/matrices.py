"""Small matrices: a row times a matrix, and a square made symmetric.

Both are spelt out in vectors, and their loops unroll where the sizes are constants. A matrix lies row by row, its rows
padded with zeros to ``width`` numbers, a multiple of four.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .instructions import Intrinsic
from .vectors import LANES, _at, _base, _multiply_add


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    from llvmlite import ir

    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def _build_row_times(*, more: bool) -> Callable[[], Any]:
    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        word = ir.IntType(64)
        vector = ir.VectorType(ir.DoubleType(), LANES)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if more:
                into, o, start, c, a, i, count, b, j, stride, width = args
                begin = _base(context, builder, signature.args[2], start, c)
            else:
                into, o, a, i, count, b, j, stride, width = args
            kinds = signature.args[-7], signature.args[-4]
            to = _base(context, builder, signature.args[0], into, o)
            row = _base(context, builder, kinds[0], a, i)
            matrix = _base(context, builder, kinds[1], b, j)
            sum_ = cgutils.alloca_once(builder, vector)
            with cgutils.for_range_slice(builder, word(0), width, word(LANES), word) as (column, _):
                first = ir.Constant(vector, None)
                if more:
                    first = builder.load(_at(builder, begin, column, vector), align=8)
                builder.store(first, sum_)
                with cgutils.for_range_slice(builder, word(0), count, word(1), word) as (k, _):
                    factor = _spread(builder, builder.load(builder.gep(row, [k])), vector)
                    place = builder.add(column, builder.mul(k, stride))
                    of = builder.load(_at(builder, matrix, place, vector), align=8)
                    builder.store(_multiply_add(builder, factor, of, builder.load(sum_)), sum_)
                builder.store(builder.load(sum_), _at(builder, to, column, vector), align=8)
            return context.get_dummy_value()

        i8, void = types.int64, types.void

        def row_times(
            typingctx: Any, into: Any, o: Any, a: Any, i: Any, count: Any, b: Any, j: Any, stride: Any, width: Any
        ) -> Any:
            return void(into, i8, a, i8, i8, b, i8, i8, i8), codegen

        def plus_row_times(
            typingctx: Any, into: Any, o: Any, start: Any, c: Any, a: Any, i: Any, count: Any, b: Any, j: Any,
            stride: Any, width: Any,
        ) -> Any:  # fmt: skip
            return void(into, i8, start, i8, a, i8, i8, b, i8, i8, i8), codegen

        return intrinsic(plus_row_times if more else row_times)

    return build


def _row_times_in_python(
    into: Any, o: int, a: Any, i: int, count: int, b: Any, j: int, stride: int, width: int
) -> None:
    for column in range(width):
        into[o + column] = sum(a[i + k] * b[j + k * stride + column] for k in range(count))


def _plus_row_times_in_python(
    into: Any, o: int, start: Any, c: int, a: Any, i: int, count: int, b: Any, j: int, stride: int, width: int
) -> None:
    for column in range(width):
        into[o + column] = start[c + column] + sum(a[i + k] * b[j + k * stride + column] for k in range(count))


#: row_times(into, o, a, i, count, b, j, stride, width): into[o : o + width] is the row a[i : i + count] times the
#: matrix whose rows of ``width`` numbers begin at b[j], b[j + stride], ...; it overlaps with neither
row_times = Intrinsic(_build_row_times(more=False), _row_times_in_python)
#: plus_row_times(into, o, start, c, a, i, count, b, j, stride, width): the same with start[c : c + width] added; with a
#: count of 0 it is a copy
plus_row_times = Intrinsic(_build_row_times(more=True), _plus_row_times_in_python)


def _build_mirror() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    word, short = ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(ir.DoubleType(), LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        s, at, width = args
        base = _base(context, builder, signature.args[0], s, at)

        def shuffled(a: Any, b: Any, mask: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(short, LANES), mask))

        def places(row: Any, column: Any) -> list[Any]:
            start = builder.add(builder.mul(row, width), column)
            return [_at(builder, base, builder.add(start, builder.mul(width, word(r))), vector) for r in range(LANES)]

        with cgutils.for_range_slice(builder, word(0), width, word(LANES), word) as (row, _):
            blocks = cgutils.for_range_slice(builder, row, width, word(LANES), word)
            with blocks as (column, _):
                upper = [builder.load(place, align=8) for place in places(row, column)]
                a, b, c, d = upper
                low, high = [0, 4, 2, 6], [1, 5, 3, 7]
                ab, ba, cd, dc = shuffled(a, b, low), shuffled(a, b, high), shuffled(c, d, low), shuffled(c, d, high)
                left, right = [0, 1, 4, 5], [2, 3, 6, 7]
                turned = [
                    shuffled(ab, cd, left), shuffled(ba, dc, left), shuffled(ab, cd, right), shuffled(ba, dc, right)
                ]  # fmt: skip
                square = builder.icmp_signed("==", row, column)
                for r, place in enumerate(places(column, row)):
                    kept = shuffled(turned[r], upper[r], [k if k < r else k + LANES for k in range(LANES)])
                    builder.store(builder.select(square, kept, turned[r]), place, align=8)
        return context.get_dummy_value()

    def mirror(typingctx: Any, s: Any, at: Any, width: Any) -> Any:
        return types.void(s, types.int64, types.int64), codegen

    return intrinsic(mirror)


def _mirror_in_python(s: Any, at: int, width: int) -> None:
    for i in range(width):
        for j in range(i):
            s[at + i * width + j] = s[at + j * width + i]


#: mirror(s, at, width): what lies below the diagonal of the square at s[at:] becomes what lies above it
mirror = Intrinsic(_build_mirror, _mirror_in_python)
