"""A kernel as plain C functions: ``step`` for a sample and ``block`` for many, with the kernel inside of them.

They take one pointer to six words that say where parameters and state are, how long they are, how many inputs a sample
has, and whether a call has failed. Complex numbers go by pointers to pairs of doubles, which is how every language has
them in memory; by value each compiler passes them in its own way. Python is not asked for anything: no GIL, no memory,
and where the kernel would warn nothing is said (``silent``). A kernel that raises writes the failure into the words,
and its exception is dropped.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from . import COMPLEX, VECTOR, Function, silent
from .instructions import Intrinsic, view

#: the words, each of 64 bits
P, P_SIZE, S, S_SIZE, INPUTS, STATUS, WORDS = range(7)

FAILED = 1


class Entries(NamedTuple):
    """Where the functions begin."""

    step: int
    block: int


@cache
def entries(kernel: Function) -> Entries:
    """The C functions of a kernel, compiled or loaded; they stay for as long as the process lives."""
    step = kernel.inlined

    def in_c():  # type: ignore[no-untyped-def]
        write_entries(step)
        return 0

    carrier = Function(in_c, "i8()")
    before = silent.set(True)
    try:
        (made,) = carrier.compiled.overloads.values()
    finally:
        silent.reset(before)
    _alive.append(carrier)
    name = made.fndesc.llvm_func_name
    return Entries(*(int(made.library.get_pointer_to_function(f"{name}.{form}")) for form in Entries._fields))


_alive: list[Function] = []


def _build() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils, sigutils
    from numba.extending import intrinsic

    word, real = ir.IntType(64), ir.DoubleType()
    (vector_types, _), (complex_types, _) = map(sigutils.normalize_signature, (VECTOR, COMPLEX))

    def codegen(context: Any, outer: Any, signature: Any, args: Any) -> Any:
        (made,) = signature.args[0].dispatcher.overloads.values()
        atypes = made.signature.args
        p_type, s_type, x_type, _ = atypes
        vector, in_pairs = atypes in (vector_types, complex_types), atypes == complex_types
        number, width = (types.complex128, 2) if in_pairs else (types.float64, 1)
        value = context.get_value_type(number)
        context.add_linking_libs((made.library,))
        kernel = context.declare_function(outer.module, made.fndesc)

        def function(form: str, result: Any, *parameters: Any) -> Any:
            wanted = ir.FunctionType(result, [word.as_pointer(), *parameters])
            begun = ir.Function(outer.module, wanted, f"{outer.function.name}.{form}")
            return ir.IRBuilder(begun.append_basic_block("entry")), *begun.args

        def at(builder: Any, words: Any, which: int) -> Any:
            return builder.gep(words, [word(which)])

        pointer, nan = real.as_pointer(), real(float("nan"))
        if in_pairs:
            builder, words, x, d_at, y_at = function("step", ir.VoidType(), pointer, pointer, pointer)
            d = builder.load(builder.bitcast(d_at, value.as_pointer()), align=8)
            x = builder.bitcast(x, value.as_pointer())
        else:
            builder, words, x, d = function("step", real, pointer if vector else real, real)
        step = builder.function
        p, p_size, s, s_size, inputs = (builder.load(at(builder, words, k)) for k in range(STATUS))
        p, s = (builder.inttoptr(one, real.as_pointer()) for one in (p, s))
        values = (
            view(context, builder, p_type, p, p_size),
            view(context, builder, s_type, s, s_size),
            view(context, builder, x_type, x, inputs, itemsize=8 * width) if vector else x,
            d,
        )
        status, y = context.call_conv.call_function(builder, kernel, number, atypes, values)
        with builder.if_then(status.is_error, likely=False):
            builder.store(word(FAILED), at(builder, words, STATUS))
            with builder.if_else(status.is_python_exc) as (python, own):
                with python:  # from a part of an ensemble, which was not compiled for C
                    api = context.get_python_api(builder)
                    gil = api.gil_ensure()
                    api.err_clear()
                    api.gil_release(gil)
                with own:
                    allocated = builder.extract_value(builder.load(status.excinfoptr), 4)
                    with builder.if_then(builder.icmp_signed(">", allocated, allocated.type(0))):
                        context.nrt.free(builder, builder.bitcast(status.excinfoptr, cgutils.voidptr_t))
        if in_pairs:
            unknown = ir.Constant(value, [nan, nan])
            y_at = builder.bitcast(y_at, value.as_pointer())
            builder.store(builder.select(status.is_error, unknown, y), y_at, align=8)
            builder.ret_void()
        else:
            builder.ret(builder.select(status.is_error, nan, y))

        builder, words, size, xs, ds, ys = function("block", word, word, pointer, pointer, pointer)
        failure = at(builder, words, STATUS)
        before = builder.load(failure)
        builder.store(word(0), failure)
        unknown = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(real, width), [nan] * width))
        none = cgutils.is_null(builder, ds)
        ds = builder.select(none, builder.bitcast(unknown, pointer), ds)
        pace = builder.select(none, word(0), word(width))
        row = builder.mul(builder.load(at(builder, words, INPUTS)), word(width)) if vector else word(1)
        with cgutils.for_range_slice(builder, word(0), size, word(1), word) as (t, _):
            x, d = builder.gep(xs, [builder.mul(t, row)]), builder.gep(ds, [builder.mul(t, pace)])
            y_at = builder.gep(ys, [builder.mul(t, word(width))])
            if in_pairs:
                builder.call(step, [words, x, d, y_at])
            else:
                y = builder.call(step, [words, x if vector else builder.load(x), builder.load(d)])
            with builder.if_then(cgutils.is_not_null(builder, builder.load(failure)), likely=False):
                builder.ret(t)
            if not in_pairs:
                builder.store(y, y_at)
        builder.store(before, failure)
        builder.ret(size)
        return context.get_dummy_value()

    def write_entries(typingctx: Any, step: Any) -> Any:
        if isinstance(step, types.Dispatcher):
            return types.void(step), codegen
        return None

    return intrinsic(write_entries)


#: write_entries(step): beside the function that is being compiled stand the C functions of a kernel, under its name
#: with ``.step`` and ``.block`` behind
write_entries = Intrinsic(_build)
