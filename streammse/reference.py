"""A page of the docs for a room of the catalogue: of each algorithm equation, parameters, cost and sources.

``python -m streammse.reference filters > docs/filter-reference.md`` writes it. All of it stands in the docstrings, and
a test holds the page to them.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING

from . import catalog

if TYPE_CHECKING:
    from .node import Node

_SECTIONS = ("Parameters", "Raises", "Notes", "References", "Examples", "Attributes")


def page(room: str) -> str:
    """The page in Markdown."""
    names = [name for name in catalog.names() if (catalog.where(name) or "").split(".")[0] == room]
    title = f"# Reference: {room}"
    words = "Written from the docstrings by `python -m streammse.reference {room}`; `help(sm.{name})` says more."
    contents = ", ".join(f"[{name}](#{name.lower()})" for name in names)
    blocks = [
        title,
        words.format(room=room, name=names[0]),
        contents,
        *(entry(name, catalog.get(name)) for name in names),
    ]
    return "\n\n".join(blocks) + "\n"


def entry(name: str, cls: type[Node]) -> str:
    """One algorithm."""
    head, sections = _parts(inspect.getdoc(cls) or "")
    summary, _, rest = head.partition("\n")
    formulas = re.findall(r"\.\. math::\n\n((?:    .*\n|\n)+)", rest.rstrip() + "\n")
    blocks = [f"## {name}", _plain(summary)]
    blocks += ["```math\n" + inspect.cleandoc(one).strip() + "\n```" for one in formulas]
    blocks.append("\n".join(["| parameter | default | range | |", "|---|---|---|---|", *_rows(cls)]))
    cost = next((line for line in _paragraphs(sections.get("Notes", "")) if line.startswith("Cost: ")), "")
    blocks.append(" ".join(filter(None, (_plain(cost), f"Worst update: O({cls._worst})."))))
    if "References" in sections:
        blocks.append("\n".join(f"- {_plain(one)}" for one in _sources(sections["References"])))
    return "\n\n".join(blocks)


def _parts(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the sections, and the sections by name."""
    pieces = re.split(rf"^({'|'.join(_SECTIONS)})\n-+\n", text, flags=re.MULTILINE)
    return pieces[0], dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _paragraphs(text: str) -> list[str]:
    return [" ".join(one.split()) for one in re.split(r"\n\s*\n", text.strip())]


def _sources(text: str) -> list[str]:
    """A source a line: one begins behind a full stop, with initials or a name in capitals."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if lines and not (lines[-1].rstrip().endswith((".", ";", ":")) and re.match(r"[A-Z]\.", line)):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line.strip())
    return [one for one in lines if one]


def _rows(cls: type[Node]) -> list[str]:
    """A row of the table for each parameter."""
    return [
        f"| `{one.name}` | {one.shown} | {'' if one.range.startswith('any') else one.range} | {_plain(one.doc)} |"
        for one in cls._params.values()
    ]


def _plain(text: str) -> str:
    """reStructuredText as Markdown."""
    text = re.sub(r":math:`([^`]*)`", r"$\1$", " ".join(text.split()))
    text = re.sub(r"``([^`]*)``", r"`\1`", text)
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
