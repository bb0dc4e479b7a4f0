"""Where bytes go: a file that appears when it is complete, or a pipe."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Protocol

from .block import DataError


class Output(Protocol):
    """A place for bytes."""

    #: where a library that wants a path may write
    path: str

    def write(self, data: bytes | memoryview) -> None:
        """Write all of it, now."""
        ...

    def commit(self) -> None:
        """It is complete."""
        ...

    def abort(self) -> None:
        """It will not be."""
        ...


class Atomic:
    """A file that appears under its name only when it is complete and on the disk."""

    def __init__(self, target: str) -> None:
        self.target = os.path.realpath(target)  # through a link, as writing would
        folder, name = os.path.split(self.target)
        suffix = Path(name).suffix
        if not os.path.isdir(folder):
            raise DataError(f"cannot write {target}: folder {os.path.dirname(target) or folder} does not exist")
        try:
            handle, self.path = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=f".part{suffix}")
        except OSError as error:
            raise DataError(f"cannot write {target}: {error.strerror}") from None
        try:
            mode = stat.S_IMODE(os.stat(self.target).st_mode)
        except OSError:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(self.path, mode)
        self._file = os.fdopen(handle, "wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        """Append to the file."""
        write_all(self._file.fileno(), data, self.target)

    def commit(self) -> None:
        """Flush to the disk and take the name."""
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self.path, self.target)
        if os.name == "posix":
            folder = os.open(os.path.dirname(self.target), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def abort(self) -> None:
        """Remove what was written."""
        self._file.close()
        Path(self.path).unlink(missing_ok=True)


class Pipe:
    """Standard output, a device or a named pipe: bytes leave at once and cannot be taken back."""

    def __init__(self, target: str) -> None:
        self.path = target
        self._handle = 1 if target == "-" else os.open(target, os.O_WRONLY)

    def write(self, data: bytes | memoryview) -> None:
        """Write and let go."""
        write_all(self._handle, data, "standard output" if self.path == "-" else self.path)

    def commit(self) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """What has left has left."""


def write_all(handle: int, data: bytes | memoryview, name: str) -> None:
    """Write all of it; an error names the place."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except BrokenPipeError:  # the reader has left, which is no fault of the data
        raise
    except OSError as error:
        raise DataError(f"cannot write {name}: {error.strerror}") from None


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
