"""Products of complex vectors whose real and imaginary parts lie apart, in lanes and in a fixed order.

With the parts side by side every product needs its lanes swapped; apart, it is four real ones. A complex vector is said
by where its real parts begin and where its imaginary parts do, both in the same flat array.

Where the CPU has vectors of eight they are used for any length: there is so much arithmetic for what is loaded that
they pay from eight taps on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .instructions import Intrinsic
from .vectors import LANES, TOGETHER, _at, _base, _multiply_add


def _widest() -> int:
    from llvmlite import binding

    return 2 * LANES if binding.get_host_cpu_features().get("avx512f", False) else LANES


def _kind(lanes: int) -> Any:
    from llvmlite import ir

    real = ir.DoubleType()
    return real if lanes == 1 else ir.VectorType(real, lanes)


def _passes(builder: Any, count: Any, each: Callable[[Any, Any, int], None]) -> None:
    """``each(k, kind, which)`` over the widest vectors, then over narrower ones, then over what is left, one by one.

    ``which`` of the sums: four of the widest take turns, as many as hide the latency of the fused multiply-add, and
    each narrower kind has its own.
    """
    from llvmlite import ir
    from numba.core import cgutils

    word = ir.IntType(64)

    def over(begin: Any, lanes: int, first: int, together: int) -> Any:
        end = builder.and_(count, word(-lanes * together))
        with cgutils.for_range_slice(builder, begin, end, word(lanes * together), word) as (k, _):
            for which in range(together):
                each(builder.add(k, word(which * lanes)), _kind(lanes), first + which)
        return end

    widest = _widest()
    end = over(over(word(0), widest, 0, TOGETHER), widest, 0, 1)
    if widest > LANES:
        end = over(end, LANES, TOGETHER, 1)
    over(end, 1, TOGETHER + 1, 1)


def _load(builder: Any, base: Any, k: Any, kind: Any) -> Any:
    return builder.load(_at(builder, base, k, kind), align=8)


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """The number in every lane."""
    from llvmlite import ir

    if kind == ir.DoubleType():
        return value
    undefined, word = ir.Constant(kind, ir.Undefined), ir.IntType(32)
    one = builder.insert_element(undefined, value, word(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(word, kind.count), None))


class _Sums:
    """A sum, in the accumulators that ``_passes`` goes through."""

    def __init__(self, builder: Any) -> None:
        from llvmlite import ir
        from numba.core import cgutils

        kinds = [*[_kind(_widest())] * TOGETHER, _kind(LANES), _kind(1)]
        self.builder = builder
        self.into = [cgutils.alloca_once(builder, kind) for kind in kinds]
        for place, kind in zip(self.into, kinds, strict=True):
            builder.store(kind(0.0) if kind == _kind(1) else ir.Constant(kind, None), place)

    def add(self, which: int, a: Any, b: Any) -> None:
        """Add the product of two vectors."""
        place = self.into[which]
        self.builder.store(_multiply_add(self.builder, a, b, self.builder.load(place)), place)

    def total(self) -> Any:
        """All of them; what was summed one by one goes to the first lane."""
        from llvmlite import ir

        add, word = self.builder.fadd, ir.IntType(32)
        *parts, narrow, rest = (self.builder.load(place) for place in self.into)
        whole = add(add(parts[0], parts[1]), add(parts[2], parts[3]))
        if whole.type.count > LANES:
            masks = [ir.Constant(ir.VectorType(word, LANES), [k + lane for lane in range(LANES)]) for k in (0, LANES)]
            low, high = (self.builder.shuffle_vector(whole, whole, mask) for mask in masks)
            whole = add(add(low, narrow), high)
        one, two, three, four = (self.builder.extract_element(whole, word(k)) for k in range(LANES))
        return add(add(add(one, rest), three), add(two, four))


def _build_conjugate_dot() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, ii, b, j, ji, count = args
        of_a = [_base(context, builder, signature.args[0], a, first) for first in (i, ii)]
        of_b = [_base(context, builder, signature.args[3], b, first) for first in (j, ji)]
        real, imaginary = _Sums(builder), _Sums(builder)

        def add(k: Any, kind: Any, which: int) -> None:
            ar, ai = (_load(builder, base, k, kind) for base in of_a)
            br, bi = (_load(builder, base, k, kind) for base in of_b)
            real.add(which, ar, br)
            imaginary.add(which, ar, bi)
            real.add(which, ai, bi)
            imaginary.add(which, builder.fneg(ai), br)

        _passes(builder, count, add)
        return context.make_tuple(builder, signature.return_type, [real.total(), imaginary.total()])

    def conjugate_dot(typingctx: Any, a: Any, i: Any, ii: Any, b: Any, j: Any, ji: Any, count: Any) -> Any:
        i8 = types.int64
        return types.UniTuple(types.float64, 2)(a, i8, i8, b, i8, i8, i8), codegen

    return intrinsic(conjugate_dot)


def _conjugate_dot_in_python(a: Any, i: int, ii: int, b: Any, j: int, ji: int, count: int) -> tuple[float, float]:
    pairs = [(complex(a[i + k], -a[ii + k]), complex(b[j + k], b[ji + k])) for k in range(count)]
    total = sum((one * other for one, other in pairs), 0j)
    return total.real, total.imag


#: (re, im) = conjugate_dot(a, i, ii, b, j, ji, count): the inner product a^H b of the complex vectors that begin with
#: their real parts at a[i] and b[j], with their imaginary parts at a[ii] and b[ji]
conjugate_dot = Intrinsic(_build_conjugate_dot, _conjugate_dot_in_python)


def _build_add_product() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, i, ii, gr, gi, b, j, ji, count = args
        of_a = [_base(context, builder, signature.args[0], a, first) for first in (i, ii)]
        of_b = [_base(context, builder, signature.args[5], b, first) for first in (j, ji)]

        def add(k: Any, kind: Any, which: int) -> None:
            ar, ai = (_load(builder, base, k, kind) for base in of_a)
            br, bi = (_load(builder, base, k, kind) for base in of_b)
            real, imaginary = (_spread(builder, g, kind) for g in (gr, gi))
            ar = _multiply_add(builder, builder.fneg(imaginary), bi, _multiply_add(builder, real, br, ar))
            ai = _multiply_add(builder, imaginary, br, _multiply_add(builder, real, bi, ai))
            for base, value in zip(of_a, (ar, ai), strict=True):
                builder.store(value, _at(builder, base, k, kind), align=8)

        _passes(builder, count, add)
        return context.get_dummy_value()

    def add_product(
        typingctx: Any, a: Any, i: Any, ii: Any, gr: Any, gi: Any, b: Any, j: Any, ji: Any, count: Any
    ) -> Any:
        i8, f8 = types.int64, types.float64
        return types.void(a, i8, i8, f8, f8, b, i8, i8, i8), codegen

    return intrinsic(add_product)


def _add_product_in_python(a: Any, i: int, ii: int, gr: float, gi: float, b: Any, j: int, ji: int, count: int) -> None:
    for k in range(count):
        a[i + k] += gr * b[j + k] - gi * b[ji + k]
        a[ii + k] += gr * b[ji + k] + gi * b[j + k]


#: add_product(a, i, ii, gr, gi, b, j, ji, count): to the complex vector at a[i], a[ii] is added (gr + 1j gi) times the
#: one at b[j], b[ji]; they do not overlap
add_product = Intrinsic(_build_add_product, _add_product_in_python)


def _build_learn_and_filter() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        s, w, wi, line, u, ui, lag, count, gr, gi = args
        weights = [_base(context, builder, signature.args[0], s, first) for first in (w, wi)]
        window = [_base(context, builder, signature.args[3], line, first) for first in (u, ui)]
        learnt = [builder.gep(base, [builder.neg(lag)]) for base in window]
        real, imaginary = _Sums(builder), _Sums(builder)

        def tap(k: Any, kind: Any, which: int) -> None:
            wr, wi = (_load(builder, base, k, kind) for base in weights)
            xr, xi = (_load(builder, base, k, kind) for base in learnt)
            re, im = (_spread(builder, g, kind) for g in (gr, gi))
            wr = _multiply_add(builder, builder.fneg(im), xi, _multiply_add(builder, re, xr, wr))
            wi = _multiply_add(builder, im, xr, _multiply_add(builder, re, xi, wi))
            for base, value in zip(weights, (wr, wi), strict=True):
                builder.store(value, _at(builder, base, k, kind), align=8)
            xr, xi = (_load(builder, base, k, kind) for base in window)
            real.add(which, wr, xr)
            imaginary.add(which, wr, xi)
            real.add(which, wi, xi)
            imaginary.add(which, builder.fneg(wi), xr)

        _passes(builder, count, tap)
        return context.make_tuple(builder, signature.return_type, [real.total(), imaginary.total()])

    def learn_and_filter(
        typingctx: Any, s: Any, w: Any, wi: Any, line: Any, u: Any, ui: Any, lag: Any, count: Any, gr: Any, gi: Any
    ) -> Any:
        i8, f8 = types.int64, types.float64
        return types.UniTuple(f8, 2)(s, i8, i8, line, i8, i8, i8, i8, f8, f8), codegen

    return intrinsic(learn_and_filter)


def _learn_and_filter_in_python(
    s: Any, w: int, wi: int, line: Any, u: int, ui: int, lag: int, count: int, gr: float, gi: float
) -> tuple[float, float]:
    _add_product_in_python(s, w, wi, gr, gi, line, u - lag, ui - lag, count)
    return _conjugate_dot_in_python(s, w, wi, line, u, ui, count)


#: (re, im) = learn_and_filter(s, w, wi, line, u, ui, lag, count, gr, gi): in one pass, to the weights is added
#: (gr + 1j gi) times what lies ``lag`` places before u, then they filter what lies at u
learn_and_filter = Intrinsic(_build_learn_and_filter, _learn_and_filter_in_python)
