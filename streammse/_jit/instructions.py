"""A few instructions that numba has no word for; each is built when a kernel that uses it is first compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import AHEAD, COMPLEX, SCALAR, VECTOR, silent


class Intrinsic:
    """An instruction, with its form in plain Python where it has one."""

    def __init__(
        self,
        build: Callable[[], Any],
        in_python: Callable[..., Any] | None = None,
        build_silent: Callable[[], Any] | None = None,
    ) -> None:
        self._builds = (build, build_silent or build)
        self.in_python = in_python
        self._types: list[Any] = [None, None]

    @property
    def build(self) -> Callable[[], Any]:
        """What builds it; ``build_silent`` in machine code for C."""
        return self._builds[silent.get()]

    def __call__(self, *args: Any) -> Any:
        if self.in_python is None:
            raise TypeError("this instruction has no form in plain Python")
        return self.in_python(*args)

    def __deepcopy__(self, memo: object) -> Intrinsic:
        return self

    @property
    def _numba_type_(self) -> Any:
        form = silent.get()
        if self._types[form] is None:
            self._types[form] = self._made()
        return self._types[form]

    def _made(self) -> Any:
        from numba.core.registry import cpu_target

        made = self.build()
        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(made)


def view(context: Any, builder: Any, kind: Any, data: Any, size: Any, itemsize: int = 8) -> Any:
    """A flat array of ``size`` numbers (float64) at ``data`` that nobody owns: no reference of it is counted."""
    from llvmlite import ir
    from numba.np.arrayobj import make_array, populate_array

    array = make_array(kind)(context, builder)
    word = ir.IntType(64)
    populate_array(array, data=data, shape=[size], strides=[word(itemsize)], itemsize=word(itemsize), meminfo=None)
    return array._getvalue()


def _calls(kind: str) -> Callable[[], Any]:
    """An instruction that calls a bound kernel: ``drive.bind`` laid out the five words that the handle points to."""

    def build() -> Any:
        from llvmlite import ir
        from numba import types
        from numba.core import sigutils
        from numba.extending import intrinsic

        (p_type, s_type, *others), rtype = sigutils.normalize_signature(kind)
        word, real = ir.IntType(64), ir.DoubleType()

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            words = builder.inttoptr(args[0], word.as_pointer())
            step, p, p_size, s, s_size = (builder.load(builder.gep(words, [word(i)])) for i in range(5))

            def at(array_type: Any, address: Any, size: Any) -> Any:
                return view(context, builder, array_type, builder.inttoptr(address, real.as_pointer()), size)

            atypes = (p_type, s_type, *others)
            values = (at(p_type, p, p_size), at(s_type, s, s_size), *args[1:])
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
call_complex_step = Intrinsic(_calls(COMPLEX))
call_ahead = Intrinsic(_calls(AHEAD))


def _build_alone() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    kind = types.Array(types.complex128, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = cgutils.alloca_once_value(builder, args[0])
        return view(context, builder, kind, place, ir.IntType(64)(1), itemsize=16)

    def alone(typingctx: Any, x: Any) -> Any:
        return kind(types.complex128), codegen

    return intrinsic(alone)


#: a complex number as a vector of one, on the stack: for a call, not to be kept
alone = Intrinsic(_build_alone)


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


def _build_no_warning() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    def say_nothing(typingctx: Any, message: Any) -> Any:
        return types.void(message), codegen

    return intrinsic(say_nothing)


#: warn("..."): a RuntimeWarning of Python's, in machine code for C nothing
warn = Intrinsic(_build_warn, _interpreted_warn, _build_no_warning)


def _build_sweep(*, late: bool, sign: bool, leaky: bool) -> Callable[[], Any]:
    """One pass over the taps of a transversal filter, in four lanes and a fixed order.

    Left to the vectoriser, the order of a sum depends on where the loop was inlined; spelt out, stream and block agree
    bit for bit. Where the CPU has vectors of eight, a long filter goes through them first.
    """
    lanes, together = 4, 4  # four accumulators hide the latency of the fused multiply-add
    doubled, long = 2 * lanes, 128
    count = 1 if late else 2  # sums
    lag = 2 if late else 1

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
            learnt = builder.gep(window, [word(-lag)])

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

            def load(base: Any, kind: Any) -> Any:
                return builder.load(builder.bitcast(base, kind.as_pointer()), align=8)

            def taps_from(i: Any, kind: Any, gain: Any, kept: Any, into: Any, last: Any = None) -> None:
                """Update the weights at i and add them to the sums."""
                new, weight = (load(builder.gep(base, [i]), kind) for base in (window, weights))
                if last is None:
                    old = load(builder.gep(learnt, [i]), kind)
                else:  # out of the registers: most vectors of eight lie across two cache lines, and loads are scarce
                    before = [doubled - lag + k for k in range(doubled)]
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), doubled), before)
                    old = builder.shuffle_vector(builder.load(last), new, mask)
                    builder.store(new, last)
                weight = multiply_add(gain, regressor(old), builder.fmul(kept, weight) if leaky else weight)
                builder.store(weight, builder.bitcast(builder.gep(weights, [i]), kind.as_pointer()), align=8)
                for factor, total in zip((weight, new), into, strict=False):
                    builder.store(multiply_add(factor, new, builder.load(total)), total)

            def fresh(kind: Any) -> list[Any]:
                return [cgutils.alloca_once_value(builder, ir.Constant(kind, None)) for _ in range(count)]

            sums = [fresh(vector) for _ in range(together)]
            rest = fresh(real)
            begin = cgutils.alloca_once_value(builder, word(0))
            if wide_cpu:
                with builder.if_then(builder.icmp_signed(">=", taps, word(long))):
                    far = builder.and_(taps, word(-doubled * together))
                    wide_sums = [fresh(vector_of_8) for _ in range(together)]
                    # Opaque, so that it stays in here: hoisted to where short filters pass as well, this one wide
                    # instruction would slow all their vectors down.
                    hidden = [
                        builder.asm(ir.FunctionType(real, [real]), "", "=v,0", [value], side_effect=True)
                        for value in (g, keep)
                    ]
                    gain, kept = (spread(value, vector_of_8) for value in hidden)
                    first = load(learnt, ir.VectorType(real, lag))
                    last = cgutils.alloca_once_value(builder, lanes_of(first, [0] * (doubled - lag) + list(range(lag))))
                    with cgutils.for_range_slice(builder, word(0), far, word(doubled * together), word) as (i, _):
                        for k, into in enumerate(wide_sums):
                            taps_from(builder.add(i, word(k * doubled)), vector_of_8, gain, kept, into, last)
                    for wider, narrow in zip(wide_sums, sums, strict=True):
                        for one, into in zip(wider, narrow, strict=True):
                            v = builder.load(one)
                            halves = lanes_of(v, list(range(lanes))), lanes_of(v, list(range(lanes, doubled)))
                            builder.store(builder.fadd(*halves), into)
                    builder.store(far, begin)
            first = builder.load(begin)
            wide = builder.and_(taps, word(-lanes * together))
            middle = builder.and_(taps, word(-lanes))
            gains, kepts = spread(g), spread(keep)
            with cgutils.for_range_slice(builder, first, wide, word(lanes * together), word) as (i, _):
                for k, into in enumerate(sums):
                    taps_from(builder.add(i, word(k * lanes)), vector, gains, kepts, into)
            with cgutils.for_range_slice(builder, wide, middle, word(lanes), word) as (i, _):
                taps_from(i, vector, gains, kepts, sums[0])
            with cgutils.for_range_slice(builder, middle, taps, word(1), word) as (i, _):
                taps_from(i, real, g, keep, rest)

            def total(which: int) -> Any:
                parts = [builder.load(into[which]) for into in sums]
                v = builder.fadd(builder.fadd(parts[0], parts[1]), builder.fadd(parts[2], parts[3]))
                width = lanes
                while width > 1:
                    width //= 2
                    halves = [lanes_of(v, list(range(start, start + width))) for start in (0, width)]
                    v = builder.fadd(*halves)
                return builder.fadd(builder.extract_element(v, ir.IntType(32)(0)), builder.load(rest[which]))

            totals = [total(which) for which in range(count)]
            return totals[0] if late else context.make_tuple(builder, signature.return_type, totals)

        def sweep(typingctx: Any, s: Any, w: Any, line: Any, at: Any, taps: Any, g: Any, keep: Any) -> Any:
            i8, f8 = types.int64, types.float64
            return (f8 if late else types.UniTuple(f8, count))(s, i8, line, i8, i8, f8, f8), codegen

        return intrinsic(sweep)

    return build


def _sweep_in_python(*, late: bool, sign: bool, leaky: bool) -> Callable[..., Any]:
    def sweep(s: Any, w: int, line: Any, at: int, taps: int, g: float, keep: float) -> Any:
        y = energy = 0.0
        for i in range(taps):
            old = line[at + i - 1 - late]
            s[w + i] = (keep if leaky else 1.0) * s[w + i] + g * (float(old > 0) - float(old < 0) if sign else old)
            y += s[w + i] * line[at + i]
            energy += line[at + i] ** 2
        return float(y) if late else (float(y), float(energy))

    return sweep


def _sweep(*, late: bool, sign: bool = False, leaky: bool = False) -> Intrinsic:
    kind = {"late": late, "sign": sign, "leaky": leaky}
    return Intrinsic(_build_sweep(**kind), _sweep_in_python(**kind))


#: (y, energy) = sweep(s, w, line, at, taps, g, 1.0): to the weights s[w:] is added g * line[at-1:], then they filter
#: line[at:]
sweep = _sweep(late=False)
#: y = late_sweep(s, w, line, at, taps, g, keep): the same with the gain of the sample before last, g * line[at-2:]
late_sweep = _sweep(late=True)
#: what is added is g times the signs of the line
late_sign_sweep = _sweep(late=True, sign=True)
#: the weights are first multiplied by ``keep``
late_leaky_sweep = _sweep(late=True, leaky=True)


def _build_add_lanes() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    lanes, word = 8, ir.IntType(64)
    vector = ir.VectorType(ir.DoubleType(), lanes).as_pointer()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        into, values = (
            make_array(kind)(context, builder, one).data for kind, one in zip(signature.args[:2], args[:2], strict=True)
        )
        place = builder.bitcast(into, vector)
        total = cgutils.alloca_once_value(builder, builder.load(place, align=8))
        with cgutils.for_range_slice(builder, word(0), args[2], word(lanes), word) as (i, _):
            more = builder.load(builder.bitcast(builder.gep(values, [i]), vector), align=8)
            builder.store(builder.fadd(builder.load(total), more), total)
        builder.store(builder.load(total), place, align=8)
        return context.get_dummy_value()

    def add_lanes(typingctx: Any, into: Any, values: Any, count: Any) -> Any:
        return types.void(into, values, types.int64), codegen

    return intrinsic(add_lanes)


def _add_lanes_in_python(into: Any, values: Any, count: int) -> None:
    for i in range(count):
        into[i % 8] += values[i]


#: add_lanes(into, values, count), count a multiple of eight: values[k] goes to into[k % 8]. Left to the vectoriser,
#: sums that must keep their order stay scalar.
add_lanes = Intrinsic(_build_add_lanes, _add_lanes_in_python)


def _build_element(*, write: bool) -> Callable[[], Any]:
    def build() -> Any:
        from numba import types
        from numba.extending import intrinsic
        from numba.np.arrayobj import make_array

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = builder.gep(make_array(signature.args[0])(context, builder, args[0]).data, [args[1]])
            if not write:
                return builder.load(place)
            builder.store(args[2], place)
            return context.get_dummy_value()

        def get(typingctx: Any, s: Any, i: Any) -> Any:
            return types.float64(s, types.int64), codegen

        def put(typingctx: Any, s: Any, i: Any, value: Any) -> Any:
            return types.void(s, types.int64, types.float64), codegen

        return intrinsic(put if write else get)

    return build


def _put_in_python(s: Any, i: int, value: float) -> None:
    s[i] = value


#: get(s, i) is s[i], put(s, i, value) sets it; i is never negative: to count such from the end takes five instructions
get = Intrinsic(_build_element(write=False), lambda s, i: s[i])
put = Intrinsic(_build_element(write=True), _put_in_python)


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


def _build_fused() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    real = ir.DoubleType()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wanted = ir.FunctionType(real, [real] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, wanted, "llvm.fma.f64"), args)

    def fused(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
        return types.float64(*[types.float64] * 3), codegen

    return intrinsic(fused)


#: a b + c, rounded once: what a C compiler makes of it, and always, so that it does not depend on where it is inlined
fused = Intrinsic(_build_fused, lambda a, b, c: a * b + c)
