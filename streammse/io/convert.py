"""Text from sources of another format: Parquet or audio to CSV, CSV to NDJSON and back."""

from __future__ import annotations

import csv
import io
from typing import Any

from . import cells
from .block import Block
from .output import Output
from .parquet import with_clean


class _TableSink:
    #: whether it has no types, so that texts will do
    as_text = False

    def __init__(self, output: Output, column: str, into: str | None) -> None:
        self._output, self._column, self._into = output, column, into
        self._first = True

    def write(self, block: Block) -> None:
        """Write the rows of a block at once."""
        assert block.clean is not None
        if len(block.clean):
            table = block.rest.table(as_text=self.as_text)
            self._output.write(self._text(with_clean(table, self._column, self._into, block.clean)))
            self._first = False

    def _text(self, table: Any) -> bytes:
        raise NotImplementedError

    def commit(self) -> None:
        """The file is complete."""
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        self._output.abort()


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
