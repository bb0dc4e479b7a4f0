"""Bad records taken out of CSV and NDJSON, so that the run goes on with the good ones.

A bad record is one line: where a quote was opened and never closed, the line that opened it is bad and the next line
gets a chance of its own. What is bad does not depend on how the stream is cut into blocks.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from . import scan
from .block import Array, Block, DataError
from .dialects import Bytes, Dialect, Places
from .letters import Letter, Letters, too_large
from .stamps import Stamps
from .valid import valid

if TYPE_CHECKING:
    from .text import Text, TextSource

LONG = 1 << 20  # bytes of the longest good row
LINES = 100  # newlines inside the longest good row
LONGEST = 1 << 26  # bytes of the longest letter: a row that goes on is told in several


def weeded(source: TextSource, letters: Letters) -> Iterator[Block]:
    """The blocks of a source without their bad records; those go to ``letters``."""
    rest = False  # whether a row is under way that was too long for one letter
    while True:
        if rest:
            text = source._tail
            newline = np.flatnonzero(text == scan.LF)[:1]
            cut = int(newline[0]) + 1 if newline.size else text.size
            raw = text[:cut].tobytes().removesuffix(b"\n")
            reason = "goes on from the letter before"
            letters.add([Letter(reason, raw, source._done, source._rows, source.name, "rest")])
            source.took(cut, 0)
            rest = not newline.size
        if not rest:
            lines = _scanned(source, source._tail, source._ended)
            if lines.used:
                arrays, good, stamps = _good(source, lines, letters)
                offset = source.took(lines.used, lines.text.rows + len(lines.bad))
                yield source.layout.block(arrays, good, source._done, offset, stamps)
            left = source._tail
            if left.size > LONGEST and not source._ended:  # there is no newline in it: it was looked for
                reason = f"a row goes on for more than {LONGEST:,} bytes"
                letters.add([Letter(reason, left.tobytes(), source._done, source._rows + 1, source.name)])
                source.took(left.size, 1)
                rest = True
        if source._ended:
            break
        source._more()
    if source._rows == 0:
        raise DataError(f"{source.name} holds no rows" + (" after the line of names" if source.dialect.head else ""))


@dataclass(slots=True)
class _Lines:
    """Rows, and the lines between them that are none: begin, end, reason, how many rows come before."""

    text: Text
    used: int
    bad: list[tuple[int, int, str, int]] = field(default_factory=list)


def _scanned(source: TextSource, text: Bytes, final: bool) -> _Lines:
    """Scan as long as there are whole rows, and after a bad line go on with the next."""
    from .text import Text

    told = np.zeros(3, dtype=np.int64)
    spans, ends, lines = source.room(text)
    bad: list[tuple[int, int, str, int]] = []
    raw = b""
    at = rows = 0
    while True:
        some = slice(rows, None)
        count = source.dialect.rows(text[at:], text.size - at, final, spans[some], ends[some], lines[some], told)
        status, stop = int(told[scan.STATUS]), at + int(told[scan.CONSUMED])
        some = slice(rows, rows + count)
        spans[some] += at
        lines[some] += at
        ends[some] += np.where(ends[some] < 0, -at, at)
        if source.dialect.quotes and (text[at:stop] == scan.QUOTE).any():
            kept = _whole_quotes(text, lines[some], source.dialect)
            if kept < count:
                status, stop, count = scan.OPEN_QUOTE, int(lines[rows + kept, 0]), kept
        rows += count
        if status == scan.FINE and not final and _endless(text[stop:]):
            status = scan.OPEN_QUOTE
        if status == scan.FINE:
            break
        raw = raw or text.tobytes()
        at = raw.find(b"\n", stop) + 1 or text.size
        bad.append((stop, at, source.complaint(status, int(told[scan.FOUND]), raw[stop : min(at, stop + 1000)]), rows))
        if at == text.size:
            stop = at
            break
    found = Text(source, text[:stop], spans[:rows], ends[:rows], lines[:rows], (0, 1))
    return _Lines(found, stop, bad)


def _endless(text: Bytes) -> bool:
    """Whether a row that has not come to its end has more lines, or more bytes in several lines, than a good one."""
    newlines = int(np.count_nonzero(text == scan.LF))
    return newlines >= LINES or (newlines > 0 and text.size > LONG)


def _whole_quotes(text: Bytes, lines: Places, dialect: Dialect) -> int:
    """How many rows come before the first one over several lines whose quotes do not pair as they should."""
    newlines = np.flatnonzero(text[: int(lines[-1, 1])] == scan.LF) if len(lines) else np.empty(0, dtype=np.int64)
    inside = np.searchsorted(newlines, lines[:, 1] - 1) - np.searchsorted(newlines, lines[:, 0])
    for row in np.flatnonzero(inside > 0).tolist():
        begin, end = lines[row].tolist()
        if inside[row] >= LINES or end - begin > LONG:
            return int(row)
        if not dialect.paired(text[begin:end].tobytes()):
            return int(row)
    return len(lines)


def _good(source: TextSource, lines: _Lines, letters: Letters) -> tuple[dict[str, Array], Text, Stamps | None]:
    """The good rows: their values, their text and when they were; letters for all else."""
    offset, number = source._done, source._rows + 1
    text, between = lines.text, [before for *_, before in lines.bad]
    numbers = number + np.arange(text.rows) + np.searchsorted(between, np.arange(text.rows), side="right")
    text._begun = np.column_stack((text.lines[:, 0] + offset, numbers))
    reasons: dict[int, str] = {}  # of a row the first thing that is wrong with it
    _shape(source, text, reasons)
    arrays = {}
    for k, name in enumerate(source.layout.columns):
        values, wrong = source.numbers(text, k)
        for row in wrong:
            reasons.setdefault(row, source.not_a_number(text, row, k))
        too_large(name, values, reasons)
        arrays[name] = values
    stamps, wrong = source.stamps(text)
    for row in wrong:
        reasons.setdefault(row, source.no_stamp(text, row))
    if lines.bad or reasons:
        keep = np.ones(text.rows, dtype=bool)
        keep[list(reasons)] = False
        sent = [Letter(reason, *text.record(row), source.name) for row, reason in reasons.items()]
        whole = text.bytes
        for k, (begin, end, reason, before) in enumerate(lines.bad):
            raw = whole[begin:end].tobytes().removesuffix(b"\n")
            sent.append(Letter(reason, raw, offset + begin, number + before + k, source.name))
        letters.add(sorted(sent, key=lambda letter: letter.row))
        text = text.without([(begin, end) for begin, end, *_ in lines.bad], keep)
        arrays = {name: values[keep] for name, values in arrays.items()}
        stamps = None if stamps is None else stamps[keep]
    return arrays, text, stamps


def _shape(source: TextSource, text: Text, reasons: dict[int, str]) -> None:
    """Rows that are too long, no UTF-8, or no JSON."""
    begins, ends = text.lines[:, 0], text.lines[:, 1]
    for row in np.flatnonzero(ends - begins > LONG).tolist():
        reasons[row] = f"a row of {ends[row] - begins[row]:,} bytes, at most {LONG:,} were expected"
    try:
        codecs.utf_8_decode(text.bytes.data, "strict", True)
    except UnicodeDecodeError:
        beyond = np.flatnonzero(text.bytes > 127)
        rows = np.unique(np.searchsorted(ends, beyond, side="right"))
        for row in rows[rows < text.rows].tolist():
            try:
                text.bytes[begins[row] : ends[row]].tobytes().decode()
            except UnicodeDecodeError as error:
                reasons.setdefault(
                    row, f"no UTF-8: byte {error.object[error.start]:#x} at byte {error.start} of the row"
                )
    if source.format == "ndjson" and text.rows:
        wrong = np.empty(text.rows, dtype=np.int64)
        count = valid.compiled(text.bytes, text.rows, np.ascontiguousarray(text.lines), wrong)
        for row in wrong[:count].tolist():
            shown = text.record(row)[0][:60].decode("utf-8", "replace")
            reasons.setdefault(row, source.dialect.complaint(scan.NOT_AN_OBJECT, 0, shown))
