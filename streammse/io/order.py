"""Rows in the order of their stamps: what comes late, twice or shuffled has a fate that is defined and counted.

Let t(i) be the stamp of the i-th row to arrive, and W(i) = max(t(0), ..., t(i-1)) - lateness the watermark before it.

    t(i) < W(i)                                           late: it is not carried
    t(i) >= W(i), a row with this stamp has been kept     duplicate: it is not carried, the first one was
    else                                                  carried, in the order of the stamps

A row leaves as soon as its stamp is not above the watermark; at the end all leave. So the outcome does not depend on
how the stream is cut into blocks, memory holds the rows of one lateness, and a live row waits for as long.

Rows that wait are in no checkpoint: whoever goes on reads the file again from the first block of which something
waited. The latest stamp before that block tells each row's fate once more, as what had been kept earlier has left, and
so lies below all that waits.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
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
        self._waiting: _Waiting | None = None  # what ``seek`` has read

    def __repr__(self) -> str:
        return described(self)

    def __getattr__(self, name: str) -> Any:
        if name == "_source":
            raise AttributeError(name)
        return getattr(self._source, name)  # what a sink of the same format asks its source

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "rate":  # which somebody may have to say
            self._source.rate = value
        else:
            object.__setattr__(self, name, value)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another one; a DataError where it cannot be taken up again."""
        if self.lateness and self._source.total is None:
            raise DataError(
                f"rows of {self._source.name} that wait for a lateness of {self.lateness:g} cannot be read a second "
                "time: a checkpoint needs a file, or no lateness"
            )
        time = self._source.layout.time  # type: ignore[attr-defined]
        return {"source": self._source.identity, "time": time, "lateness": self.lateness}  # type: ignore[attr-defined]

    @property
    def beginning(self) -> Any:
        """The offset before the first block."""
        return self._offset(_Waiting(getattr(self._source, "beginning", None)))

    def _offset(self, waiting: _Waiting) -> dict[str, Any] | None:
        """How far the source is and what has been counted, and whence it has to be read again for what waits."""
        if waiting.offset is None or not hasattr(self._source, "seek"):
            return None
        clock = self._source.clock  # type: ignore[attr-defined]
        return {
            "source": waiting.offset,
            "row": waiting.row,
            "again": next(([offset, top] for offset, top, _ in waiting.blocks), None),
            "latest": _plain(waiting.top),
            "gone": _plain(waiting.gone),
            "late": self.late,
            "duplicates": self.duplicates,
            "clock": [clock.kind, clock.ticks],
            "letters": None if self.letters is None else self.letters.mark(),
        }

    def seek(self, offset: dict[str, Any]) -> None:
        """Go on after the block of this offset: the rows that waited then are read again, and wait again."""
        source: Any = self._source
        source.clock.kind, source.clock.ticks = offset["clock"]
        waiting, self.held = _Waiting(offset["source"]), 0
        with contextlib.nullcontext() if self.letters is None else self.letters.still():
            if offset["again"] is not None:
                waiting.offset, waiting.top = offset["again"]
                source.seek(waiting.offset)
                for block in source:
                    numbers = block.rest.numbers
                    old = int(np.searchsorted(numbers, offset["row"], side="right"))  # a file may have grown since
                    self._pass(waiting, block if old == len(numbers) else block.take(np.arange(old)))
                    if old < len(numbers) or (old and numbers[-1] == offset["row"]):
                        break
            source.seek(offset["source"])
        if self.letters is not None:
            self.letters.back_to(offset["letters"])
        waiting.offset, waiting.row = offset["source"], offset["row"]
        waiting.top, waiting.gone = offset["latest"], offset["gone"]
        self.late, self.duplicates = offset["late"], offset["duplicates"]
        self._waiting = waiting

    def __iter__(self) -> Iterator[Block]:
        """Blocks of what the watermark has passed."""
        waiting, self._waiting = self._waiting or _Waiting(getattr(self._source, "beginning", None)), None
        for block in self._source:
            out = self._pass(waiting, block)
            out.offset = self._offset(waiting)
            yield out
        if waiting.runs:
            out = _merged([run.rest() for run in waiting.runs])
            assert out.stamp is not None
            waiting.runs, waiting.gone, self.held = [], out.stamp[-1], 0
            waiting.blocks.clear()
            out.offset = self._offset(waiting)
            yield out

    def _pass(self, waiting: _Waiting, block: Block) -> Block:
        """Add a block to what waits; returns what waits no longer."""
        stamps, begun, before = block.stamp, waiting.offset, _plain(waiting.top)
        waiting.offset = block.offset
        if stamps is None or not len(stamps):
            return block.take(_NONE)
        if block.offset is not None:
            waiting.row = int(cast("Records", block.rest).numbers[-1])
        lateness, lowest = self._scale(stamps)
        tops = np.maximum.accumulate(np.concatenate(([stamps[0] if waiting.top is None else waiting.top], stamps)))
        low = np.maximum(tops[:-1], lowest) - lateness
        if waiting.gone is not None:  # the watermark has passed it, unless all left at the end of a file that has grown
            low = np.maximum(low, waiting.gone)
        late = stamps < low
        waiting.top = tops[-1]
        self.late += self._send(block, np.flatnonzero(late), LATE, tops)
        rows = np.flatnonzero(~late)
        rows = rows[np.argsort(stamps[rows], kind="stable")]  # of equal stamps the first to come is the first
        fresh = stamps[rows]
        twice = np.zeros(rows.size, dtype=bool)
        twice[1:] = fresh[1:] == fresh[:-1]
        if waiting.gone is not None:
            twice |= fresh == waiting.gone
        runs = waiting.runs
        for run in runs:
            twice |= run.has(fresh)
        self.duplicates += self._send(block, np.sort(rows[twice]), DUPLICATE)
        runs.append(_Run(block.take(rows[~twice])))
        mark = max(waiting.top, lowest) - lateness
        if rows.size:
            waiting.blocks.append((begun, before, fresh[-1]))
        while waiting.blocks and waiting.blocks[0][2] <= mark:
            waiting.blocks.popleft()
        left = [run.until(mark) for run in runs]
        left = [part for part in left if len(part.signal)]
        runs = waiting.runs = [run for run in runs if run.size]
        while len(runs) > 1 and runs[-2].size <= 2 * runs[-1].size:
            last = runs.pop()
            runs[-1] = _Run(_merged([runs[-1].rest(), last.rest()]))
        self.held = sum(run.size for run in runs)
        out = _merged(left) if left else block.take(_NONE)
        waiting.gone = out.stamp[-1] if left and out.stamp is not None else waiting.gone
        out.done = block.done
        return out

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


class _Waiting:
    """What waits for the watermark between two blocks of a source, and where that source is."""

    def __init__(self, offset: Any) -> None:
        #: runs, each in order, each more than twice as long as the next
        self.runs: list[_Run] = []
        #: the latest stamp that came, and that of the last row that left
        self.top: Any = None
        self.gone: Any = None
        #: the offset after the last block, and the number of its last row
        self.offset, self.row = offset, 0
        #: from the first block of which something waits: the offset and the latest stamp before it, its own latest
        self.blocks: deque[tuple[Any, Any, Any]] = deque()


def _plain(stamp: Any) -> Any:
    """A stamp in what JSON can hold."""
    return stamp.item() if isinstance(stamp, np.generic) else stamp


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
