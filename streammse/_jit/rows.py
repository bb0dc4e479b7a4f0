"""Four rows of a triangle at once: what the square-root recursive least squares spends its time in."""

from __future__ import annotations

from typing import Any

from .instructions import Intrinsic


def _build() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    lanes = 4
    real, word = ir.DoubleType(), ir.IntType(64)
    vector = ir.VectorType(real, lanes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        s, x, r, stride, count, *both = args
        data = make_array(signature.args[0])(context, builder, s).data

        def spread(value: Any) -> Any:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)

        def multiply_add(a: Any, b: Any, c: Any) -> Any:
            wanted = ir.FunctionType(vector, [vector] * 3)
            fma = cgutils.get_or_insert_function(builder.module, wanted, f"llvm.fma.v{lanes}f64")
            return builder.call(fma, [a, b, c])

        minus_z = [spread(builder.fneg(z)) for z in both[:4]]
        gains = [spread(g) for g in both[4:]]
        line = builder.gep(data, [x])
        rows = [builder.gep(data, [builder.add(r, builder.mul(stride, word(j)))]) for j in range(4)]
        with cgutils.for_range_slice(builder, word(0), count, word(lanes), word) as (k, _):
            at = builder.bitcast(builder.gep(line, [k]), vector.as_pointer())
            v = builder.load(at, align=8)
            for minus, gain, row in zip(minus_z, gains, rows, strict=True):
                here = builder.bitcast(builder.gep(row, [k]), vector.as_pointer())
                old = builder.load(here, align=8)
                v = multiply_add(minus, old, v)
                builder.store(multiply_add(gain, v, old), here, align=8)
            builder.store(v, at, align=8)
        return context.get_dummy_value()

    def four_rows(
        typingctx: Any, s: Any, x: Any, r: Any, stride: Any, count: Any, z: Any, z1: Any, z2: Any, z3: Any,
        g: Any, g1: Any, g2: Any, g3: Any,
    ) -> Any:  # fmt: skip
        i8, f8 = types.int64, types.float64
        return types.void(s, i8, i8, i8, i8, *[f8] * 8), codegen

    return intrinsic(four_rows)


def _in_python(s: Any, x: int, r: int, stride: int, count: int, *both: float) -> None:
    for k in range(count):
        for j in range(4):
            s[x + k] -= both[j] * s[r + j * stride + k]
            s[r + j * stride + k] += both[4 + j] * s[x + k]


#: four_rows(s, x, r, stride, count, z0..z3, g0..g3), count a multiple of four: for each of the four rows in turn
#: s[x:] -= z * row, then row += g * s[x:]
four_rows = Intrinsic(_build, _in_python)
