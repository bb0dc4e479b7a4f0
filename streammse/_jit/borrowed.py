"""Kernels borrow their arrays: they get views without an owner, of which no reference is ever counted.

Whoever calls a kernel holds ``p``, ``s`` and the input for as long as the call takes. Numba cannot know that: inlined
in a loop, or with a branch that leaves early, it counts a reference in and out at every sample, in atomic operations
that take longer than the arithmetic. Of a view whose owner is a constant null the compiler sees that there is nothing
to count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import AHEAD, VECTOR
from .instructions import Intrinsic, view


def borrowing(body: Any, signature: str) -> Callable[..., Any]:
    """A kernel of this signature around the compiled ``body``."""
    if signature == AHEAD:

        def ahead(p, s, out):  # type: ignore[no-untyped-def]
            body(borrow(p), borrow(s), borrow(out))

        return ahead
    if signature == VECTOR:

        def vector_step(p, s, x, d):  # type: ignore[no-untyped-def]
            return body(borrow(p), borrow(s), borrow(x), d)

        return vector_step

    def step(p, s, x, d):  # type: ignore[no-untyped-def]
        return body(borrow(p), borrow(s), x, d)

    return step


def _build() -> Any:
    from numba.core import cgutils
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (kind,) = signature.args
        array = make_array(kind)(context, builder, args[0])
        (size,) = cgutils.unpack_tuple(builder, array.shape)
        return view(context, builder, kind, array.data, size)

    def borrow(typingctx: Any, array: Any) -> Any:
        return array(array), codegen

    return intrinsic(borrow)


#: the same flat array without its owner
borrow = Intrinsic(_build, lambda array: array)
