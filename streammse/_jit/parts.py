"""A kernel that drives other kernels: their parameters and states are parts of its own ``p`` and ``s``.

Where a part begins is told by offsets and not by addresses, so that the flat vectors can be copied, stored and
repeated as those of any other kernel. Only the address of the machine code is absolute: ``plug`` writes it, anew in
every process, as the bits of an integer into ``p``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from . import SCALAR, VECTOR, Function
from .instructions import Intrinsic, view

#: a row of the table in ``p``, all of them integers: the machine code, and where the part of p and of s begins and how
#: long it is
WORDS = 5

#: whose machine code begins where, for the form in plain Python
_functions: WeakValueDictionary[int, Function] = WeakValueDictionary()


def plug(p: NDArray[np.float64], at: int, step: Function, places: tuple[int, int, int, int]) -> None:
    """Write a row of the table. Whoever keeps ``p`` keeps the kernel alive."""
    _functions[step.address] = step
    p[at : at + WORDS].view(np.int64)[:] = (step.address, *places)


def _calls(kind: str) -> Callable[[], Any]:
    return lambda: _build_call(kind)


def _build_call(kind: str) -> Any:
    from llvmlite import ir
    from numba import types
    from numba.core import sigutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    (p_type, s_type, *others), rtype = sigutils.normalize_signature(kind)
    word = ir.IntType(64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        p, s, at, x, d = args
        row = builder.gep(make_array(p_type)(context, builder, p).data, [at])
        words = builder.bitcast(row, word.as_pointer())
        step, p_at, p_size, s_at, s_size = (builder.load(builder.gep(words, [word(i)])) for i in range(WORDS))
        values = (_slice(context, builder, p_type, p, p_at, p_size), _slice(context, builder, s_type, s, s_at, s_size))
        convention = context.call_conv
        atypes = (p_type, s_type, *others)
        target = builder.inttoptr(step, ir.PointerType(convention.get_function_type(rtype, atypes)))
        status, result = convention.call_function(builder, target, rtype, atypes, (*values, x, d))
        with builder.if_then(status.is_error, likely=False):
            convention.return_status_propagate(builder, status)
        return result

    def call_part(typingctx: Any, p: Any, s: Any, at: Any, x: Any, d: Any) -> Any:
        return rtype(p_type, s_type, types.int64, *others), codegen

    return intrinsic(call_part)


def _slice(context: Any, builder: Any, kind: Any, whole: Any, at: Any, size: Any) -> Any:
    """``whole[at : at + size]`` without an owner: nothing is counted."""
    from numba.np.arrayobj import make_array

    data = builder.gep(make_array(kind)(context, builder, whole).data, [at])
    return view(context, builder, kind, data, size)


def _call_in_python(p: Any, s: Any, at: int, x: Any, d: float) -> float:
    step, p_at, p_size, s_at, s_size = p[at : at + WORDS].view(np.int64).tolist()
    return float(_functions[step](p[p_at : p_at + p_size], s[s_at : s_at + s_size], x, d))


#: y = call_part(p, s, at, x, d): the kernel in the row of the table that begins at ``p[at]``
call_part = Intrinsic(_calls(SCALAR), _call_in_python)
#: the same for a kernel with a row of inputs
call_vector_part = Intrinsic(_calls(VECTOR), _call_in_python)


def _build_part() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _slice(context, builder, signature.args[0], *args)

    def part(typingctx: Any, s: Any, at: Any, size: Any) -> Any:
        return s(s, types.int64, types.int64), codegen

    return intrinsic(part)


#: part(s, at, size) is ``s[at : at + size]`` with no reference counted and no bounds checked
part = Intrinsic(_build_part, lambda s, at, size: s[at : at + size])

#: a float of this size has its last digit at one: what is added to it is rounded to an integer
MAGIC = 6755399441055744.0


def _build_power() -> Any:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        bits = builder.add(builder.bitcast(args[0], word), word(1023))
        return builder.bitcast(builder.shl(bits, word(52)), ir.DoubleType())

    def power(typingctx: Any, t: Any) -> Any:
        return types.float64(types.float64), codegen

    return intrinsic(power)


#: 2^n from ``n + MAGIC``, for -1022 <= n <= 1023: in bits, so that a loop of it fills the lanes
power_of_two = Intrinsic(_build_power, lambda t: math.ldexp(1.0, int(t - MAGIC)))
