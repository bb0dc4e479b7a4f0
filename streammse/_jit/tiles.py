"""Two instructions for the backtest. ``add_errors``: a row of forecasts against one truth, eight horizons side by side.

Left to the vectoriser this stays scalar, because it cannot tell that the sums do not overlap; spelt out it takes less
than half of the time. Each lane does what the scalar formula does, operation by operation, so both agree bit for bit.
"""

from __future__ import annotations

from typing import Any

from .instructions import Intrinsic

LANES = 8

#: sums of each horizon, in this order
COUNT, SQUARED, ABSOLUTE, SIGNED, SYMMETRIC, PERCENT = range(6)


def _build_add_errors() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    real, word = ir.DoubleType(), ir.IntType(64)
    vector = ir.VectorType(real, LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        totals, row, ring, slot, d, percent = args
        sums = make_array(signature.args[0])(context, builder, totals)
        waiting = make_array(signature.args[2])(context, builder, ring)
        _, tiles, kinds, _ = cgutils.unpack_tuple(builder, sums.shape)
        at_sums = builder.gep(sums.data, [builder.mul(row, builder.mul(builder.mul(tiles, kinds), word(LANES)))])
        at_ring = builder.gep(waiting.data, [builder.mul(slot, cgutils.unpack_tuple(builder, waiting.shape)[1])])
        absolute = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector]), f"llvm.fabs.v{LANES}f64"
        )

        def spread(value: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

        def every(value: float) -> Any:
            return ir.Constant(vector, [value] * LANES)

        truth, share = spread(d), spread(percent)
        size = builder.call(absolute, [truth])
        with cgutils.for_range_slice(builder, word(0), tiles, word(1), word) as (tile, _):
            place = builder.gep(at_ring, [builder.mul(tile, word(LANES))])
            f = builder.load(builder.bitcast(place, vector.as_pointer()), align=8)
            e = builder.fsub(truth, f)
            a = builder.call(absolute, [e])
            below = builder.fadd(size, builder.call(absolute, [f]))
            below = builder.select(builder.fcmp_unordered("!=", below, every(0.0)), below, every(1.0))
            first = builder.gep(at_sums, [builder.mul(tile, builder.mul(kinds, word(LANES)))])
            for kind, value in (
                (COUNT, every(1.0)),
                (SQUARED, builder.fmul(e, e)),
                (ABSOLUTE, a),
                (SIGNED, e),
                (SYMMETRIC, builder.fdiv(builder.fmul(every(200.0), a), below)),
                (PERCENT, builder.fmul(a, share)),
            ):
                at = builder.bitcast(builder.gep(first, [word(kind * LANES)]), vector.as_pointer())
                builder.store(builder.fadd(builder.load(at, align=8), value), at, align=8)
        return context.get_dummy_value()

    def add_errors(typingctx: Any, totals: Any, row: Any, ring: Any, slot: Any, d: Any, percent: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(totals, i8, ring, i8, f8, f8), codegen

    return intrinsic(add_errors)


def _add_errors_in_python(totals: Any, row: int, ring: Any, slot: int, d: float, percent: float) -> None:
    for tile in range(totals.shape[1]):
        for i in range(LANES):
            f = ring[slot, tile * LANES + i]
            below = abs(d) + abs(f)
            totals[row, tile, COUNT, i] += 1.0
            totals[row, tile, SQUARED, i] += (d - f) * (d - f)
            totals[row, tile, ABSOLUTE, i] += abs(d - f)
            totals[row, tile, SIGNED, i] += d - f
            totals[row, tile, SYMMETRIC, i] += 200.0 * abs(d - f) / (below if below != 0.0 else 1.0)
            totals[row, tile, PERCENT, i] += abs(d - f) * percent


#: add_errors(totals, row, ring, slot, d, percent): the errors of a whole row of the ring into totals[row]
add_errors = Intrinsic(_build_add_errors, _add_errors_in_python)


def _build_lay() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    word = ir.IntType(64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, gap, ring, to, count = args
        told = builder.gep(make_array(signature.args[0])(context, builder, out).data, [gap])
        waiting = make_array(signature.args[2])(context, builder, ring)
        height, width = cgutils.unpack_tuple(builder, waiting.shape)
        begin = builder.mul(to, width)
        wrapped = builder.sub(begin, builder.mul(height, width))
        room = builder.sub(height, to)
        step = builder.add(width, word(1))
        with cgutils.for_range_slice(builder, word(0), count, word(1), word) as (j, _):
            f = builder.load(builder.gep(told, [j]))
            start = builder.select(builder.icmp_signed("<", j, room), begin, wrapped)
            builder.store(f, builder.gep(waiting.data, [builder.add(start, builder.mul(j, step))]))
        return context.get_dummy_value()

    def lay(typingctx: Any, out: Any, gap: Any, ring: Any, to: Any, count: Any) -> Any:
        i8 = types.int64
        return types.void(out, i8, ring, i8, i8), codegen

    return intrinsic(lay)


def _lay_in_python(out: Any, gap: int, ring: Any, to: int, count: int) -> None:
    for j in range(count):
        ring[(to + j) % len(ring), j] = out[gap + j]


#: lay(out, gap, ring, to, count): ring[to + j, j] = out[gap + j] for all j below ``count``, the rows taken in a circle;
#: in one loop, since two whose lengths change at every sample are mispredicted at every sample
lay = Intrinsic(_build_lay, _lay_in_python)
