"""What makes a run one that can be taken up again: checkpoints at times, and going on from the last one."""

# ruff: noqa: ARG002 - who keeps nothing needs nothing
from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any

from ..io.block import Block, DataError
from ..io.resume import difference
from .checkpoint import Checkpoint, Folder, Inside, Store
from .signals import Stop


class Unkept:
    """A run that begins with the first block, and of which nothing is left when it stops early."""

    samples, ended, keeps = 0, False, False

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def stop(self) -> Stop:
        """Signals do what they do."""
        return Stop(())

    def begin(self) -> None:
        """Nothing is taken up."""

    def after(self, block: Block, samples: int) -> bool:
        """Nothing is kept."""
        return False

    def save(self, samples: int) -> None:
        """Nothing is kept."""

    def end(self, samples: int) -> None:
        """Commit."""
        self._sink.commit()

    def close(self) -> None:
        """Nothing is held."""


class Keeper:
    """Writes a checkpoint of node, source and sink at least ``every`` so many seconds, and begins with the last one.

    Parameters
    ----------
    node, source, sink
        With what ``io.resume`` asks of a source and a sink, and ``snapshot`` and ``restore`` of a node.
    checkpoint : path, True or Store
        A folder; True, or the path of the sink: in the sink itself, where it can hold one.
    every : float
        Seconds, 0 <= every; 0: after every block.
    """

    keeps = True

    def __init__(self, node: Any, source: Any, sink: Any, checkpoint: Any, every: float) -> None:
        if not every >= 0.0:
            raise DataError(f"every must be 0 <= every in seconds, got {every!r}")
        for what, one, needs in (
            ("a node that has a state (snapshot, restore)", node, ("snapshot", "restore")),
            ("a source that can seek (seek, identity)", source, ("seek", "identity")),
            *(
                ("a sink that can be cut back (csv, ndjson, sqlite)", one, ("offset", "truncate", "identity"))
                for one in _each(sink)
            ),
        ):
            if not all(hasattr(one, name) for name in needs):
                raise DataError(f"a checkpoint needs {what}, got {getattr(one, 'format', type(one).__name__)}")
        self._node, self._source, self._sink, self._every = node, source, sink, every
        self.store = _store(checkpoint, sink)
        self._identity = {"source": source.identity, "sink": sink.identity}
        self._offset: Any = None
        self._newest: Checkpoint | None = None
        self._last = time.monotonic()
        #: how many samples earlier runs have done
        self.samples = 0
        #: whether they have done all of them
        self.ended = False

    def stop(self) -> Stop:
        """Signals let the block be finished."""
        return Stop()

    def close(self) -> None:
        """Let another run go on from here."""
        self.store.close()

    def begin(self) -> None:
        """Take up the last checkpoint, or begin.

        Raises
        ------
        CheckpointError
            When there are checkpoints, and none can be believed.
        DataError
            When they belong to another run, or what they speak of is no longer there.
        """
        found = self.store.load()
        if found is None:
            self._sink.truncate(None)
            self._offset = getattr(self._source, "beginning", None)
            self.save(0)
            return
        other = difference(found.run, self._identity)
        if other is not None:
            raise _another(self.store.name, other)
        with _mine(self.store.name):
            self._node.restore(found.node)
        if found.source is not None:
            self._source.seek(found.source)
        self._sink.truncate(found.sink)
        self._newest, self._offset, self.samples, self.ended = found, found.source, found.samples, found.ended
        self._last = time.monotonic()

    def after(self, block: Block, samples: int) -> bool:
        """A block has been written, and so many samples in all; whether that made a checkpoint."""
        if block.offset is None:
            name = type(self._source).__name__
            raise DataError(f"a checkpoint needs blocks that have an offset, got None from {name}")
        self._offset = block.offset
        due = time.monotonic() - self._last >= self._every
        if due:
            self.save(samples)
        return due

    def save(self, samples: int) -> None:
        """Write a checkpoint of now."""
        sink = self._sink.offset()  # first: what it tells is then on the disk
        letters = getattr(self._source, "letters", None)
        if letters is not None:
            letters.sync()
        node = self._node.snapshot()
        self._newest = Checkpoint(self._identity, self._offset, sink, samples, self.ended, node)
        self.store.save(self._newest)
        self._last = time.monotonic()

    def end(self, samples: int) -> None:
        """Commit. The checkpoint stays and says that all is done, so that a run like it has nothing to do."""
        if not self.ended:
            self.ended = True
            self.save(samples)
        self._sink.commit()
        assert self._newest is not None
        self.store.seal(self._newest)


def _store(checkpoint: Any, sink: Any) -> Store:
    """A folder, or the sink that holds its own."""
    own = next((one for one in _each(sink) if hasattr(one, "saved")), None)
    if isinstance(checkpoint, (str, os.PathLike)):
        path = os.fspath(checkpoint)
        if own is None:
            return Folder(path)
        if os.path.realpath(path) == os.path.realpath(own.name):
            return Inside(own)
        raise DataError(f"{own.name} holds its own checkpoint, as it commits both at once: give {own.name}, not {path}")
    if checkpoint is not True:
        store: Store = checkpoint
        return store
    if own is None:
        raise DataError("no sink here holds its own checkpoint (sqlite does): name a folder for it")
    return Inside(own)


def _another(name: str, why: str) -> DataError:
    return DataError(f"{name} holds the checkpoint of another run: {why}; remove it or name another one")


@contextlib.contextmanager
def _mine(name: str) -> Iterator[None]:
    """What a node does not want to take over belongs to another one."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise _another(name, str(error)) from None


def _each(sink: Any) -> list[Any]:
    """The sinks of which something is kept."""
    sinks: list[Any] = getattr(sink, "kept", [sink])
    return sinks
