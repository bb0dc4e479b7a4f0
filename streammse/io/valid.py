"""Whether a line that looks like an object is JSON through and through, in the values that nobody reads as well."""

from __future__ import annotations

from typing import Any

from .._jit import helper, loop
from .digits import LETTER_E, LOWER, MINUS, NINE, PLUS, ZERO
from .scan import (
    BACKSLASH,
    COLON,
    COMMA,
    LEFT_BRACE,
    LEFT_BRACKET,
    LF,
    QUOTE,
    RIGHT_BRACE,
    RIGHT_BRACKET,
    after_space,
)

DEEPEST = 62  # levels of nesting; deeper is as good as broken
POINT, LETTER_U = 46, 117
#: words that are values, as the bytes of one number: those of JSON, and what Python writes or is often written
WORDS = tuple(
    int.from_bytes(word, "big") for word in (b"true", b"false", b"null", b"NaN", b"Infinity", b"nan", b"None")
)


@helper
def after_text(text: Any, i: int, end: int) -> int:
    """The place after the string whose quote is at i; -1 where it is none."""
    i += 1
    while i < end:
        c = text[i]
        if c == QUOTE:
            return i + 1
        if c < 32:
            return -1
        if c == BACKSLASH:
            i += 1
            if i >= end or not (
                text[i] == QUOTE
                or text[i] == BACKSLASH
                or text[i] == 47
                or text[i] == 98
                or text[i] == 102
                or text[i] == 110
                or text[i] == 114
                or text[i] == 116
                or text[i] == LETTER_U
            ):
                return -1
            if text[i] == LETTER_U:
                for _ in range(4):
                    i += 1
                    if i >= end:
                        return -1
                    low = text[i] | LOWER
                    if not (ZERO <= text[i] <= NINE or 97 <= low <= 102):
                        return -1
        i += 1
    return -1


@helper
def after_plain(text: Any, i: int, end: int) -> int:
    """The place after a number or a word that is a value; -1 where it is none."""
    begin = i
    if text[i] == MINUS or text[i] == PLUS:
        i += 1
    digits = 0
    while i < end and ZERO <= text[i] <= NINE:
        i += 1
        digits += 1
    if i < end and text[i] == POINT:
        i += 1
        while i < end and ZERO <= text[i] <= NINE:
            i += 1
            digits += 1
    if digits > 0:
        if i < end and text[i] | LOWER == LETTER_E:
            i += 1
            if i < end and (text[i] == MINUS or text[i] == PLUS):
                i += 1
            digits = 0
            while i < end and ZERO <= text[i] <= NINE:
                i += 1
                digits += 1
        return i if digits > 0 else -1
    word = 0
    size = i - begin  # the sign does not count
    begin = i
    while i < end and 65 <= text[i] & 0xDF <= 90 and i - begin < 8:
        word = word * 256 + text[i]
        i += 1
    if i == begin or (size and word != WORDS[4]):
        return -1
    for known in WORDS:
        if word == known:
            return i
    return -1


@loop("i8(u1[::1],i8,i8[:,::1],i8[::1])")
def valid(text, rows, lines, wrong):  # type: ignore[no-untyped-def]
    """List the rows that are not one JSON value each, and return how many.

    What stands where is kept as one bit a level: whether it is an object.
    """
    count = 0
    for row in range(rows):
        i = lines[row, 0]
        end = lines[row, 1]
        if end > i and text[end - 1] == LF:
            end -= 1
        depth = 0
        objects = 0
        good = True
        value = True  # a value comes next; else a comma, or the end of a level
        first = False  # nothing has come on this level
        while True:
            i = after_space(text, i, end)
            if i >= end:
                good = depth == 0 and not value
                break
            c = text[i]
            if not value or first:
                if c in (RIGHT_BRACE, RIGHT_BRACKET):
                    good = depth > 0 and (objects & 1 == 1) == (c == RIGHT_BRACE)
                    objects >>= 1
                    depth -= 1
                    i += 1
                    value = False
                    first = False
                    if not good:
                        break
                    continue
                if not first:
                    good = c == COMMA and depth > 0
                    if not good:
                        break
                    i = after_space(text, i + 1, end)
                    value = True
                    if i >= end:
                        good = False
                        break
                    c = text[i]
            first = False
            if depth > 0 and objects & 1 == 1:  # a name comes before the value
                i = after_text(text, i, end) if c == QUOTE else -1
                if i >= 0:
                    i = after_space(text, i, end)
                good = 0 <= i < end and text[i] == COLON
                if not good:
                    break
                i = after_space(text, i + 1, end)
                good = i < end
                if not good:
                    break
                c = text[i]
            if c in (LEFT_BRACE, LEFT_BRACKET):
                good = depth < DEEPEST
                if not good:
                    break
                depth += 1
                objects = objects * 2 + (1 if c == LEFT_BRACE else 0)
                i += 1
                value = True
                first = True
                continue
            i = after_text(text, i, end) if c == QUOTE else after_plain(text, i, end)
            good = i >= 0
            if not good:
                break
            value = False
        if not good:
            wrong[count] = row
            count += 1
    return count
