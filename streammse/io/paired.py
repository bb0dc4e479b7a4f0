"""A signal in one file and its references in others, sample by sample side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .block import Array, Block, DataError, described


class Paired:
    """The blocks of ``signal`` with the samples of the other sources as references."""

    def __init__(self, signal: Any, others: Sequence[Any]) -> None:
        self._signal, self._others = signal, others
        self.name, self.format, self.names, self.column = signal.name, signal.format, signal.names, signal.column
        self.rate, self.total, self.truth = signal.rate, signal.total, signal.truth
        self.references = len(others)
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

    def seek(self, offset: list[Any]) -> None:
        """Go on after the block of this offset."""
        self._row, signal, *streams = offset
        self._signal.seek(signal)
        for stream, one in zip(self._streams, streams, strict=True):
            stream.seek(one)

    def __iter__(self) -> Iterator[Block]:
        """Blocks as the signal's file cuts them."""
        streams, row = self._streams, self._row
        for block in self._signal:
            columns = []
            for stream in streams:
                part = stream.take(len(block.signal))
                if len(part) < len(block.signal):
                    raise DataError(
                        f"{stream.name} ends after row {row + len(part)}, {self.name} goes on: "
                        "a reference must be as long as the signal"
                    )
                columns.append(part)
            row += len(block.signal)
            block.reference = columns[0] if len(columns) == 1 else np.column_stack(columns)
            block.offset = [row, block.offset, *(stream.offset for stream in streams)]
            yield block
        for stream in streams:
            if len(stream.take(1)):
                raise DataError(
                    f"{self.name} ends after row {row}, {stream.name} goes on: "
                    "a reference must be as long as the signal"
                )


class _Stream:
    """The samples of a source, in portions of any size."""

    def __init__(self, source: Any) -> None:
        self.name = source.name
        self._source = source
        self._blocks: Iterator[Block] | None = None
        self._left: Array = np.empty(0)
        # the offset before the block whose samples are being taken, that after it, and how many have been taken
        self._before: Any = None
        self._after: Any = None
        self._used = 0

    @property
    def offset(self) -> list[Any]:
        """Where the next sample is."""
        return [self._before, self._used]

    def seek(self, offset: list[Any]) -> None:
        """Go on there."""
        self._after, used = offset
        if self._after is not None:
            self._source.seek(self._after)
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
            parts.append(block.signal)
            have += len(block.signal)
            self._before, self._after, self._used = self._after, block.offset, -(have - len(block.signal))
        joined = np.concatenate(parts)
        self._left = joined[count:]
        self._used += min(count, have)
        return np.ascontiguousarray(joined[:count])
