"""Which columns of a long table are the name of the series, the time and the sample, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .dialects import decimal_comma


class Columns(NamedTuple):
    """The columns by what they are for."""

    id: str
    time: str
    target: str


def columns(table: Any, id: str | None, time: str | None, target: str | None, others: Sequence[str]) -> Columns:  # noqa: A002
    """The columns of a pyarrow table; ValueError says which could not be told."""
    import pyarrow.types as kinds

    schema = table.schema
    for name in (id, time, target, *others):
        if name is not None and name not in schema.names:
            raise ValueError(f"no column {name!r}: there are {', '.join(schema.names)}")
    series, stamp = id or "unique_id", time or "ds"
    if target is None and "y" not in schema.names:
        taken = {series, stamp, *others}
        left = [one for one in schema if one.name not in taken]
        numbers = [one.name for one in left if kinds.is_floating(one.type) or kinds.is_integer(one.type)]
        if len(numbers) != 1:
            told = f"several hold numbers ({', '.join(numbers)})" if numbers else "none holds numbers"
            hint = _comma(table, [one.name for one in left])
            raise ValueError(f"which column is to be forecast? {told}: name it with --target{hint}")
        target = numbers[0]
    found = Columns(series, stamp, target or "y")
    hint = _comma(table, [found.target, *others])
    if hint:
        raise ValueError(f"column {found.target!r} must hold numbers{hint}")
    _apart(table, found, others)
    return found


def _comma(table: Any, names: Sequence[str]) -> str:
    """A hint where a column of text holds numbers with a decimal comma."""
    import pyarrow.types as kinds

    for name in names:
        column = table.column(name)
        if kinds.is_string(column.type) or kinds.is_large_string(column.type):
            cell = next((one for one in column.slice(0, 100).to_pylist() if one), "")
            if decimal_comma(cell):
                return f" (is {cell} in {name!r} a decimal comma? say --decimal ,)"
    return ""


def _apart(table: Any, found: Columns, others: Sequence[str]) -> None:
    """Refuse a table of several series whose names nobody has named: they would run into one another."""
    import pyarrow.types as kinds

    if found.id in table.column_names or table.num_rows < 2:
        return
    timed = found.time in table.column_names
    left = [one for one in table.schema if one.name not in {found.time, found.target, *others}]
    texts = [one.name for one in left if kinds.is_string(one.type) or kinds.is_large_string(one.type)]
    whole = [one.name for one in left if kinds.is_integer(one.type)]
    dates = [one.name for one in left if kinds.is_temporal(one.type)]
    stamps = [found.time] if timed else [*dates, *texts, *whole]
    for stamp in stamps:
        if _different(table, stamp) == table.num_rows:
            continue
        for name in [*texts, *(whole if timed or stamp in dates else [])]:
            if name != stamp and _different(table, name) < _different(table, name, stamp) == table.num_rows:
                raise ValueError(
                    f"the times in {stamp!r} repeat, once for each {name!r}: if that names the series, say "
                    f"--id {name}, if not leave it out"
                )
    if not timed and not dates and len(left) == len(texts):
        for name in texts:
            cells = table.column(name).to_pylist()
            starts = [k for k, cell in enumerate(cells) if k == 0 or cell != cells[k - 1]]
            runs = [b - a for a, b in zip(starts, [*starts[1:], len(cells)], strict=True)]
            if 1 < len(runs) == _different(table, name) and min(runs) > 1:
                raise ValueError(
                    f"column {name!r} holds one name after another: if it names the series, say --id {name}, if not "
                    "leave it out"
                )


def _different(table: Any, *names: str) -> int:
    """How many different values or pairs of values there are."""
    return int(table.group_by(list(names)).aggregate([]).num_rows)
