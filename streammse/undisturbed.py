"""``sm.realtime()``: a stretch of the program in which neither the collector nor a compiler stops the loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from . import drive
from ._jit import COMPLEX, VECTOR
from ._jit.collector import frozen, kept_out
from .banks import Bank
from .node import Node


@contextmanager
def realtime(*nodes: Node | Bank) -> Iterator[None]:
    """Keep the garbage collector out, with the kernels of these nodes loaded, until the block is left.

    A collection of a large heap takes 100 ms and more, at a moment that nobody chose. Before the block begins there is
    one collection; inside, the collector is off and what exists is frozen (a collection that somebody asks for looks
    at what is new alone). Afterwards everything is as it was, whatever happened inside; blocks may be nested, and
    threads may be in several, of which the last that is left puts things back.

    With the collector off, cycles of objects are not freed: a loop that makes none, as ``update`` does, can stay inside
    for as long as it likes.

    Parameters
    ----------
    *nodes : Node or Bank
        Their machine code is compiled or loaded and run once on a copy of their state, so that the first sample takes
        no longer than the next. What they have learnt stays as it is.

    Examples
    --------
    >>> import streammse as sm
    >>> f = sm.NLMS(taps=4)
    >>> with sm.realtime(f):
    ...     y = [f.update(x, 0.5 * x) for x in (1.0, -1.0, 2.0)]
    >>> len(y)
    3
    """
    for node in nodes:
        _ready(node)
    with kept_out(), frozen():
        yield


def _ready(node: Node | Bank) -> None:
    """Compile or load what ``update`` and ``run`` of a node need, and run it once on a copy of its state."""
    if isinstance(node, Bank):
        node._bound()
        loop = drive.vector_bank if _takes_rows(node[0]) else drive.bank
        (drive.complex_bank if node[0]._is_complex() else loop).compiled  # noqa: B018
        _ready(node[0])
        return
    if not isinstance(node, Node):
        raise TypeError(f"realtime takes nodes and banks, got {node!r}")
    bound: Any = node
    bound.update  # noqa: B018  made at the first use
    twin = node._sharing(node._p, node._s.copy())
    kind = np.complex128 if node._is_complex() else np.float64
    x: Any = np.zeros((1, node._inputs()) if _takes_rows(node) else 1, kind)
    with suppress(Exception):  # a user's kernel may raise at what we made up
        twin._run_block(x, np.full(1, np.nan, kind), np.empty(1, kind))


def _takes_rows(node: Node) -> bool:
    return node._kernel().signatures in ((VECTOR,), (COMPLEX,))
