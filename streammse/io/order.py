"""Rows in the order of their stamps: what comes late, twice or shuffled has a fate that is defined and counted.

Let t(i) be the stamp of the i-th row to arrive, and W(i) = max(t(0), ..., t(i-1)) - lateness the watermark before it.

    t(i) < W(i)                                           late: it is not carried
    t(i) >= W(i), a row with this stamp has been kept     duplicate: it is not carried, the first one was
    else                                                  carried, in the order of the stamps

A row leaves as soon as its stamp is not above the watermark; at the end all leave. So the outcome does not depend on
how the stream is cut into blocks, memory holds the rows of one lateness, and a live row waits for as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .block import Block, DataError, Records, Source, described
from .letters import DUPLICATE, LATE, Letter, Letters
from .stamps import MOST


class Ordered:
    """The rows of a source in the order of their stamps.

    Parameters
    ----------
    source : Source
        Whose blocks have stamps: opened with ``time``.
    lateness : float
        How much a stamp may lie behind the latest one, 0 <= lateness: in seconds where the stamps are times, else in
        their own unit.
    letters : Letters, optional
        Late rows and duplicates go there as well; in any case they are counted.
    """

    def __init__(self, source: Source, lateness: float = 0.0, letters: Letters | None = None) -> None:
        if not 0.0 <= lateness < math.inf:
            raise DataError(f"lateness must be 0 <= lateness < inf, got {lateness:g}")
        self._source, self.lateness, self.letters = source, lateness, letters
        #: rows that came too late, rows whose stamp had been kept already, and rows that wait for the watermark
        self.late = self.duplicates = self.held = 0

    def __repr__(self) -> str:
        return described(self)

    def __getattr__(self, name: str) -> Any:
        if name in ("_source", "seek", "identity"):  # rows that wait for the watermark are in no checkpoint
            raise AttributeError(name)
        return getattr(self._source, name)  # what a sink of the same format asks its source

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "rate":  # which somebody may have to say
            self._source.rate = value
        else:
            object.__setattr__(self, name, value)

    def __iter__(self) -> Iterator[Block]:
        """Blocks of what the watermark has passed."""
        runs: list[_Run] = []  # what waits, each in order, each more than twice as long as the next
        top: Any = None  # the latest stamp that came
        gone: Any = None  # the stamp of the last row that left
        for block in self._source:
            stamps = block.stamp
            if stamps is None or not len(stamps):
                yield block.take(_NONE)
                continue
            lateness, lowest = self._scale(stamps)
            tops = np.maximum.accumulate(np.concatenate(([stamps[0] if top is None else top], stamps)))
            late = stamps < np.maximum(tops[:-1], lowest) - lateness
            top = tops[-1]
            self.late += self._send(block, np.flatnonzero(late), LATE, tops)
            rows = np.flatnonzero(~late)
            rows = rows[np.argsort(stamps[rows], kind="stable")]  # of equal stamps the first to come is the first
            fresh = stamps[rows]
            twice = np.zeros(rows.size, dtype=bool)
            twice[1:] = fresh[1:] == fresh[:-1]
            if gone is not None:
                twice |= fresh == gone
            for run in runs:
                twice |= run.has(fresh)
            self.duplicates += self._send(block, np.sort(rows[twice]), DUPLICATE)
            runs.append(_Run(block.take(rows[~twice])))
            left = [run.until(max(top, lowest) - lateness) for run in runs]
            left = [part for part in left if len(part.signal)]
            runs = [run for run in runs if run.size]
            while len(runs) > 1 and runs[-2].size <= 2 * runs[-1].size:
                last = runs.pop()
                runs[-1] = _Run(_merged([runs[-1].rest(), last.rest()]))
            self.held = sum(run.size for run in runs)
            out = _merged(left) if left else block.take(_NONE)
            gone = out.stamp[-1] if left and out.stamp is not None else gone
            out.done = block.done
            yield out
        if runs:
            self.held = 0
            yield _merged([run.rest() for run in runs])

    def _scale(self, stamps: NDArray[Any]) -> tuple[Any, Any]:
        """The lateness in ticks, and the lowest latest stamp from which it can be taken."""
        if stamps.dtype.kind == "f":
            return self.lateness, -math.inf
        ticks = min(round(self.lateness * self._source.clock.ticks), MOST // 2)  # type: ignore[attr-defined]
        return np.int64(ticks), np.int64(-MOST + ticks)

    def _send(self, block: Block, rows: NDArray[np.int64], fate: str, tops: Any = None) -> int:
        """Letters for these rows; returns how many they are."""
        if self.letters is not None and rows.size:
            rest, stamps = cast("Records", block.rest), block.stamp
            assert stamps is not None
            unit = 1 if stamps.dtype.kind == "f" else self._source.clock.ticks  # type: ignore[attr-defined]
            letters = []
            for row in rows.tolist():
                reason = "a row with this stamp came before"
                if tops is not None:
                    reason = f"{(tops[row] - stamps[row]) / unit:g} behind the latest stamp, at most {self.lateness:g}"
                letters.append(Letter(reason, *rest.record(row), self._source.name, fate))
            self.letters.add(letters)
        return int(rows.size)


_NONE = np.empty(0, dtype=np.int64)


def _merged(blocks: list[Block]) -> Block:
    """Blocks in order made one."""
    if len(blocks) == 1:
        return blocks[0]
    joined = blocks[0].join(blocks[1:])
    assert joined.stamp is not None
    return joined.take(np.argsort(joined.stamp, kind="stable"))


class _Run:
    """Rows in order, from which the first ones leave."""

    def __init__(self, block: Block) -> None:
        assert block.stamp is not None
        self._block, self._stamps, self._begin = block, block.stamp, 0

    @property
    def size(self) -> int:
        """How many rows are left."""
        return len(self._stamps) - self._begin

    def has(self, stamps: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of these stamps are among its rows."""
        if not self.size:
            return np.zeros(len(stamps), dtype=bool)
        mine = self._stamps[self._begin :]
        found: NDArray[np.bool_] = mine[np.minimum(np.searchsorted(mine, stamps), self.size - 1)] == stamps
        return found

    def until(self, stamp: Any) -> Block:
        """Take the rows up to this stamp."""
        begin = self._begin
        self._begin += int(np.searchsorted(self._stamps[begin:], stamp, side="right"))
        return self._block.take(np.arange(begin, self._begin))

    def rest(self) -> Block:
        """The rows that are left."""
        return self._block.take(np.arange(self._begin, len(self._stamps))) if self._begin else self._block
