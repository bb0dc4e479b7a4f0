"""A node that is made of other nodes, whose parameters and states are parts of its own flat vectors.

So it streams, copies, stores and banks like any other node, and may be a part itself. In ``p`` its own parameters come
first, then a table with a row for each part (``_jit/parts.py``), then theirs; in ``s`` what it keeps for itself, then
their states.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, ClassVar, TypeVar, cast

import numpy as np

from . import snapshot
from ._jit.parts import WORDS, plug
from .node import Array, Node

T = TypeVar("T", bound=Node)


def settled(model: T) -> T:
    """A node whose parameters nobody changes beside the one that it is a part of, which has numbers of its own."""
    model._values = cast("dict[str, Any]", MappingProxyType(model._values))
    return model


class Composite(Node):
    """What all such nodes share."""

    #: the parameter that holds the parts
    _made_of: ClassVar[str]
    #: where in ``p`` the table begins, and how long a row of it is
    _table: ClassVar[int]
    _row: ClassVar[int] = WORDS
    _fallible = True  # a part may be a user's own kernel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._p = self._parameters()

    @property
    def _parts(self) -> tuple[Node, ...]:
        given = self._values[self._made_of]
        return given if isinstance(given, tuple) else (given,)

    def _own_size(self) -> int:
        """How many float64 of the state are its own."""
        raise NotImplementedError

    def _fill(self, p: Array) -> None:
        """Write what else is known of the parts into the table."""

    def _parameters(self) -> Array:
        """Its own parameters, the table of the parts, and theirs."""
        own = self._table + self._row * len(self._parts)
        p = np.concatenate([self._p[: self._table], np.zeros(own - self._table), *(one._p for one in self._parts)])
        p_at, s_at = own, self._own_size()
        for k, one in enumerate(self._parts):
            plug(p, self._table + self._row * k, one._kernel(), (p_at, one._p.size, s_at, one._s.size))
            p_at += one._p.size
            s_at += one._s.size
        self._fill(p)
        return p

    def _size(self) -> int:
        return self._own_size() + sum(one._s.size for one in self._parts)

    def _size_at_first(self) -> int:
        return self._own_size() + sum(one._size_at_first() for one in self._parts)

    def _start_parts(self, s: Array) -> None:
        at = self._own_size()
        for one in self._parts:
            one._start(s[at : at + one._s.size])
            at += one._s.size

    def _today(self, layout: int, params: dict[str, Any], s: Array) -> Array:
        """The parts of the state have layouts of their own, which stand beside their parameters (not in format 1)."""
        s = super()._today(layout, params, s)
        at = self._own_size()
        found = [s[:, :at]]
        told_of_all = params[self._made_of]
        for one, told in zip(self._parts, told_of_all if isinstance(told_of_all, list) else [told_of_all], strict=True):
            size = told.get("size", one._size_at_first())
            if not (snapshot.natural(size) and snapshot.natural(told.get("layout", 1)) and at + size <= s.shape[1]):
                raise ValueError(f"the snapshot's {self._made_of} have no part of the state")
            found.append(one._today(told.get("layout", 1), told["params"], s[:, at : at + size]))
            at += size
        return np.concatenate([*found, s[:, at:]], axis=1)

    def _inspect(self, s: Array) -> None:
        super()._inspect(s)
        at = self._own_size()
        for one in self._parts:
            one._inspect(s[:, at : at + one._s.size])
            at += one._s.size

    def _living(self) -> tuple[Node, ...]:
        """The parts as they are now: nodes on the state of the whole."""
        found = []
        for k, one in enumerate(self._parts):
            at = self._table + self._row * k
            p_at, p_size, s_at, s_size = self._p[at + 1 : at + WORDS].view(np.int64).tolist()
            found.append(one._sharing(self._p[p_at : p_at + p_size], self._s[s_at : s_at + s_size]))
        return tuple(found)
