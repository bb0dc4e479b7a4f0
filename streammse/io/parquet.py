"""Parquet: columns keep their types, and the clean signal is a float of the width that the noisy one had."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .block import EMPTY, NUMBER, OTHER, Array, Block, DataError, Layout, Order, Records, Wanted, described, identified
from .files import stamp
from .letters import Letter, Letters, too_large
from .output import Output
from .stamps import Clock, Stamps, of_column

ROWS = 1 << 17
BUFFER = 1 << 20  # bytes of a column read at once: without it, all that a row group has


class Batch:
    """Some rows of a table, and the number of each in its file."""

    def __init__(self, rows: Any, numbers: NDArray[np.int64]) -> None:
        self.rows, self.numbers = rows, numbers

    def table(self, *, as_text: bool = False) -> Any:  # noqa: ARG002 - it has types of its own
        """The rows as a table."""
        import pyarrow as pa

        return pa.Table.from_batches([self.rows])

    def take(self, rows: Order) -> Batch:
        """Some rows, in this order."""
        import pyarrow as pa

        wanted = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])
        return Batch(self.rows.take(wanted), self.numbers[rows])

    def join(self, others: Sequence[Batch]) -> Batch:
        """These rows and those that follow."""
        import pyarrow as pa

        parts = [self, *others]
        joined = pa.concat_batches([part.rows for part in parts])
        return Batch(joined, np.concatenate([part.numbers for part in parts]))

    def record(self, row: int) -> tuple[bytes, None, int]:
        """A row as JSON, and its number."""
        (body,) = self.rows.slice(row, 1).to_pylist()
        return json.dumps(body, ensure_ascii=False, default=str).encode(), None, int(self.numbers[row])


class ParquetSource:
    """Blocks of rows of a Parquet file."""

    format = "parquet"

    def __init__(self, name: str, wanted: Wanted, letters: Letters | None = None) -> None:
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
        self._from = 0
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
        self.clock, self.letters = Clock(), letters
        for column in self.layout.columns:
            if not numeric(schema.field(column).type):
                raise DataError(f"{name}: column {column!r} must hold numbers, got {schema.field(column).type}")

    def __repr__(self) -> str:
        return described(self)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from another one."""
        log = {} if self.letters is None else self.letters.identity
        return identified(self, stamp=stamp(self.name), **log)

    @property
    def beginning(self) -> Any:
        """The offset before the first block."""
        return 0 if self.letters is None else {"rows": 0, "letters": self.letters.mark()}

    def seek(self, offset: Any) -> None:
        """Go on after so many rows."""
        if self.letters is not None:
            self.letters.back_to(offset["letters"])
            offset = offset["rows"]
        self._from = offset

    def __iter__(self) -> Iterator[Block]:
        """Batch by batch, whatever the size of a row group."""
        import pyarrow as pa

        # from the last group that begins where a batch does: so the batches are the same wherever one begins
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)]
        starts = np.cumsum([0, *groups])
        first = max(k for k, start in enumerate(starts) if start <= self._from and start % ROWS == 0)
        done = int(starts[first])
        batches = self._file.iter_batches(ROWS, row_groups=range(first, len(groups)), use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"cannot read {self.name} after row {done}: {str(error).splitlines()[0]}") from None
            if batch is None:
                return
            numbers = np.arange(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            if done <= self._from:
                continue
            arrays = {name: _values(batch.column(name)) for name in self.layout.columns}
            stamps, wrong = self._stamps(batch)
            block = self.layout.block(arrays, Batch(batch, numbers), done, done, stamps)
            if self.letters is not None:
                block = self._good(block, arrays, wrong, self.letters)
                block.offset = {"rows": done, "letters": self.letters.mark()}
            elif wrong.any():
                raise DataError(f"{self.name}, row {numbers[wrong][0]}: column {self.layout.time!r} does not say when")
            yield block

    def _stamps(self, batch: Any) -> tuple[Stamps | None, NDArray[np.bool_]]:
        name = self.layout.time
        if name is None:
            return None, np.zeros(batch.num_rows, dtype=bool)
        return of_column(self.clock, batch.column(name), name, self.name)

    def _good(self, block: Block, arrays: dict[str, Array], wrong: NDArray[np.bool_], letters: Letters) -> Block:
        """The rows that are what they should be; letters for the others."""
        reasons = dict.fromkeys(np.flatnonzero(wrong).tolist(), f"column {self.layout.time!r} does not say when")
        for name, values in arrays.items():
            too_large(name, values, reasons)
        if not reasons:
            return block
        rows = sorted(reasons)
        rest = cast("Records", block.rest)
        letters.add([Letter(reasons[row], *rest.record(row), self.name) for row in rows])
        return block.take(np.delete(np.arange(len(block.signal)), rows))


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

    format = "parquet"

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
