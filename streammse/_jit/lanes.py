"""Arithmetic written once, as Python spells it, that becomes machine code over whole vectors.

An expression is a plain function of numbers. Called with numbers it is the form in plain Python; called while machine
code is being written it gets ``Value``, whose operators write instructions, for one number or for four side by side.
So a loop over a flat state that it both reads and writes fills the lanes, which no vectoriser can promise of it, and
each lane does what the scalar form does, operation by operation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .instructions import Intrinsic

LANES = 4


class Value:
    """A number, or a vector of them, in machine code that is being written."""

    __slots__ = ("builder", "of")

    def __init__(self, builder: Any, of: Any) -> None:
        self.builder, self.of = builder, of

    def like(self, other: Any) -> Any:
        """What stands for the other operand: a constant becomes one of this kind."""
        if isinstance(other, Value):
            return other.of
        kind = self.of.type
        return kind(float(other) if not hasattr(kind, "count") else [float(other)] * kind.count)

    def __add__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fadd(self.of, self.like(other)))

    def __sub__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fsub(self.of, self.like(other)))

    def __mul__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fmul(self.of, self.like(other)))

    def __rmul__(self, other: Any) -> Value:
        return self.__mul__(other)

    def __rsub__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fsub(self.like(other), self.of))

    def __truediv__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fdiv(self.of, self.like(other)))

    def __rtruediv__(self, other: Any) -> Value:
        return Value(self.builder, self.builder.fdiv(self.like(other), self.of))

    def __neg__(self) -> Value:
        return Value(self.builder, self.builder.fneg(self.of))


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """a b + c, in machine code rounded once."""
    if not isinstance(c, Value):
        return a * b + c
    from llvmlite import ir
    from numba.core import cgutils

    kind = c.of.type
    name = f"llvm.fma.v{kind.count}f64" if hasattr(kind, "count") else "llvm.fma.f64"
    function = cgutils.get_or_insert_function(c.builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return Value(c.builder, c.builder.call(function, [c.like(a), c.like(b), c.of]))


def larger(a: Any, b: Any) -> Any:
    """The larger of the two."""
    if not isinstance(a, Value):
        return max(b, a)
    first, second = a.of, a.like(b)
    return Value(a.builder, a.builder.select(a.builder.fcmp_ordered(">", first, second), first, second))


class Writer:
    """What the instructions of this room share: places in flat arrays, loads and stores of four or of one."""

    def __init__(self, context: Any, builder: Any) -> None:
        from llvmlite import ir

        self.context, self.builder = context, builder
        self.real, self.word = ir.DoubleType(), ir.IntType(64)
        self.vector = ir.VectorType(self.real, LANES)

    def base(self, kind: Any, array: Any, first: Any) -> Any:
        """The address of ``array[first]``."""
        from numba.np.arrayobj import make_array

        return self.builder.gep(make_array(kind)(self.context, self.builder, array).data, [first])

    def load(self, base: Any, k: Any, kind: Any) -> Value:
        return Value(self.builder, self.builder.load(self._at(base, k, kind), align=8))

    def store(self, value: Value, base: Any, k: Any) -> None:
        self.builder.store(value.of, self._at(base, k, value.of.type), align=8)

    def _at(self, base: Any, k: Any, kind: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(base, [k]), kind.as_pointer())

    def spread(self, number: Any, kind: Any) -> Value:
        """The number in every lane."""
        from llvmlite import ir

        if kind == self.real:
            return Value(self.builder, number)
        nothing = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
        return Value(self.builder, self.builder.shuffle_vector(one, nothing, mask))

    def transposed(self, rows: list[Value]) -> list[Value]:
        """Four vectors of four, the columns as rows."""
        from llvmlite import ir

        def lanes(a: Any, b: Any, order: list[int]) -> Any:
            return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order))

        a, b, c, d = (one.of for one in rows)
        even, odd = [0, 4, 2, 6], [1, 5, 3, 7]
        pairs = lanes(a, b, even), lanes(a, b, odd), lanes(c, d, even), lanes(c, d, odd)
        low, high = [0, 1, 4, 5], [2, 3, 6, 7]
        return [Value(self.builder, lanes(pairs[i], pairs[i + 2], half)) for half in (low, high) for i in (0, 1)]


def elementwise(expression: Callable[..., Any], arrays: int, numbers: int = 0, constants: int = 0) -> Intrinsic:
    """An instruction ``(s, place, ..., number, ..., count)`` that runs an expression over stretches of one flat array.

    For each i below ``count`` the expression gets ``s[place + i]`` of each of the ``arrays`` places, then the
    ``numbers``; what it gives back, a tuple, goes to the first places, in order. Stretches that are written overlap no
    other. With ``constants`` it is ``(p, s, ...)``, and as many of the places, the last ones, are in ``p``.
    """
    flats = 2 if constants else 1

    def build() -> Any:
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            write = Writer(context, builder)
            places, given, count = args[flats : flats + arrays], args[flats + arrays : -1], args[-1]
            bases = [
                write.base(signature.args[flat], args[flat], place)
                for place, flat in zip(places, [flats - 1] * (arrays - constants) + [0] * constants, strict=True)
            ]
            whole = builder.and_(count, write.word(-LANES))

            def each(k: Any, kind: Any) -> None:
                values = [write.load(base, k, kind) for base in bases]
                results = expression(*values, *(write.spread(number, kind) for number in given))
                for base, value in zip(bases, results, strict=False):
                    write.store(value, base, k)

            for kind, first, last, step in (
                (write.vector, write.word(0), whole, LANES),
                (write.real, whole, count, 1),
            ):
                with cgutils.for_range_slice(builder, first, last, write.word(step), write.word) as (k, _):
                    each(k, kind)
            return context.get_dummy_value()

        def run(typingctx: Any, *args: Any) -> Any:
            f8, i8 = types.float64, types.int64
            return types.void(*args[:flats], *[i8] * arrays, *[f8] * numbers, i8), codegen

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD  # numba would make a tuple of *args
        names = ("typingctx", *(f"a{k}" for k in range(flats + arrays + numbers + 1)))
        run.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
        return intrinsic(run)

    def in_python(*args: Any) -> None:
        flat = [args[flats - 1]] * (arrays - constants) + [args[0]] * constants
        places, given, count = args[flats : flats + arrays], args[flats + arrays : -1], args[-1]
        for i in range(count):
            results = expression(*(one[place + i] for one, place in zip(flat, places, strict=True)), *given)
            for place, value in zip(places, results, strict=False):
                flat[0][place + i] = value

    return Intrinsic(build, in_python)
