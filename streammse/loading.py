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
from .snapshot import Stored

if TYPE_CHECKING:
    from os import PathLike

    from .backtesting import LiveBacktest

#: nodes that are no algorithms of the catalogue
_MORE = dict.fromkeys(("AdaptiveConformal", "ConformalInterval", "ResidualInterval"), "streammse.backtesting.intervals")
DEEPEST = 16  # nodes within nodes
GROWN = 2  # times that a state may have grown since an older layout, and so many float64 more
MORE = 1024


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
    try:
        return _made(stored)
    except Exception as error:  # noqa: BLE001  whatever a hostile snapshot does to a constructor, it is refused
        reason = str(error) or type(error).__name__
        told = reason.startswith(("the snapshot", "unknown", "expected a snapshot"))
        snapshot.refuse(reason if told else f"the snapshot's {stored.name} cannot be built: {reason}")


def _made(stored: Stored) -> Node | Bank | LiveBacktest:
    s = stored.arrays["s"]
    if stored.name == "LiveBacktest":
        from .backtesting.live import LiveBacktest

        room = GROWN * sum(one.size for one in stored.arrays.values()) + MORE
        return LiveBacktest._from({key: _value(value, room, 0) for key, value in stored.params.items()}, stored)
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
    values = {key: _value(value, room, depth) for key, value in params.items()}
    size = found._foretold(values)
    if size > room:
        raise ValueError(f"the snapshot's {name} would have {size} numbers of state, more than there are")
    return found(**values)


def _value(value: Any, room: int, depth: int) -> Any:
    """A parameter with the nodes in it built again: see ``snapshot.plain``."""
    if isinstance(value, list):
        made = []
        for one in value:
            made.append(_value(one, room, depth))
            room -= made[-1]._s.size if isinstance(made[-1], Node) else 0  # siblings share it
        return made
    if isinstance(value, dict):
        node, params = value["node"], value["params"]
        if not (isinstance(node, str) and isinstance(params, dict)):
            raise TypeError("expected a node and its parameters")
        return _build(node, params, room, depth + 1)
    return value


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
