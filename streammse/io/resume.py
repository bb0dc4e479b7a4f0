"""What can be stopped and taken up again: sources that seek, sinks that can be cut back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from .block import Array, Block


class Seekable(Protocol):
    """A source that can go on where an earlier one stopped.

    Its blocks carry an ``offset``: whatever JSON can hold, and ``seek`` understands. Where there is something to go
    back to before the first block has come, a property ``beginning`` tells the offset there.

    Examples
    --------
    A source of one's own, here a list of numbers:

    >>> import numpy as np
    >>> from streammse.io import Block
    >>> class Numbers:
    ...     identity = {"input": "numbers"}
    ...
    ...     def __init__(self, values):
    ...         self.values, self.at = np.asarray(values, dtype=np.float64), 0
    ...
    ...     def seek(self, offset):
    ...         self.at = offset
    ...
    ...     def __iter__(self):
    ...         while self.at < self.values.size:
    ...             part = self.values[self.at : self.at + 2]
    ...             self.at += part.size
    ...             yield Block(part, None, None, None, self.at, offset=self.at)
    >>> source = Numbers([1.0, 2.0, 3.0])
    >>> source.seek(2)
    >>> [block.signal.tolist() for block in source]
    [[3.0]]
    """

    #: what tells this source from another one, in what JSON can hold: a checkpoint of another one is refused
    identity: Any

    def seek(self, offset: Any) -> None:
        """Go on after the block that had this offset. Called before the first block is asked for.

        Raises
        ------
        DataError
            When there is something else now than what was read.
        """
        ...

    def __iter__(self) -> Iterator[Block]: ...


class Resumable(Protocol):
    """A sink that can be cut back to what it held at an earlier time; one that only adds up keeps its sums.

    A sink that can write into its own store what a checkpoint holds has ``save(data)`` and ``saved()`` as well, and
    commits outputs and checkpoint at once: see ``io.sqlite``.

    Examples
    --------
    A sink of one's own, here a list that lives in memory alone:

    >>> class Memory:
    ...     identity = {"output": "memory"}
    ...
    ...     def __init__(self):
    ...         self.samples = []
    ...
    ...     def write(self, block):
    ...         self.samples += block.clean.tolist()
    ...
    ...     def offset(self):
    ...         return len(self.samples)
    ...
    ...     def truncate(self, offset):
    ...         del self.samples[offset or 0 :]
    ...
    ...     def commit(self):
    ...         pass
    ...
    ...     def abort(self):
    ...         pass
    """

    #: what tells this sink from another one, in what JSON can hold: a checkpoint of another one is refused
    identity: Any

    def offset(self) -> Any:
        """See that all that was written is safe, and say how far that is, in what JSON can hold."""
        ...

    def truncate(self, offset: Any) -> None:
        """Cut back to this offset; None: begin with nothing. Called once, before the first block.

        What ``offset`` has told since survives ``abort``, so that a later run can go on from there.

        Raises
        ------
        DataError
            When less is there than the offset says.
        """
        ...

    def write(self, block: Block) -> None:
        """Take one block."""
        ...

    def commit(self) -> None:
        """All blocks have come. After ``truncate`` to the end of what was committed already: nothing to do."""
        ...

    def abort(self) -> None:
        """Stop here."""
        ...


def packed(array: Array) -> list[Any]:
    """An array in what JSON can hold, bit for bit."""
    return [list(array.shape), base64.b64encode(array.astype("<f8").tobytes()).decode()]


def unpacked(held: list[Any]) -> Array:
    """The array again."""
    shape, text = held
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64).reshape(shape)


def difference(theirs: Any, mine: Any) -> str | None:
    """The first thing in which two identities differ, in words; None where they are the same."""
    mine = json.loads(json.dumps(mine))
    if theirs == mine:
        return None
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in (*mine, *theirs):
            if theirs.get(key) != mine.get(key):
                inner = difference(theirs.get(key), mine.get(key))
                return inner if key in ("source", "sink") or isinstance(mine.get(key), dict) else f"{key} {inner}"
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return next(difference(a, b) for a, b in zip(theirs, mine, strict=True) if a != b)
    return f"{_shown(theirs)} instead of {_shown(mine)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return next((str(one) for one in value.values()), "none")
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "none"
    return "none" if value is None else str(value)
