"""Which columns of a long table are the name of the series, the time and the sample, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Columns(NamedTuple):
    """The columns by what they are for."""

    id: str
    time: str
    target: str


def columns(schema: Any, id: str | None, time: str | None, target: str | None, others: Sequence[str]) -> Columns:  # noqa: A002
    """The columns of a pyarrow schema; ValueError says which could not be told."""
    import pyarrow.types as kinds

    for name in (id, time, target, *others):
        if name is not None and name not in schema.names:
            raise ValueError(f"no column {name!r}: there are {', '.join(schema.names)}")
    series, stamp = id or "unique_id", time or "ds"
    if target is None and "y" not in schema.names:
        taken = {series, stamp, *others}
        numbers = [
            one.name
            for one in schema
            if one.name not in taken and (kinds.is_floating(one.type) or kinds.is_integer(one.type))
        ]
        if len(numbers) != 1:
            told = f"several hold numbers ({', '.join(numbers)})" if numbers else "none holds numbers"
            raise ValueError(f"which column is to be forecast? {told}: name it with --target")
        target = numbers[0]
    return Columns(series, stamp, target or "y")


def lengths(table: Any, id: str) -> dict[Any, int]:  # noqa: A002
    """How many samples each series of a pyarrow table has."""
    if id not in table.column_names or table.num_rows == 0:
        return {None: int(table.num_rows)}
    counts = table.column(id).value_counts()
    names, numbers = counts.field("values"), counts.field("counts")
    return {name.as_py(): number.as_py() for name, number in zip(names, numbers, strict=True)}


def without(table: Any, id: str, names: Sequence[Any]) -> Any:  # noqa: A002
    """A pyarrow table without the series of these names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(id)
    return table.filter(pc.invert(pc.is_in(column, value_set=pa.array(names, column.type))))
