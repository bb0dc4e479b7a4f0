"""How lines of a picture are told apart: colours that every eye can (Okabe and Ito), and dashes for further rounds."""

from __future__ import annotations

from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C", "#5D3A9B")
STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.2, 1.5)))


def colour(k: int) -> str:
    """That of line number k."""
    return COLOURS[k % len(COLOURS)]


def turn(k: int) -> int:
    """How often the colours have been used up before line number k."""
    return k // len(COLOURS)


def line(k: int) -> dict[str, Any]:
    """What tells line number k from the others."""
    return {"color": colour(k), "linestyle": STYLES[turn(k) % len(STYLES)]}
