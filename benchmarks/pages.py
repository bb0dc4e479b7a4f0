"""What was measured as a page of the docs: with the day, the machine and the versions, or it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def told(machine: Mapping[str, Any]) -> list[str]:
    """The lines about where and when."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    day = datetime.now(UTC).date().isoformat()
    return [f"{day}, {machine['cpu']}, {machine['cores']} cores, {machine['compiler']}.", "", f"{versions}."]


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown."""
    heads = list(headings)
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def page(title: str, about: Iterable[str], *parts: Iterable[str]) -> str:
    """A page of these parts, an empty line between them."""
    blocks = [[f"# {title}"], list(about), *map(list, parts)]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"
