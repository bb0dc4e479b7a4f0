"""What a value of a table says in text: every one so that it can be read back as it was.

Numbers are whole or in the shortest digits that give the same double, times are ISO 8601, bytes are base64, and what is
nested (lists, structs, maps) is JSON.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from typing import Any

import numpy as np

from . import digits
from .block import DataError


def lines(table: Any) -> bytes:
    """Rows of CSV. An empty cell says that there is no value, ``""`` that there is an empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [_quoted(as_text(column, name)) for name, column in _columns(table)]
    if not table.num_rows or not columns:
        return b""
    missing = '""' if len(columns) == 1 else ""  # an empty line would be no row
    comma, nothing, end = (pa.scalar(one, pa.large_string()) for one in (",", "", "\n"))
    options = {"null_handling": "replace", "null_replacement": missing}
    joined = pc.binary_join_element_wise(*columns, comma, **options)
    ended = pc.binary_join_element_wise(joined, nothing, end)
    _, ends, data = ended.buffers()
    first, last = np.frombuffer(ends, dtype=np.int64)[[ended.offset, ended.offset + len(ended)]].tolist()
    return memoryview(data)[first:last].tobytes()


def objects(table: Any) -> bytes:
    """Rows of NDJSON. It knows neither NaN nor infinity: they become null."""
    columns = [_values(column, name) for name, column in _columns(table)]
    names = table.column_names
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"several columns are called {doubled!r}: in NDJSON their names must differ")
    rows = zip(*columns, strict=True)
    return "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows).encode()


def as_text(column: Any, name: str) -> Any:
    """A column as large strings, null where it is null."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind, wide = column.type, pa.large_string()
    if types.is_float64(kind):
        return _doubles(column)
    if types.is_float16(kind):
        return column.cast(pa.float32()).cast(wide)
    if types.is_timestamp(kind):
        if kind.tz is not None:
            column = column.cast(pa.timestamp(kind.unit, "UTC"))
        return pc.replace_substring(column.cast(wide), " ", "T")
    if _is_binary(kind) or types.is_nested(kind):
        return pa.array([_told(one) for one in _list(column, name)], wide)
    try:
        return column.cast(wide)
    except pa.ArrowException:
        raise DataError(f"column {name!r} holds {kind}, which has no form in text: leave it out") from None


def _columns(table: Any) -> list[tuple[str, Any]]:
    """Names and columns, each column in one piece, of the values themselves."""
    import pyarrow as pa

    def whole(column: Any) -> Any:
        one = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
        one = one.storage if isinstance(one.type, pa.BaseExtensionType) else one
        return one.cast(one.type.value_type) if pa.types.is_dictionary(one.type) else one

    return [(name, whole(column)) for name, column in zip(table.column_names, table.columns, strict=True)]


def _quoted(column: Any) -> Any:
    """Cells of CSV: in quotes where a cell is empty or holds what would end it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    odd = pc.match_substring_regex(column, '^$|[",\r\n]')
    if not pc.any(odd).as_py():
        return column
    quote = pa.scalar('"', pa.large_string())
    doubled = pc.replace_substring(column, '"', '""')
    inside = pc.binary_join_element_wise(quote, doubled, quote, pa.scalar("", pa.large_string()))
    return pc.if_else(odd, inside, column)


def _doubles(column: Any) -> Any:
    """The shortest digits of doubles, as ``repr`` writes them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    _, data = column.buffers()
    words = np.frombuffer(data, dtype=np.uint64)[column.offset : column.offset + len(column)]
    out = np.empty(len(words) * digits.MOST, dtype=np.uint8)
    ends = np.zeros(len(words) + 1, dtype=np.int64)
    size = digits.many.compiled(np.ascontiguousarray(words).copy(), out, ends)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(out[:size])]
    made = pa.Array.from_buffers(pa.large_string(), len(words), buffers)
    return made if not column.null_count else pc.if_else(column.is_valid(), made, None)


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    return bool(
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    )


def _values(column: Any, name: str) -> list[Any]:
    """The values of a column as JSON has them: numbers, true and false, text, and what is nested."""
    from pyarrow import types

    kind = column.type
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_nested(kind):
        return [_plain(one) for one in _list(column, name)]
    told = as_text(column, name).to_pylist()
    if types.is_floating(kind):
        return [None if one is None else _plain(float(one)) for one in told]
    return list(told)


def _list(column: Any, name: str) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, ImportError) as error:  # a time that Python's own types cannot hold
        raise DataError(f"column {name!r} holds {column.type}, which has no form in text: {error}") from None


def _told(value: Any) -> str | None:
    if value is None:
        return None
    return str(_plain(value)) if isinstance(value, bytes) else json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value of Python's as JSON has it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
