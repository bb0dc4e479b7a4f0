"""The series of a backtest: one, several, or a long frame, laid out one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..node import Array, real_array


@dataclass(frozen=True)
class Series:
    """All samples one after another."""

    y: Array
    edges: NDArray[np.int64]  #: where each series begins, and the end
    x: Array  #: (samples, m), what stands beside each sample
    names: Sequence[Any]
    #: a stamp for each sample, where the caller gave them
    times: NDArray[Any] | None = None
    #: how the caller calls name, stamp and sample
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each."""
        return np.diff(self.edges)

    def one(self, row: int) -> Array:
        """The samples of one."""
        return self.y[self.edges[row] : self.edges[row + 1]]

    def beside(self, row: int) -> Array:
        """What stands beside the samples of one."""
        return self.x[self.edges[row] : self.edges[row + 1]]


def gather(y: Any, x: Any, id: str, time: str, target: str) -> Series:  # noqa: A002
    """The series in whatever form they come, copied."""
    if isinstance(y, Mapping):
        return _listed(list(y.values()), x, [str(name) for name in y])
    if isinstance(y, (list, tuple)):
        nested = len(y) > 0 and not np.isscalar(y[0]) and np.ndim(y[0]) > 0
        if nested:
            return _listed(list(y), x, None)
    elif not isinstance(y, np.ndarray):
        import narwhals as nw

        frame = nw.from_native(y, eager_only=True, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            return _long(frame, x, id, time, target)
    array = real_array(y, "y")
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"y must have shape (T,), or (n, T) for n series, got {array.shape}")
    if array.ndim == 1:
        array = array[None]
    n, T = array.shape
    edges = np.arange(n + 1, dtype=np.int64) * T
    beside = np.empty((n * T, 0))
    if x is not None:
        beside = real_array(x, "x")
        beside = beside.reshape(-1, 1) if beside.ndim == 1 else beside
        if n == 1 and beside.ndim == 3:
            beside = beside[0]
        if beside.shape[:-1] != ((T,) if n == 1 else (n, T)):
            wanted = f"({T}, m)" if n == 1 else f"({n}, {T}, m)"
            raise ValueError(f"x must have shape {wanted}, a row beside each sample, got {beside.shape}")
        beside = np.array(beside.reshape(n * T, -1))
    return Series(np.array(array.reshape(-1)), edges, beside, range(n))


def _listed(several: list[Any], x: Any, names: list[str] | None) -> Series:
    rows = [real_array(one, "y") for one in several]
    if not rows or any(one.ndim != 1 for one in rows):
        raise ValueError("y must be one series, an array (n, T) or a list of series, each of shape (T,)")
    edges = np.concatenate(([0], np.cumsum([len(one) for one in rows]))).astype(np.int64)
    beside = np.empty((int(edges[-1]), 0))
    if x is not None:
        if len(x) != len(rows):
            raise ValueError(f"x must hold an array for each of {len(rows)} series, got {len(x)}")
        parts = [real_array(one, "x") for one in x]
        parts = [one[:, None] if one.ndim == 1 else one for one in parts]
        for part, row in zip(parts, rows, strict=True):
            if part.ndim != 2 or len(part) != len(row) or part.shape[1] != parts[0].shape[1]:
                raise ValueError(f"x must have a row beside each of {len(row)} samples, got {part.shape}")
        beside = np.concatenate(parts)
    return Series(np.concatenate(rows), edges, beside, names if names is not None else range(len(rows)))


def _long(frame: Any, x: Any, id: str, time: str, target: str) -> Series:  # noqa: A002
    """A long frame: a row a sample."""
    import narwhals as nw

    there = frame.columns

    def has(name: str, usual: str) -> bool:
        if name not in there and name != usual:
            raise ValueError(f"no column {name!r}: there are {', '.join(there)}")
        return name in there

    if target not in there:
        raise ValueError(f"no column {target!r} to forecast: there are {', '.join(there)}; name it with target")
    y = _numbers(frame.get_column(target), target)
    wanted = [x] if isinstance(x, str) else list(x if x is not None else ())
    missing = [name for name in wanted if not isinstance(name, str) or name not in there]
    if missing:
        raise ValueError(f"x names columns of the frame, and there is no {missing[0]!r}: there are {', '.join(there)}")
    beside = np.column_stack([_numbers(frame.get_column(name), name) for name in wanted]) if wanted else None
    if len(y) == 0:
        raise ValueError("the frame has no rows")

    if has(id, "unique_id"):
        codes, names = _codes(frame.get_column(id), id)
    else:
        codes, names = np.zeros(len(y), dtype=np.int64), [0]
    times = order = None
    contiguous = bool((np.diff(codes) >= 0).all())
    if has(time, "ds"):
        stamps = frame.get_column(time)
        if stamps.null_count():
            raise ValueError(f"column {time!r} has empty cells: every row needs its time")
        if stamps.dtype.is_numeric():
            times = rank = _plain(stamps.cast(nw.Int64 if stamps.dtype.is_integer() else nw.Float64))
        else:
            times = _stamps(stamps)
            rank = times if times.dtype.kind == "M" else _rank(stamps)
        same = codes[1:] == codes[:-1]
        if not (contiguous and (rank[1:] > rank[:-1])[same].all()):
            order = np.lexsort((rank, codes))
            a, b = codes[order], rank[order]
            twice = (a[1:] == a[:-1]) & (b[1:] == b[:-1])
            if twice.any():
                at = order[1:][twice][0]
                raise ValueError(f"series {names[codes[at]]!r} has two rows for {time} {times[at]}")
    elif not contiguous:
        order = np.argsort(codes, kind="stable")
    if order is not None:
        codes, y = codes[order], y[order]
        times = times[order] if times is not None else None
        beside = beside[order] if beside is not None else None
    edges = np.searchsorted(codes, np.arange(len(names) + 1)).astype(np.int64)
    return Series(
        np.array(y),
        edges,
        np.empty((len(y), 0)) if beside is None else np.ascontiguousarray(beside),
        names,
        times,
        (id, time, target),
    )


def _numbers(column: Any, name: str) -> Array:
    import narwhals as nw

    if not (column.dtype.is_numeric() or column.dtype == nw.Boolean or column.null_count() == len(column)):
        rows = (row for row, cell in enumerate(column.to_list()) if cell is not None and not _is_number(cell))
        row = next(rows, None)
        told = "" if row is None else f" (row {row}: {column[row]!r})"
        raise TypeError(f"column {name!r} must hold numbers, got {column.dtype}{told}")
    return _plain(column.cast(nw.Float64))


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _codes(column: Any, name: str) -> tuple[NDArray[np.int64], list[Any]]:
    """A number for each row, and the names that the numbers stand for, in the order in which they come."""
    import pyarrow as pa

    if column.null_count():
        raise ValueError(f"column {name!r} has empty cells: every row needs the name of its series")
    arrow = _whole(column)
    plain = not pa.types.is_dictionary(arrow.type)
    arrow = arrow.dictionary_encode() if plain else arrow
    codes, every = _buffer(arrow.indices.cast(pa.int64()), np.int64), arrow.dictionary.to_pylist()
    if plain:
        return codes, every
    used, codes = np.unique(codes, return_inverse=True)
    return codes.astype(np.int64), [every[k] for k in used.tolist()]


def _whole(column: Any) -> Any:
    """A column as one Arrow array."""
    import pyarrow as pa

    arrow = column.to_arrow()
    return arrow.combine_chunks() if isinstance(arrow, pa.ChunkedArray) else arrow


def _buffer(arrow: Any, kind: type) -> NDArray[Any]:
    """The numbers of an Arrow array; its own ``to_numpy`` imports pandas."""
    if len(arrow) == 0:
        return np.empty(0, kind)
    return np.frombuffer(arrow.buffers()[1], kind)[arrow.offset : arrow.offset + len(arrow)]


def _plain(column: Any) -> NDArray[Any]:
    """A column of numbers as an array of one's own; what is null is NaN."""
    import pyarrow as pa

    arrow = _whole(column)
    values = _buffer(arrow, np.int64 if pa.types.is_int64(arrow.type) else np.float64).copy()
    bits = arrow.buffers()[0] if len(arrow) else None
    if arrow.null_count and bits is not None:
        there = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
        values[there[arrow.offset : arrow.offset + len(arrow)] == 0] = np.nan
    return values


def _stamps(column: Any) -> NDArray[Any]:
    """Dates and moments as numpy has them, anything else as it is."""
    import pyarrow as pa

    arrow = _whole(column)
    if pa.types.is_date(arrow.type):
        return _buffer(arrow.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), np.int64).astype("datetime64[D]")
    if pa.types.is_timestamp(arrow.type):
        return _buffer(arrow.cast(pa.int64()), np.int64).view(f"datetime64[{arrow.type.unit}]").copy()
    found = np.empty(len(arrow), dtype=object)
    found[:] = arrow.to_pylist()
    return found


def _rank(column: Any) -> NDArray[Any]:
    """Times that are no numbers, as numbers in the same order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ranks = pc.rank(_whole(column), sort_keys="ascending", tiebreaker="dense")
    return _buffer(ranks.cast(pa.int64()), np.int64)
