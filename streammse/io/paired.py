"""A signal in one file and its references in others, sample by sample side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .block import Array, Block, DataError, Source, described


class Paired:
    """The blocks of ``signal`` with the samples of the other sources as references."""

    def __init__(self, signal: Source, others: Sequence[Source]) -> None:
        self._signal, self._others = signal, others
        self.name, self.format, self.names, self.column = signal.name, signal.format, signal.names, signal.column
        self.rate, self.total, self.truth = signal.rate, signal.total, signal.truth
        self.references = len(others)
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

    def __iter__(self) -> Iterator[Block]:
        """Blocks as the signal's file cuts them."""
        streams = [_Stream(other) for other in self._others]
        row = 0
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
            yield block
        for stream in streams:
            if len(stream.take(1)):
                raise DataError(
                    f"{self.name} ends after row {row}, {stream.name} goes on: "
                    "a reference must be as long as the signal"
                )


class _Stream:
    """The samples of a source, in portions of any size."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._blocks = iter(source)
        self._left: Array = np.empty(0)

    def take(self, count: int) -> Array:
        """The next ``count`` samples, fewer at the end."""
        parts, have = [self._left], len(self._left)
        while have < count:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block.signal)
            have += len(block.signal)
        joined = np.concatenate(parts)
        self._left = joined[count:]
        return np.ascontiguousarray(joined[:count])
