"""A bank: k independent nodes of one kind, a row each, driven by threads (kernels release the GIL)."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import drive, snapshot
from .node import on_a_line
from .scalar import shown, whole
from .snapshot import Stored

if TYPE_CHECKING:
    from .node import Array, Node

FEW = 100_000  # samples in all below which a thread costs more than it saves
SHORT = 256  # samples a row below which the one compiled loop over rows beats a call for each row


def bank(node: Node, k: int) -> Bank:
    """k independent copies of a node's parameters, each with a state of its own.

    Parameters
    ----------
    node : Node
        Its parameters are taken, not what it has learnt.
    k : int
        Number of rows.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> x = np.random.default_rng(0).standard_normal((3, 500))
    >>> filters = sm.bank(sm.NLMS(taps=4), 3)
    >>> y = filters.run(x, 0.5 * x)
    >>> y.shape, (filters[2].weights.round(2) + 0.0).tolist()
    ((3, 500), [0.5, 0.0, 0.0, 0.0])
    """
    if isinstance(node, type):
        raise TypeError(f"expected a node such as sm.{node.__name__}(), got the class")
    if not hasattr(node, "_kernel"):
        raise TypeError(f"expected a node such as sm.NLMS() and how many rows, got {shown(node)}")
    return Bank(node, whole("k", k))


class Bank:
    """The same verbs as a node over rows: ``update`` takes a sample of each, ``run`` (k, T)."""

    def __init__(self, node: Node, k: int) -> None:
        self._one = node.clone()
        self._p = np.lib.stride_tricks.as_strided(self._one._p, (k, self._one._p.size), (0, 8))  # one for all rows
        self._s = on_a_line(k, self._one._s.size, f"k={k}")
        self._s[:] = self._one._s
        self._bound_rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._s)

    def __repr__(self) -> str:
        return f"bank({self._one!r}, {len(self)})"

    def __getitem__(self, row: int) -> Node:
        """The node of one row, sharing the bank's state."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"row must be below {len(self)}, got {row}")
        return self._one._sharing(self._p[row], self._s[row])

    def update(self, *signals: ArrayLike, **more: Any) -> Array:
        """One sample of each row: the arguments of the node's own ``update``, each of shape (k,) or (k, m)."""
        return self.run(*map(self._now, signals), **{name: self._now(one) for name, one in more.items()})[:, 0]

    def _now(self, one: ArrayLike) -> Array:
        """A sample of each row as a block of one."""
        array = np.asarray(one)
        if array.ndim == 0 or len(array) != len(self):
            raise ValueError(f"expected a sample for each of {len(self)} rows, got shape {array.shape}")
        return array[:, None]

    def __getattr__(self, name: str) -> Any:
        """What a node tells (``value``, ``weights``, ...) the bank tells of every row: an array, rows first."""
        if name.startswith("_") or not isinstance(getattr(type(self._one), name, None), property):
            raise AttributeError(f"a bank of {type(self._one).__name__} has no attribute {name!r}")
        told = np.array([getattr(self[row], name) for row in range(len(self))])
        told.flags.writeable = False  # a copy: writing to it would change nothing
        return told

    def run(self, *signals: ArrayLike, **more: Any) -> Array:
        """A block of each row: the arguments of the node's own ``run``, of shape (k, T), or (T,) for all rows alike.

        Returns
        -------
        y : ndarray, shape (k, T)
        """
        x, d = self._one._arrange(*signals, rows=len(self), **more)
        y = np.empty(d.shape, d.dtype)
        before = self._s.copy() if self._one._fallible else None
        try:
            self._drive(x, d, y)
        except BaseException:
            if before is not None:
                self._s[:] = before
            raise
        return y

    def _drive(self, x: Array, d: Array, y: Array) -> None:
        k, samples = d.shape
        if self._one._block() is not None and samples >= SHORT:

            def part(first: int, last: int) -> None:
                for row in range(first, last):
                    self[row]._run_block(x[row], d[row], y[row])

        else:
            bound = self._bound()
            if self._one._is_complex():
                x, chosen = x.reshape(*d.shape, self._one._inputs()), drive.complex_bank
            else:
                chosen = drive.bank if x.ndim == 2 else drive.vector_bank
            loop = chosen.compiled

            def part(first: int, last: int) -> None:
                loop(bound, x, d, y, first, last)

        workers = 1 if d.size < FEW else min(k, _cores())
        if workers == 1:
            part(0, k)
            return
        edges = np.linspace(0, k, workers + 1).astype(int).tolist()
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(part, a, b) for a, b in pairwise(edges)]:
                done.result()

    def _bound(self) -> NDArray[np.int64]:
        """The address of each row's five words."""
        if self._bound_rows is None:
            first = drive.bind(self._one._kernel(), self._p[0], self._s[0])
            words = np.repeat(first[None], len(self), axis=0)
            rows = np.arange(len(self))
            words[:, 1] += rows * self._p.strides[0]
            words[:, 3] += rows * self._s.strides[0]
            self._words = words  # alive as long as their addresses are in use
            self._bound_rows = words.ctypes.data + rows * words.strides[0]
        return self._bound_rows

    def forecast(self, horizon: int, x: ArrayLike | None = None) -> Array:
        """The next values of each row, shape (k, horizon), for a bank of forecasters; regressors (k, horizon, m)."""
        nodes: list[Any] = [self[row] for row in range(len(self))]
        if x is None:
            return np.array([node.forecast(horizon) for node in nodes])
        return np.array([node.forecast(horizon, one) for node, one in zip(nodes, np.asarray(x), strict=True)])

    def reset(self) -> Self:
        """Forget everything learnt in every row. Returns self."""
        self._s[:] = self._one._s
        return self

    def clone(self) -> Bank:
        """A fresh bank with the same parameters that has learnt nothing."""
        return Bank(self._one, len(self))

    def snapshot(self) -> bytes:
        """Parameters and states of all rows as bytes."""
        name = f"bank {type(self._one)._name()}"
        return snapshot.dump(name, self._one._layout, self._one._values, {"s": self._s})

    def restore(self, data: bytes) -> Self:
        """Take over a snapshot of a bank of the same node and size. Returns self."""
        return self._take_over(snapshot.parse(data))

    def _take_over(self, stored: Stored) -> Self:
        with snapshot.refusing(stored.name):
            self._one._expect(stored, f"bank {type(self._one)._name()}")
            s = stored.arrays["s"]
            if s.ndim != 2 or len(s) != len(self):
                raise ValueError(f"the snapshot holds states of shape {s.shape}, expected {len(self)} rows")
            snapshot.fill(self._s, self._one._current(stored.layout, stored.params, s))
        return self

    def __reduce__(self) -> Any:
        return _revive, (self._one, self._s.copy())


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _revive(one: Node, s: Array) -> Bank:
    made = Bank(one, len(s))
    made._s[:] = s
    return made
