"""``int``, ``min`` and ``max`` of numbers as instructions.

Numba compiles a function of its own for each of them, for each kind of arguments and in every process: longer than for
most helpers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from .instructions import Intrinsic


def _build_whole() -> Any:
    from numba import types
    from numba.extending import intrinsic

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[0], signature.args[0], signature.return_type)

    def whole(typingctx: Any, x: Any) -> Any:
        kind = types.unliteral(x)
        if isinstance(kind, (types.Integer, types.Float, types.Boolean)):
            return (kind if isinstance(kind, types.Integer) else types.intp)(kind), codegen
        return None

    return intrinsic(whole)


def _build_extreme(sign: str) -> Callable[[], Any]:
    """The first of the numbers than which none is further: NaN stays where it comes first, as in Python."""

    def build() -> Any:
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = signature.return_type

            def further(best: Any, other: Any) -> Any:
                if isinstance(kind, types.Float):
                    beyond = builder.fcmp_ordered(sign, other, best)
                else:
                    compare = builder.icmp_signed if kind.signed else builder.icmp_unsigned
                    beyond = compare(sign, other, best)
                return builder.select(beyond, other, best)

            pairs = zip(cgutils.unpack_tuple(builder, args[0]), signature.args[0], strict=True)
            return reduce(further, (context.cast(builder, one, theirs, kind) for one, theirs in pairs))

        def extreme(typingctx: Any, *numbers: Any) -> Any:
            kinds = [types.unliteral(one) for one in numbers]
            kind = typingctx.unify_types(*kinds)
            if len(kinds) > 1 and isinstance(kind, (types.Integer, types.Float)):
                return kind(types.BaseTuple.from_types(kinds)), codegen
            return None

        return intrinsic(extreme)

    return build


#: the instructions in the kernels of this project, by the identity of the word that each stands for
WORDS = {
    id(word): Intrinsic(build, word)
    for word, build in ((int, _build_whole), (min, _build_extreme("<")), (max, _build_extreme(">")))
}
