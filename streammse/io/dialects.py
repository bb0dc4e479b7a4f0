"""What CSV and NDJSON do differently: names, where values lie in a row, how a value is written."""

# ruff: noqa: D102, ARG002 - the protocol says what each method is, and not every dialect needs all of it
from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import scan
from .block import COMMA, EMPTY, NUMBER, OTHER, DataError
from .records import MisfitError, columns_of, known, schema_of, texts_of

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

PEEK = 100  # rows looked at to see which columns hold numbers

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d+(\.\d{3})*,\d+([eE][+-]?\d+)?")
_MISSING = {"", "nan", "-nan", "na", "n/a", "#n/a", "#na", "<na>", "null", "none"}


def number(text: str) -> float | None:
    """The number that a text says, NaN where it says that there is none, None where it is something else."""
    text = text.strip()
    if text.lower() in _MISSING:
        return math.nan
    return float(text) if _NUMBER.fullmatch(text) else None


class NotAnObjectError(DataError):
    """The first line is no JSON object."""


def decimal_comma(text: str) -> bool:
    """Whether it is a number written with a decimal comma."""
    return bool(_COMMA.fullmatch(text.strip().strip('"')))


class Dialect(Protocol):
    """What CSV and NDJSON do differently."""

    format: str
    names: list[str]
    head: bytes
    decimal: str
    #: what stands where there is no value
    missing: bytes
    #: whether a number may stand in quotes
    quotes: bool

    #: what else tells one dialect from another
    identity: dict[str, Any]

    #: what may be wrong with the first line, where something else turns out to be wrong
    doubt: str

    def kinds(self, text: bytes) -> dict[str, str]:
        """What each column seems to hold in these first rows."""
        ...

    def prepare(self, columns: list[str], also: list[str]) -> None:
        """These columns will be wanted as numbers, and the places of those as well."""
        ...

    def rows(
        self, text: Bytes, size: int, final: bool, spans: Places, ends: Places, lines: Places, told: Places
    ) -> int:
        """Scan."""
        ...

    def cell(self, text: str) -> float | None:
        """The number in a cell, NaN where it is empty, None where it holds something else."""
        ...

    def hint(self, text: str) -> str:
        """What may be meant by a cell that holds something else."""
        ...

    def complaint(self, status: int, found: int, text: str) -> str:
        """What is wrong with a row."""
        ...

    def new_head(self, into: str) -> bytes:
        """What comes before the first row when there is one more column."""
        ...

    def prefix(self, name: str) -> bytes:
        """What comes before an appended value."""
        ...

    def table(self, text: bytes, rows: int, numbers: dict[str, Any], as_text: bool) -> Any:
        """Rows as a pyarrow table; ``numbers`` are the columns that have been read already."""
        ...

    def paired(self, row: bytes) -> bool:
        """Whether the quotes in this row, and in no more than this one, pair as they should."""
        ...


class Csv:
    """Comma-separated values, or separated by what the first line tells."""

    format = "csv"
    missing = b""
    quotes = True

    def __init__(self, first: bytes, separator: str | None, decimal: str, header: bool, where: str) -> None:
        if decimal not in (".", ","):
            raise DataError(f"the decimal mark must be . or , got {decimal!r}")
        if b"\0" in first:
            raise DataError(f"{where} is not text in UTF-8: its first line holds zero bytes")
        self.decimal = decimal
        line = first.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip("\r\n")
        self.separator = _separator(separator) if separator is not None else _sniff(line, decimal)
        if self.separator == decimal:
            raise DataError(f"separator and decimal mark are both {decimal!r}: name another separator")
        cells = next(csv.reader([line], delimiter=self.separator), [""])
        if header and all(self.cell(cell) is not None and cell.strip() for cell in cells):
            raise DataError(
                f"the first line of {where} holds only numbers ({line[:60]}): a line of column names was expected; "
                "say --no-header if there is none"
            )
        self.names = cells if header else [str(k + 1) for k in range(len(cells))]
        self.doubt = _doubt(line, cells)
        self.head = b""
        self.identity = {"separator": self.separator, "decimal": decimal, "header": header}

    def cell(self, text: str) -> float | None:
        if len(text) >= 2 and text[0] == text[-1] == '"':
            text = text[1:-1]
        return number(text if self.decimal == "." else text.replace(".", "x").replace(",", "."))

    def hint(self, text: str) -> str:
        return " (is this a decimal comma? say --decimal ,)" if self._comma(text) else self.doubt

    def _comma(self, text: str) -> bool:
        return self.decimal == "." and decimal_comma(text)

    def kinds(self, text: bytes) -> dict[str, str]:
        kinds = dict.fromkeys(self.names, EMPTY)  # by the first cell that is not empty
        lines = io.StringIO(text.decode("utf-8", "replace"), newline="")
        with contextlib.suppress(csv.Error):  # a cell of more than 128 kB: its row is complained about in its turn
            for _, cells in zip(range(PEEK), csv.reader(lines, delimiter=self.separator), strict=False):
                for name, cell in zip(self.names, cells, strict=False):
                    value = self.cell(cell)
                    if self._comma(cell):
                        kinds[name] = COMMA
                    elif kinds[name] == EMPTY and (value is None or not math.isnan(value)):
                        kinds[name] = OTHER if value is None else NUMBER
        return kinds

    def prepare(self, columns: list[str], also: list[str]) -> None:
        self._columns = columns
        read = [*columns, *also]
        self._wanted = np.array([read.index(name) if name in read else -1 for name in self.names], dtype=np.int64)

    def rows(
        self, text: Bytes, size: int, final: bool, spans: Places, ends: Places, lines: Places, told: Places
    ) -> int:
        separator = ord(self.separator)
        rows: int = scan.csv_rows.compiled(text, size, final, separator, self._wanted, spans, ends, lines, told)
        return rows

    def complaint(self, status: int, found: int, text: str) -> str:
        if status == scan.OPEN_QUOTE:
            return "a quote is opened and never closed"
        wanted = len(self.names)
        return f"{wanted} fields were expected, as in the first line, got {found}: {text}{self.doubt}"

    def new_head(self, into: str) -> bytes:
        if not self.head:
            return b""
        body = self.head.rstrip(b"\r\n")
        cell = io.StringIO()
        csv.writer(cell, delimiter=self.separator, lineterminator="").writerow([into])
        return body + self.separator.encode() + cell.getvalue().encode() + (self.head[len(body) :] or b"\n")

    def prefix(self, name: str) -> bytes:
        return self.separator.encode()

    def paired(self, row: bytes) -> bool:
        lines = io.StringIO(row.decode("utf-8", "replace"), newline="")
        try:
            return len(list(csv.reader(lines, delimiter=self.separator, strict=True))) == 1
        except csv.Error:
            return False

    def table(self, text: bytes, rows: int, numbers: dict[str, Any], as_text: bool) -> Any:
        """All other columns are texts: what 007 or 2024-01-01 is meant to be, no reader can know."""
        import pyarrow as pa
        from pyarrow import csv as arrow

        if any("\ufffd" in name for name in self.names):
            raise DataError(f"the line of names is not text in UTF-8{_LATIN}")
        places = [str(k) for k in range(len(self.names))]  # names may be there twice
        others = [place for place, name in zip(places, self.names, strict=True) if name not in numbers]
        found = {str(self.names.index(name)): column for name, column in numbers.items()}
        if others:
            try:
                made = arrow.read_csv(
                    io.BytesIO(text),
                    read_options=arrow.ReadOptions(column_names=places, use_threads=False, block_size=len(text) + 1),
                    parse_options=arrow.ParseOptions(delimiter=self.separator, newlines_in_values=True),
                    convert_options=arrow.ConvertOptions(
                        column_types=dict.fromkeys(others, pa.binary()),  # what is no UTF-8 is told below, with its row
                        include_columns=others,
                        null_values=[""],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                )
            except pa.ArrowInvalid as error:
                raise DataError(f"these rows cannot be told apart: {str(error).splitlines()[0]}") from None
            if made.num_rows != rows:
                raise DataError(
                    f"rows cannot be told apart where quotes or carriage returns stand inside of cells: of {rows} rows "
                    f"{made.num_rows} are found; CSV as the output keeps them as they are"
                )
            found |= {place: _decoded(self.names[int(place)], made.column(place)) for place in others}
        return pa.Table.from_arrays([found[place] for place in places], names=self.names)


def _decoded(name: str, column: Any) -> Any:
    """The texts of a column."""
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        for row, cell in enumerate(column.to_pylist()):
            try:
                (cell or b"").decode()
            except UnicodeDecodeError:
                raise MisfitError(row, f"column {name!r} is not text in UTF-8, got {cell[:40]!r}{_LATIN}") from None
        raise


_LATIN = " (is it Latin-1? iconv -f latin1 -t utf-8 IN | streammse denoise -)"


class Ndjson:
    """One JSON object a line."""

    format = "ndjson"
    missing = b"null"
    quotes = False
    head = b""
    doubt = ""
    decimal = "."
    identity: dict[str, Any] = {}

    def __init__(self, first: bytes, where: str) -> None:
        try:
            record = json.loads(first)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            shown = first.decode("utf-8", "replace").strip()[:60]
            raise NotAnObjectError(f"{where}, row 1: a JSON object was expected on the line, got {shown}")
        self.names = list(record)
        self._first = first
        self._schema: Any = None
        self._columns_seen: list[str] | None = None

    @property
    def types(self) -> bytes | None:
        """What the first block made of the columns, for a run that goes on; None before it."""
        if self._columns_seen is None:
            return None
        import pyarrow as pa

        schema = self._schema if self._schema is not None else pa.schema([])
        told = {b"columns": json.dumps(self._columns_seen).encode()}
        return bytes(schema.with_metadata(told).serialize().to_pybytes())

    @types.setter
    def types(self, told: bytes) -> None:
        import pyarrow as pa

        schema = pa.ipc.read_schema(pa.py_buffer(told))
        self._columns_seen = json.loads(schema.metadata[b"columns"])
        self._schema = schema.remove_metadata() if len(schema) else None

    def kinds(self, text: bytes) -> dict[str, str]:
        kinds = dict.fromkeys(self.names, EMPTY)
        for line in text.splitlines()[:PEEK]:
            # a line that is no object is complained about when it is its turn
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                for name, value in dict(json.loads(line)).items():
                    if value is not None and kinds.get(name) == EMPTY:
                        kinds[name] = (
                            NUMBER if isinstance(value, (int, float)) and not isinstance(value, bool) else OTHER
                        )
        return kinds

    def prepare(self, columns: list[str], also: list[str]) -> None:
        self._columns = columns
        keys = [self._written(name) for name in [*columns, *also]]
        self._keys = np.frombuffer(bytearray(b"".join(keys)), dtype=np.uint8)
        self._key_ends = np.cumsum([len(key) for key in keys], dtype=np.int64)

    def rows(
        self, text: Bytes, size: int, final: bool, spans: Places, ends: Places, lines: Places, told: Places
    ) -> int:
        keys, key_ends = self._keys, self._key_ends
        rows: int = scan.ndjson_rows.compiled(text, size, final, keys, key_ends, spans, ends, lines, told)
        return rows

    def cell(self, text: str) -> float | None:
        return None if text[:1] in ('"', "[", "{") else number(text)

    def hint(self, text: str) -> str:
        return ""

    def complaint(self, status: int, found: int, text: str) -> str:
        return f"a JSON object was expected on the line, got {text}"

    def new_head(self, into: str) -> bytes:
        return b""

    def _written(self, name: str) -> bytes:
        """A key as the first line writes it: in UTF-8, or with its letters beyond ASCII escaped."""
        for ascii_only in (False, True):
            key = json.dumps(name, ensure_ascii=ascii_only).encode()
            if key in self._first:
                return key
        raise DataError(f"the key {name!r} is written with escapes that are not needed: it cannot be followed")

    def paired(self, row: bytes) -> bool:
        return True  # no row has more than one line

    def prefix(self, name: str) -> bytes:
        return b", " + json.dumps(name, ensure_ascii=False).encode() + b": "

    def table(self, text: bytes, rows: int, numbers: dict[str, Any], as_text: bool) -> Any:
        """The other columns have the types, and all columns the names, that the first block has."""
        records = [json.loads(line) for line in text.split(b"\n") if line.strip()]
        if self._columns_seen is None:
            found = dict.fromkeys(name for record in records for name in record)
            self._columns_seen = list(dict.fromkeys([*found, *self._columns]))
        known(records, self._columns_seen)
        if as_text:
            return texts_of(records, self._columns_seen, numbers)
        if self._schema is None:
            self._schema = schema_of(records, self._columns_seen, list(numbers))
        return columns_of(records, self._schema, numbers)


def _separator(given: str) -> str:
    plain = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " "}.get(given, given)
    if len(plain) != 1 or not plain.isascii() or plain in '"\r\n.':
        raise DataError(f"the separator must be one character (or the word tab), got {given!r}")
    return plain


def _doubt(line: str, cells: list[str]) -> str:
    """What the first line may be instead of names with separators between them."""
    if line.startswith("#"):
        return " (the first line begins with #: leave comments out, grep -v '^#' IN | streammse denoise -)"
    if "\ufffd" in line:
        return f"; the line of names is not text in UTF-8{_LATIN}"
    if len(cells) == 1 and re.search(r"\S\s+\S", line):
        squeeze = ", after tr -s ' '" if "  " in line else ""
        return f" (are blanks the separator? say --separator space{squeeze})"
    return ""


def _sniff(line: str, decimal: str) -> str:
    """The separator that occurs most often outside quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    candidates = [one for one in ",;\t|" if one != decimal]
    return max(candidates, key=bare.count)


def first_line(begun: bytes, ended: bool, quotes: bool) -> int:
    """Where the first line that holds something ends, its newline included; 0 where it has not yet come.

    A newline inside quotes ends no line.
    """
    pattern = rb'[\r\n]*(?:[^"\n]|"[^"]*")+\n' if quotes else rb"\s*\S[^\n]*\n"
    found = re.match(pattern, begun)
    if found is None and (ended or len(begun) > 1 << 16):  # a lone quote opens nothing
        found = re.match(rb"\s*\S[^\n]*\n", begun)
        return found.end() if found else len(begun)
    return found.end() if found else 0
