"""The series of a backtest: one, several, or a long frame, laid out one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..node import Array, real_array
from . import times as clock


@dataclass(frozen=True)
class Series:
    """All samples one after another."""

    y: Array
    edges: NDArray[np.int64]  #: where each series begins, and the end
    x: Array  #: (samples, m), what stands beside each sample
    names: Sequence[Any]
    #: a stamp for each sample, where the caller gave them
    times: NDArray[Any] | None = None
    #: the time zone in which the caller has them, where they have one
    zone: str | None = None
    #: how the caller calls name, stamp and sample
    columns: tuple[str, str, str] = ("unique_id", "ds", "y")

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each."""
        return np.diff(self.edges)

    def only(self, rows: NDArray[np.bool_]) -> Series:
        """Some of them."""
        there = np.repeat(rows, self.lengths)
        return replace(
            self,
            y=self.y[there],
            edges=np.concatenate(([0], np.cumsum(self.lengths[rows]))).astype(np.int64),
            x=self.x[there],
            names=[name for name, wanted in zip(self.names, rows, strict=True) if wanted],
            times=None if self.times is None else self.times[there],
        )

    def one(self, row: int) -> Array:
        """The samples of one."""
        return self.y[self.edges[row] : self.edges[row + 1]]

    def beside(self, row: int) -> Array:
        """What stands beside the samples of one."""
        return self.x[self.edges[row] : self.edges[row + 1]]


def gather(y: Any, x: Any, id: str, time: str, target: str) -> Series:  # noqa: A002
    """The series in whatever form they come, copied."""
    if isinstance(y, Series):
        return y
    if y is None or isinstance(y, (str, bytes)) or np.isscalar(y):
        raise TypeError(f"y must be a series, an array (n, T), a list of series or a frame, got {y!r}")
    if isinstance(y, Mapping):
        return _listed(list(y.values()), x, [str(name) for name in y])
    if isinstance(y, (list, tuple)):
        nested = len(y) > 0 and not np.isscalar(y[0]) and np.ndim(y[0]) > 0
        if nested:
            return _listed(list(y), x, None)
    elif not isinstance(y, np.ndarray):
        import narwhals as nw

        y = _pandas(y, x, id, time, target)
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


def _pandas(given: Any, x: Any, id: str, time: str, target: str) -> Any:  # noqa: A002
    """A pandas frame with everything that is asked for in its columns: its index may hold some of it."""
    if type(given).__module__.split(".")[0] != "pandas" or not hasattr(given, "reset_index"):
        return given
    wanted = [id, time, *([x] if isinstance(x, str) else x if isinstance(x, (list, tuple)) else ())]
    frame = given
    names = list(given.index.names)
    if given.ndim == 1 and (id in names or time in names):
        frame = given.to_frame(target)
    if frame.ndim == 2:
        levels = [level for level, name in enumerate(names) if name in wanted and name not in frame.columns]
        frame = frame.reset_index(level=levels) if levels else frame
        if time in frame.columns and getattr(frame[time].dtype, "name", "").startswith("period"):
            frame = frame.assign(**{time: frame[time].dt.to_timestamp()})
    return frame


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
    stamps = order = zone = None
    if has(time, "ds"):
        known = clock.read(frame.get_column(time), time)
        stamps, zone = known.stamps, known.zone
        order = clock.sorting(
            codes, known, lambda row: f"series {names[codes[row]]!r} has two rows for {time} {known.stamps[row]}", time
        )
    elif not (np.diff(codes) >= 0).all():
        order = np.argsort(codes, kind="stable")
    if order is not None:
        codes, y = codes[order], y[order]
        stamps = stamps[order] if stamps is not None else None
        beside = beside[order] if beside is not None else None
    edges = np.searchsorted(codes, np.arange(len(names) + 1)).astype(np.int64)
    return Series(
        np.array(y),
        edges,
        np.empty((len(y), 0)) if beside is None else np.ascontiguousarray(beside),
        names,
        stamps,
        zone,
        (id, time, target),
    )


def _numbers(column: Any, name: str) -> Array:
    import narwhals as nw

    if column.dtype == nw.Object:
        cells = column.to_list()
        if all(cell is None or isinstance(cell, Number) for cell in cells):  # of Python's own types, such as Decimal
            return real_array([np.nan if cell is None else cell for cell in cells], f"column {name!r}")
    if not (column.dtype.is_numeric() or column.dtype == nw.Boolean or column.null_count() == len(column)):
        rows = (row for row, cell in enumerate(column.to_list()) if cell is not None and not _is_number(cell))
        row = next(rows, None)
        told = "" if row is None else f" (row {row}: {column[row]!r})"
        raise TypeError(f"column {name!r} must hold numbers, got {column.dtype}{told}")
    return clock.plain(column.cast(nw.Float64))


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
    arrow = clock.whole(column)
    plain = not pa.types.is_dictionary(arrow.type)
    arrow = arrow.dictionary_encode() if plain else arrow
    codes, every = clock.buffer(arrow.indices.cast(pa.int64()), np.int64), arrow.dictionary.to_pylist()
    if plain:
        return codes, every
    used, codes = np.unique(codes, return_inverse=True)
    return codes.astype(np.int64), [every[k] for k in used.tolist()]
