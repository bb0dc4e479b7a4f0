"""Numbers from text and text from numbers, both exactly.

What is read is the nearest double; what is written is the shortest text that reads back as the same double, letter by
letter what Python's ``repr`` says.

Reading: Lemire, "Number parsing at a gigabyte per second" (2021). Writing: Giulietti, "The Schubfach way to render
doubles" (2020). Both multiply by a power of ten in 128 bits; one table serves both. What is rare (more than 19 digits,
subnormal or infinite values) is left to Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._jit import helper, loop
from .._jit.instructions import multiply_high

QUOTE, SPACE, PLUS, MINUS, ZERO, NINE, LOWER, LETTER_E = 34, 32, 43, 45, 48, 57, 32, 101
#: letters that a missing sample may be written with, as the bytes of one number: na, nan, none, null
NA, NAN, NONE, NULL = (int.from_bytes(word, "big") for word in (b"na", b"nan", b"none", b"null"))

LOWEST, HIGHEST = -342, 324


def _powers() -> Any:
    """10^k for k from LOWEST to HIGHEST, as ceil(10^k 2^-r), r such that there are 128 bits: high and low words."""
    table = np.empty((HIGHEST - LOWEST + 1, 2), dtype=np.uint64)
    for k in range(LOWEST, HIGHEST + 1):
        if k >= 0:
            excess = (10**k).bit_length() - 128
            whole = -(-(10**k) >> excess) if excess > 0 else 10**k << -excess
        else:
            whole = -(-(1 << (10**-k).bit_length() + 127) // 10**-k)
        table[k - LOWEST] = whole >> 64, whole & (2**64 - 1)
    return table


POWERS = _powers()
EXACT = 10.0 ** np.arange(23)  # the powers of ten that are doubles

# unsigned words, so that nothing becomes a float by being mixed with a signed one
U0, U1, U2, U3, U4, U10, U40, U48 = (np.uint64(k) for k in (0, 1, 2, 3, 4, 10, 40, 48))
TOP, HIDDEN, FRACTION, ALL = np.uint64(1 << 63), np.uint64(1 << 52), np.uint64((1 << 52) - 1), np.uint64(2**64 - 1)
U9, U52, U63, EXPONENT = np.uint64(9), np.uint64(52), np.uint64(63), np.uint64(2047)
TWO_53 = np.uint64(1 << 53)

MOST = 25  # letters of the longest number
POINT = 46
INFINITE = np.uint64(0x7FF0000000000000)  # the exponent of what is not finite
INF_LETTERS, NAN_LETTERS = (np.frombuffer(word, dtype=np.uint8) for word in (b"inf", b"nan"))


@helper
def nearest(w: Any, q: int) -> Any:
    """The bits of the double nearest to w 10^q, w > 0; zero where this way cannot tell."""
    if q < LOWEST or q > 308:
        return U0
    shift = 0
    while w < TOP:
        w <<= U1
        shift += 1
    high, low = POWERS[q - LOWEST, 0], POWERS[q - LOWEST, 1]
    if q < -27 or q > 55:  # the paper rounds these powers down
        low -= U1
        if low == ALL:
            high -= U1
    upper = multiply_high(w, high)
    lower = w * high
    if upper & (ALL >> np.uint64(55)) == ALL >> np.uint64(55):
        second = multiply_high(w, low)
        lower += second
        if second > lower:
            upper += U1
    first = upper >> U63
    m = upper >> (first + U9)
    power = ((217706 * q) >> 16) + 63 + np.int64(first) - shift + 1023
    if power <= 0 or power >= 2046:
        return U0
    if lower <= U1 and -4 <= q <= 23 and m & U3 == U1 and m << (first + U9) == upper:
        m &= ~U1  # exactly halfway: to even
    m += m & U1
    m >>= U1
    if m >= TWO_53:
        m = HIDDEN
        power += 1
    return (m & FRACTION) | (np.uint64(power) << U52)


@loop("i8(u1[::1],i8,i8[:,::1],i8,b1,i8,f8[::1],u8[::1],i8[::1])")
def read(text, rows, spans, k, csv, decimal, values, bits, odd):  # type: ignore[no-untyped-def]
    """Read the k-th values; ``bits`` is ``values`` seen as words.

    What is missing is NaN; so is what is no plain number, and its row is listed in ``odd`` for a closer look.
    """
    strange = 0
    for row in range(rows):
        i = spans[row, 2 * k]
        end = spans[row, 2 * k + 1]
        if csv and end - i >= 2 and text[i] == QUOTE and text[end - 1] == QUOTE:
            i += 1
            end -= 1
            while i < end and text[i] == SPACE:
                i += 1
            while end > i and text[end - 1] == SPACE:
                end -= 1
        begin = i
        negative = i < end and text[i] == MINUS
        if negative or (i < end and text[i] == PLUS):
            i += 1
        w = U0
        digits = 0
        start = i
        while i < end and ZERO <= text[i] <= NINE:
            w = w * U10 + np.uint64(text[i] - ZERO)
            i += 1
        digits = i - start
        q = 0
        if i < end and text[i] == decimal:
            i += 1
            start = i
            while i < end and ZERO <= text[i] <= NINE:
                w = w * U10 + np.uint64(text[i] - ZERO)
                i += 1
            q = start - i
            digits += i - start
        good = digits > 0
        if digits > 19:  # zeros in front do not count
            j = begin
            while j < i and not NINE >= text[j] > ZERO:
                digits -= 1 if text[j] == ZERO else 0
                j += 1
        fits = digits <= 19
        if good and i < end and text[i] | LOWER == LETTER_E:
            i += 1
            down = i < end and text[i] == MINUS
            if down or (i < end and text[i] == PLUS):
                i += 1
            start = i
            exponent = 0
            while i < end and ZERO <= text[i] <= NINE:
                exponent = min(exponent * 10 + text[i] - ZERO, 99999)
                i += 1
            good = i > start
            q += -exponent if down else exponent
        if good and i == end and fits:
            if w < TWO_53 and -22 <= q <= 22:
                value = np.float64(w)
                value = value * EXACT[q] if q >= 0 else value / EXACT[-q]
                values[row] = -value if negative else value
                continue
            if w == U0:
                values[row] = -0.0 if negative else 0.0
                continue
            found = nearest(w, q)
            if found != U0:
                bits[row] = found | TOP if negative else found
                continue
        values[row] = np.nan
        if end - begin <= 4:
            word = 0
            for j in range(begin, end):
                word = word * 256 + (text[j] | LOWER)
            if end <= begin or word in (NA, NAN, NONE, NULL):
                continue
        odd[strange] = row
        strange += 1
    return strange


@helper
def scaled(high: Any, low: Any, c: Any) -> Any:
    """High word of the product of a power of ten with c, its last bit set where anything was cut off (round to odd)."""
    y0 = high * c
    x1 = multiply_high(low, c)
    y1 = multiply_high(high, c)
    y0 += x1
    if y0 < x1:
        y1 += U1
    return y1 | U1 if y0 > U1 else y1


@helper
def shortest(word: Any) -> tuple[Any, Any]:
    """Digits d and exponent k such that d 10^k is the shortest text that reads back as this positive finite double."""
    fraction = word & FRACTION
    biased: Any = np.int64((word >> U52) & EXPONENT)
    if biased != 0:
        c = fraction | HIDDEN
        q = biased - 1075
        if -53 < q <= 0 and (c >> np.uint64(-q)) << np.uint64(-q) == c:  # a whole number
            return c >> np.uint64(-q), 0
    else:
        c = fraction
        q = -1074
    closer = fraction == U0 and biased > 1  # the neighbour below is nearer than that above
    odd = c & U1
    k = (q * 1262611 - (524031 if closer else 0)) >> 22
    h = np.uint64(q + ((-k * 1741647) >> 19) + 1)
    high, low = POWERS[-k - LOWEST, 0], POWERS[-k - LOWEST, 1]
    below = scaled(high, low, (U4 * c - (U1 if closer else U2)) << h) + odd
    at = scaled(high, low, (U4 * c) << h)
    above = scaled(high, low, (U4 * c + U2) << h) - odd
    s = at >> U2
    if s >= U10:
        tens = s // U10
        down = below <= U40 * tens
        up = U40 * tens + U40 <= above
        if down != up:
            return tens + (U1 if up else U0), k + 1
    down = below <= U4 * s
    up = U4 * s + U4 <= above
    if down != up:
        return s + (U1 if up else U0), k
    middle = U4 * s + U2
    return s + (U1 if at > middle or (at == middle and s & U1 != U0) else U0), k


@helper
def write(word: Any, decimal: int, out: Any, at: int) -> int:
    """Write a finite double as ``repr`` does; returns the place after it."""
    if word & TOP != U0:
        out[at] = MINUS
        at += 1
        word &= ~TOP
    d, k = U0, 0
    if word != U0:
        d, k = shortest(word)
        while d >= U10 and d % U10 == U0:
            d //= U10
            k += 1
    count = 1
    bound = U10
    while d >= bound:
        count += 1
        bound *= U10
    point = count + k  # digits before the decimal point
    if -4 < point <= 16:
        if point <= 0:
            out[at] = ZERO
            out[at + 1] = decimal
            for i in range(at + 2, at + 2 - point):
                out[i] = ZERO
            begin = at + 2 - point
            for i in range(begin + count - 1, begin - 1, -1):
                out[i] = U48 + d % U10
                d //= U10
            return begin + count
        if k >= 0:
            for i in range(at + count, at + point):
                out[i] = ZERO
            for i in range(at + count - 1, at - 1, -1):
                out[i] = U48 + d % U10
                d //= U10
            out[at + point] = decimal
            out[at + point + 1] = ZERO
            return at + point + 2
        for i in range(at + count, at + point, -1):
            out[i] = U48 + d % U10
            d //= U10
        out[at + point] = decimal
        for i in range(at + point - 1, at - 1, -1):
            out[i] = U48 + d % U10
            d //= U10
        return at + count + 1
    last = at + count if count > 1 else at
    for i in range(last, at + 1, -1):
        out[i] = U48 + d % U10
        d //= U10
    if count > 1:
        out[at + 1] = decimal
    out[at] = U48 + d
    at = last + 1
    exponent = point - 1
    out[at] = LETTER_E
    out[at + 1] = MINUS if exponent < 0 else PLUS
    at += 2
    exponent = abs(exponent)
    if exponent >= 100:
        out[at] = ZERO + exponent // 100
        at += 1
    out[at] = ZERO + exponent // 10 % 10
    out[at + 1] = ZERO + exponent % 10
    return at + 2


@loop("i8(u8[::1],u1[::1],i8[::1])")
def many(words, out, ends):  # type: ignore[no-untyped-def]
    """Doubles, given as words, one after the other; ``ends[k + 1]`` is where the k-th ends. Returns the last end."""
    at = 0
    for k in range(words.size):
        word = words[k]
        if (word & ~TOP) < INFINITE:
            at = write(word, POINT, out, at)
        else:
            if (word & ~TOP) == INFINITE and word & TOP != U0:
                out[at] = MINUS
                at += 1
            text = INF_LETTERS if (word & ~TOP) == INFINITE else NAN_LETTERS
            for j in range(3):
                out[at + j] = text[j]
            at += 3
        ends[k + 1] = at
    return at
