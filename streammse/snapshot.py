"""Parameters and state as bytes, without pickle: reading a snapshot runs no code, and what is damaged is refused.

Format 2: ``b"SMSE"``, format (u16), length of the header (u32) and of the body (u64), a CRC-32 of what came before, so
that these can be believed; the header (JSON: name, layout, parameters, arrays); the body, the arrays as little-endian
float64; a SHA-256 over all that came before. Format 1, still read, has neither the body's length nor the CRC-32, and
says nothing of the layout and size of a node within a node.

A checksum is no signature: whoever can write the file can make it right. So what it holds is not believed either. The
header is strict JSON; ``loading.py`` builds what it names within the memory that the file itself takes; and a node
looks whether its kernel could be led astray by the state (``Node._indices``).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from json.encoder import encode_basestring_ascii
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAGIC = b"SMSE"
FORMAT = 2
_HEAD = struct.Struct("<4sHIQ")
_CRC = struct.Struct("<I")
_FIRST = struct.Struct("<4sHI")  # the head of format 1
DIGEST = 32
COUNTABLE = 2.0**53  # a float64 counts no further
GROWN = 2  # times that a state may have grown since an older layout, and so many float64 more
MORE = 1024
SHOWN = 300  # letters of a reason
_AS_IT_IS = {int, float, str, bool, type(None)}
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Stored(NamedTuple):
    """What a snapshot holds."""

    name: str
    layout: int
    params: dict[str, Any]
    arrays: dict[str, Array]


def plain(value: Any) -> Any:
    """A parameter as JSON has it; objects (losses) say themselves how they are written."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, tuple):  # it comes back as a list
        return [plain(one) for one in value]
    if hasattr(value, "plain"):
        return value.plain()
    if hasattr(value, "_values"):  # a node within a node: not its state, which is part of the outer one's
        params = {key: plain(one) for key, one in value._values.items()}
        return {"node": type(value)._name(), "layout": value._layout, "size": value._s.size, "params": params}
    return value


def completed(value: Any, theirs: Any) -> Any:
    """A parameter as a snapshot has it, with those of nodes within it that were not known then: at their defaults."""
    if isinstance(value, tuple) and isinstance(theirs, list) and len(value) == len(theirs):
        return [completed(one, other) for one, other in zip(value, theirs, strict=True)]
    if not hasattr(value, "_values") or not isinstance(theirs, dict) or not isinstance(theirs.get("params"), dict):
        return theirs
    params = dict(theirs["params"])
    for key, one in value._values.items():
        params[key] = completed(one, params[key]) if key in params else plain(value._params[key].default)
    return {**theirs, "params": params}


def small(value: Any) -> bool:
    """Whether a parameter is a number, a word or an object that writes itself, and no node."""
    return type(value) in _AS_IT_IS or hasattr(value, "plain")


def alike(mine: Any, theirs: Any) -> bool:
    """Whether two parameters as ``plain`` writes them are the same, whichever version wrote them."""
    if isinstance(mine, list) and isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(alike, mine, theirs))
    if isinstance(mine, dict) and isinstance(theirs, dict):
        keys = (mine.keys() | theirs.keys()) - {"layout", "size"}
        return all(key in mine and key in theirs and alike(mine[key], theirs[key]) for key in keys)
    return bool(mine == theirs)


def dump(name: str, layout: int, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The bytes of a snapshot."""
    return seal(header(name, layout, values, arrays), arrays.values())


def header(name: str, layout: int, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The part of it that stays as long as the parameters do.

    JSON in one line, put together by hand: json takes longer for its dictionary than all the rest of a snapshot.
    """
    params = ",".join([f"{_quoted(key)}:{_WRITERS.get(type(value), _told)(value)}" for key, value in values.items()])
    shapes = ",".join([f"{_quoted(key)}:[{','.join(map(str, array.shape))}]" for key, array in arrays.items()])
    text = f'{{"name":{_quoted(name)},"layout":{layout},"params":{{{params}}},"arrays":{{{shapes}}}}}'
    return text.encode()


def _told(value: Any) -> str:
    value = plain(value)
    if type(value) is list:
        return f"[{','.join([_WRITERS.get(type(one), _told)(one) for one in value])}]"
    return _encode(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"Out of range float values are not JSON compliant: {value!r}")
    return float.__repr__(value)


_quoted = cache(_encode)
#: how a parameter is written, by its type; others as ``plain`` says
_WRITERS: dict[type, Callable[[Any], str]] = {
    float: _number,
    int: int.__repr__,
    str: encode_basestring_ascii,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}


def seal(text: bytes, arrays: Iterable[Array]) -> bytes:
    """A header and its arrays as the bytes of a snapshot."""
    parts = [array.astype("<f8", copy=False).tobytes() for array in arrays]
    head = _HEAD.pack(MAGIC, FORMAT, len(text), sum(map(len, parts)))
    front = b"".join((head, _CRC.pack(zlib.crc32(head)), text, *parts))
    return front + hashlib.sha256(front).digest()


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, of which no more is read than its beginning where it holds something else.

    Raises
    ------
    OSError
        When there is no such file, it is a folder, or it cannot be read.
    ValueError
        When it is empty or holds something else.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            begin = file.read(_FIRST.size)
            if not begin:
                raise ValueError(f"the file {name!r} is empty: expected a snapshot")
            return begin if _foreign(begin) else begin + file.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "there is no such file to load a snapshot from", name) from None
    except IsADirectoryError as error:
        raise IsADirectoryError(error.errno, "expected the file of a snapshot, got a folder", name) from None


def _foreign(data: bytes) -> bool:
    """Whether it is something else, and no part of a snapshot either."""
    return data[:4] != MAGIC[: len(data)]


def parse(data: bytes | bytearray | memoryview) -> Stored:
    """What the bytes hold; ValueError says what is wrong with them, in a line."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a snapshot is bytes, got {type(data).__name__}")
    data = bytes(data)
    if not data:
        raise ValueError("the snapshot is empty")
    if _foreign(data):
        raise ValueError("not a streammse snapshot (it does not begin with SMSE)")
    text, body = _parts(data)
    try:
        told = json.loads(data[text], object_pairs_hook=_pairs, parse_constant=_constant)
        return _stored(told, memoryview(data)[body])
    except Exception as error:  # noqa: BLE001  whatever a hostile header does to the reader, it is refused
        refuse(f"the snapshot's header makes no sense: {error}")


def refuse(reason: str) -> NoReturn:
    """ValueError with a reason that fits into a line, whatever was quoted in it."""
    line = " ".join(reason.split())
    raise ValueError(line if len(line) <= SHOWN else line[:SHOWN] + "...") from None


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Whatever a hostile snapshot does to what takes it in, it is refused: ValueError, with the reason in a line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        reason = str(error) or type(error).__name__
        told = isinstance(error, ValueError) and reason.startswith(("the snapshot", "unknown", "expected a snapshot"))
        refuse(reason if told else f"the snapshot's {what} cannot be built: {reason}")


def _parts(data: bytes) -> tuple[slice, slice]:
    """Where header and body lie in bytes that are whole and unchanged."""
    if len(data) < _FIRST.size:
        raise ValueError(f"the snapshot is truncated: {len(data)} bytes")
    version = int.from_bytes(data[4:6], "little")
    if version == 1:
        first, length = _FIRST.size, _FIRST.unpack_from(data)[2]
        if len(data) < first + length + DIGEST:
            raise ValueError(f"the snapshot is truncated: {len(data)} bytes")
        _check(data, "truncated or corrupted")
        return slice(first, first + length), slice(first + length, -DIGEST)
    first = _HEAD.size + _CRC.size
    if len(data) < first:
        raise ValueError(f"the snapshot is truncated: {len(data)} bytes")
    if _CRC.unpack_from(data, _HEAD.size)[0] != zlib.crc32(data[: _HEAD.size]) or version == 0:
        raise ValueError("the snapshot is corrupted: its head does not match its checksum")
    if version > FORMAT:
        raise ValueError(
            f"the snapshot is from a newer version of streammse: it has format {version}, this one reads up to {FORMAT}"
        )
    _, _, length, size = _HEAD.unpack_from(data)
    whole = first + length + size + DIGEST
    if len(data) < whole:
        raise ValueError(f"the snapshot is truncated: {len(data)} of {whole} bytes")
    if len(data) > whole:
        raise ValueError(f"the snapshot is corrupted: {len(data) - whole} bytes behind its end")
    _check(data, "corrupted")
    return slice(first, first + length), slice(first + length, -DIGEST)


def _check(data: bytes, what: str) -> None:
    if hashlib.sha256(memoryview(data)[:-DIGEST]).digest() != data[-DIGEST:]:
        raise ValueError(f"the snapshot is {what}: its checksum does not match")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _stored(told: Any, body: memoryview) -> Stored:
    name, layout, params = told["name"], told["layout"], told["params"]
    if not (isinstance(name, str) and natural(layout) and isinstance(params, dict)):
        raise TypeError("expected name, layout and parameters")
    arrays, at = {}, 0
    for key, shape in told["arrays"].items():
        if not (isinstance(shape, list) and 0 < len(shape) <= 4 and all(natural(n) for n in shape)):
            raise TypeError(f"an array of shape {shape}")
        if max(shape) > len(body) or at + 8 * math.prod(shape) > len(body):
            raise ValueError(f"it asks for more than the {len(body)} bytes of state that there are")
        count = math.prod(shape)
        arrays[key] = np.frombuffer(body, dtype="<f8", count=count, offset=at).reshape(shape)
        at += 8 * count
    if at != len(body) or "s" not in arrays:
        raise ValueError(f"there are {len(body)} bytes of state, it speaks of {at}")
    return Stored(name, layout, params, arrays)


def defined(module: str, qualname: str) -> Any:
    """What stands under this name in a module that has been imported; None where there is none.

    It is looked up and not asked for: a module or a class that is asked may run code of its own, and import.
    """
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        if isinstance(found, ModuleType):
            found = ModuleType.__getattribute__(found, "__dict__").get(part)
        else:
            found = type.__getattribute__(found, "__dict__").get(part) if isinstance(found, type) else None
    return found


def natural(value: Any) -> bool:
    """Whether it is a whole number that is not negative (True is none)."""
    return type(value) is int and value >= 0


def whole(s: Array, where: int | slice, low: float, high: float) -> None:
    """ValueError where not all that stands there in a stored state, a row a node, are whole numbers in this range."""
    if len(s) == 1 and not isinstance(where, slice):  # a single node: of thousands each counts
        value = s.item(where)
        sound = low <= value <= high and value == math.floor(value)
    else:
        values = s[:, where]
        sound = bool(((values >= low) & (values <= high) & (values == np.floor(values))).all())
    if not sound:
        what = f"{where.start} to {where.stop - 1}" if isinstance(where, slice) else str(where)
        raise ValueError(f"the snapshot's state cannot be: s[{what}] must be a whole number from {low:g} to {high:g}")


def fill(target: Array, source: Array) -> None:
    """Copy a stored state into a living one."""
    if target.shape != source.shape:
        raise ValueError(f"the snapshot holds a state of shape {source.shape}, expected {target.shape}")
    target[...] = source
