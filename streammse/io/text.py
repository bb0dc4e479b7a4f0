"""CSV and NDJSON, from files and from pipes that are live: whole rows are passed on as soon as they have come."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import digits, scan
from .block import Array, Block, DataError, Layout, Wanted, described
from .dialects import Bytes, Csv, Dialect, Ndjson, Places, first_line
from .output import Output
from .parquet import column_of
from .records import MisfitError

BLOCK = 1 << 20
LONGEST = 1 << 26  # a row longer than this is no row

#: how files begin that are no text
_MAGIC = {
    b"RIFF": "a WAV file",
    b"fLaC": "a FLAC file",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed with gzip",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PK\3\4": "a ZIP archive",
}


class Text:
    """The bytes of a block, and where its values lie."""

    def __init__(
        self, source: TextSource, bytes_: Bytes, rows: int, spans: Places, ends: Places, before: tuple[int, int]
    ) -> None:
        self.source, self.bytes, self.rows, self.spans, self.ends = source, bytes_, rows, spans, ends
        self.before = before  # rows and lines

    def table(self, *, as_text: bool = False) -> Any:
        """The rows as a table: doubles where numbers are wanted; the other columns as the dialect has them."""
        source = self.source
        numbers = {
            name: column_of(source._column(self, k, *self.before)) for k, name in enumerate(source.layout.columns)
        }
        try:
            return source.dialect.table(self.bytes.tobytes(), self.rows, numbers, as_text)
        except MisfitError as error:
            raise DataError(f"{source.name}, row {self.before[0] + error.row + 1}: {error}") from None


class _Raw:
    """The bytes of a file or of standard input, as they come."""

    def __init__(self, name: str) -> None:
        self._handle = -1
        try:
            self._handle = 0 if name == "-" else os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._file = io.FileIO(self._handle, closefd=False)
            info = os.fstat(self._handle)
        except OSError as error:
            raise DataError(f"cannot read {name}: {error.strerror}") from None
        plain = name != "-" and os.path.isfile(name)
        self.total = info.st_size if plain else None

    def into(self, place: Bytes, where: str) -> int:
        """Wait for some bytes and read what there is; 0 at the end."""
        try:
            return self._file.readinto(place.data) or 0
        except OSError as error:
            raise DataError(f"cannot read {where}: {error.strerror}") from None

    def __del__(self) -> None:
        if self._handle > 0:
            os.close(self._handle)


class TextSource:
    """Blocks of whole rows; of a pipe as many rows as have come."""

    def __init__(self, raw: _Raw, name: str, dialect: Dialect, wanted: Wanted, tail: bytes, ended: bool) -> None:
        self._raw, self.name, self.dialect = raw, name, dialect
        self.format, self.names, self.total = dialect.format, dialect.names, raw.total
        self.rate: float | None = None
        self._tail: Bytes = np.frombuffer(bytearray(tail), dtype=np.uint8)
        self._ended = ended
        try:
            self.layout = Layout(wanted, self.names, self._kinds, name)
        except DataError as error:
            raise DataError(f"{error}{dialect.doubt}") from None
        self.column, self.references, self.truth = self.layout.signal, len(self.layout.references), self.layout.truth
        dialect.prepare(self.layout.columns)

    def __repr__(self) -> str:
        return described(self)

    def _kinds(self) -> dict[str, str]:
        """Look at the first rows, of a pipe at the first that come."""
        while not self._ended and not (self._tail == scan.LF).any():
            self._more()
        text = self._tail.tobytes()
        return self.dialect.kinds(text if self._ended else text[: text.rfind(b"\n") + 1])

    def _more(self) -> None:
        have = self._tail.size
        if have > LONGEST:
            raise DataError(f"{self.name}: a row goes on for more than {LONGEST >> 20} MB: are these rows of text?")
        grown = np.empty(have + max(BLOCK, have), dtype=np.uint8)
        grown[:have] = self._tail
        got = self._raw.into(grown[have:], self.name)
        self._tail, self._ended = grown[: have + got], got == 0

    def __iter__(self) -> Iterator[Block]:
        """Scan, read the numbers, pass on; what is not yet a whole row waits for the rest of it."""
        told = np.zeros(3, dtype=np.int64)
        rows_before, lines_before, done = 0, self.dialect.head.count(b"\n"), len(self.dialect.head)
        width = 2 * len(self.layout.columns)
        while True:
            text, final = self._tail, self._ended
            capacity = int(np.count_nonzero(text == scan.LF)) + 1
            spans, ends = np.empty((capacity, width), dtype=np.int64), np.empty(capacity, dtype=np.int64)
            rows = self.dialect.rows(text, text.size, final, spans, ends, told)
            used = int(told[scan.CONSUMED])
            if used:
                block = Text(self, text[:used], rows, spans, ends, (rows_before, lines_before))
                arrays = {
                    name: self._column(block, k, rows_before, lines_before)
                    for k, name in enumerate(self.layout.columns)
                }
                done += used
                yield self.layout.block(arrays, block, done)
                rows_before += rows
                lines_before += int(np.count_nonzero(text[:used] == scan.LF))
                self._tail = text[used:]
            if told[scan.STATUS] != scan.FINE:
                shown = self._tail[:1000].tobytes().decode("utf-8", "replace").splitlines()
                what = self.dialect.complaint(
                    int(told[scan.STATUS]), int(told[scan.FOUND]), shown[0][:60] if shown else ""
                )
                raise DataError(f"{self.name}, row {rows_before + 1} (line {lines_before + 1}): {what}")
            if final:
                break
            self._more()
        if rows_before == 0:
            raise DataError(f"{self.name} holds no rows" + (" after the line of names" if self.dialect.head else ""))

    def _column(self, text: Text, k: int, rows_before: int, lines_before: int) -> Array:
        """The k-th wanted values as numbers."""
        rows, spans = text.rows, text.spans
        if rows == 0:
            return np.empty(0)
        values, odd = np.empty(rows), np.empty(rows, dtype=np.int64)
        quotes, decimal = self.dialect.quotes, ord(self.dialect.decimal)
        words = values.view(np.uint64)
        strange = digits.read.compiled(text.bytes, rows, spans, k, quotes, decimal, values, words, odd)
        for row in odd[:strange]:
            cell = text.bytes[spans[row, 2 * k] : spans[row, 2 * k + 1]].tobytes().decode("utf-8", "replace")
            value = self.dialect.cell(cell)
            if value is None:
                before = text.bytes[: spans[row, 2 * k]]
                line = lines_before + int(np.count_nonzero(before == scan.LF)) + 1
                raise DataError(
                    f"{self.name}, row {rows_before + int(row) + 1} (line {line}): "
                    f"column {self.layout.columns[k]!r} must hold numbers, got {cell[:40]!r}{self.dialect.hint(cell)}"
                )
            values[row] = value
        return values


def open_text(
    name: str, wanted: Wanted, kind: str | None, separator: str | None, decimal: str, header: bool
) -> TextSource:
    """Open CSV or NDJSON and read its first line; a pipe that begins with a brace is NDJSON."""
    raw = _Raw(name)
    where = "standard input" if name == "-" else name
    begun, ended, end = b"", False, 0
    place = np.empty(BLOCK, dtype=np.uint8)
    while not end and not ended:
        got = raw.into(place, where)
        begun, ended = begun + place[:got].tobytes(), got == 0
        what = next((what for magic, what in _MAGIC.items() if begun.startswith(magic)), None)
        if what is not None:
            wanted_text = "pipes carry CSV or NDJSON" if name == "-" else "CSV or NDJSON was expected"
            raise DataError(f"{where} is {what}: {wanted_text}")
        if begun.strip():
            kind = kind or ("ndjson" if begun.lstrip()[:1] == b"{" else "csv")
            end = first_line(begun, ended, kind == "csv")
    if not end:
        raise DataError(f"{where} is empty: a first line was expected")
    if kind == "ndjson":
        return TextSource(raw, where, Ndjson(begun[:end], where), wanted, begun, ended)
    dialect = Csv(begun[:end].lstrip(b"\r\n"), separator, decimal, header, where)
    dialect.head = begun[:end] if header else b""
    return TextSource(raw, where, dialect, wanted, begun[end if header else 0 :], ended)


class TextSink:
    """The text of the source again, with the clean values in their places."""

    def __init__(self, output: Output, source: TextSource, into: str | None) -> None:
        self._output = output
        self._into = into
        self._dialect = source.dialect
        self._k = source.layout.columns.index(source.column)
        self._begun = False
        prefix = source.dialect.prefix(into or source.column) if into or source.format == "ndjson" else b""
        self._prefix = np.frombuffer(bytearray(prefix), dtype=np.uint8)
        self._missing = np.frombuffer(bytearray(source.dialect.missing), dtype=np.uint8)

    def write(self, block: Block) -> None:
        """Write the rows of a block at once."""
        if not self._begun:
            self._begun = True
            self._output.write(self._dialect.new_head(self._into) if self._into else self._dialect.head)
        text = block.rest
        assert isinstance(text, Text)
        assert block.clean is not None
        rows = text.rows
        if self._into is None:
            begins, ends = (np.ascontiguousarray(text.spans[:rows, 2 * self._k + side]) for side in (0, 1))
        else:
            begins, ends = np.abs(text.ends[:rows]), text.ends[:rows]
        clean = np.ascontiguousarray(block.clean, dtype=np.float64)
        room = text.bytes.size + rows * (digits.MOST + self._prefix.size + self._missing.size)
        out = np.empty(room, dtype=np.uint8)
        size = scan.splice.compiled(
            text.bytes,
            text.bytes.size,
            rows,
            begins,
            ends,
            clean.view(np.uint64),
            self._prefix,
            self._missing,
            ord(self._dialect.decimal),
            out,
        )
        self._output.write(out[:size].data)

    def commit(self) -> None:
        """The file is complete."""
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        self._output.abort()
