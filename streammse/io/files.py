"""What an output and a checkpoint ask of the file system, one method a system call: tests put their faults in here."""

from __future__ import annotations

import contextlib
import hashlib
import os

PEEK = 4096


class Files:
    """The calls themselves. Every one may raise OSError, and after every one the process may be gone."""

    def open(self, path: str, flags: int) -> int:
        """Open with these flags, never through a link, closed in child processes."""
        extra = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
        return os.open(path, flags | extra, 0o666)

    def write(self, handle: int, data: memoryview) -> int:
        """Write some of it and say how much."""
        return os.write(handle, data)

    def fsync(self, handle: int) -> None:
        """Return when it is on the disk."""
        os.fsync(handle)

    def truncate(self, handle: int, size: int) -> None:
        """Cut to this size."""
        os.ftruncate(handle, size)

    def rename(self, old: str, new: str) -> None:
        """Take another name, replacing what has it."""
        os.replace(old, new)

    def sync_folder(self, path: str) -> None:
        """The names in a folder are on the disk."""
        if os.name == "posix":
            folder = os.open(path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self, handle: int) -> None:
        """Let go."""
        os.close(handle)

    def remove(self, path: str) -> None:
        """Remove a file that may be there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


FILES = Files()


def write_all(files: Files, handle: int, data: bytes | memoryview) -> None:
    """All of it, in as many writes as it takes."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[files.write(handle, rest) :]


def digest(*parts: bytes) -> str:
    """A short name for these bytes."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]


def stamp(path: str) -> str:
    """What tells a file from another one: its size, its first and its last bytes."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(PEEK)
        file.seek(max(0, size - PEEK))
        return digest(str(size).encode(), first, file.read())
