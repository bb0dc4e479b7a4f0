"""A small table: columns by name, printed for people, and exported to whatever the next tool reads."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHOWN = 60  # rows that are printed


class Table:
    """Columns by name: ``table["MSE"]`` is an array.

    Exported by ``to_pandas``, ``to_polars``, ``to_arrow``, ``to_dict``, ``to_csv`` and ``to_parquet``.

    Examples
    --------
    >>> import numpy as np, streammse as sm
    >>> scores = sm.backtest(np.arange(30.0), sm.Drift(), horizon=2, start=10).scores
    >>> scores["MSE"], scores.columns[:3]
    (array([0., 0.]), ['model', 'horizon', 'n'])
    """

    def __init__(self, columns: dict[str, Any], zones: dict[str, str] | None = None) -> None:
        self._zones = zones or {}  # of moments, which are kept in UTC
        self._columns: dict[str, NDArray[Any]] = {name: np.asarray(one) for name, one in columns.items()}

    @property
    def columns(self) -> list[str]:
        """The names, in order."""
        return list(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            raise KeyError(f"no column {name!r}: there are {', '.join(self._columns)}")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows as dictionaries of Python's own types; NaN is None."""
        lists = [one.tolist() for one in self._columns.values()]
        for row in zip(*lists, strict=True):
            yield {
                name: None if isinstance(value, float) and value != value else value  # noqa: PLR0124
                for name, value in zip(self._columns, row, strict=True)
            }

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """The columns as arrays."""
        return dict(self._columns)

    def to_arrow(self) -> Any:
        """A pyarrow table."""
        return self._arrow(nulls=False)

    def to_pandas(self) -> Any:
        """A pandas frame."""
        pd: Any = import_module("pandas")  # half typed, and only here
        frame = pd.DataFrame(self._columns, copy=False)
        for name, zone in self._zones.items():
            frame[name] = frame[name].dt.tz_localize("UTC").dt.tz_convert(zone)
        return frame

    def to_polars(self) -> Any:
        """A polars frame."""
        pl: Any = import_module("polars")
        return pl.from_arrow(self.to_arrow())

    def to_csv(self, path: Any) -> None:
        """Write a CSV file (a path, or a file that is open); a figure that does not exist is an empty cell."""
        from pyarrow import csv

        csv.write_csv(self._arrow(nulls=True), _place(path))

    def to_parquet(self, path: Any) -> None:
        """Write a Parquet file (a path, or a file that is open)."""
        from pyarrow import parquet

        parquet.write_table(self.to_arrow(), _place(path))

    def _arrow(self, nulls: bool) -> Any:
        """As an Arrow table; NaN stays NaN, or becomes null."""
        import pyarrow as pa

        return pa.table({name: _column(one, nulls, self._zones.get(name)) for name, one in self._columns.items()})

    def __repr__(self) -> str:
        cells = [[name, *map(_shown, one[:SHOWN].tolist())] for name, one in self._columns.items()]
        text = [one.dtype.kind in "OUST" for one in self._columns.values()]
        lines = []
        for row in zip(*cells, strict=True):
            padded = []
            for cell, column, left in zip(row, cells, text, strict=True):
                width = max(map(len, column))
                padded.append(cell.ljust(width) if left else cell.rjust(width))
            lines.append("  ".join(padded).rstrip())
        if len(self) > SHOWN:
            lines.append(f"... {len(self) - SHOWN:,} more rows")
        return "\n".join(lines)


def _place(path: Any) -> Any:
    return fspath(path) if isinstance(path, PathLike) else path


def _column(values: NDArray[Any], nulls: bool, zone: str | None = None) -> Any:
    """An Arrow array, made of buffers: ``pa.array`` imports pandas, if only to see whether this is a frame."""
    import pyarrow as pa

    told: list[Any] = values.tolist() if values.dtype.kind in "OU" else [None]
    if all(type(one) is str for one in told):
        words = [one.encode() for one in told]
        ends = np.concatenate(([0], np.cumsum([len(one) for one in words]))).astype(np.int64)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(words))]
        return pa.Array.from_buffers(pa.large_string(), len(words), buffers).cast(pa.string())
    if values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        kind = pa.timestamp(unit if unit in ("s", "ms", "us", "ns") else "s", zone)
        plain = values.astype(f"datetime64[{kind.unit}]").view(np.int64)
        made = pa.Array.from_buffers(kind, len(plain), [None, pa.py_buffer(plain)])
        return made.cast(pa.date32()) if unit == "D" else made
    if values.dtype not in (np.float64, np.int64):
        return pa.array(values.tolist() if values.dtype == object else values)
    kind = pa.float64() if values.dtype == np.float64 else pa.int64()
    values = np.ascontiguousarray(values)
    there = None
    if nulls and values.dtype == np.float64 and np.isnan(values).any():
        there = pa.py_buffer(np.packbits(~np.isnan(values), bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [there, pa.py_buffer(values)])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.5g}"  # noqa: PLR0124
    return str(value)
