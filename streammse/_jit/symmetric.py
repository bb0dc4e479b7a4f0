"""A symmetric matrix, its lower triangle alone: lessened by g h h' and multiplied by u, in one pass over the memory.

It lies in blocks of eight rows. Block b holds the columns 0 to 8 b + 7 of its rows, row by row; so the square on the
diagonal is there whole. What is subtracted there is g (h_i h_j) on both sides of the diagonal, the same bits: the
matrix is symmetric by construction. Every other number stands for two places, and is loaded, lessened, stored and
multiplied with both its numbers of u while it is in a register.
"""

from __future__ import annotations

from typing import Any

from .instructions import Intrinsic
from .vectors import LANES, _at, _multiply_add, _spread

ROWS = 8  # in a block; vectors of eight numbers instead of four are no faster for many rows, and slower for few


def _build() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    real, word, short = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
    vector = ir.VectorType(real, LANES)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        s, t, gain, *places, blocks = args
        data = make_array(signature.args[0])(context, builder, s).data
        h, u, q = (builder.gep(data, [place]) for place in places)
        block = cgutils.alloca_once_value(builder, builder.gep(data, [t]))

        def shuffled(a: Any, b: Any, mask: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(short, len(mask)), mask))

        def spread(value: Any) -> Any:
            return _spread(builder, value, vector)

        def multiply_add(a: Any, b: Any, c: Any) -> Any:
            return _multiply_add(builder, a, b, c)

        def at(base: Any, k: Any) -> Any:
            return _at(builder, base, k, vector)

        def load(base: Any, k: Any) -> Any:
            return builder.load(at(base, k), align=8)

        gains = spread(gain)

        def sums(parts: list[Any]) -> Any:
            """A vector of the sums over each of so many vectors."""
            group = 1
            while len(parts) > 1:
                low = [
                    k + half * LANES
                    for at in range(0, LANES, 2 * group)
                    for half in (0, 1)
                    for k in range(at, at + group)
                ]
                high = [k + group for k in low]
                parts = [
                    builder.fadd(shuffled(a, b, low), shuffled(a, b, high))
                    for a, b in zip(parts[::2], parts[1::2], strict=True)
                ]
                group *= 2
            return parts[0]

        with cgutils.for_range_slice(builder, word(0), blocks, word(1), word) as (b, _):
            first = builder.mul(b, word(ROWS))
            stride = builder.add(first, word(ROWS))
            rows = [builder.gep(builder.load(block), [builder.mul(stride, word(r))]) for r in range(ROWS)]
            places = [builder.add(first, word(r)) for r in range(ROWS)]
            of_rows = [spread(builder.load(builder.gep(h, [place]))) for place in places]
            minus = [builder.fneg(builder.fmul(gains, one)) for one in of_rows]
            times = [spread(builder.load(builder.gep(u, [place]))) for place in places]
            below = []
            for part in range(0, ROWS, LANES):  # as many rows at a time as there are lanes
                totals = [cgutils.alloca_once_value(builder, ir.Constant(vector, None)) for _ in range(LANES)]
                for total in totals:
                    builder.store(ir.Constant(vector, None), total)
                with cgutils.for_range_slice(builder, word(0), first, word(LANES), word) as (j, _):
                    of_h, of_u, of_q = (load(base, j) for base in (h, u, q))
                    for r, total in enumerate(totals, part):
                        p = multiply_add(minus[r], of_h, load(rows[r], j))
                        builder.store(p, at(rows[r], j), align=8)
                        builder.store(multiply_add(p, of_u, builder.load(total)), total)
                        of_q = multiply_add(p, times[r], of_q)
                    builder.store(of_q, at(q, j), align=8)
                below.append(sums([builder.load(total) for total in totals]))
            for part, total in enumerate(below):  # the square on the diagonal, by its columns
                j = builder.add(first, word(part * LANES))
                of_h, chains = load(h, j), [total, ir.Constant(vector, None)]
                for r in range(ROWS):
                    both = builder.fmul(
                        of_rows[r], of_h
                    )  # the same on both sides of the diagonal, and so is what follows
                    p = multiply_add(builder.fneg(gains), both, load(rows[r], j))
                    builder.store(p, at(rows[r], j), align=8)
                    chains[r % 2] = multiply_add(p, times[r], chains[r % 2])
                builder.store(builder.fadd(*chains), at(q, j), align=8)
            builder.store(builder.gep(builder.load(block), [builder.mul(stride, word(ROWS))]), block)
        return context.get_dummy_value()

    def subtract_and_multiply(typingctx: Any, s: Any, t: Any, g: Any, h: Any, u: Any, q: Any, blocks: Any) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(s, i8, f8, i8, i8, i8, i8), codegen

    return intrinsic(subtract_and_multiply)


def _in_python(s: Any, t: int, g: float, h: int, u: int, q: int, blocks: int) -> None:
    for b in range(blocks):
        for i in range(ROWS * b, ROWS * b + ROWS):
            s[q + i] = 0.0
        for i in range(ROWS * b, ROWS * b + ROWS):
            for j in range(ROWS * b + ROWS):
                s[t] -= g * (s[h + i] * s[h + j])
                s[q + j] += s[t] * s[u + i]
                if j < ROWS * b:
                    s[q + i] += s[t] * s[u + j]
                t += 1


#: subtract_and_multiply(s, t, g, h, u, q, blocks): from the matrix at s[t:] is subtracted g h h', h = s[h:], and s[q:]
#: becomes its product with s[u:]; all of 8 blocks numbers, and q overlaps with none of the others
subtract_and_multiply = Intrinsic(_build, _in_python)
