"""A few instructions that numba has no word for; each is built when a kernel that uses it is first compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import AHEAD, SCALAR, VECTOR


class Intrinsic:
    """An instruction, with its form in plain Python where it has one."""

    def __init__(self, build: Callable[[], Any], in_python: Callable[..., Any] | None = None) -> None:
        self.build = build
        self.in_python = in_python
        self._type: Any = None

    def __call__(self, *args: Any) -> Any:
        if self.in_python is None:
            raise TypeError("this instruction has no form in plain Python")
        return self.in_python(*args)

    def __deepcopy__(self, memo: object) -> Intrinsic:
        return self

    @property
    def _numba_type_(self) -> Any:
        if self._type is None:
            self._type = self._made()
        return self._type

    def _made(self) -> Any:
        from numba.core.registry import cpu_target

        made = self.build()
        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(made)


def _calls(kind: str) -> Callable[[], Any]:
    """An instruction that calls a bound kernel: ``drive.bind`` laid out the five words that the handle points to."""

    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.core import sigutils
        from numba.extending import intrinsic
        from numba.np.arrayobj import make_array, populate_array

        (p_type, s_type, *others), rtype = sigutils.normalize_signature(kind)
        word, real = ir.IntType(64), ir.DoubleType()

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = builder.inttoptr(args[0], word.as_pointer())
            step, p, p_size, s, s_size = (builder.load(builder.gep(words, [word(i)])) for i in range(5))

            def view(array_type: Any, address: Any, size: Any) -> Any:
                array = make_array(array_type)(context, builder)
                data = builder.inttoptr(address, real.as_pointer())
                populate_array(array, data=data, shape=[size], strides=[word(8)], itemsize=word(8), meminfo=None)
                return array._getvalue()

            atypes = (p_type, s_type, *others)
            values = (view(p_type, p, p_size), view(s_type, s, s_size), *args[1:])
            convention = context.call_conv
            wanted = convention.get_function_type(rtype, atypes)
            target = builder.inttoptr(step, ir.PointerType(wanted))
            status, result = convention.call_function(builder, target, rtype, atypes, values)
            with builder.if_then(status.is_error, likely=False):
                convention.return_status_propagate(builder, status)
            return context.get_dummy_value() if rtype == types.none else result

        if len(others) == 1:

            def call_with_one(typingctx: Any, handle: Any, out: Any) -> Any:
                return rtype(types.int64, *others), codegen

            return intrinsic(call_with_one)

        def call(typingctx: Any, handle: Any, x: Any, d: Any) -> Any:
            return rtype(types.int64, *others), codegen

        return intrinsic(call)

    return build


call_step = Intrinsic(_calls(SCALAR))
call_vector_step = Intrinsic(_calls(VECTOR))
call_ahead = Intrinsic(_calls(AHEAD))


def _build_warn() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        api = context.get_python_api(builder)
        text = context.insert_const_string(builder.module, signature.args[0].literal_value)
        pointer, long = ir.IntType(8).as_pointer(), ir.IntType(64)
        wanted = ir.FunctionType(ir.IntType(32), [pointer, pointer, long])
        function = cgutils.get_or_insert_function(builder.module, wanted, "PyErr_WarnEx")
        gil = api.gil_ensure()
        failed = builder.call(function, [cgutils.get_null_value(pointer), text, long(1)])  # NULL: a RuntimeWarning
        api.gil_release(gil)
        with builder.if_then(cgutils.is_not_null(builder, failed), likely=False):
            context.call_conv.return_exc(builder)  # the user turned warnings into errors
        return context.get_dummy_value()

    def warn(typingctx: Any, message: Any) -> Any:
        if isinstance(message, types.StringLiteral):
            return types.void(message), codegen
        return None

    return intrinsic(prefer_literal=True)(warn)


def _interpreted_warn(message: str) -> None:
    import warnings

    warnings.warn(message, RuntimeWarning, stacklevel=2)


warn = Intrinsic(_build_warn, _interpreted_warn)


def _build_sweep(sign: bool) -> Callable[[], Any]:
    """One pass over the taps of a transversal filter, in four lanes and a fixed order.

    Left to the vectoriser, the order of a sum depends on where the loop was inlined; spelt out, stream and block agree
    bit for bit. Where the CPU has vectors of eight, a long filter goes through them first.
    """
    lanes, together = 4, 4  # four accumulators hide the latency of the fused multiply-add
    doubled, long = 2 * lanes, 64

    def build() -> Any:
        from llvmlite import binding, ir
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic
        from numba.np.arrayobj import make_array

        real, word = ir.DoubleType(), ir.IntType(64)
        vector, vector_of_8 = ir.VectorType(real, lanes), ir.VectorType(real, doubled)
        wide_cpu = binding.get_host_cpu_features().get("avx512f", False)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            s, w, line, at, taps, g, keep = args
            weights = builder.gep(make_array(signature.args[0])(context, builder, s).data, [w])
            window = builder.gep(make_array(signature.args[2])(context, builder, line).data, [at])
            before = builder.gep(window, [word(-1)])

            def spread(value: Any, kind: Any = vector) -> Any:
                one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.IntType(32)(0))
                return lanes_of(one, [0] * kind.count)

            def lanes_of(value: Any, which: list[int]) -> Any:
                mask = ir.Constant(ir.VectorType(ir.IntType(32), len(which)), which)
                return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

            def regressor(x: Any) -> Any:
                if not sign:
                    return x
                zero = ir.Constant(x.type, None)
                one = real(1.0) if x.type == real else spread(real(1.0), x.type)
                minus = builder.fneg(one)
                low = builder.select(builder.fcmp_ordered("<", x, zero), minus, zero)
                return builder.select(builder.fcmp_ordered(">", x, zero), one, low)

            def multiply_add(a: Any, b: Any, c: Any) -> Any:
                name = "llvm.fma.f64" if c.type == real else f"llvm.fma.v{c.type.count}f64"
                wanted = ir.FunctionType(c.type, [c.type] * 3)
                return builder.call(cgutils.get_or_insert_function(builder.module, wanted, name), [a, b, c])

            def taps_from(i: Any, kind: Any, gain: Any, kept: Any, y: Any, energy: Any) -> None:
                """Update the weights at i and add them to the two sums."""
                at_w = builder.bitcast(builder.gep(weights, [i]), kind.as_pointer())
                old = builder.load(builder.bitcast(builder.gep(before, [i]), kind.as_pointer()), align=8)
                new = builder.load(builder.bitcast(builder.gep(window, [i]), kind.as_pointer()), align=8)
                weight = multiply_add(gain, regressor(old), builder.fmul(kept, builder.load(at_w, align=8)))
                builder.store(weight, at_w, align=8)
                builder.store(multiply_add(weight, new, builder.load(y)), y)
                builder.store(multiply_add(new, new, builder.load(energy)), energy)

            def fresh(kind: Any) -> Any:
                return cgutils.alloca_once_value(builder, ir.Constant(kind, None))

            sums = [(fresh(vector), fresh(vector)) for _ in range(together)]
            rest = (fresh(real), fresh(real))
            begin = cgutils.alloca_once_value(builder, word(0))
            if wide_cpu:
                with builder.if_then(builder.icmp_signed(">=", taps, word(long))):
                    far = builder.and_(taps, word(-doubled * together))
                    pairs = [(fresh(vector_of_8), fresh(vector_of_8)) for _ in range(together)]
                    of_8 = spread(g, vector_of_8), spread(keep, vector_of_8)
                    with cgutils.for_range_slice(builder, word(0), far, word(doubled * together), word) as (i, _):
                        for k, pair in enumerate(pairs):
                            taps_from(builder.add(i, word(k * doubled)), vector_of_8, *of_8, *pair)
                    for pair, narrow in zip(pairs, sums, strict=True):
                        for one, into in zip(pair, narrow, strict=True):
                            v = builder.load(one)
                            halves = lanes_of(v, list(range(lanes))), lanes_of(v, list(range(lanes, doubled)))
                            builder.store(builder.fadd(*halves), into)
                    builder.store(far, begin)
            first = builder.load(begin)
            wide = builder.and_(taps, word(-lanes * together))
            middle = builder.and_(taps, word(-lanes))
            gains, kepts = spread(g), spread(keep)
            with cgutils.for_range_slice(builder, first, wide, word(lanes * together), word) as (i, _):
                for k, pair in enumerate(sums):
                    taps_from(builder.add(i, word(k * lanes)), vector, gains, kepts, *pair)
            with cgutils.for_range_slice(builder, wide, middle, word(lanes), word) as (i, _):
                taps_from(i, vector, gains, kepts, *sums[0])
            with cgutils.for_range_slice(builder, middle, taps, word(1), word) as (i, _):
                taps_from(i, real, g, keep, *rest)

            def total(which: int) -> Any:
                parts = [builder.load(pair[which]) for pair in sums]
                v = builder.fadd(builder.fadd(parts[0], parts[1]), builder.fadd(parts[2], parts[3]))
                width = lanes
                while width > 1:
                    width //= 2
                    halves = [lanes_of(v, list(range(start, start + width))) for start in (0, width)]
                    v = builder.fadd(*halves)
                return builder.fadd(builder.extract_element(v, ir.IntType(32)(0)), builder.load(rest[which]))

            return context.make_tuple(builder, signature.return_type, [total(0), total(1)])

        def sweep(typingctx: Any, s: Any, w: Any, line: Any, at: Any, taps: Any, g: Any, keep: Any) -> Any:
            i8, f8 = types.int64, types.float64
            return types.UniTuple(f8, 2)(s, i8, line, i8, i8, f8, f8), codegen

        return intrinsic(sweep)

    return build


def _sweep_in_python(sign: bool) -> Callable[..., tuple[float, float]]:
    def sweep(s: Any, w: int, line: Any, at: int, taps: int, g: float, keep: float) -> tuple[float, float]:
        y = energy = 0.0
        for i in range(taps):
            old = line[at + i - 1]
            s[w + i] = keep * s[w + i] + g * (float(old > 0) - float(old < 0) if sign else old)
            y += s[w + i] * line[at + i]
            energy += line[at + i] ** 2
        return float(y), float(energy)

    return sweep


#: (y, energy) = sweep(s, w, line, at, taps, g, keep): weights s[w:] become keep * weights + g * line[at-1:], then they
#: filter line[at:]
sweep = Intrinsic(_build_sweep(sign=False), _sweep_in_python(sign=False))
sign_sweep = Intrinsic(_build_sweep(sign=True), _sweep_in_python(sign=True))


def _build_multiply_high() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    wide = ir.IntType(128)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, b = (builder.zext(value, wide) for value in args)
        return builder.trunc(builder.lshr(builder.mul(a, b), wide(64)), ir.IntType(64))

    def multiply_high(typingctx: Any, a: Any, b: Any) -> Any:
        return types.uint64(types.uint64, types.uint64), codegen

    return intrinsic(multiply_high)


#: the upper 64 bits of the product of two unsigned words
multiply_high = Intrinsic(_build_multiply_high, lambda a, b: type(a)(int(a) * int(b) >> 64))
