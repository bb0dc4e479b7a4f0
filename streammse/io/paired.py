"""A signal in one file and its references in others, row by row side by side.

What belongs to what is said by the number of the row, in which bad records count: a row whose signal or whose reference
cannot be read is taken out whole. A line too many or too few therefore moves all that follows, and is found at the end,
where the files are not of one length: nothing is committed then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from .block import Array, Block, DataError, Records, described
from .letters import Caught, Letter, Letters


class Paired:
    """The blocks of ``signal`` with the samples of the other sources as references.

    Where the signal has dead letters, each of the others that may have some has ``Caught`` for its own.
    """

    def __init__(self, signal: Any, others: Sequence[Any]) -> None:
        self._signal, self._others = signal, others
        self.name, self.format, self.names, self.column = signal.name, signal.format, signal.names, signal.column
        self.rate, self.total, self.truth = signal.rate, signal.total, signal.truth
        self.references = len(others)
        self.letters: Letters | None = getattr(signal, "letters", None)
        self._streams, self._row = [_Stream(other) for other in others], 0
        for other in others:
            if signal.rate is not None and other.rate is not None and signal.rate != other.rate:
                raise DataError(
                    f"{other.name} has {other.rate:g} samples a second, {signal.name} has {signal.rate:g}: "
                    "a reference must have the rate of the signal"
                )

    def __repr__(self) -> str:
        return described(self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._signal, name)  # what a sink of the same format asks its source

    @property
    def identity(self) -> list[Any]:
        """What tells it from another one: that of each file."""
        return [source.identity for source in (self._signal, *self._others)]

    @property
    def beginning(self) -> Any:
        """The offset before the first block."""
        return self._offset(0, self._signal.beginning, [[other.beginning, 0] for other in self._others])

    def _offset(self, row: int, signal: Any, streams: list[Any]) -> Any:
        places = [row, signal, *streams]
        return places if self.letters is None else {"at": places, "letters": self.letters.mark()}

    def seek(self, offset: Any) -> None:
        """Go on after the block of this offset."""
        self._row, signal, *streams = offset if self.letters is None else offset["at"]
        with contextlib.nullcontext() if self.letters is None else self.letters.still():
            self._signal.seek(signal)
        for stream, one in zip(self._streams, streams, strict=True):
            stream.seek(one)
        if self.letters is not None:
            self.letters.back_to(offset["letters"])

    def __iter__(self) -> Iterator[Block]:
        """Blocks as the signal's file cuts them."""
        streams, row = self._streams, self._row
        for block in self._signal:
            count = len(block.signal) if self.letters is None else block.offset["rows"] - row
            columns = []
            for stream in streams:
                part = stream.take(count)
                if len(part) < count:
                    raise DataError(
                        f"{stream.name} ends after row {row + len(part)}, {self.name} goes on: "
                        "a reference must be as long as the signal"
                    )
                columns.append(part)
            if self.letters is not None:
                rows = cast("Records", block.rest).numbers - row - 1
                columns = [column[rows] for column in columns]
            block.reference = columns[0] if len(columns) == 1 else np.column_stack(columns)
            row += count
            if self.letters is not None:
                block = self._good(block, row, self.letters)  # noqa: PLW2901
            block.offset = self._offset(row, block.offset, [stream.offset for stream in streams])
            yield block
        for stream in streams:
            if len(stream.take(1)):
                raise DataError(
                    f"{self.name} ends after row {row}, {stream.name} goes on: "
                    "a reference must be as long as the signal"
                )

    def _good(self, block: Block, last: int, letters: Letters) -> Block:
        """The rows whose references could be read; letters for the others."""
        reasons: dict[int, str] = {}
        for stream in self._streams:
            for row, reason in stream.bad(last).items():
                reasons.setdefault(row, f"its reference in {stream.name}: {reason}")
        if not reasons:
            return block
        rest = cast("Records", block.rest)
        numbers = rest.numbers.tolist()
        wrong = [k for k, row in enumerate(numbers) if row in reasons]
        letters.add([Letter(reasons[numbers[k]], *rest.record(k), self.name) for k in wrong])
        return block.take(np.delete(np.arange(len(numbers)), wrong))


class _Stream:
    """The samples of a source, in portions of any size; NaN in the place of a bad record."""

    def __init__(self, source: Any) -> None:
        self.name = source.name
        self._source = source
        self._caught: Caught | None = getattr(source, "letters", None)
        self._blocks: Iterator[Block] | None = None
        self._left: Array = np.empty(0)
        self._row = 0  # rows read, bad ones included, where there may be some
        # the offset before the block whose samples are being taken, that after it, and how many have been taken
        self._before: Any = source.beginning
        self._after: Any = self._before
        self._used = 0

    @property
    def offset(self) -> list[Any]:
        """Where the next sample is."""
        return [self._before, self._used]

    def seek(self, offset: list[Any]) -> None:
        """Go on there."""
        self._before, used = offset
        if self._before is not None:  # None: of an older version, the beginning
            self._after = self._before
            self._source.seek(self._before)
            self._row = 0 if self._caught is None else self._before["rows"]
        self._blocks, self._left, self._used = None, np.empty(0), 0
        self.take(used)

    def take(self, count: int) -> Array:
        """The next ``count`` samples, fewer at the end."""
        if self._blocks is None:
            self._blocks = iter(self._source)
        parts, have = [self._left], len(self._left)
        while have < count:
            block = next(self._blocks, None)
            if block is None:
                break
            samples = self._whole(block)
            parts.append(samples)
            self._before, self._after, self._used = self._after, block.offset, -have
            have += len(samples)
        joined = np.concatenate(parts)
        self._left = joined[count:]
        self._used += min(count, have)
        return np.ascontiguousarray(joined[:count])

    def bad(self, last: int) -> dict[int, str]:
        """The bad rows up to this one, each told once."""
        if self._caught is None:
            return {}
        reasons = self._caught.reasons
        return {row: reasons.pop(row) for row in sorted(reasons) if row <= last}

    def _whole(self, block: Block) -> Array:
        if self._caught is None:
            return block.signal
        first, self._row = self._row, block.offset["rows"]
        samples = np.full(self._row - first, np.nan)
        samples[cast("Records", block.rest).numbers - first - 1] = block.signal
        return samples
