"""``sm.load``: a node, a bank or a live backtest from its snapshot, whoever wrote it.

Nothing is imported that its user has not imported (but for the modules of this package), no attribute is asked for that
could run code, and no memory is taken that the snapshot itself does not take: how large a state would be is told
before it is made. What goes wrong on the way is wrong with the snapshot: ValueError, with the reason in a line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import catalog, snapshot
from .banks import Bank
from .node import Node
from .snapshot import GROWN, MORE, Stored

if TYPE_CHECKING:
    from os import PathLike

    from .backtesting import LiveBacktest

#: nodes that are no algorithms of the catalogue
_MORE = dict.fromkeys(("AdaptiveConformal", "ConformalInterval", "ResidualInterval"), "streammse.backtesting.intervals")
DEEPEST = 16  # nodes within nodes


def load(data: bytes | bytearray | memoryview | str | PathLike[str]) -> Node | Bank | LiveBacktest:
    """A node, a bank or a live backtest from its snapshot: bytes, or the path of a file that holds them.

    A kernel or a loss of your own must have been imported before, under the name that it had.

    Raises
    ------
    ValueError
        When the bytes are truncated, corrupted, of a newer version, of an algorithm that is not known, or hold what
        cannot be; the message is one line.
    OSError
        When there is no such file, or it is a folder, or it cannot be read.
    """
    raw = bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else snapshot.read(data)
    stored = snapshot.parse(raw)
    with snapshot.refusing(stored.name):
        return _made(stored)


def _made(stored: Stored) -> Node | Bank | LiveBacktest:
    s = stored.arrays["s"]
    if stored.name == "LiveBacktest":
        from .backtesting.live import LiveBacktest

        room = GROWN * sum(one.size for one in stored.arrays.values()) + MORE
        return LiveBacktest._from(_values(stored.params, room, 0), stored)
    if stored.name.startswith("bank "):
        if s.ndim != 2 or not len(s):
            raise ValueError(f"the snapshot holds states of shape {s.shape}, expected a row for each node")
        one = _build(stored.name.removeprefix("bank "), stored.params, GROWN * s.shape[1] + MORE)
        return Bank(one, len(s))._take_over(stored)
    return _build(stored.name, stored.params, GROWN * s.size + MORE)._take_over(stored)


def _build(name: str, params: dict[str, Any], room: int, depth: int = 0) -> Node:
    """A node that has learnt nothing, with at most so many float64 in its state."""
    if depth > DEEPEST:
        raise ValueError(f"the snapshot has more than {DEEPEST} nodes within nodes")
    found = _class(name)
    values = _values(params, room, depth)
    size = found._foretold(values)
    if size > room:
        raise ValueError(f"the snapshot's {name} would have {size} numbers of state, more than there are")
    return found(**values)


def _values(params: dict[str, Any], room: int, depth: int) -> dict[str, Any]:
    """Parameters with the nodes in them built again (see ``snapshot.plain``), which share the room."""

    def value(told: Any) -> Any:
        nonlocal room
        if isinstance(told, list):
            return [value(one) for one in told]
        if not isinstance(told, dict):
            return told
        if not (isinstance(told["node"], str) and isinstance(told["params"], dict)):
            raise TypeError("expected a node and its parameters")
        made = _build(told["node"], told["params"], room, depth + 1)
        room -= made._s.size
        return made

    return {key: value(told) for key, told in params.items()}


def _class(name: str) -> type[Node]:
    """The class of that name: one of ours, or of a user's own whose module has been imported."""
    module, _, qualname = name.rpartition(":")
    if not module:
        if name in _MORE:
            ours: type[Node] = getattr(import_module(_MORE[name]), name)
            return ours
        return catalog.get(name)
    found = snapshot.defined(module, qualname)
    if not (isinstance(found, type) and issubclass(found, Node)) or module.partition(".")[0] == "streammse":
        what = f"the snapshot is of the kernel {qualname!r} in {module!r}"
        if "<locals>" in qualname:
            raise ValueError(f"{what}, which stands inside of a function: build such a node and restore the snapshot")
        raise ValueError(f"{what}: import it first")
    return found
