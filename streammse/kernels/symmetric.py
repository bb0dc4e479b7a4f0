"""Where things are in the lower triangle of ``_jit/symmetric.py``: blocks of eight rows, padded with zeros."""

from __future__ import annotations

from .._jit import helper
from .._jit.symmetric import ROWS


@helper
def padded(n: int) -> int:
    """The length of the vectors beside a triangle of n rows."""
    return (n + ROWS - 1) // ROWS * ROWS


@helper
def triangle_size(n: int) -> int:
    """How many float64 a triangle of n rows takes, n padded."""
    return n * (n + ROWS) // 2


@helper
def diagonal(i: int) -> int:
    """Where in the triangle the number of row i on the diagonal is."""
    b = i // ROWS
    return ROWS * ROWS // 2 * b * (b + 1) + i % ROWS * ROWS * (b + 1) + i
