"""Sources and sinks of sample blocks: CSV, NDJSON, Parquet, WAV, FLAC, and pipes that are live.

``source`` opens what there is to read, ``sink`` what is to be written; ``runner.Runner`` carries blocks from one to the
other. A source yields blocks with the wanted columns as arrays and with everything else as it came, so that a sink of
the same format changes nothing but the cleaned column.
"""

# ruff: noqa: A002 - a format is called format
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .block import Block, DataError, Sink, Source, Tee, Wanted
from .letters import Caught, Letters

__all__ = ["FORMATS", "Block", "DataError", "Letters", "Sink", "Source", "Tee", "sink", "source"]

TEXT = ("csv", "ndjson")
FORMATS = (*TEXT, "parquet", "wav", "flac")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".wav": "wav",
    ".wave": "wav",
    ".flac": "flac",
}
_WRITTEN = {".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite"}


_PACKED = {".gz": "zcat", ".bz2": "bzcat", ".xz": "xzcat", ".zst": "zstdcat", ".zip": "unzip -p"}


def format_of(path: str | os.PathLike[str], given: str | None = None) -> str | None:
    """The format of a path: as given, else by its suffix; None for a pipe that says nothing."""
    if given is not None:
        if given not in (*FORMATS, "sqlite"):
            raise DataError(f"unknown format {given!r}: expected one of {', '.join(FORMATS)}")
        return given
    if os.fspath(path) == "-":
        return None
    suffix = Path(path).suffix.lower()
    if suffix in _PACKED:
        inner = _SUFFIXES.get(Path(Path(path).stem).suffix.lower(), "csv")
        if inner not in TEXT:
            raise DataError(f"{os.fspath(path)} is compressed: decompress it first")
        how = f"{_PACKED[suffix]} {os.fspath(path)} | streammse denoise - --format {inner}"
        raise DataError(f"{os.fspath(path)} is compressed: decompress it in a pipe: {how}")
    if suffix in _WRITTEN:
        return _WRITTEN[suffix]
    if suffix not in _SUFFIXES:
        if not Path(path).is_file() and Path(path).exists():
            return None  # a device or a named pipe
        got = f"suffix {suffix!r}" if suffix else "no suffix"
        raise DataError(f"{os.fspath(path)} has {got}: expected one of {' '.join(_SUFFIXES)}, or name its format")
    return _SUFFIXES[suffix]


def source(
    path: str | os.PathLike[str],
    column: str | None = None,
    reference: str | Sequence[str] = (),
    truth: str | None = None,
    *,
    format: str | None = None,
    separator: str | None = None,
    decimal: str = ".",
    header: bool = True,
    time: str | None = None,
    lateness: float = 0.0,
    letters: Letters | None = None,
) -> Source:
    """Open a file, or ``-`` for standard input, as blocks of samples.

    Parameters
    ----------
    path : path, or "-"
    column : str, optional
        The noisy signal; may be left out where only one column holds numbers. In audio the number of a channel, from 1.
    reference : str or several
        Columns that hold what disturbs the signal; or the path of another file of the same length, with ``:COLUMN``
        after it where it has several.
    truth : str, optional
        The column that the result is compared with.
    format : str, optional
        csv, ndjson, parquet, wav or flac; by default the suffix says it, and the first byte of a pipe.
    separator, decimal, header
        CSV only: one character (by default the first line tells), the decimal mark, and whether there is a first line
        of names (without one the columns are called 1, 2, ...).
    time, lateness
        The column that says when: rows are brought into its order, see ``io.order``. How long a row may come after
        one with a later stamp: in seconds where the column holds ISO 8601, else in its own unit.
    letters : Letters, optional
        Where records go that cannot be taken for what they should be; without it the first of them is an error. Text
        and Parquet only. Where the reference of a row in another file is bad, the row goes there.

    Raises
    ------
    DataError
        One line that says what was expected and what came. It is a ValueError.
    """
    references = (reference,) if isinstance(reference, str) else tuple(reference)
    inside: list[str] = []
    outside: list[str] = []
    for name in references:
        (outside if file_of(name) is not None else inside).append(name)
    if inside and outside:
        raise DataError(
            f"references come from the file itself or from other files, not both: got {', '.join(references)}"
        )
    wanted = Wanted(column, tuple(inside), truth, time)
    opened = _open(path, wanted, format, separator, decimal, header, letters)
    if not outside:
        return _in_order(opened, time, lateness, letters)
    from .paired import Paired

    others = []
    for name in outside:
        file = file_of(name) or name
        caught = Caught() if letters is not None and format_of(file) not in ("wav", "flac") else None
        other = _open(file, Wanted(name[len(file) + 1 :] or None), None, separator, decimal, header, caught)
        if other.column == opened.column and Path(path).is_file() and os.path.samefile(path, file):
            raise DataError(f"column {opened.column!r} of {opened.name} is the signal: it cannot be its own reference")
        others.append(other)
    return _in_order(Paired(opened, others), time, lateness, letters)


def _in_order(opened: Source, time: str | None, lateness: float, letters: Letters | None) -> Source:
    if time is None:
        if lateness:
            raise DataError(f"a lateness of {lateness:g} needs the column that says when: name it with time")
        return opened
    from .order import Ordered

    return Ordered(opened, lateness, letters)


def file_of(reference: str) -> str | None:
    """The file that a reference names (with or without a column after it); None where it names a column."""
    head, colon, _ = reference.rpartition(":")
    if Path(reference).is_file():
        return reference
    return head if colon and Path(head).is_file() else None


def _open(
    path: str | os.PathLike[str],
    wanted: Wanted,
    format: str | None,
    separator: str | None,
    decimal: str,
    header: bool,
    letters: Letters | None = None,
) -> Source:
    name = os.fspath(path)
    kind = format_of(path, format)
    if kind == "sqlite":
        raise DataError(f"{name} is SQLite, which is written and not read: expected one of {', '.join(FORMATS)}")
    if kind in ("parquet", "wav", "flac"):
        if name == "-":
            raise DataError(f"{kind} cannot be read from a pipe: give a file")
        if kind == "parquet":
            from .parquet import ParquetSource

            return ParquetSource(name, wanted, letters)
        if letters is not None or wanted.time is not None:
            raise DataError(f"{kind} has samples at a rate, not rows: it takes no dead letters and no time column")
        from .audio import AudioSource

        return AudioSource(name, wanted)
    from .text import open_text

    return open_text(name, wanted, kind, separator, decimal, header, letters)


def sink(path: str | os.PathLike[str], source: Source, *, format: str | None = None, into: str | None = None) -> Sink:
    """Open a file, or ``-`` for standard output, for what comes from ``source``.

    Parameters
    ----------
    path : path, or "-"
        A file appears under this name only when it is complete.
    source : Source
        Whose other columns pass through.
    format : str, optional
        By default by suffix, and for a pipe the format of the source; sqlite (.sqlite, .sqlite3, .db) as well.
    into : str, optional
        A new column for the clean signal; by default it takes the place of the noisy one.
    """
    from .output import output

    name = os.fspath(path)
    suffix = Path(name).suffix.lower()
    if suffix in _PACKED and format is None:
        raise DataError(f"{name} would have to be compressed: write {name[: -len(suffix)]}, or a pipe with -o -")
    kind = format_of(path, format) or source.format
    if into is not None and into in source.names:
        raise DataError(f"column {into!r} exists already in {source.name}: choose a name that is new")
    if kind in ("wav", "flac"):
        if into is not None:
            raise DataError(f"{kind} has channels, not named columns: a new column {into!r} has no place in it")
        from .audio import AudioSink

        return AudioSink(output(name, whole=kind), kind, source)
    if kind == "parquet":
        from .parquet import ParquetSink

        return ParquetSink(output(name, whole=kind), source.column, into)
    if kind == "sqlite":
        from .sqlite import SqliteSink

        return SqliteSink(output(name, whole=kind), source, into)
    if kind == source.format:
        from .text import TextSink

        text: Any = source
        return TextSink(output(name), text, into)
    from .convert import CsvSink, NdjsonSink

    return (CsvSink if kind == "csv" else NdjsonSink)(output(name), source, into)
