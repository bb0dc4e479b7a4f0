"""Parameters and state as bytes, without pickle: reading a snapshot runs no code, and what is damaged is refused.

``b"SMSE"``, format version (u16), header length (u32), header (JSON: name, layout, parameters, arrays), the arrays as
little-endian float64, and a SHA-256 over all that came before.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"SMSE"
FORMAT = 1
_HEAD = struct.Struct("<4sHI")


def plain(value: Any) -> Any:
    """A parameter as JSON has it; objects (losses) say themselves how they are written."""
    if isinstance(value, tuple):  # it comes back as a list
        return [plain(one) for one in value]
    if hasattr(value, "plain"):
        return value.plain()
    if hasattr(value, "_values"):  # a node within a node: not its state, which is part of the outer one's
        return {"node": type(value)._name(), "params": {key: plain(one) for key, one in value._values.items()}}
    return value


def dump(name: str, layout: int, values: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float64]]) -> bytes:
    """The bytes of a snapshot."""
    header = {
        "name": name,
        "layout": layout,
        "params": {key: plain(value) for key, value in values.items()},
        "arrays": {key: list(array.shape) for key, array in arrays.items()},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    body = b"".join(array.astype("<f8", copy=False).tobytes() for array in arrays.values())
    front = _HEAD.pack(MAGIC, FORMAT, len(text)) + text + body
    return front + hashlib.sha256(front).digest()


def parse(data: bytes) -> tuple[str, int, dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Name, layout, parameters and arrays; ValueError says what is wrong with the bytes."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a snapshot is bytes, got {type(data).__name__}")
    data = bytes(data)
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise ValueError("not a streammse snapshot (it does not begin with SMSE)")
    _, version, length = _HEAD.unpack_from(data)
    if version > FORMAT:
        raise ValueError(f"the snapshot has format {version}, this version of streammse reads up to {FORMAT}")
    if len(data) < _HEAD.size + length + 32:
        raise ValueError(f"the snapshot is truncated: {len(data)} bytes")
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        raise ValueError("the snapshot is truncated or corrupted: its checksum does not match")
    try:
        return _body(json.loads(data[_HEAD.size : _HEAD.size + length]), data[_HEAD.size + length : -32])
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"the snapshot's header makes no sense: {error!r}") from None


def _body(header: Any, body: bytes) -> tuple[str, int, dict[str, Any], dict[str, NDArray[np.float64]]]:
    name, layout, params = header["name"], header["layout"], header["params"]
    if not (isinstance(name, str) and isinstance(layout, int) and isinstance(params, dict)):
        raise TypeError("name, layout and parameters")
    arrays, at = {}, 0
    for key, shape in header["arrays"].items():
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            raise TypeError(f"shape {shape}")
        count = math.prod(shape)
        if at + 8 * count > len(body):
            raise ValueError(f"the snapshot holds {len(body)} bytes of state, its header asks for more")
        arrays[key] = np.frombuffer(body, dtype="<f8", count=count, offset=at).reshape(shape)
        at += 8 * count
    if at != len(body) or "s" not in arrays:
        raise ValueError(f"the snapshot holds {len(body)} bytes of state, its header says {at}")
    return name, layout, params, arrays


def fill(target: NDArray[np.float64], source: NDArray[np.float64]) -> None:
    """Copy a stored state into a living one."""
    if target.shape != source.shape:
        raise ValueError(f"the snapshot holds a state of shape {source.shape}, expected {target.shape}")
    target[...] = source
