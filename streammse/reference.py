"""A page of the docs for a room of the catalogue: of each algorithm equation, parameters, cost and sources.

``python -m streammse.reference filters > docs/filter-reference.md`` writes it. All of it stands in the docstrings, and
a test holds the page to them.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING

from . import catalog
from .node import Node

if TYPE_CHECKING:
    from collections.abc import Collection

_SECTIONS = ("Parameters", "Raises", "Notes", "References", "Examples", "Attributes")

#: what stands in another room and is an adaptive filter all the same
_BESIDE = {"filters": ("EchoCanceller", "LatticeNotch", "AdaptiveNotch", "CMA", "DecisionDirected")}

#: symbols that stand in many equations of a room without a word
_SYMBOLS = {
    "filters": (
        ("n, t", "the sample; where costs are told, n is the number of weights and m that of inputs"),
        ("x(n)", "the input: in $w^T x(n)$ the last `taps` samples of it, newest first"),
        ("d(n), y(n), e(n)", "the desired sample, the output, and the error $d(n) - y(n)$ before $d(n)$ is learnt"),
        ("w(n)", "the weights; $y(n) = w(n)^T x(n)$ unless another equation says how y is made"),
        (r"\mu", "the step size, `mu`"),
        (r"\delta(n)", "`regulariser` times the running average of what it is added to"),
        (r"\sigma_d^2(n)", "the running average of $d(n)^2$"),
        (r"\lambda", "`forgetting`: what the past weighs after a sample"),
        (r"P(n)", "least squares and Kalman: the inverse correlation, or the covariance of the weights or the state"),
        (r"\hat{\ }", "an estimate; $^T$ transposed, $^*$ conjugate, $^H$ both"),
    )
}
_SHARED = 6  # an attribute of so many algorithms is told once, on top: the commonest of its meanings


def page(room: str) -> str:
    """The page in Markdown."""
    names = [name for name in catalog.names() if (catalog.where(name) or "").split(".")[0] == room]
    names += _BESIDE.get(room, ())
    title = f"# Reference: {room}"
    words = "Written from the docstrings by `python -m streammse.reference {room}`; `help(sm.{name})` says more."
    contents = ", ".join(f"[{name}](#{name.lower()})" for name in names)
    blocks = [title, words.format(room=room, name=names[0]), contents]
    if room in _SYMBOLS:
        rows = [f"| ${tex}$ | {meaning} |" for tex, meaning in _SYMBOLS[room]]
        blocks.append("\n".join(["| symbol | unless said otherwise |", "|---|---|", *rows]))
    told = Counter(one for name in names for one in attributes(catalog.get(name)).items())
    commonest = {name: (name, text) for (name, text), _ in reversed(told.most_common())}
    shared = {one for one in commonest.values() if told[one] >= _SHARED}
    if shared:
        rows = [f"| `{name}` | {text} |" for name, text in sorted(shared)]
        blocks.append("\n".join(["| attribute | of those that name it |", "|---|---|", *rows]))
    return "\n\n".join([*blocks, *(entry(name, catalog.get(name), shared) for name in names)]) + "\n"


def attributes(cls: type[Node]) -> dict[str, str]:
    """What can be read of a node beside its parameters, with the first paragraph of what is said of it."""
    common = set(dir(Node))
    found = {
        name: one
        for name in dir(cls)
        if not name.startswith("_") and name not in common and isinstance(one := getattr(cls, name), property)
    }
    return {name: _plain(_paragraphs(inspect.getdoc(one) or "")[0]) for name, one in found.items()}


def entry(name: str, cls: type[Node], shared: Collection[tuple[str, str]] = ()) -> str:
    """One algorithm; attributes that are told elsewhere are only named."""
    head, sections = _parts(inspect.getdoc(cls) or "")
    blocks = [f"## {name}", *_prose(head)]
    blocks.append("\n".join(["| parameter | default | range | |", "|---|---|---|---|", *_rows(cls)]))
    own = attributes(cls).items()
    named = ", ".join(f"`{one[0]}`" for one in own if one in shared)
    lines = [f"- `{one}`: {text}" for one, text in own if (one, text) not in shared]
    if named or lines:
        blocks.append("\n".join([f"Attributes: {named}".rstrip(": ") + (":" if lines else ""), *lines]))
    cost = next((line for line in _paragraphs(sections.get("Notes", "")) if line.startswith("Cost: ")), "")
    blocks.append(" ".join(filter(None, (_plain(cost), f"Worst update: O({cls._worst})."))))
    if "References" in sections:
        blocks.append("\n".join(f"- {_plain(one)}" for one in _sources(sections["References"])))
    return "\n\n".join(blocks)


def _prose(head: str) -> list[str]:
    """What stands before the sections, its equations where they stand: they say what their symbols mean."""
    blocks = []
    parts = re.split(r"^\.\. math::\n\n((?:    .*\n|\n)+)", head.rstrip() + "\n", flags=re.MULTILINE)
    for place, part in enumerate(parts):
        if place % 2:
            blocks.append("```math\n" + inspect.cleandoc(part).strip() + "\n```")
        else:
            blocks += [_plain(one) for one in _paragraphs(part) if one]
    return blocks


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
