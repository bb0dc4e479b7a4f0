"""The time column of a frame: its stamps, and in which order they stand.

Dates, moments and numbers have an order. Text has one where it can be read: whole numbers, dates that begin with the
year (ISO 8601 and its like: 2015-04-03, 2015/4/3, 2015-04-03T12:30Z, 2015-04, 2015Q2, 2015-W14), dates with the name
of a month in English, days and months before the year. Of 3/4/2015 nobody knows whether it is March or April: then
another row must tell, or both readings must put the rows into the same order. Whatever else is text is refused, for as
text it would be put into an order that means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.int64] | NDArray[np.float64]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_CLOCK = (
    r"(?:(?:t|,? +)(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<half>[ap]m)?)?(?P<zone> ?z| ?utc| ?[+-]\d{2}:?(?:\d{2})?)?"
)
_YEAR = r"(?P<year>\d{4})"
#: how a date may be written
_FORMS = tuple(
    re.compile(form + _CLOCK, re.IGNORECASE)
    for form in (
        _YEAR + r"(?:[-/. ]?m?(?P<month>\d{2})|[-/. ]m?(?P<month1>\d))(?:(?P<mark>[-/. ]?)(?P<day>\d{1,2}))?",
        _YEAR + r"[-/ ]?q(?P<quarter>[1-4])",
        _YEAR + r"-?w(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?",
        _YEAR + r"[- ]" + _NAME + r"(?:[- ](?P<day>\d{1,2}))?",
        r"q(?P<quarter>[1-4])[-/ ]" + _YEAR,
        r"(?P<first>\d{1,2})(?P<mark>[-/. ])(?P<second_>\d{1,2})(?P=mark)" + _YEAR,
        r"(?P<month>\d{1,2})[-/.]" + _YEAR,
        r"(?:(?P<day>\d{1,2})\.?[- ]?)?" + _NAME + r"[-, ]{0,2}" + _YEAR,
        _NAME + r" (?P<day>\d{1,2}),? " + _YEAR,
    )
)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
#: text of one length and this form is in the order of its letters
_PLAIN = r"^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)?$"
EXPECTED = "expected ISO dates such as 2015-04-03, numbers, or a real date type"


class Times(NamedTuple):
    """The stamps, the orders in which they may stand (more than one where the text can be read in two ways)."""

    stamps: NDArray[Any]
    ranks: Sequence[Ranks]
    zone: str | None = None


def read(column: Any, name: str) -> Times:
    """What a narwhals column says; ValueError where it is text that cannot be read."""
    import narwhals as nw
    import pyarrow as pa

    if column.null_count():
        raise ValueError(f"column {name!r} has empty cells: every row needs its time")
    if column.dtype.is_numeric():
        numbers = plain(column.cast(nw.Int64 if column.dtype.is_integer() else nw.Float64))
        return Times(numbers, [numbers])
    try:
        arrow = whole(column)
    except pa.ArrowException:
        kind = type(column[0]).__name__
        raise ValueError(f"column {name!r} holds times of type {kind}: {EXPECTED}") from None
    if pa.types.is_dictionary(arrow.type):
        arrow = arrow.cast(arrow.type.value_type)
    if pa.types.is_date(arrow.type):
        days = buffer(arrow.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), np.int64)
        return Times(days.astype("datetime64[D]"), [days])
    if pa.types.is_timestamp(arrow.type):
        ticks = buffer(arrow.cast(pa.int64()), np.int64).copy()
        return Times(ticks.view(f"datetime64[{arrow.type.unit}]"), [ticks], arrow.type.tz)
    stamps = np.empty(len(arrow), dtype=object)
    stamps[:] = arrow.to_pylist()
    if not (pa.types.is_string(arrow.type) or pa.types.is_large_string(arrow.type) or _is_view(arrow.type)):
        return Times(stamps, [_order_of(arrow)])
    if len(arrow) == 0:
        return Times(stamps, [np.empty(0, np.int64)])
    words = arrow.dictionary_encode()
    codes = buffer(words.indices.cast(pa.int64()), np.int64)
    return Times(stamps, [one[codes] for one in _texts(words.dictionary, name)])


def _is_view(kind: Any) -> bool:
    import pyarrow.types as kinds

    return bool(getattr(kinds, "is_string_view", lambda _: False)(kind))


def _order_of(arrow: Any) -> NDArray[np.int64]:
    """Numbers in the same order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return buffer(pc.rank(arrow, sort_keys="ascending", tiebreaker="dense").cast(pa.int64()), np.int64)


def _texts(words: Any, name: str) -> list[NDArray[np.int64]]:
    """The orders in which different texts may stand."""
    import pyarrow.compute as pc

    lengths = pc.utf8_length(words)
    if pc.min(lengths).as_py() == pc.max(lengths).as_py() and pc.all(pc.match_substring_regex(words, _PLAIN)).as_py():
        return [_order_of(words)]
    texts = [text.strip() for text in words.to_pylist()]
    if all(map(_NUMBER.fullmatch, texts)):
        return [_dense([float(text) if "." in text else int(text) for text in texts])]
    found = [_match(text) for text in texts]
    for text, one in zip(texts, found, strict=True):
        if one is None:
            raise ValueError(f"column {name!r} holds text that is no time ({text!r}): {EXPECTED}")
    matches = [one for one in found if one is not None]
    zoned = [bool(one["zone"]) for one in matches]
    if any(zoned) and not all(zoned):
        raise ValueError(f"column {name!r} has a time zone in some rows only ({texts[zoned.index(False)]!r})")
    dotted = all(one.get("mark") == "." for one in matches if "first" in one)
    readings = [_moments(matches, month_first) for month_first in ((False,) if dotted else (False, True))]
    ranks = [_dense(one) for one in readings if one is not None]
    if not ranks:
        raise ValueError(f"column {name!r} holds dates that do not exist ({_worst(texts, matches)!r}): {EXPECTED}")
    return ranks[:1] if np.array_equal(ranks[0], ranks[-1]) else ranks


def _match(text: str) -> dict[str, str] | None:
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return {key: value for key, value in found.groupdict("").items() if value or key in ("zone", "mark")}
    return None


def _dense(values: list[Any]) -> NDArray[np.int64]:
    place = {value: k for k, value in enumerate(sorted(set(values)))}
    return np.array([place[value] for value in values], dtype=np.int64)


def _moments(matches: list[dict[str, str]], month_first: bool) -> list[tuple[datetime, int]] | None:
    """The moments, or None where one of them does not exist."""
    try:
        return [_moment(one, month_first) for one in matches]
    except ValueError:
        return None


def _worst(texts: list[str], matches: list[dict[str, str]]) -> str:
    return next(text for text, one in zip(texts, matches, strict=True) if _moments([one], False) is None)


def _moment(one: dict[str, str], month_first: bool) -> tuple[datetime, int]:
    """Date and time, and nanoseconds beyond the microsecond."""
    year, month, day = int(one["year"]), 1, int(one.get("day", 1))
    if "week" in one:
        date = datetime.fromisocalendar(year, int(one["week"]), int(one.get("weekday", 1)))
        year, month, day = date.year, date.month, date.day
    elif "quarter" in one:
        month = 3 * int(one["quarter"]) - 2
    elif "name" in one:
        month = _MONTHS.index(one["name"][:3].lower()) + 1
    elif "first" in one:
        month, day = int(one["first"]), int(one["second_"])
        if not month_first:
            month, day = day, month
    else:
        month = int(one.get("month") or one.get("month1") or 1)
    hour = int(one.get("hour", 0))
    if "half" in one:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + 12 * (one["half"].lower() == "pm")
    fraction = int(one.get("fraction", "").ljust(9, "0"))
    late = hour == 24  # midnight at the end of the day
    moment = datetime(
        year,
        month,
        day,
        0 if late else hour,
        int(one.get("minute", 0)),
        int(one.get("second", 0)),
        fraction // 1000,
        tzinfo=UTC,
    )
    zone = one["zone"].strip().lower()
    if zone not in ("", "z", "utc"):
        ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
        moment += ahead if zone[0] == "-" else -ahead
    return moment + timedelta(days=int(late)), fraction % 1000


def sorting(
    codes: NDArray[np.int64], times: Times, doubled: Callable[[int], str], name: str
) -> NDArray[np.int64] | None:
    """The order that brings series together and each into the order of its times; None where they stand so.

    ValueError where a series has a time twice (``doubled`` says it of a row), or where nobody can know the order.
    """
    same = codes[1:] == codes[:-1]
    if bool((np.diff(codes) >= 0).all()) and any((one[1:] > one[:-1])[same].all() for one in times.ranks):
        return None
    orders = [np.lexsort((one, codes)) for one in times.ranks]
    if any(not np.array_equal(orders[0], one) for one in orders[1:]):
        row = next(row for row in range(len(codes)) if any(one[row] != orders[0][row] for one in orders))
        text = times.stamps[orders[0][row]]
        raise ValueError(f"column {name!r} has dates whose day and month cannot be told apart ({text!r}): {EXPECTED}")
    order, rank = orders[0], times.ranks[0]
    a, b = codes[order], rank[order]
    twice = (a[1:] == a[:-1]) & (b[1:] == b[:-1])
    if twice.any():
        raise ValueError(doubled(int(order[1:][twice][0])))
    return order


def whole(column: Any) -> Any:
    """A column as one Arrow array."""
    import pyarrow as pa

    arrow = column.to_arrow()
    return arrow.combine_chunks() if isinstance(arrow, pa.ChunkedArray) else arrow


def buffer(arrow: Any, kind: type) -> NDArray[Any]:
    """The numbers of an Arrow array; its own ``to_numpy`` imports pandas."""
    if len(arrow) == 0:
        return np.empty(0, kind)
    return np.frombuffer(arrow.buffers()[1], kind)[arrow.offset : arrow.offset + len(arrow)]


def plain(column: Any) -> NDArray[Any]:
    """A column of numbers as an array of one's own; what is null is NaN."""
    import pyarrow as pa

    arrow = whole(column)
    values = buffer(arrow, np.int64 if pa.types.is_int64(arrow.type) else np.float64).copy()
    bits = arrow.buffers()[0] if len(arrow) else None
    if arrow.null_count and bits is not None:
        there = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
        values[there[arrow.offset : arrow.offset + len(arrow)] == 0] = np.nan
    return values
