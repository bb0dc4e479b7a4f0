"""A bench to work at: one model bound to the loop, with the states that it needs. Each thread has its own."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import drive
from .._jit import Function
from .._jit.tiles import LANES
from ..node import Array, Node, Predictor, on_a_line
from . import loop
from .field import kind_of
from .plan import Plan

Words = NDArray[np.int64]


class Sums:
    """What is kept of one model: sums for each series and horizon, and forecasts where they are asked for."""

    def __init__(self, plan: Plan, series: int, origins: int, keep: bool) -> None:
        H = plan.horizon
        tiles = -(-H // LANES)
        self.horizon = H
        self.totals = np.zeros((series, tiles, loop.SUMS, LANES))
        self.covers = np.zeros((series, loop.COVERS, H if plan.interval is not None else 0))
        self.scales = np.zeros((series, loop.SCALES))
        self.values = np.full((series, len(plan.metrics) * H), np.nan)
        self.kept = np.full((series, origins, H), np.nan) if keep else np.empty((series, 0, H))

    def drop(self, row: int) -> None:
        """Nothing is known of a series."""
        self.totals[row], self.covers[row], self.scales[row] = 0.0, 0.0, 0.0
        self.values[row], self.kept[row] = np.nan, np.nan

    def only(self, rows: NDArray[np.bool_]) -> Sums:
        """What is kept of some of the series, without their forecasts."""
        some = copy(self)
        for name in ("totals", "covers", "scales", "values"):
            setattr(some, name, getattr(self, name)[rows])
        some.kept = np.empty((int(rows.sum()), 0, self.horizon))
        return some

    def sums(self) -> Array:
        """The sums as (SUMS, series, horizon)."""
        n, tiles = self.totals.shape[:2]
        return self.totals.transpose(2, 0, 1, 3).reshape(loop.SUMS, n, tiles * LANES)[:, :, : self.horizon]


def each_horizon(prototypes: Sequence[Node], horizon: int) -> tuple[Words, Words, Array, Array, list[Any]]:
    """A copy of each node for every horizon: addresses, words, states, fresh states, and what must stay alive."""
    if not prototypes:
        nothing: Array = np.empty(0)
        return nothing.view(np.int64), np.empty((0, 5), dtype=np.int64), nothing, nothing, []
    sizes = [one._s.size for one in prototypes for _ in range(horizon)]
    states = np.zeros(sum(sizes))
    words = np.zeros((len(sizes), 5), dtype=np.int64)
    parameters, at = [], 0
    for k, size in enumerate(sizes):
        one = prototypes[k // horizon]
        p = one._p.copy()
        parameters.append(p)
        part = states[at : at + size]
        one._start(part)
        words[k] = drive.bind(one._kernel(), p, part)
        at += size
    addresses = words.ctypes.data + np.arange(len(sizes), dtype=np.int64) * words.strides[0]
    return addresses, words, states, states.copy(), parameters


@cache
def _address(kernel: Function) -> int:
    """Where a kernel's machine code begins; asked for so often that it is remembered."""
    return kernel.address


class Work:
    """The loop, ready to be run on one model."""

    def __init__(self, plan: Plan, inputs: int, *, live: bool = False) -> None:
        H, R = plan.horizon, plan.gap + plan.horizon
        self.plan, self.inputs = plan, inputs
        self.c = np.zeros(loop.SETTINGS, dtype=np.int64)
        for place, value in (
            (loop.HORIZON, H),
            (loop.START, plan.start),
            (loop.STRIDE, plan.stride),
            (loop.GAP, plan.gap),
            (loop.WINDOW, plan.window or 0),
            (loop.SEASON, plan.season),
            (loop.KNOWN, plan.known),
            (loop.COMPLETE, plan.complete),
            (loop.METRICS, len(plan.metrics)),
            (loop.INTERVALS, plan.interval is not None),
            (loop.LIVE, live),
            (loop.UNTIL, 1 << 60),
        ):
            self.c[place] = value
        self.ring = np.zeros((R, -(-H // LANES) * LANES))
        self.halves = np.full((R, H if plan.interval is not None else 0), np.nan)
        self.out = np.full(R, np.nan)
        self.b = np.zeros(loop.HEAD + plan.season + (plan.window or 0) * (1 + inputs))
        self.b[loop.HEAD : loop.HEAD + plan.season] = np.nan
        self.mh, self._mw, self.ms, self.ms0, self._mp = each_horizon(plan.metrics, H)
        one = () if plan.interval is None else (plan.interval,)
        self.ih, self._iw, self.vs, self.vs0, self._ip = each_horizon(one, H)
        self.s = self.s0 = self.aside = np.empty(0)
        self.words: Words = np.zeros((3, 5), dtype=np.int64)

    def take(self, node: Predictor | None, *, learnt: bool = False) -> None:
        """Bind a model: as it was built, or with what it has learnt."""
        self.c[loop.KIND] = loop.GIVEN if node is None else kind_of(node)
        if node is None:
            return
        self.p = node._p.copy()
        self.s, self.s0, self.aside = on_a_line(3, node._s.size)
        node._start(self.s0)
        self.s[:] = node._s if learnt else self.s0
        p, s, size = self.p.ctypes.data, self.s.ctypes.data, self.s.size
        step = _address(node._kernel())
        self.words[0] = step, p, self.p.size, s, size
        self.words[1] = step, p, self.p.size, self.aside.ctypes.data, size
        if self.c[loop.KIND] == loop.OWN:
            self.words[2] = _address(node._ahead()), p, self.p.size, s, size  # type: ignore[attr-defined]
        self.c[[loop.BOUND, loop.ASIDE, loop.AHEAD]] = self.words.ctypes.data + np.arange(3) * self.words.strides[0]

    def run(
        self,
        y: Array,
        edges: Words,
        x: Array,
        given: Array,
        sums: Sums,
        first: int,
        last: int,
        *,
        fresh: bool = True,
        until: int = 1 << 60,
        base: int = 0,
    ) -> None:
        """Rows first to last - 1; one that is not ``fresh`` goes on where it stopped."""
        c = self.c
        c[loop.FRESH], c[loop.UNTIL], c[loop.BASE], c[loop.KEEP] = fresh, until, base, sums.kept.shape[1] > 0
        loop.rows.compiled(
            c,
            self.s,
            self.s0,
            self.aside,
            self.b,
            self.ring,
            self.halves,
            self.out,
            sums.totals,
            sums.covers,
            sums.scales,
            self.mh,
            self.ms,
            self.ms0,
            sums.values,
            self.ih,
            self.vs,
            self.vs0,
            y,
            edges,
            x,
            given,
            sums.kept,
            first,
            last,
        )
