"""The entry behind ``update``: numbers from Python into a loop of ``drive.py``, with no Python frame between.

Numba's own entries look at the types of the arguments and choose among signatures, which is a third of the time of a
call, read "4" as a number, and tell a call that does not fit in words of theirs. This one takes floats, and what Python
itself takes for a real number, by position; ``None`` for a last argument that may be left out. Whatever else comes goes
to ``complaints.fitting``, which puts keywords in their places or says what is wrong; then it begins once more.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from . import Function
from .instructions import Intrinsic

#: behind the name of an argument that may be left out: NaN stands for it
OPTIONAL = "?"


@cache
def called(loop: Function, names: str) -> Any:
    """A builtin ``f(bound, ...)`` that calls the loop; the names of its arguments stand in ``names``, with blanks."""
    from numba import _dynfunc

    step = loop.inlined

    def from_python():  # type: ignore[no-untyped-def]
        write_entry(step, names)
        return 0

    carrier = Function(from_python, "i8()", _nrt=loop.options.get("_nrt", True))
    (made,) = carrier.compiled.overloads.values()
    address = made.library.get_pointer_to_function(f"{made.fndesc.llvm_func_name}.entry")
    kept = (carrier, made.library)
    return _dynfunc.make_function(made.fndesc.lookup_module(), "update", "", address, made.environment, kept)


def _build() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def codegen(context: Any, outer: Any, signature: Any, args: Any) -> Any:
        (made,) = signature.args[0].dispatcher.overloads.values()
        names = signature.args[1].literal_value
        atypes = made.signature.args
        context.add_linking_libs((made.library,))
        loop = context.declare_function(outer.module, made.fndesc)
        pyobj = context.get_argument_type(types.pyobject)
        function = ir.Function(outer.module, ir.FunctionType(pyobj, [pyobj] * 3), f"{outer.function.name}.entry")
        itself, given, keywords = function.args
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        otherwise = function.append_basic_block("otherwise")
        api = context.get_python_api(builder)
        real = ir.DoubleType()

        def unless(wrong: Any) -> None:
            """Go on where it is not, which is what is expected."""
            with cgutils.if_unlikely(builder, wrong):
                builder.branch(otherwise)

        unless(cgutils.is_not_null(builder, keywords))
        size = api.tuple_size(given)
        optional = names.endswith(OPTIONAL)
        least = len(atypes) - optional
        unless(builder.icmp_signed("<", size, size.type(least)))
        unless(builder.icmp_signed(">", size, size.type(len(atypes))))
        bound = api.long_as_longlong(api.tuple_getitem(given, 0))
        unless(builder.icmp_signed("==", bound, bound.type(-1)))

        def number(item: Any) -> Any:
            value = api.float_as_double(item)
            with cgutils.if_unlikely(builder, builder.fcmp_ordered("==", value, real(-1.0))):
                unless(cgutils.is_not_null(builder, api.err_occurred()))
            return value

        values = [bound, *(number(api.tuple_getitem(given, k)) for k in range(1, least))]
        if optional:
            last = cgutils.alloca_once_value(builder, real(float("nan")))
            with builder.if_then(builder.icmp_signed("==", size, size.type(len(atypes)))):
                item = api.tuple_getitem(given, least)
                with builder.if_then(builder.icmp_unsigned("!=", item, api.borrow_none())):
                    builder.store(number(item), last)
            values.append(builder.load(last))
        status, y = context.call_conv.call_function(builder, loop, types.float64, atypes, values)
        with builder.if_then(status.is_error, likely=False):
            context.call_conv.raise_error(builder, api, status)
            builder.ret(api.get_null_object())
        builder.ret(api.float_from_double(y))

        builder.position_at_end(otherwise)
        api.err_clear()

        def checked(value: Any) -> Any:
            with cgutils.if_unlikely(builder, cgutils.is_null(builder, value)):
                builder.ret(api.get_null_object())
            return value

        module = checked(api.import_module(context.insert_const_string(outer.module, f"{__package__}.complaints")))
        fitting = api.object_getattr_string(module, "fitting")
        api.decref(module)
        told = checked(api.string_from_string(context.insert_const_string(outer.module, names)))
        fits = api.call_function_objargs(checked(fitting), [told, given, keywords])  # NULL: no such argument
        api.decref(told)
        api.decref(fitting)
        again = builder.call(function, [itself, checked(fits), api.get_null_object()])
        api.decref(fits)
        builder.ret(again)
        return context.get_dummy_value()

    def write_entry(typingctx: Any, step: Any, names: Any) -> Any:
        if isinstance(step, types.Dispatcher) and isinstance(names, types.StringLiteral):
            return types.void(step, names), codegen
        return None

    return intrinsic(prefer_literal=True)(write_entry)


#: write_entry(step, names): beside the function that is being compiled stands a C function for Python, under its name
#: with ``.entry`` behind
write_entry = Intrinsic(_build)
