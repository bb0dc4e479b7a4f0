"""Where bytes go: a file that appears when it is complete, or a pipe."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .block import DataError
from .files import FILES, Files, write_all

PARTIAL = ".partial"


class Output(Protocol):
    """A place for bytes."""

    target: str

    @property
    def path(self) -> str:
        """Where a library that wants a path may write."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Write all of it, now."""
        ...

    def commit(self) -> None:
        """It is complete."""
        ...

    def abort(self) -> None:
        """It will not be."""
        ...

    def offset(self) -> int:
        """How many bytes are safe."""
        ...

    def truncate(self, offset: int | None, /) -> None:
        """Cut back to so many, or begin with none, and keep from now on what ``offset`` tells."""
        ...


class Atomic:
    """A file that appears under its name only when it is complete and on the disk.

    Until then it has a temporary name, and ``abort`` leaves nothing. After ``truncate`` it is ``<name>.partial``, which
    stays where it is when the run ends early, so that a later one can go on with it.
    """

    def __init__(self, target: str, files: Files = FILES) -> None:
        self.target = os.path.realpath(target)  # through a link, as writing would
        self._files = files
        self._folder, self._name = os.path.split(self.target)
        if not os.path.isdir(self._folder):
            raise DataError(f"cannot write {target}: folder {os.path.dirname(target) or self._folder} does not exist")
        if not os.access(self._folder, os.W_OK):
            raise DataError(f"cannot write {target}: {os.strerror(errno.EACCES)}")
        self.partial = self.target + PARTIAL
        self._path, self._handle, self._size = "", -1, 0
        self._keeps = self._complete = False

    @property
    def path(self) -> str:
        """Where it is until it is complete; made when it is first asked for."""
        if not self._path:
            try:
                self._handle, self._path = tempfile.mkstemp(
                    dir=self._folder, prefix=f".{self._name}.", suffix=f".part{Path(self._name).suffix}"
                )
            except OSError as error:
                raise DataError(f"cannot write {self.target}: {error.strerror}") from None
            try:
                mode = stat.S_IMODE(os.stat(self.target).st_mode)
            except OSError:
                mask = os.umask(0)
                os.umask(mask)
                mode = 0o666 & ~mask
            os.chmod(self._path, mode)
        return self._path

    def write(self, data: bytes | memoryview) -> None:
        """Append to the file."""
        assert self.path
        _write_all(self._handle, data, self.target, self._files)
        self._size += len(data)

    def offset(self) -> int:
        """How many bytes it has; they are on the disk."""
        with named(self.target):
            if not self._complete:
                self._files.fsync(self._handle)
        return self._size

    def truncate(self, offset: int | None) -> None:
        """Go on with the partial file after so many bytes; None: with an empty one.

        Where it is complete already, and nothing is missing, ``commit`` has nothing to do.
        """
        with named(self.target):
            if offset and not os.path.exists(self.partial):
                self._complete = os.path.isfile(self.target) and os.path.getsize(self.target) == offset
                if not self._complete:
                    raise DataError(
                        f"{self.partial} is gone, which held the first {offset} bytes of the output: "
                        "remove the checkpoint to start from the beginning"
                    )
                self._size, self._keeps = offset, True
                return
            flags = os.O_WRONLY | os.O_APPEND | (0 if offset else os.O_CREAT)
            self._handle = self._files.open(self.partial, flags)
            self._path, self._keeps, self._size = self.partial, True, offset or 0
            size = os.fstat(self._handle).st_size
            if size < self._size:
                raise DataError(f"{self.partial} has {size} bytes, the checkpoint says that {offset} were written")
            if os.path.exists(self.target):
                os.chmod(self.partial, stat.S_IMODE(os.stat(self.target).st_mode))
            self._files.truncate(self._handle, self._size)
            self._files.sync_folder(self._folder)

    def commit(self) -> None:
        """Flush to the disk and take the name."""
        if self._complete:
            return
        with named(self.target):
            assert self.path
            self._files.fsync(self._handle)
            self._close()
            self._files.rename(self._path, self.target)
            self._files.sync_folder(self._folder)

    def abort(self) -> None:
        """Remove what was written, or leave it for a later run."""
        self._close()
        if self._path and not self._keeps:
            self._files.remove(self._path)

    def _close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._files.close(handle)


class Pipe:
    """Standard output, a device or a named pipe: bytes leave at once and cannot be taken back."""

    def __init__(self, target: str) -> None:
        self.path = self.target = target
        self._handle = 1 if target == "-" else os.open(target, os.O_WRONLY)

    def write(self, data: bytes | memoryview) -> None:
        """Write and let go."""
        _write_all(self._handle, data, "standard output" if self.path == "-" else self.path)

    def commit(self) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """What has left has left."""

    def offset(self) -> int:
        """What has left is nowhere."""
        raise self._refusal

    def truncate(self, _: int | None) -> None:
        """What has left cannot be cut back."""
        raise self._refusal

    @property
    def _refusal(self) -> DataError:
        name = "standard output" if self.path == "-" else self.path
        return DataError(f"{name} cannot be cut back to a checkpoint: name an output file (.csv, .ndjson or .sqlite)")


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """An error of the system says which file could not be written."""
    try:
        yield
    except BrokenPipeError:  # the reader has left, which is no fault of the data
        raise
    except OSError as error:
        raise DataError(f"cannot write {name}: {error.strerror}") from None


def _write_all(handle: int, data: bytes | memoryview, name: str, files: Files = FILES) -> None:
    with named(name):
        write_all(files, handle, data)


def output(target: str, whole: str | None = None) -> Output:
    """The place behind a name; ``whole`` names a format that cannot leave piece by piece."""
    special = target == "-" or (os.path.exists(target) and not os.path.isfile(target))
    if not special:
        return Atomic(target)
    if os.path.isdir(target):
        raise DataError(f"cannot write {target}: it is a folder, a file name was expected")
    if whole is not None and target != os.devnull:
        raise DataError(f"{whole} cannot be written to a pipe: name an output file")
    return Pipe(target)
