"""Parquet: columns keep their types, and the clean signal is a float of the width that the noisy one had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .block import EMPTY, NUMBER, OTHER, Array, Block, DataError, Layout, Wanted, described
from .output import Output

ROWS = 1 << 17
BUFFER = 1 << 20  # bytes of a column read at once: without it, all that a row group has


class Batch:
    """Some rows of a table."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def table(self, *, as_text: bool = False) -> Any:  # noqa: ARG002 - it has types of its own
        """The rows as a table."""
        import pyarrow as pa

        return pa.Table.from_batches([self.rows])


class ParquetSource:
    """Blocks of rows of a Parquet file."""

    format = "parquet"

    def __init__(self, name: str, wanted: Wanted) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            self._file = parquet.ParquetFile(name, buffer_size=BUFFER, pre_buffer=False)
        except OSError as error:
            raise DataError(f"cannot read {name}: {error.strerror or error}") from None
        except pa.ArrowInvalid as error:
            raise DataError(f"cannot read {name} as Parquet: {str(error).splitlines()[0]}") from None
        schema = self._file.schema_arrow
        self.name, self.names = name, list(schema.names)
        self.rate: float | None = None
        self.total: int | None = self._file.metadata.num_rows
        if self.total == 0:
            raise DataError(f"{name} holds no rows")

        def numeric(kind: Any) -> bool:
            return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

        def kinds() -> dict[str, str]:
            return {
                one.name: NUMBER if numeric(one.type) else EMPTY if pa.types.is_null(one.type) else OTHER
                for one in schema
            }

        self.layout = Layout(wanted, self.names, kinds, name)
        self.column, self.references, self.truth = self.layout.signal, len(self.layout.references), self.layout.truth
        for column in self.layout.columns:
            if not numeric(schema.field(column).type):
                raise DataError(f"{name}: column {column!r} must hold numbers, got {schema.field(column).type}")

    def __repr__(self) -> str:
        return described(self)

    def __iter__(self) -> Iterator[Block]:
        """Batch by batch, whatever the size of a row group."""
        import pyarrow as pa

        done = 0
        batches = self._file.iter_batches(batch_size=ROWS, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"cannot read {self.name} after row {done}: {str(error).splitlines()[0]}") from None
            if batch is None:
                return
            arrays = {name: _values(batch.column(name)) for name in self.layout.columns}
            done += batch.num_rows
            yield self.layout.block(arrays, Batch(batch), done)


def _values(column: Any) -> Array:
    """Float64, with NaN where the column has nulls.

    By its buffer, as pyarrow's own ways to and from numpy import pandas where there is one.
    """
    import pyarrow as pa

    cast = column.cast(pa.float64(), safe=False)
    known, data = cast.buffers()
    values = np.frombuffer(data, dtype=np.float64, count=len(cast), offset=8 * cast.offset).copy()
    if cast.null_count:
        bits = np.unpackbits(np.frombuffer(known, dtype=np.uint8), bitorder="little")
        values[bits[cast.offset : cast.offset + len(cast)] == 0] = np.nan
    return values


def column_of(values: Array) -> Any:
    """A column of an array; NaN becomes null."""
    import pyarrow as pa

    known = np.packbits(~np.isnan(values), bitorder="little")
    data = np.ascontiguousarray(values, dtype=np.float64)
    return pa.Array.from_buffers(pa.float64(), len(data), [pa.py_buffer(known), pa.py_buffer(data)])


def with_clean(table: Any, column: str, into: str | None, clean: Array) -> Any:
    """The table with the clean signal in its place, or appended as ``into``; NaN becomes null."""
    import pyarrow as pa

    at = table.schema.get_field_index(column)
    old = table.schema.field(at)
    kind = old.type if pa.types.is_floating(old.type) and into is None else pa.float64()
    values = column_of(clean).cast(kind)
    if into is not None:
        return table.append_column(pa.field(into, kind), values)
    return table.set_column(at, pa.field(column, kind, metadata=old.metadata), values)


class ParquetSink:
    """Writes what comes as Parquet, from whichever source."""

    def __init__(self, output: Output, column: str, into: str | None) -> None:
        self._output, self._column, self._into = output, column, into
        self._writer: Any = None

    def write(self, block: Block) -> None:
        """Append the rows of a block."""
        from pyarrow import parquet

        assert block.clean is not None
        if not len(block.clean):
            return
        table = with_clean(block.rest.table(), self._column, self._into, block.clean)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._output.path, table.schema)
        self._writer.write_table(table)

    def commit(self) -> None:
        """Write the footer and take the name."""
        if self._writer is not None:
            self._writer.close()
        self._output.commit()

    def abort(self) -> None:
        """It will not be."""
        if self._writer is not None:
            self._writer.close()
        self._output.abort()
