"""What flows: blocks of samples, where they come from and where they go."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Order = NDArray[np.int64]


class DataError(ValueError):
    """The data are not what was asked for; the message is one line for the person who asked."""


class CheckpointError(ValueError):
    """There are checkpoints, and none of them can be believed; the message is one line that says why."""


class Rest(Protocol):
    """Everything of a block that is not a sample: kept as it came, and told as a table where formats differ."""

    def table(self, *, as_text: bool = False) -> Any:
        """The block as a pyarrow table, the noisy column included.

        Without types (``as_text``) where the source has none of its own that all blocks share.
        """
        ...

    def take(self, rows: Order) -> Rest:
        """Some of its rows, in this order."""
        ...

    def join(self, others: Sequence[Any]) -> Rest:
        """Its rows, and after them those of others of its kind."""
        ...


class Records(Rest, Protocol):
    """A rest that can tell a single row."""

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Which row of its source each is, from 1."""
        ...

    def record(self, row: int) -> tuple[bytes, int | None, int]:
        """A row as it came, where it began in the source (None where that has no meaning), and its number from 1."""
        ...


@dataclass(slots=True)
class Block:
    """A stretch of samples on its way from a source to a sink; NaN is a missing sample."""

    signal: Array
    reference: Array | None
    truth: Array | None
    rest: Rest
    #: how far into the source it reaches, in the unit of ``Source.total``
    done: int
    #: what the node made of it
    clean: Array | None = None
    #: what ``seek`` of the source takes to go on after this block, in what JSON can hold; None where it cannot
    offset: Any = None
    #: when each sample was taken, in ticks of its source's clock, where somebody asked for it
    stamp: NDArray[Any] | None = None

    def take(self, rows: Order) -> Block:
        """Some of its samples, in this order."""

        def some(values: Any) -> Any:
            return None if values is None else values[rows]

        return Block(
            self.signal[rows],
            some(self.reference),
            some(self.truth),
            self.rest.take(rows),
            self.done,
            some(self.clean),
            self.offset,
            some(self.stamp),
        )

    def join(self, others: Sequence[Block]) -> Block:
        """Its samples and those of the blocks that follow it."""
        blocks = (self, *others)

        def joined(name: str) -> Any:
            parts = [getattr(block, name) for block in blocks]
            return None if parts[0] is None else np.concatenate(parts)

        return Block(
            joined("signal"),
            joined("reference"),
            joined("truth"),
            self.rest.join([block.rest for block in others]),
            blocks[-1].done,
            joined("clean"),
            blocks[-1].offset,
            joined("stamp"),
        )


#: what a column seems to hold, by its first rows
NUMBER, EMPTY, COMMA, OTHER = "number", "empty", "decimal comma", "other"

_CLOCKS = {"time", "t", "timestamp", "date", "datetime", "index", "id"}


def _is_clock(name: str) -> bool:
    """Whether a column by this name says when or which, and so is never the signal unless somebody says so."""
    return name.strip().lower() in _CLOCKS


def described(source: Source) -> str:
    """What a source is, for people."""
    more = f", references={source.references}" if source.references else ""
    more += f", truth={source.truth!r}" if source.truth is not None else ""
    more += f", rate={source.rate:g}" if source.rate is not None else ""
    return f"<{source.format} source {source.name!r}, column={source.column!r}{more}>"


def identified(source: Any, **more: Any) -> dict[str, Any]:
    """What tells a source from another one."""
    path = os.path.realpath(source.name) if source.total is not None else source.name
    columns = {"columns": list(source.names), "column": source.column, "references": source.layout.references}
    return {"input": path, "format": source.format, **columns, "truth": source.truth, **more}


class Source(Protocol):
    """Blocks in order, and what is known before the first one."""

    name: str
    format: str
    names: list[str]
    #: the name of the noisy column
    column: str
    #: samples a second, where the file says it
    rate: float | None
    #: how much there is (bytes, rows or frames), where it is known
    total: int | None
    references: int
    truth: str | None

    def __iter__(self) -> Iterator[Block]: ...


class Sink(Protocol):
    """Takes blocks with their clean samples; what it made exists after ``commit`` and not after ``abort``."""

    def write(self, block: Block) -> None:
        """Take one block."""
        ...

    def commit(self) -> None:
        """All blocks have come."""
        ...

    def abort(self) -> None:
        """It came to nothing: leave no trace. May follow anything, and is called at most once."""
        ...


class Tee:
    """Several sinks that see the same blocks, in this order."""

    def __init__(self, *sinks: Sink) -> None:
        self.sinks = sinks

    def write(self, block: Block) -> None:
        """Give the block to each."""
        for sink in self.sinks:
            sink.write(block)

    def commit(self) -> None:
        """Commit each."""
        for sink in self.sinks:
            sink.commit()

    def abort(self) -> None:
        """Abort each, whatever the others do."""
        for sink in self.sinks:
            sink.abort()

    @property
    def kept(self) -> list[Any]:
        """Those of which something is kept; one that only shows has None for its ``offset``."""
        return [sink for sink in self.sinks if getattr(sink, "offset", self) is not None]

    @property
    def identity(self) -> list[Any]:
        """That of each."""
        return [sink.identity for sink in self.kept]

    def offset(self) -> list[Any]:
        """That of each."""
        return [sink.offset() for sink in self.kept]

    def truncate(self, offset: list[Any] | None) -> None:
        """Cut back each."""
        for sink, one in zip(self.kept, offset or [None] * len(self.kept), strict=True):
            sink.truncate(one)


@dataclass(frozen=True)
class Wanted:
    """The columns that somebody asked for, by name."""

    column: str | None = None
    references: tuple[str, ...] = ()
    truth: str | None = None
    #: the column that says when
    time: str | None = None


class Layout:
    """Which columns are read, and what each is for."""

    def __init__(self, wanted: Wanted, names: Sequence[str], kinds: Callable[[], dict[str, str]], where: str) -> None:
        def found(name: str) -> str:
            if name in names:
                return name
            stripped = [one for one in names if one.strip() == name]
            if len(stripped) == 1:
                return stripped[0]
            close = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            if re.search(r"[/\\]|\.\w{2,7}(:|$)", name):  # somebody means a file
                hint = f"; and there is no file {name}"
            raise DataError(f"no column {name!r} in {where}: there are {', '.join(names)}{hint}")

        self.references = [found(name) for name in wanted.references]
        self.truth = None if wanted.truth is None else found(wanted.truth)
        self.time = None if wanted.time is None else found(wanted.time)
        if wanted.column is not None:
            self.signal = found(wanted.column)
        elif len(names) == 1 and not _is_clock(names[0]):
            self.signal = names[0]
        else:
            self.signal = self._only(kinds(), where)
        for role, others in (("reference", self.references), ("truth", [self.truth]), ("time", [self.time])):
            if self.signal in others:
                raise DataError(f"column {self.signal!r} of {where} is the signal: it cannot be its own {role} as well")
        roles = {self.signal, *self.references, self.truth, self.time}
        doubled = [name for name in roles if name and list(names).count(name) > 1]
        if doubled:
            raise DataError(f"{where} has several columns called {doubled[0]!r}: their names must differ")
        asked = [self.signal, *self.references, *([self.truth] if self.truth is not None else [])]
        #: the columns to read, each once
        self.columns = list(dict.fromkeys(asked))

    def _only(self, kinds: dict[str, str], where: str) -> str:
        """The one column that can be the signal; where another one might be meant, somebody has to say it."""
        taken = {*self.references, self.truth, self.time}
        kinds = {name: kind for name, kind in kinds.items() if name not in taken}
        numbers = [name for name, kind in kinds.items() if kind == NUMBER]
        free = [name for name in numbers if not _is_clock(name)]
        commas = [name for name, kind in kinds.items() if kind == COMMA]
        empty = [name for name, kind in kinds.items() if kind == EMPTY]
        if len(free) == 1 and not commas and not empty:
            return free[0]
        if commas:
            told = f"{commas[0]!r} looks like numbers with a decimal comma (say --decimal ,)"
        elif len(free) > 1:
            told = f"several columns hold numbers ({', '.join(numbers)})"
        elif empty:
            told = f"{empty[0]!r} begins empty"
        else:
            told = f"only {', '.join(numbers)} holds numbers" if numbers else "no column holds numbers"
        raise DataError(f"which column of {where} is the signal? {told}: name it with --column")

    def block(
        self, arrays: dict[str, Array], rest: Rest, done: int, offset: Any, stamp: NDArray[Any] | None = None
    ) -> Block:
        """A block from the arrays of its columns."""
        reference = None
        if len(self.references) == 1:
            reference = arrays[self.references[0]]
        elif self.references:
            reference = np.column_stack([arrays[name] for name in self.references])
        truth = None if self.truth is None else arrays[self.truth]
        return Block(arrays[self.signal], reference, truth, rest, done, offset=offset, stamp=stamp)
