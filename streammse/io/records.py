"""Objects of NDJSON as the columns of a table, with the types that the first of them gave: nothing is bent to fit."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from .block import DataError

Record = dict[str, Any]

#: what each type takes, by the names that pyarrow has for them; what is nested is compared with what became of it
_TAKES: dict[str, set[type]] = {"int64": {int}, "double": {int, float}, "bool": {bool}, "string": {str}, "null": set()}


class MisfitError(DataError):
    """A record that is not like the first ones; ``row`` counts from 0 in its block."""

    def __init__(self, row: int, words: str) -> None:
        super().__init__(words)
        self.row = row


def schema_of(records: Sequence[Record], names: Sequence[str], numbers: Sequence[str]) -> Any:
    """The types of the columns: doubles for those read as numbers, for others what the records hold."""
    import pyarrow as pa

    def field(name: str) -> Any:
        if name in numbers:
            return pa.field(name, pa.float64())
        values = [record.get(name) for record in records]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            kinds = {float}
        if len(kinds) > 1:
            first = next(value for value in values if value is not None)
            row = next(k for k, value in enumerate(values) if value is not None and type(value) is not type(first))
            raise MisfitError(row, _differs(name, _KINDS[type(first)], values[row]))
        if kinds == {float}:
            return pa.field(name, pa.float64())
        try:
            return pa.field(name, pa.array(values).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            row, kind = _first_bad(values, pa.int64() if kinds == {int} else None)
            raise MisfitError(row, _differs(name, str(kind), values[row])) from None

    return pa.schema([field(name) for name in names])


_KINDS: dict[type, str] = {
    int: "int64",
    float: "double",
    bool: "bool",
    str: "string",
    list: "a list",
    dict: "an object",
}


def known(records: Sequence[Record], names: Sequence[str]) -> None:
    """No record has a key that the first ones had not."""
    there = set(names)
    for row, record in enumerate(records):
        late = next((name for name in record if name not in there), None)
        if late is not None:
            raise MisfitError(
                row, f"the key {late!r} is not in the first rows: a table needs all columns from the start"
            )


def columns_of(records: Sequence[Record], schema: Any, numbers: dict[str, Any]) -> Any:
    """A table of this schema; ``numbers`` are the columns that have been read already."""
    import pyarrow as pa

    made = []
    for field in schema:
        if field.name in numbers:
            made.append(numbers[field.name])
            continue
        values = [record.get(field.name) for record in records]
        takes = _TAKES.get(str(field.type))
        if takes is not None and not {type(value) for value in values if value is not None} <= takes:
            row = next(k for k, value in enumerate(values) if value is not None and type(value) not in takes)
            raise MisfitError(row, _differs(field.name, str(field.type), values[row]))
        try:
            column = pa.array(values, field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            row, _ = _first_bad(values, field.type)
            raise MisfitError(row, _differs(field.name, str(field.type), values[row])) from None
        if takes is None:
            _same(field.name, field.type, values, column.to_pylist())
        made.append(column)
    return pa.Table.from_arrays(made, schema=schema)


def texts_of(records: Sequence[Record], names: Sequence[str], numbers: dict[str, Any]) -> Any:
    """A table of what the values say, whatever their types are: for CSV, which has none."""
    import pyarrow as pa

    def text(value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if type(value) in (int, float):
            return repr(value)
        return json.dumps(value, ensure_ascii=False)

    made = [
        numbers[name] if name in numbers else pa.array([text(record.get(name)) for record in records], pa.string())
        for name in names
    ]
    return pa.Table.from_arrays(made, names=list(names))


def _differs(name: str, kind: str, value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return f"column {name!r} held {kind} in the first rows, got {shown if len(shown) <= 40 else shown[:40] + '...'}"


def _first_bad(values: Sequence[Any], kind: Any) -> tuple[int, Any]:
    """The first value that a type does not take, and the type; without one, that of the values before."""
    import pyarrow as pa

    for row, value in enumerate(values):
        try:
            if kind is None:
                pa.array(values[: row + 1])
            else:
                pa.array([value], kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return row, kind if kind is not None else pa.array(values[:row]).type
    return len(values) - 1, kind  # pragma: no cover - it failed as a whole


def _same(name: str, kind: Any, values: Sequence[Any], made: Sequence[Any]) -> None:
    """What is nested must come out as it went in: pyarrow drops keys that it does not know."""
    for row, (value, one) in enumerate(zip(values, made, strict=True)):
        if _bare(value) != _bare(one):
            raise MisfitError(row, _differs(name, str(kind), value))


def _bare(value: Any) -> Any:
    """Without the members that are null, and with NaN equal to itself."""
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
