"""When a sample was taken: a column of numbers or of ISO 8601 as whole ticks, so that equal stamps are equal.

Numbers below 2^53 are kept as they are. Whole numbers of 16 digits and more (microseconds or nanoseconds since 1970)
and ISO 8601 are 64-bit integers, as a double cannot tell neighbours among them. What has no zone is taken as UTC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .block import DataError

Stamps = NDArray[Any]  # float64 or int64

NANO = 10**9
EXACT = 2.0**53  # above it a double does not tell neighbours
MOST = 2**63 - 1
_WHOLE = r"^\s*[+-]?\d{16,19}\s*$"
_ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?(Z|[+-]\d\d(:?\d\d)?)?$"
_ZONE = r"[T ][^Z+-]+(Z|[+-]\d\d(:?\d\d)?)$"
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": NANO}


class Clock:
    """Reads stamps; the first one tells what they are, and all others must be of its kind."""

    NUMBER, WHOLE, ISO = "a number", "a whole number", "a time in ISO 8601"

    def __init__(self) -> None:
        self.kind: str | None = None
        #: ticks in the unit of the lateness: 1 of numbers, a second of times
        self.ticks = 1

    def numbers(self, values: NDArray[np.float64]) -> tuple[Stamps, NDArray[np.bool_]]:
        """Stamps from doubles, and which are wrong."""
        return values, ~(np.abs(values) < EXACT)

    def texts(self, cells: Any) -> tuple[Stamps, NDArray[np.bool_]]:
        """Stamps from a pyarrow array of strings (without quotes), and which are wrong."""
        import pyarrow.compute as pc

        if self.kind is None:
            self._tell(cells)
        if self.kind == self.ISO:
            return self._iso(cells)
        if self.kind == self.WHOLE:
            fits = mask(pc.match_substring_regex(cells, r"^\s*[+-]?\d{1,19}\s*$"))
            found = [int(cell) if fit else MOST for cell, fit in zip(cells.to_pylist(), fits, strict=True)]
            wrong = np.array([abs(one) >= MOST // 2 for one in found], dtype=bool)
            return np.array([0 if bad else one for one, bad in zip(found, wrong, strict=True)], dtype=np.int64), wrong
        return np.zeros(len(cells), dtype=np.int64), np.ones(len(cells), dtype=bool)  # none of them is a stamp

    def _tell(self, cells: Any) -> None:
        """By the first cell that is one of them."""
        import pyarrow.compute as pc

        kinds = {self.WHOLE: _WHOLE, self.ISO: _ISO, self.NUMBER: r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"}
        firsts: dict[int, str] = {}
        for kind, pattern in kinds.items():
            first = np.flatnonzero(mask(pc.match_substring_regex(cells, pattern)))[:1]
            if first.size:
                firsts.setdefault(int(first[0]), kind)
        if firsts:
            self.kind = firsts[min(firsts)]
            self.ticks = NANO if self.kind == self.ISO else 1

    def _iso(self, cells: Any) -> tuple[Stamps, NDArray[np.bool_]]:
        import pyarrow.compute as pc

        shaped = pc.match_substring_regex(cells, _ISO)
        zoned = mask(pc.and_(shaped, pc.match_substring_regex(cells, _ZONE)))
        stamps, wrong = np.zeros(len(cells), dtype=np.int64), np.ones(len(cells), dtype=bool)
        for which, zone in ((mask(shaped) & ~zoned, None), (zoned, "UTC")):
            rows = np.flatnonzero(which)
            if rows.size:
                _cast(cells if rows.size == len(cells) else cells.take(rows), rows, zone, stamps, wrong)
        return stamps, wrong


def _cast(cells: Any, rows: Any, zone: str | None, stamps: Stamps, wrong: Any) -> None:
    """Fill in the stamps of these rows; where one of them is none (a 13th month), halve until it stands alone."""
    import pyarrow as pa

    try:
        made = cells.cast(pa.timestamp("ns", zone)).cast(pa.int64())
    except pa.ArrowInvalid:
        if rows.size > 1:
            half = rows.size // 2
            _cast(cells[:half], rows[:half], zone, stamps, wrong)
            _cast(cells[half:], rows[half:], zone, stamps, wrong)
        return
    stamps[rows], wrong[rows] = plain(made, np.int64), False


def plain(column: Any, dtype: Any) -> NDArray[Any]:
    """The buffer of a pyarrow array without nulls (pyarrow's own way to numpy imports pandas where there is one)."""
    size = np.dtype(dtype).itemsize
    return np.frombuffer(column.buffers()[1] or b"", dtype, len(column), size * column.offset).copy()


def mask(column: Any) -> NDArray[np.bool_]:
    """Bools from a pyarrow array."""
    import pyarrow as pa

    return plain(column.cast(pa.uint8()), np.uint8).astype(bool)


def of_column(clock: Clock, column: Any, name: str, where: str) -> tuple[Stamps, NDArray[np.bool_]]:
    """Stamps from a pyarrow column of any type that can be one, and which are wrong."""
    import pyarrow as pa

    wrong = ~mask(column.is_valid())
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        stamps, odd = clock.texts(column.fill_null("").cast(pa.string()))
        return stamps, wrong | odd
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms"))
        kind = column.type
    if pa.types.is_timestamp(kind):
        clock.ticks = _UNITS[kind.unit]
        return plain(column.cast(pa.int64()).fill_null(0), np.int64), wrong
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return plain(column.cast(pa.int64()).fill_null(0), np.int64), wrong
    if pa.types.is_floating(kind):
        stamps, odd = clock.numbers(plain(column.cast(pa.float64()).fill_null(0.0), np.float64))
        return stamps, wrong | odd
    raise DataError(f"{where}: column {name!r} must hold times or numbers, got {kind}")
