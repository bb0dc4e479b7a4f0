"""What a run needs to go on: as bytes that are believed only whole, and the folder where they lie.

``b"SMCP"``, format version (u16), lengths of header (u32) and state (u64), header (JSON: what identifies the run, the
offsets of source and sink, how many samples), the snapshot of the node, and a SHA-256 over all that came before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import finalize

from ..io.block import CheckpointError, DataError
from ..io.files import FILES, Files, write_all

MAGIC = b"SMCP"
FORMAT = 1
_HEAD = struct.Struct("<4sHIQ")
_FIELDS = ("run", "source", "sink", "samples", "ended")


@dataclass(frozen=True)
class Checkpoint:
    """One moment of a run, between two blocks."""

    #: what tells this run from another one
    run: Any
    #: the offset in the source, None before the first block
    source: Any
    sink: Any
    #: how many samples have gone through
    samples: int
    #: whether the source has come to its end
    ended: bool
    #: the node's snapshot
    node: bytes = field(repr=False)

    def pack(self) -> bytes:
        """The bytes."""
        told = {name: getattr(self, name) for name in _FIELDS}
        try:
            header = json.dumps(told, separators=(",", ":")).encode()
        except (TypeError, ValueError) as error:
            raise TypeError(f"a checkpoint holds identities and offsets as JSON has them: {error}") from None
        front = _HEAD.pack(MAGIC, FORMAT, len(header), len(self.node)) + header + self.node
        return front + hashlib.sha256(front).digest()


def parse(data: bytes) -> Checkpoint:
    """A checkpoint from its bytes; ValueError says what is wrong with them."""
    if data[:4] != MAGIC[: len(data)]:
        raise ValueError("it is no checkpoint")
    if len(data) < _HEAD.size + 32:
        raise ValueError(f"it is truncated: {len(data)} bytes")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError("it is truncated or corrupted: its checksum does not match")
    _, version, header, node = _HEAD.unpack_from(data)
    if version != FORMAT:
        raise ValueError(f"it has format {version}, this version of streammse reads format {FORMAT}")
    if len(data) != _HEAD.size + header + node + 32:
        raise ValueError(f"it has {len(data)} bytes, its header asks for {_HEAD.size + header + node + 32}")
    told = json.loads(data[_HEAD.size : _HEAD.size + header])
    if not isinstance(told, dict) or set(told) != set(_FIELDS):
        raise ValueError("its header makes no sense")
    return Checkpoint(**told, node=data[_HEAD.size + header : -32])


def believed(where: str, candidates: Sequence[tuple[str, bytes]]) -> tuple[int, Checkpoint] | None:
    """The first candidate that is whole, and which one; None where there are none.

    Raises CheckpointError where there are some, and each has something wrong.
    """
    wrong = []
    for k, (name, data) in enumerate(candidates):
        try:
            found = parse(data)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            continue
        if wrong:
            warnings.warn(f"{'; '.join(wrong)}; going on from {name}, the one before", stacklevel=2)
        return k, found
    if wrong:
        raise CheckpointError(
            f"{where} holds no checkpoint that can be believed ({'; '.join(wrong)}): remove it to start from the "
            "beginning"
        )
    return None


class Store(Protocol):
    """Where checkpoints are kept."""

    name: str

    def load(self) -> Checkpoint | None:
        """The last one that can be believed; None where there has never been one."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep this one; when it returns it survives a crash."""
        ...

    def seal(self, checkpoint: Checkpoint) -> None:
        """It was the last one, and what it speaks of is committed."""
        ...

    def close(self) -> None:
        """Let another run use it."""
        ...


class Folder:
    """Two files in a folder: ``checkpoint``, and ``checkpoint.previous``, the one before.

    A new one is written to a third name, brought to the disk, and then takes its place, so that at every moment one of
    the two is whole. Only one run at a time uses a folder.

    Parameters
    ----------
    path : path
        It is made where there is none.
    files : Files
        The calls of the file system.
    """

    def __init__(self, path: str | os.PathLike[str], files: Files = FILES) -> None:
        self.name = os.fspath(path)
        self._files = files
        self._current, self._previous, self._new = (
            os.path.join(self.name, f"checkpoint{end}") for end in ("", ".previous", ".new")
        )
        self._free: Callable[[], None] | None = None
        self._whole = False  # whether the current one may become the previous one

    def load(self) -> Checkpoint | None:
        """The last one that can be believed; None where there has never been one.

        Raises
        ------
        CheckpointError
            When there are some, and none can be believed.
        DataError
            When the folder cannot be used, or another run uses it.
        """
        try:
            os.makedirs(self.name, exist_ok=True)
            self._take()
            candidates = [(path, data) for path in (self._current, self._previous) if (data := _read(path)) is not None]
        except OSError as error:
            raise DataError(f"cannot use {self.name} for checkpoints: {error.strerror}") from None
        found = believed(self.name, candidates)
        self._whole = found is not None and candidates[found[0]][0] == self._current
        return None if found is None else found[1]

    def save(self, checkpoint: Checkpoint) -> None:
        """Write, bring to the disk, rename; what was the last one becomes the one before.

        Raises
        ------
        DataError
            When that fails; the last one is then still there, under one of its two names.
        """
        data = checkpoint.pack()
        files = self._files
        try:
            handle = files.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                write_all(files, handle, data)
                files.fsync(handle)
            finally:
                files.close(handle)
            if self._whole:
                self._whole = False  # not again, should the next step fail
                files.rename(self._current, self._previous)
            files.rename(self._new, self._current)
            files.sync_folder(self.name)
            self._whole = True
        except OSError as error:
            raise DataError(f"cannot write a checkpoint in {self.name}: {error.strerror}") from None

    def seal(self, checkpoint: Checkpoint) -> None:
        """Keep it as the one before as well, which would otherwise want the output cut back."""
        self.save(checkpoint)

    def close(self) -> None:
        """Let another run use it."""
        if self._free is not None:
            self._free()
            self._free = None

    def _take(self) -> None:
        with contextlib.suppress(ImportError):  # where there is no such lock, nobody is kept out
            import fcntl

            self.close()
            lock = os.open(os.path.join(self.name, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._free = finalize(self, os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.close()
                raise DataError(f"{self.name} is in use: another run writes its checkpoints there") from None


class Inside:
    """In the sink itself, which commits it together with what was written."""

    def __init__(self, sink: Any) -> None:
        self._sink, self.name = sink, sink.name

    def load(self) -> Checkpoint | None:
        """The one that was committed last; raises CheckpointError where it cannot be believed."""
        data = self._sink.saved()
        found = None if data is None else believed(self.name, [("its checkpoint", data)])
        return None if found is None else found[1]

    def save(self, checkpoint: Checkpoint) -> None:
        """Commit."""
        self._sink.save(checkpoint.pack())

    def seal(self, checkpoint: Checkpoint) -> None:
        """The sink has committed it."""

    def close(self) -> None:
        """The sink closes itself."""


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
