"""Vectors and matrices as parameters: checked, and kept as tuples, which compare, pickle and print."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scalar import real, shown

Array = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]
Variances = float | tuple[float, ...] | Rows


def in_the_system(value: Any) -> tuple[float, ...]:
    """A parameter that stands in ``p`` within the system's matrices alone."""
    return ()


def plain_number(name: str, value: Any) -> float:
    """A finite float, or an error that names the parameter."""
    try:
        number = real(value)
    except TypeError:
        raise TypeError(f"{name} must hold numbers, got {shown(value)}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must hold finite numbers, got {shown(value)}")
    return number


def vector(name: str, value: Any) -> tuple[float, ...]:
    """Numbers as a tuple; one number is a tuple of one."""
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        return (plain_number(name, value),)
    return tuple(plain_number(name, one) for one in value)


def table(name: str, value: Any) -> Rows:
    """Rows of equal length as a tuple of them; numbers in a row are one row, one number is a row of one."""
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)):
        return ((plain_number(name, value),),)
    if len(value) and not isinstance(value[0], (Sequence, np.ndarray)):
        return (vector(name, value),)
    rows = tuple(vector(name, row) for row in value)
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"{name} must have rows of equal length, got rows of {[len(row) for row in rows]} numbers")
    return rows


def matrix(name: str, value: Any) -> Rows:
    """A square of numbers as a tuple of rows."""
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)):
        return ((plain_number(name, value),),)
    rows = tuple(vector(name, row) for row in value)
    if any(len(row) != len(rows) for row in rows):
        raise ValueError(f"{name} must be square, got rows of {[len(row) for row in rows]} numbers")
    return rows


def variances(name: str, value: Any) -> Variances:
    """A matrix of variances; numbers in a row are its diagonal, one number is that of each."""
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, (str, bytes)):
        return plain_number(name, value)
    if len(value) and not isinstance(value[0], (Sequence, np.ndarray)):
        return vector(name, value)
    return matrix(name, value)


def spelt_out(name: str, value: Variances, n: int) -> Array:
    """Such variances as the matrix (n, n) that they are; ValueError where they cannot be."""
    given = np.array(value)
    full: Array = np.asarray(given * np.eye(n) if given.ndim < 2 and given.size in (1, n) else given, dtype=float)
    if full.shape != (n, n):
        raise ValueError(f"{name} must be a number, {n} of them, or have shape ({n}, {n}), got {given.shape}")
    variance(name, full)
    even: Array = 0.5 * (full + full.T)
    return even


def or_none(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """The same check, where None is permitted too."""
    return lambda name, value: None if value is None else check(name, value)


def variance(name: str, value: Array) -> None:
    """ValueError where this cannot be a matrix of variances."""
    scale = np.abs(value).max(initial=0.0)
    if not np.allclose(value, value.T, rtol=0.0, atol=1e-9 * scale):
        raise ValueError(f"{name} must be symmetric")
    if np.linalg.eigvalsh(value).min(initial=0.0) < -1e-9 * scale:
        raise ValueError(f"{name} must be a variance: it has a negative eigenvalue")
