"""Text from sources of another format: Parquet or audio to CSV, CSV to NDJSON and back."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

from . import cells
from .block import Block, Source
from .output import Output
from .parquet import with_clean


class _TableSink:
    #: whether it has no types, so that texts will do
    as_text = False

    def __init__(self, output: Output, source: Source, into: str | None) -> None:
        self._output, self._column, self._into = output, source.column, into
        self._dialect: Any = getattr(source, "dialect", None)
        self._first = True
        self.identity = {"output": output.target, "format": type(self).__name__, "into": into}

    def write(self, block: Block) -> None:
        """Write the rows of a block at once."""
        assert block.clean is not None
        if len(block.clean):
            table = block.rest.table(as_text=self.as_text)
            self._output.write(self._text(with_clean(table, self._column, self._into, block.clean)))
            self._first = False

    def _text(self, table: Any) -> bytes:
        raise NotImplementedError

    def offset(self) -> list[Any]:
        """How many bytes are safe, and the types that the first rows gave to the columns."""
        return [self._output.offset(), *types_of(self._dialect)]

    def truncate(self, offset: list[Any] | None) -> None:
        """Go on after so many bytes, with these types."""
        size, *types = offset or [None]
        self._output.truncate(size)
        types_again(self._dialect, types)
        self._first = not size

    def commit(self) -> None:
        """The file is complete."""
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        self._output.abort()


def types_of(dialect: Any) -> list[str]:
    """The types that the first rows of a text gave to its columns, in what JSON can hold; none where there are none."""
    types = getattr(dialect, "types", None)
    return [] if types is None else [base64.b64encode(types).decode()]


def types_again(dialect: Any, types: list[str]) -> None:
    """Later rows get the same types."""
    for one in types:
        dialect.types = base64.b64decode(one)


class CsvSink(_TableSink):
    """Rows as CSV with a line of names."""

    as_text = True

    def _text(self, table: Any) -> bytes:
        head = io.StringIO()
        if self._first:
            csv.writer(head, lineterminator="\n").writerow(table.column_names)
        return head.getvalue().encode() + cells.lines(table)


class NdjsonSink(_TableSink):
    """Rows as one JSON object a line."""

    def _text(self, table: Any) -> bytes:
        return cells.objects(table)
