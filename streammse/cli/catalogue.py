"""``streammse list``: every algorithm with its equation and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import RefusedError, clean_end

if TYPE_CHECKING:
    from ..node import Node


def list_(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these.")] = None,
) -> None:
    """List every algorithm with its equation and its parameters."""
    with clean_end():
        from .. import catalog

        known = catalog.names()
        if names:
            for name in [_known(name) for name in names]:
                print(_card(name, catalog.get(name)))  # noqa: T201
            return
        rooms: dict[str, list[str]] = {"denoise": [], "filters": [], "metrics": []}
        for name in known:
            rooms.setdefault((catalog.where(name) or "").split(".")[0], []).append(name)
        for k, (room, members) in enumerate((room, members) for room, members in rooms.items() if members):
            every = [line for name in members for line in _parameters(catalog.get(name))]
            shared = [line for line in dict.fromkeys(every) if 2 * every.count(line) > len(members) > 1]
            print(("\n" if k else "") + f"# {room}\n")  # noqa: T201
            if shared:
                print("\n".join(["Parameters that most of them have:", *shared, ""]))  # noqa: T201
            for name in members:
                print(_card(name, catalog.get(name), shared))  # noqa: T201


def _known(name: str) -> str:
    """The algorithm by this name, however it is spelled."""
    from .. import catalog
    from ..named import spelled

    try:
        return spelled(name) or catalog.get(name).__name__
    except ValueError as error:
        raise RefusedError(str(error)) from None


def _parameters(cls: type[Node]) -> list[str]:
    """A line for each parameter."""
    lines = []
    for one in cls._params.values():
        plain = one.choices is not None or not (one.range.startswith("any") or isinstance(one.default, bool))
        lines.append(f"      {f'{one.name} = {one.shown}':27} {one.doc}{f' ({one.range})' if plain else ''}")
    return lines


def _card(name: str, cls: type[Node], known: Sequence[str] = ()) -> str:
    """An algorithm in a few lines: what it is, its equation, its parameters; of those known already the names."""
    import inspect

    from ..equations import readable

    lines = (inspect.getdoc(cls) or "").splitlines()
    text = [f"{name}: {lines[0] if lines else ''}"]
    body = lines[1 : lines.index("Parameters") if "Parameters" in lines else None]
    start = next((k for k, line in enumerate(body) if line.startswith("    ")), None)
    if start is not None:
        stop = next((k for k in range(start, len(body)) if body[k] and not body[k].startswith(" ")), len(body))
        text += [readable(line.rstrip()) for line in body[start:stop]]
        while not text[-1]:
            text.pop()
    lines = _parameters(cls)
    above = [line.split()[0] for line in lines if line in known]
    text += [f"      {', '.join(above)}: as above"] if above else []
    worst = f"      worst update: O({cls._worst})"
    return "\n".join([*text, *(line for line in lines if line not in known), worst])
