"""A kernel as plain C functions: ``step`` for a sample and ``block`` for many, with the kernel inside of them.

They take one pointer to six words that say where parameters and state are, how long they are, how many inputs a sample
has, and whether a call has failed. Python is not asked for anything: no GIL, no memory, and where the kernel would warn
nothing is said (``silent``). A kernel that raises writes the failure into the words, and its exception is dropped.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from . import VECTOR, Function, silent
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
    vector_types, _ = sigutils.normalize_signature(VECTOR)

    def codegen(context: Any, outer: Any, signature: Any, args: Any) -> Any:
        (made,) = signature.args[0].dispatcher.overloads.values()
        atypes = made.signature.args
        p_type, s_type, x_type, _ = atypes
        vector = atypes == vector_types
        context.add_linking_libs((made.library,))
        kernel = context.declare_function(outer.module, made.fndesc)

        def function(form: str, result: Any, *parameters: Any) -> Any:
            wanted = ir.FunctionType(result, [word.as_pointer(), *parameters])
            begun = ir.Function(outer.module, wanted, f"{outer.function.name}.{form}")
            return ir.IRBuilder(begun.append_basic_block("entry")), *begun.args

        def at(builder: Any, words: Any, which: int) -> Any:
            return builder.gep(words, [word(which)])

        x_of_c = real.as_pointer() if vector else real
        builder, words, x, d = function("step", real, x_of_c, real)
        step = builder.function
        p, p_size, s, s_size, inputs = (builder.load(at(builder, words, k)) for k in range(STATUS))
        p, s = (builder.inttoptr(one, real.as_pointer()) for one in (p, s))
        values = (
            view(context, builder, p_type, p, p_size),
            view(context, builder, s_type, s, s_size),
            view(context, builder, x_type, x, inputs) if vector else x,
            d,
        )
        status, y = context.call_conv.call_function(builder, kernel, types.float64, atypes, values)
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
        builder.ret(builder.select(status.is_error, real(float("nan")), y))

        pointer = real.as_pointer()
        builder, words, size, xs, ds, ys = function("block", word, word, pointer, pointer, pointer)
        failure = at(builder, words, STATUS)
        before = builder.load(failure)
        builder.store(word(0), failure)
        unknown = cgutils.alloca_once_value(builder, real(float("nan")))
        none = cgutils.is_null(builder, ds)
        ds, pace = builder.select(none, unknown, ds), builder.select(none, word(0), word(1))
        width = builder.load(at(builder, words, INPUTS)) if vector else word(1)
        with cgutils.for_range_slice(builder, word(0), size, word(1), word) as (t, _):
            x = builder.gep(xs, [builder.mul(t, width)])
            d = builder.load(builder.gep(ds, [builder.mul(t, pace)]))
            y = builder.call(step, [words, x if vector else builder.load(x), d])
            with builder.if_then(cgutils.is_not_null(builder, builder.load(failure)), likely=False):
                builder.ret(t)
            builder.store(y, builder.gep(ys, [t]))
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
