"""Whole tables: a file of many series in, scores out. Not a stream: a backtest needs the series together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .block import DataError
from .output import output

if TYPE_CHECKING:
    from ..backtesting.table import Table

READS = ("csv", "ndjson", "parquet")
WRITES = ("csv", "json", "parquet")
_SUFFIXES = {"csv": "csv", "tsv": "csv", "txt": "csv", "ndjson": "ndjson", "jsonl": "ndjson", "json": "ndjson"}
_SUFFIXES |= {"parquet": "parquet", "pq": "parquet"}


def read_table(source: str, separator: str | None = None, decimal: str = ".") -> Any:
    """A pyarrow table from a CSV, NDJSON or Parquet file; ``-`` is CSV from standard input.

    Raises
    ------
    DataError
        When it cannot be read; the message is one line.
    """
    import pyarrow as pa

    if decimal not in (".", ","):
        raise DataError(f"the decimal mark must be . or , got {decimal!r}")
    kind = "csv" if source == "-" else _kind(source, READS, "read")
    if source != "-" and not Path(source).is_file():
        raise DataError(f"cannot read {source}: there is no such file")
    try:
        if kind == "parquet":
            from pyarrow import parquet

            return parquet.ParquetFile(source).read()
        if kind == "ndjson":
            from pyarrow import json as ndjson

            return ndjson.read_json(source)
        return _csv(source, separator, decimal)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {source}: {str(error).splitlines()[0]}") from None


def _csv(source: str, separator: str | None, decimal: str) -> Any:
    import sys

    from pyarrow import csv

    if source == "-":
        import pyarrow as pa

        data = sys.stdin.buffer.read()
        head, opened = data[:4096], pa.BufferReader(data)
    else:
        with open(source, "rb") as file:
            head = file.read(4096)
        opened = source
    if separator is None:
        line = head.splitlines()[0].decode("utf-8", "replace") if head else ""
        separator = max((one for one in ",;\t" if one != decimal), key=line.count)
    separator = "\t" if separator == "tab" else separator
    if separator == decimal:
        raise DataError(f"separator and decimal mark are both {decimal!r}: name another separator")
    return csv.read_csv(
        opened,
        parse_options=csv.ParseOptions(delimiter=separator),
        convert_options=csv.ConvertOptions(decimal_point=decimal),
    )


def write_table(table: Table, target: str) -> None:
    """A table into a CSV, JSON or Parquet file that appears when it is complete; ``-`` is CSV to standard output."""
    kind = "csv" if target == "-" else _kind(target, WRITES, "write")
    if kind == "json":
        data = (json.dumps(list(table.rows()), default=str, indent=1) + "\n").encode()
    else:
        import pyarrow as pa

        into = pa.BufferOutputStream()
        (table.to_csv if kind == "csv" else table.to_parquet)(into)
        data = into.getvalue()
    write_bytes(memoryview(data), target, "a Parquet file" if kind == "parquet" else None)


def write_bytes(data: memoryview, target: str, whole: str | None = None) -> None:
    """Bytes into a file that appears when it is complete."""
    into = output(target, whole)
    try:
        into.write(data)
        into.commit()
    except BaseException:
        into.abort()
        raise


def check_target(target: str) -> None:
    """An error for a file that could not be written, before any work is done."""
    if target != "-":
        _kind(target, WRITES, "write")
        folder = Path(target).resolve().parent
        if not folder.is_dir():
            raise DataError(f"cannot write {target}: folder {Path(target).parent} does not exist")


def _kind(name: str, known: tuple[str, ...], verb: str) -> str:
    suffixes = [one.lower().removeprefix(".") for one in Path(name).suffixes]
    if suffixes and suffixes[-1] in ("gz", "bz2", "zst") and verb == "read":
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    kind = "json" if last == "json" and verb == "write" else _SUFFIXES.get(last, "")
    if kind not in known:
        ends = ", ".join("." + one for one in known)
        raise DataError(f"cannot {verb} {name}: expected a name that ends in {ends}")
    return kind
