"""Dead letters: the records that were not carried, whole, with the reason and the place they came from."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from weakref import finalize

import numpy as np

from ..kernels.constants import LARGEST
from .block import Array, DataError
from .files import FILES, write_all
from .output import named

#: what became of a record that was read and not carried
DEAD, LATE, DUPLICATE = "dead", "late", "duplicate"


class Letter(NamedTuple):
    """One record that was not carried."""

    reason: str
    #: the record as it came, without the newline that ends it
    raw: bytes
    #: where it begins in its source, in bytes; None where the format has no such place
    offset: int | None
    #: which row of its source it is, from 1, empty lines not counted
    row: int
    source: str
    fate: str = DEAD

    def line(self) -> str:
        """As a line of JSON; bytes that are no UTF-8 stand in base64."""
        body: dict[str, Any] = {"fate": self.fate, "reason": self.reason, "source": self.source, "row": self.row}
        if self.offset is not None:
            body["offset"] = self.offset
        try:
            body["raw"] = self.raw.decode()
        except UnicodeDecodeError:
            body["base64"] = base64.b64encode(self.raw).decode()
        return json.dumps(body, ensure_ascii=False) + "\n"


def too_large(name: str, values: Array, reasons: dict[int, str]) -> None:
    """Add the rows whose number is none that a sensor says (a NaN is a missing sample, which may be)."""
    for row in np.flatnonzero(np.abs(values) >= LARGEST).tolist():
        reasons.setdefault(row, f"column {name!r} must hold numbers below {LARGEST:g}, got {float(values[row])!r}")


class Letters:
    r"""A log of dead letters: a line of JSON for each, on the disk as soon as the block that held it is read.

    As a log that grows while a run is live it stands under its own name from the start, and a second run appends to
    it: a letter from a pipe exists nowhere else.

    Parameters
    ----------
    path : path, optional
        Without one the letters are counted and gone.
    strict : bool
        The first dead record ends the run with a DataError; late and duplicate ones do not.

    Examples
    --------
    >>> from streammse import io
    >>> from pathlib import Path
    >>> _ = Path("in.csv").write_text("t,v\n0,1.0\n1,abc\n2,1e308\n3,1.5\n")
    >>> with Letters("dead.ndjson") as letters:
    ...     [block.signal.tolist() for block in io.source("in.csv", "v", letters=letters)]
    [[1.0, 1.5]]
    >>> [(one.row, one.offset, one.raw) for one in read("dead.ndjson")]
    [(2, 10, b'1,abc'), (3, 16, b'2,1e308')]
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, strict: bool = False) -> None:
        self.path = None if path is None else os.fspath(path)
        self.strict = strict
        #: how many records came to each fate
        self.counts: Counter[str] = Counter()
        self._handle, self._still = -1, 0
        if self.path is not None:
            try:
                self._handle = os.open(
                    self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666
                )
                self._closing = finalize(self, os.close, self._handle)  # at exit as well
            except OSError as error:
                raise DataError(f"cannot write {self.path}: {error.strerror}") from None

    @property
    def dead(self) -> int:
        """How many records could not be taken for what they should be."""
        return self.counts[DEAD]

    def add(self, letters: list[Letter]) -> None:
        """Count them and write them down, in one piece."""
        if self._still:
            return
        for at, letter in enumerate(letters):
            self.counts[letter.fate] += 1
            if self.strict and letter.fate == DEAD:
                self._write(letters[: at + 1])
                raise DataError(f"{letter.source}, row {letter.row}: {letter.reason}")
        self._write(letters)

    def _write(self, letters: list[Letter]) -> None:
        if self._handle >= 0 and letters:
            data = "".join(letter.line() for letter in letters).encode("utf-8", "surrogatepass")
            with named(str(self.path)):
                write_all(FILES, self._handle, data)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another one."""
        return {"dead letters": None if self.path is None else os.path.realpath(self.path), "strict": self.strict}

    def mark(self) -> list[Any]:
        """How far it is, in what JSON can hold."""
        return [os.fstat(self._handle).st_size if self._handle >= 0 else None, dict(self.counts)]

    def back_to(self, mark: list[Any]) -> None:
        """Cut it back to a mark: what came after will be read again."""
        if self._still:
            return
        size, counts = mark
        self.counts = Counter(counts)
        if self._handle >= 0 and size is not None and os.fstat(self._handle).st_size > size:
            with named(str(self.path)):
                FILES.truncate(self._handle, size)

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """What is read again inside has been told: nothing is added, and nothing cut back."""
        self._still += 1
        try:
            yield
        finally:
            self._still -= 1

    def sync(self) -> None:
        """See that it is on the disk, where it is one that can be."""
        if self._handle >= 0 and os.path.isfile(str(self.path)):
            with named(str(self.path)):
                FILES.fsync(self._handle)

    def close(self) -> None:
        """No more will come."""
        if self._handle >= 0:
            self._handle = -1
            self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Caught(Letters):
    """Letters that somebody else will tell: of each dead record the reason, by its row."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[int, str] = {}

    def add(self, letters: list[Letter]) -> None:
        """Keep the reasons."""
        self.reasons.update((letter.row, letter.reason) for letter in letters if letter.fate == DEAD)


def read(path: str | os.PathLike[str]) -> Iterator[Letter]:
    """The letters of a file, with the bytes of each record as they came."""
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            body = json.loads(line)
            raw = body["raw"].encode() if "raw" in body else base64.b64decode(body["base64"])
            yield Letter(body["reason"], raw, body.get("offset"), body["row"], body["source"], body["fate"])
