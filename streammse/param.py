"""Public parameters: declared once on a class, checked everywhere in the same words, laid out as the kernel's ``p``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from copy import copy
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scalar import real, shown

#: the default of a parameter that has none
REQUIRED = inspect.Parameter.empty


def _bound(value: float | None, sign: str, *, after: bool = False) -> str:
    """One side of a range in words, nothing where there is no bound."""
    if value is None:
        return ""
    return f"{sign} {value:g}" if after else f"{value:g} {sign}"


class Param:
    """One public parameter of a node: a descriptor that checks a value and writes it into ``p``."""

    def __init__(
        self,
        default: Any,
        doc: str,
        low: float | None,
        high: float | None,
        above: float | None,
        below: float | None,
        choices: tuple[str, ...] | None,
        fixed: bool,
        optional: bool,
        kw_only: bool,
        check: Callable[[str, Any], Any] | None,
        encode: Callable[[Any], float | tuple[float, ...]] | None,
        slot: int | None,
    ) -> None:
        self.default, self.doc = default, doc
        self.low, self.high, self.above, self.below = low, high, above, below
        self.choices, self.fixed, self.optional, self.kw_only = choices, fixed, optional, kw_only
        self._check, self._encode, self.slot = check, encode, slot
        self.integer = isinstance(default, int) and not isinstance(default, bool)
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, owner: type) -> Any:
        return self if node is None else node._values[self.name]

    def with_default(self, value: Any) -> Param:
        """The same parameter with another default."""
        other = copy(self)
        other.default = self.check(value)
        return other

    def __set__(self, node: Any, value: Any) -> None:
        if isinstance(node._values, MappingProxyType):
            raise TypeError(
                f"{self.name} of a row is that of its bank, of an expert that of its ensemble: set it on the node first"
            )
        if self.fixed:
            raise TypeError(f"{self.name} is fixed once a {type(node).__name__} is built: build another one")
        value = self.check(value)
        node._values[self.name] = value
        self.store(node._p, node._slots[self.name], value)

    @property
    def range(self) -> str:
        """The permitted values in words."""
        if self.choices is not None:
            return "one of " + ", ".join(self.choices)
        low = _bound(self.low, "<=") or _bound(self.above, "<")
        high = _bound(self.high, "<=", after=True) or _bound(self.below, "<", after=True)
        kind = "integer" if self.integer else "number"
        words = f"{low} {self.name} {high}".strip() if low or high else f"any {kind}"
        return words + (" or None" if self.optional else "")

    @property
    def shown(self) -> str:
        """The default as one would type it, or that there is none."""
        return "required" if self.default is REQUIRED else repr(self.default)

    def check(self, value: Any) -> Any:
        """The value in its own type, or an error that says what was expected and what came."""
        if self._check is not None:
            return self._check(self.name, value)
        if value is None and self.optional:
            return None
        if self.choices is not None:
            if not isinstance(value, str) or value not in self.choices:
                raise ValueError(f"{self.name} must be {self.range}, got {shown(value)}")
            return value
        if isinstance(self.default, bool):
            if hasattr(value, "__len__") or value not in (True, False):
                raise TypeError(f"{self.name} must be True or False, got {shown(value)}")
            return bool(value)
        try:
            number = real(value)
        except TypeError:
            raise TypeError(f"{self.name} must be a number, got {shown(value)}") from None
        if self.integer and math.isfinite(number) and number != math.floor(number):
            raise ValueError(f"{self.name} must be an integer, got {shown(value)}")
        inside = (
            math.isfinite(number)
            and (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )
        if not inside:
            raise ValueError(f"{self.name} must be {self.range}, got {shown(value)}")
        return int(value) if self.integer else number

    def store(self, p: NDArray[np.float64], slot: int, value: Any) -> None:
        """Write what stands for the value into ``p``."""
        numbers = np.atleast_1d(self.encode(value))
        p[slot : slot + numbers.size] = numbers

    def encode(self, value: Any) -> float | tuple[float, ...]:
        """The number (or several) that stands for the value in ``p``."""
        if self._encode is not None:
            return self._encode(value)
        if value is None:
            return math.nan
        return float(self.choices.index(value)) if self.choices is not None else float(value)


def typed(text: str) -> Any:
    """A value as somebody types it on a command line: None, True, False, a number, else the words themselves."""
    text = text.strip()
    named = {"none": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


def param(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] | None = None,
    fixed: bool = False,
    optional: bool = False,
    kw_only: bool = False,
    check: Callable[[str, Any], Any] | None = None,
    encode: Callable[[Any], float | tuple[float, ...]] | None = None,
    slot: int | None = None,
) -> Any:
    """Declare a public parameter.

    ``low``/``high`` are inclusive bounds and ``above``/``below`` exclusive ones; an int ``default`` asks for integers;
    ``fixed`` parameters shape the state and cannot change later; ``optional`` ones may be None (NaN in ``p``);
    ``choices`` are stored by their index; ``check(name, value)`` replaces the checks; ``encode`` replaces the number
    stored in ``p`` (several may lie side by side); ``slot`` is its place in ``p`` where a kernel shared by classes with
    different fields fixes one, else the place in the order of declaration.
    """
    return Param(default, doc, low, high, above, below, choices, fixed, optional, kw_only, check, encode, slot)
