"""CSV and NDJSON, from files and from pipes that are live: whole rows are passed on as soon as they have come."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from . import digits, scan
from .block import Array, Block, DataError, Layout, Wanted, described, identified
from .dialects import Bytes, Csv, Dialect, Ndjson, NotAnObjectError, Places, first_line
from .files import PEEK, digest
from .letters import Letters
from .output import Output
from .parquet import column_of
from .records import MisfitError
from .stamps import Clock, Stamps

#: where a block begins in its source and the number of its first row; or that of every row
Begun = tuple[int, int] | Places

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
    """The bytes of a block, and where its rows and values lie."""

    def __init__(
        self, source: TextSource, bytes_: Bytes, spans: Places, ends: Places, lines: Places, begun: Begun
    ) -> None:
        self.source, self.bytes, self.rows = source, bytes_, len(ends)
        self.spans, self.ends, self.lines = spans, ends, lines
        self._begun = begun

    @property
    def places(self) -> Places:
        """Of each row where it begins in the source, and its number from 1."""
        if isinstance(self._begun, tuple):
            offset, number = self._begun
            self._begun = np.column_stack((self.lines[:, 0] + offset, np.arange(number, number + self.rows)))
        return self._begun

    @property
    def numbers(self) -> Places:
        """Which row of the source each is, from 1."""
        return self.places[:, 1]

    def table(self, *, as_text: bool = False) -> Any:
        """The rows as a table: doubles where numbers are wanted; the other columns as the dialect has them."""
        source = self.source
        numbers = {name: column_of(source.numbers(self, k)[0]) for k, name in enumerate(source.layout.columns)}
        try:
            return source.dialect.table(self.bytes.tobytes(), self.rows, numbers, as_text)
        except MisfitError as error:
            raise DataError(f"{source.name}, row {self.places[error.row][1]}: {error}") from None

    def record(self, row: int) -> tuple[bytes, int, int]:
        """A row without its newline, where it began, and its number."""
        raw = self.bytes[slice(*self.lines[row])].tobytes()
        offset, number = self.places[row]
        return raw.removesuffix(b"\n"), int(offset), int(number)

    def _moved(self, bytes_: Bytes, rows: Any, begins: Places, ends: Places) -> Text:
        """These rows, now from ``begins`` to ``ends``."""
        by = begins - self.lines[rows, 0]
        marks = self.ends[rows]
        marks = np.where(marks < 0, marks - by, marks + by)
        return Text(
            self.source,
            bytes_,
            self.spans[rows] + by[:, None],
            marks,
            np.column_stack((begins, ends)),
            self.places[rows],
        )

    def take(self, rows: Places) -> Text:
        """Some rows, in this order; empty lines between rows stay behind."""
        begins, ends = (np.ascontiguousarray(self.lines[:, side]) for side in (0, 1))
        out = np.empty(int((ends[rows] - begins[rows]).sum()) + rows.size, dtype=np.uint8)
        places = np.empty(rows.size, dtype=np.int64)
        size = scan.gather.compiled(self.bytes, begins, ends, np.ascontiguousarray(rows), True, out, places)
        return self._moved(out[:size], rows, places, np.append(places[1:], size) if rows.size else places)

    def without(self, stretches: list[tuple[int, int]], keep: NDArray[np.bool_]) -> Text:
        """Only the rows to keep: the other ones and these stretches between rows are cut out."""
        cuts = np.array(stretches, dtype=np.int64).reshape(-1, 2)
        cuts = np.concatenate((cuts, self.lines[~keep]))
        cuts = cuts[np.argsort(cuts[:, 0])]
        left = np.ones(self.bytes.size, dtype=bool)
        for begin, end in cuts.tolist():
            left[begin:end] = False
        gone = np.concatenate(([0], np.cumsum(cuts[:, 1] - cuts[:, 0])))
        begins = self.lines[keep, 0]
        begins = begins - gone[np.searchsorted(cuts[:, 0], begins)]
        return self._moved(self.bytes[left], keep, begins, begins + self.lines[keep, 1] - self.lines[keep, 0])

    def join(self, others: Sequence[Text]) -> Text:
        """These rows and those that follow."""
        parts = [self, *others]
        texts = [part.bytes for part in parts]
        for k, text in enumerate(texts[:-1]):
            if text.size and text[-1] != scan.LF:
                texts[k] = np.append(text, np.uint8(scan.LF))
        at = np.cumsum([0, *(text.size for text in texts)]).tolist()
        marks = [np.where(part.ends < 0, part.ends - by, part.ends + by) for by, part in zip(at, parts, strict=False)]
        return Text(
            self.source,
            np.concatenate(texts),
            np.concatenate([part.spans + by for by, part in zip(at, parts, strict=False)]),
            np.concatenate(marks),
            np.concatenate([part.lines + by for by, part in zip(at, parts, strict=False)]),
            np.concatenate([part.places for part in parts]),
        )


class _Raw:
    """The bytes of a file or of standard input, as they come."""

    def __init__(self, name: str) -> None:
        try:
            handle = 0 if name == "-" else os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            if handle > 0:  # at exit as well, where a ``__del__`` would find the module gone
                finalize(self, os.close, handle)
            self._file = io.FileIO(handle, closefd=False)
            info = os.fstat(handle)
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

    def between(self, begin: int, end: int, where: str) -> bytes:
        """The bytes of a file between two places; what is read next comes after them."""
        got = b""
        try:
            self._file.seek(begin)
            while len(got) < end - begin and (more := self._file.read(end - begin - len(got))):
                got += more
        except OSError as error:
            raise DataError(f"cannot read {where}: {error.strerror}") from None
        return got


class TextSource:
    """Blocks of whole rows; of a pipe as many rows as have come."""

    def __init__(
        self,
        raw: _Raw,
        name: str,
        dialect: Dialect,
        wanted: Wanted,
        tail: bytes,
        ended: bool,
        letters: Letters | None = None,
    ) -> None:
        self._raw, self.name, self.dialect, self.letters = raw, name, dialect, letters
        self.format, self.names, self.total = dialect.format, dialect.names, raw.total
        self.rate: float | None = None
        self._tail: Bytes = np.frombuffer(bytearray(tail), dtype=np.uint8)
        self._ended = ended
        self._rows, self._lines, self._done = 0, dialect.head.count(b"\n"), len(dialect.head)
        self._first = b""  # the first bytes of a file, by which it is known again
        try:
            self.layout = Layout(wanted, self.names, self._kinds, name)
        except DataError as error:
            raise DataError(f"{error}{dialect.doubt}") from None
        self.column, self.references, self.truth = self.layout.signal, len(self.layout.references), self.layout.truth
        time, columns = self.layout.time, self.layout.columns
        dialect.prepare(columns, [time] if time is not None and time not in columns else [])
        self._time = None if time is None else columns.index(time) if time in columns else len(columns)
        self.clock = Clock()
        self._start = self._offset(self._tail[:0], self._tail.size)

    def __repr__(self) -> str:
        return described(self)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another one."""
        log = {} if self.letters is None else self.letters.identity
        return identified(self, **self.dialect.identity, **log)

    @property
    def beginning(self) -> dict[str, Any]:
        """The offset before the first block."""
        return self._start if self.letters is None else {**self._start, "letters": self.letters.mark()}

    def seek(self, offset: dict[str, Any]) -> None:
        """Go on after the block of this offset. A pipe goes on with what comes now: only its rows are counted on.

        A file may have grown since. Raises DataError where what was read is no longer what is there.
        """
        if self.letters is not None:
            self.letters.back_to(offset["letters"])
        if self._rows == offset["rows"] == 0 and self._done == offset["done"]:  # nothing has been read
            return
        self._rows, self._lines, self._done = offset["rows"], offset["lines"], offset["done"]
        if self.total is None:
            return
        first, last, ahead = offset["first"], offset["last"], offset["ahead"]
        self._first = self._raw.between(0, first[0], self.name)
        before = self._raw.between(self._done - last[0], self._done, self.name)
        if digest(self._first) != first[1] or digest(before) != last[1]:
            raise DataError(f"{self.name} is not what was read: its first {self._done} bytes have changed since")
        # as many bytes as had been read ahead, so that the blocks are cut where they would have been
        tail = self._raw.between(self._done, self._done + ahead, self.name)
        self._tail, self._ended = np.frombuffer(bytearray(tail), dtype=np.uint8), False

    def took(self, used: int, rows: int) -> dict[str, Any]:
        """So many bytes and rows more have been read; returns the offset there."""
        block = self._tail[:used]
        self._done += used
        self._rows += rows
        self._lines += int(np.count_nonzero(block == scan.LF))
        self._tail = self._tail[used:]
        return self._offset(block, self._tail.size)

    def _offset(self, block: Bytes, ahead: int) -> dict[str, Any]:
        """Where a block ends: rows, lines and bytes so far, and in a file how it begins and what stands just before."""
        offset: dict[str, Any] = {"rows": self._rows, "lines": self._lines, "done": self._done}
        if self.total is not None:
            if not self._first and block.size:
                head = (np.frombuffer(self.dialect.head, dtype=np.uint8), block)
                self._first = b"".join(part[:PEEK].tobytes() for part in head)[:PEEK]
            last = block[-PEEK:].tobytes()
            offset |= {"first": [len(self._first), digest(self._first)], "last": [len(last), digest(last)]}
            offset["ahead"] = ahead
        if self.letters is not None:
            offset["letters"] = self.letters.mark()
        return offset

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

    def room(self, text: Bytes) -> tuple[Places, Places, Places]:
        """Room for what a scan of this text may find: values, ends and lines of its rows."""
        capacity = int(np.count_nonzero(text == scan.LF)) + 1
        width = 2 * (len(self.layout.columns) + (self._time == len(self.layout.columns)))
        shapes = ((capacity, width), (capacity,), (capacity, 2))
        spans, ends, lines = (np.empty(shape, dtype=np.int64) for shape in shapes)
        return spans, ends, lines

    def __iter__(self) -> Iterator[Block]:
        """Scan, read the numbers, pass on; what is not yet a whole row waits for the rest of it."""
        if self.letters is not None:
            from .weed import weeded

            yield from weeded(self, self.letters)
            return
        told = np.zeros(3, dtype=np.int64)
        while True:
            text, final = self._tail, self._ended
            spans, ends, lines = self.room(text)
            rows = self.dialect.rows(text, text.size, final, spans, ends, lines, told)
            used = int(told[scan.CONSUMED])
            if used:
                found = Text(self, text[:used], spans[:rows], ends[:rows], lines[:rows], (self._done, self._rows + 1))
                arrays, stamps = self._columns(found)
                offset = self.took(used, rows)
                yield self.layout.block(arrays, found, self._done, offset, stamps)
            if told[scan.STATUS] != scan.FINE:
                what = self.complaint(int(told[scan.STATUS]), int(told[scan.FOUND]), self._tail[:1000].tobytes())
                raise DataError(f"{self.name}, row {self._rows + 1} (line {self._lines + 1}): {what}")
            if final:
                break
            self._more()
        if self._rows == 0:
            raise DataError(f"{self.name} holds no rows" + (" after the line of names" if self.dialect.head else ""))

    def complaint(self, status: int, found: int, row: bytes) -> str:
        """What is wrong with a row that begins so."""
        shown = row[:1000].decode("utf-8", "replace").splitlines()
        return self.dialect.complaint(status, found, shown[0][:60] if shown else "")

    def numbers(self, text: Text, k: int) -> tuple[Array, list[int]]:
        """The k-th wanted values as numbers, and the rows that hold something else there."""
        rows, spans = text.rows, text.spans
        if rows == 0:
            return np.empty(0), []
        values, odd = np.empty(rows), np.empty(rows, dtype=np.int64)
        quotes, decimal = self.dialect.quotes, ord(self.dialect.decimal)
        words = values.view(np.uint64)
        strange = digits.read.compiled(text.bytes, rows, spans, k, quotes, decimal, values, words, odd)
        wrong = []
        for row in odd[:strange].tolist():
            value = self.dialect.cell(self.cell(text, row, k))
            if value is None:
                wrong.append(row)
            else:
                values[row] = value
        return values, wrong

    @staticmethod
    def cell(text: Text, row: int, k: int) -> str:
        """What stands in the place of the k-th wanted value."""
        return text.bytes[slice(*text.spans[row, 2 * k : 2 * k + 2])].tobytes().decode("utf-8", "replace")

    def not_a_number(self, text: Text, row: int, k: int) -> str:
        """What is wrong with a cell that holds something else."""
        cell = self.cell(text, row, k)
        return f"column {self.layout.columns[k]!r} must hold numbers, got {cell[:40]!r}{self.dialect.hint(cell)}"

    def stamps(self, text: Text) -> tuple[Stamps | None, list[int]]:
        """When each row was, where somebody asked for it, and the rows that do not tell."""
        k, clock = self._time, self.clock
        if k is None:
            return None, []
        if text.rows == 0:
            return np.empty(0, dtype=np.float64 if clock.kind == Clock.NUMBER else np.int64), []
        if clock.kind != Clock.NUMBER:
            made, wrong = clock.texts(_strings(text, k))
        if clock.kind == Clock.NUMBER:
            values, _ = self.numbers(text, k)
            made, wrong = clock.numbers(values)
        return made, np.flatnonzero(wrong).tolist()

    def no_stamp(self, text: Text, row: int) -> str:
        """What is wrong with a cell that does not say when."""
        assert self._time is not None
        wanted = self.clock.kind or "a number or a time in ISO 8601"
        if self.clock.kind == Clock.NUMBER:
            wanted += " below 2^53"
        return f"column {self.layout.time!r} must hold {wanted}, got {self.cell(text, row, self._time)[:40]!r}"

    def _columns(self, text: Text) -> tuple[dict[str, Array], Stamps | None]:
        """The wanted values; an error names the row."""

        def refuse(row: int, what: str, at: int) -> DataError:
            line = self._lines + int(np.count_nonzero(text.bytes[:at] == scan.LF)) + 1
            return DataError(f"{self.name}, row {self._rows + row + 1} (line {line}): {what}")

        arrays = {}
        for k, name in enumerate(self.layout.columns):
            arrays[name], wrong = self.numbers(text, k)
            if wrong:
                raise refuse(wrong[0], self.not_a_number(text, wrong[0], k), text.spans[wrong[0], 2 * k])
        stamps, wrong = self.stamps(text)
        if wrong:
            raise refuse(wrong[0], self.no_stamp(text, wrong[0]), text.lines[wrong[0], 0])
        return arrays, stamps


def _strings(text: Text, k: int) -> Any:
    """The k-th wanted cells as a pyarrow array, without quotes around them; what is no UTF-8 becomes a blank."""
    import pyarrow as pa

    begins, ends = (np.ascontiguousarray(text.spans[:, 2 * k + side]) for side in (0, 1))
    ends = np.maximum(begins, ends)
    last = text.bytes.size - 1
    quoted = (ends - begins >= 2) & (text.bytes[np.minimum(begins, last)] == digits.QUOTE)
    quoted &= text.bytes[np.minimum(np.maximum(ends - 1, 0), last)] == digits.QUOTE
    begins, ends = begins + quoted, ends - quoted
    out = np.empty(int((ends - begins).sum()), dtype=np.uint8)
    places = np.empty(text.rows, dtype=np.int64)
    size = scan.gather.compiled(text.bytes, begins, ends, np.arange(text.rows), False, out, places)
    out[out > 127] = scan.SPACE
    offsets = np.append(places, size)
    return pa.LargeStringArray.from_buffers(text.rows, pa.py_buffer(offsets), pa.py_buffer(out))


def open_text(
    name: str,
    wanted: Wanted,
    kind: str | None,
    separator: str | None,
    decimal: str,
    header: bool,
    letters: Letters | None = None,
) -> TextSource:
    """Open CSV or NDJSON and read its first line; a pipe that begins with a brace is NDJSON."""
    raw = _Raw(name)
    where = "standard input" if name == "-" else name
    begun, ended, end = b"", False, 0
    place = np.empty(BLOCK, dtype=np.uint8)

    def more() -> bytes:
        nonlocal ended
        got = raw.into(place, where)
        ended = got == 0
        return begun + place[:got].tobytes()

    while not end and not ended:
        begun = more()
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
        at = 0
        while True:
            try:
                return TextSource(raw, where, Ndjson(begun[at:end], where), wanted, begun, ended, letters)
            except NotAnObjectError:
                if letters is None or (ended and end == len(begun)):
                    raise
            at = end  # this line is told when it is its turn; the next one may say what there is
            while (end := at + first_line(begun[at:], ended, False)) == at and not ended:
                begun = more()
    dialect = Csv(begun[:end].lstrip(b"\r\n"), separator, decimal, header, where)
    dialect.head = begun[:end] if header else b""
    return TextSource(raw, where, dialect, wanted, begun[end if header else 0 :], ended, letters)


class TextSink:
    """The text of the source again, with the clean values in their places."""

    def __init__(self, output: Output, source: TextSource, into: str | None) -> None:
        self._output = output
        self._into = into
        self.identity = {"output": output.target, "into": into}
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

    def offset(self) -> int:
        """How many bytes are safe."""
        return self._output.offset()

    def truncate(self, offset: int | None) -> None:
        """Go on after so many bytes."""
        self._output.truncate(offset)
        self._begun = bool(offset)

    def commit(self) -> None:
        """The file is complete."""
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        self._output.abort()
