"""Text from sources of another format: Parquet or audio to CSV, CSV to NDJSON and back."""

from __future__ import annotations

import io
import json
import math
from typing import Any

from .block import Block
from .output import Output
from .parquet import with_clean


class _TableSink:
    def __init__(self, output: Output, column: str, into: str | None) -> None:
        self._output, self._column, self._into = output, column, into
        self._first = True

    def write(self, block: Block) -> None:
        """Write the rows of a block at once."""
        assert block.clean is not None
        if len(block.clean):
            self._output.write(self._text(with_clean(block.rest.table(), self._column, self._into, block.clean)))
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

    def _text(self, table: Any) -> bytes:
        from pyarrow import csv

        made = io.BytesIO()
        csv.write_csv(table, made, csv.WriteOptions(include_header=self._first, quoting_style="needed"))
        return made.getvalue()


class NdjsonSink(_TableSink):
    """Rows as one JSON object a line."""

    def _text(self, table: Any) -> bytes:
        def plain(value: Any) -> Any:
            return None if isinstance(value, float) and not math.isfinite(value) else value

        lines = (
            json.dumps({name: plain(value) for name, value in row.items()}, ensure_ascii=False, default=str)
            for row in table.to_pylist()
        )
        return "".join(line + "\n" for line in lines).encode()
