"""Compiled loops over text: where the values lie in CSV and NDJSON, and how new values take their place.

Text is never split into a table: a row is a stretch of bytes in which a few places are known. So whatever is not a
wanted value passes through byte by byte, and a row costs one look at each of its bytes.

``spans[row, 2k]`` and ``spans[row, 2k + 1]`` are begin and end of the k-th wanted value; ``ends[row]`` is where one
more value would be appended; ``lines[row]`` is begin and end of the row, its newline included. ``told`` says how far
the scan came, why it stopped, and what it counted there.
"""

from __future__ import annotations

from typing import Any

from .._jit import helper, loop
from .digits import INFINITE, write

CONSUMED, STATUS, FOUND = range(3)
FINE, WRONG_COUNT, OPEN_QUOTE, NOT_AN_OBJECT = range(4)

LF, CR, SPACE, TAB, QUOTE, BACKSLASH = 10, 13, 32, 9, 34, 92
COMMA, COLON, LEFT_BRACE, RIGHT_BRACE, LEFT_BRACKET, RIGHT_BRACKET = 44, 58, 123, 125, 91, 93
JOIN = 2  # bytes of the ", " between members of an object


@loop("i8(u1[::1],i8,b1,i8,i8[::1],i8[:,::1],i8[::1],i8[:,::1],i8[::1])")
def csv_rows(text, size, final, separator, wanted, spans, ends, lines, told):  # type: ignore[no-untyped-def]
    """Find the values of all complete rows; ``wanted[j]`` is k where column j is the k-th wanted one, else -1."""
    columns = wanted.size
    row = 0
    at = 0
    told[STATUS] = FINE
    while at < size:
        i = at
        if columns > 1:  # an empty line between rows is no row; in a file of one column it is a missing sample
            if text[i] == CR and i + 1 < size:
                i += 1
            if text[i] == LF:
                at = i + 1
                continue
            i = at
        column = 0
        quoted = False
        while True:  # one field
            low = i
            if i < size and text[i] == QUOTE:
                quoted = True
                i += 1
                while i < size:
                    if text[i] == QUOTE:
                        if i + 1 == size or text[i + 1] != QUOTE:
                            quoted = False
                            break
                        i += 1
                    i += 1
            while i < size and text[i] != separator and text[i] != LF:
                i += 1
            if column < columns:
                k = wanted[column]
                if k >= 0:
                    high = i
                    while high > low and (text[high - 1] == SPACE or text[high - 1] == TAB or text[high - 1] == CR):
                        high -= 1
                    while low < high and (text[low] == SPACE or text[low] == TAB):
                        low += 1
                    spans[row, 2 * k] = low
                    spans[row, 2 * k + 1] = high
            column += 1
            if i >= size or text[i] == LF:
                break
            i += 1
        if i >= size and not final:
            break
        if quoted:
            told[STATUS] = OPEN_QUOTE
            break
        end = i
        if end > at and text[end - 1] == CR:
            end -= 1
        if column != columns:
            told[STATUS] = WRONG_COUNT
            told[FOUND] = column
            break
        ends[row] = end
        lines[row, 0] = at
        at = i + 1 if i < size else size
        lines[row, 1] = at
        row += 1
    told[CONSUMED] = at
    return row


@helper
def after_space(text: Any, i: int, size: int) -> int:
    """The first place from i on that is not blank."""
    while i < size and (text[i] == SPACE or text[i] == TAB or text[i] == CR):
        i += 1
    return i


@helper
def after_string(text: Any, i: int, size: int) -> int:
    """The place after the string whose quote is at i; a newline inside ends it, as JSON has none there."""
    i += 1
    while i < size and text[i] != LF:
        if text[i] == BACKSLASH:
            i += 1
        elif text[i] == QUOTE:
            return i + 1
        i += 1
    return i


@loop("i8(u1[::1],i8,b1,u1[::1],i8[::1],i8[:,::1],i8[::1],i8[:,::1],i8[::1])")
def ndjson_rows(text, size, final, keys, key_ends, spans, ends, lines, told):  # type: ignore[no-untyped-def]
    """Find the values of all complete lines; the keys stand one after the other, quotes included.

    A missing key is an empty place at the end of its object, and one of length -1 where the object is empty.
    """
    count = key_ends.size
    row = 0
    at = 0
    told[STATUS] = FINE
    while at < size:
        i = after_space(text, at, size)
        if i < size and text[i] == LF:  # an empty line is no row
            at = i + 1
            continue
        if i == size:
            if final:
                at = size
            break
        for k in range(count):
            spans[row, 2 * k] = -1
        good = text[i] == LEFT_BRACE
        i += 1
        last = i
        members = 0
        closed = False
        while good and not closed:
            i = after_space(text, i, size)
            if i < size and text[i] == RIGHT_BRACE and members == 0:
                closed = True
                i += 1
                break
            good = i < size and text[i] == QUOTE
            if not good:
                break
            key = i
            i = after_string(text, i, size)
            key_size = i - key
            i = after_space(text, i, size)
            good = i < size and text[i] == COLON
            if not good:
                break
            i = after_space(text, i + 1, size)
            value = i
            depth = 0
            while i < size and text[i] != LF:
                c = text[i]
                if c == QUOTE:
                    i = after_string(text, i, size)
                    continue
                if c in (LEFT_BRACE, LEFT_BRACKET):
                    depth += 1
                elif depth == 0 and c in (COMMA, RIGHT_BRACE):
                    break
                elif c in (RIGHT_BRACE, RIGHT_BRACKET):
                    depth -= 1
                i += 1
            last = i
            while last > value and (text[last - 1] == SPACE or text[last - 1] == TAB or text[last - 1] == CR):
                last -= 1
            good = i < size and text[i] != LF and last > value
            if not good:
                break
            begin = 0
            for k in range(count):
                same = key_ends[k] - begin == key_size
                j = 0
                while same and j < key_size:
                    same = keys[begin + j] == text[key + j]
                    j += 1
                if same:
                    spans[row, 2 * k] = value
                    spans[row, 2 * k + 1] = last
                begin = key_ends[k]
            members += 1
            closed = text[i] == RIGHT_BRACE
            i += 1
        if good:
            i = after_space(text, i, size)
            good = i == size or text[i] == LF
        if not good or i == size:  # is it wrong, or only not yet complete?
            while i < size and text[i] != LF:
                i += 1
            if i >= size and not final:
                break
            if not good:
                told[STATUS] = NOT_AN_OBJECT
                break
        for k in range(count):
            if spans[row, 2 * k] < 0:
                spans[row, 2 * k] = last
                spans[row, 2 * k + 1] = last if members > 0 else last - 1
        ends[row] = last if members > 0 else -last
        lines[row, 0] = at
        at = i + 1 if i < size else size
        lines[row, 1] = at
        row += 1
    told[CONSUMED] = at
    return row


@loop("i8(u1[::1],i8,i8,i8[::1],i8[::1],u8[::1],u1[::1],u1[::1],i8,u1[::1])")
def splice(text, size, rows, begins, ends, bits, prefix, missing, decimal, out):  # type: ignore[no-untyped-def]
    """The text again with new values, given as words, in their places.

    ``prefix`` comes before a value whose place was empty. Where the end lies before the begin there is nothing to
    separate the value from: the comma and the blank that the prefix begins with are left out.
    """
    at = 0
    here = 0
    for row in range(rows):
        begin = begins[row]
        end = ends[row]
        for i in range(here, begin):
            out[at] = text[i]
            at += 1
        if end <= begin:
            for i in range(0 if end == begin else JOIN, prefix.size):
                out[at] = prefix[i]
                at += 1
        if bits[row] & INFINITE != INFINITE:
            at = write(bits[row], decimal, out, at)
        else:
            for i in range(missing.size):
                out[at] = missing[i]
                at += 1
        here = max(begin, end)
    for i in range(here, size):
        out[at] = text[i]
        at += 1
    return at


@loop("i8(u1[::1],i8[::1],i8[::1],i8[::1],b1,u1[::1],i8[::1])")
def gather(text, begins, ends, order, lines, out, places):  # type: ignore[no-untyped-def]
    """Some stretches of the text one after the other, each from where ``places`` says.

    Of ``lines`` each but the last one ends in a newline, whether it had one or not.
    """
    at = 0
    for j in range(order.size):
        row = order[j]
        places[j] = at
        for i in range(begins[row], ends[row]):
            out[at] = text[i]
            at += 1
        if lines and j + 1 < order.size and (at == places[j] or out[at - 1] != LF):
            out[at] = LF
            at += 1
    return at
