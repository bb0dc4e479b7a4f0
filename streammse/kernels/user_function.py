"""Functions that a user writes as parameters of a node: compiled into its kernel, and named in its snapshots."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .._jit import Function
from ..snapshot import defined


@dataclass(frozen=True, repr=False)
class UserFunction:
    """A plain function ``(x, out)``, ``(x, out, u)`` or ``(x, out, u, a)`` that writes its result into ``out``."""

    function: Callable[..., Any]
    #: whether a snapshot named it: reading one runs no code, so nobody calls it before the kernel does
    from_snapshot: bool = field(default=False, compare=False)

    def __call__(self, x: Any, out: Any, u: Any, a: Any) -> None:
        """As plain Python."""
        self.compiled(x, out, u, a)

    @property
    def compiled(self) -> Function:
        """The function of all four, for a kernel."""
        return _of_four(self.function)

    def plain(self) -> str:
        """How a snapshot writes it; ValueError when no name leads back to it."""
        module, name = self.function.__module__, self.function.__qualname__
        if _named(module, name) is not self.function:
            raise ValueError(
                f"a snapshot cannot name the function {name!r}: define it in a module, not within a function"
            )
        return f"{module}:{name}"

    def __deepcopy__(self, memo: object) -> UserFunction:
        return self

    def __repr__(self) -> str:
        return self.function.__qualname__


def _named(module: str, name: str) -> Any:
    """The plain function of this name."""
    found = defined(module, name)
    return getattr(found, "py_func", found)


def as_function(name: str, value: Any) -> UserFunction:
    """A function from what a parameter was given: a function, or what ``plain`` wrote into a snapshot."""
    if isinstance(value, UserFunction):
        return value
    from_snapshot = isinstance(value, str)
    if isinstance(value, str) and ":" in value:
        module, _, qualname = value.partition(":")
        found = _named(module, qualname)
        if not inspect.isfunction(found):
            raise ValueError(f"the snapshot was made with the function {qualname!r} of {module!r}: import it first")
        value = found
    value = getattr(value, "py_func", value)
    if not inspect.isfunction(value):
        raise TypeError(f"{name} must be a function of (x, out), got {value!r}")
    count = len(inspect.signature(value).parameters)
    if not 2 <= count <= 4:
        raise TypeError(f"{name} must be a function of (x, out), (x, out, u) or (x, out, u, a), got {count} arguments")
    return UserFunction(value, from_snapshot)


@cache
def _of_four(function: Callable[..., Any]) -> Function:
    count = len(inspect.signature(function).parameters)
    # It is the user's own: it may allocate, and an index outside of an array raises IndexError.
    inner = Function(function, forceinline=True, boundscheck=True)
    if count == 4:
        return inner
    if count == 3:
        return Function(lambda x, out, u, a: inner(x, out, u), forceinline=True)
    return Function(lambda x, out, u, a: inner(x, out), forceinline=True)
