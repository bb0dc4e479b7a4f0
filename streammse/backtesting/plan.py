"""The protocol: from which origins, how far ahead, and what is asked of a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..metrics.base import Windowed
from ..scalar import real
from .intervals import AdaptiveConformal, Interval


def whole(name: str, value: Any, low: int) -> int:
    """A whole number from a caller, or an error that says what was expected."""
    try:
        if not real(value).is_integer():
            raise TypeError
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value!r}")
    return int(value)


@dataclass(frozen=True)
class Plan:
    """What a backtest does with every series."""

    horizon: int
    start: int
    stride: int
    gap: int
    window: int | None
    refit: int | None
    season: int
    known: bool
    complete: bool
    metrics: tuple[Windowed, ...]
    interval: Interval | None

    def origins(self, samples: int) -> int:
        """How many origins a series of so many samples has."""
        latest = samples - self.gap - (self.horizon if self.complete else 1)
        return max(0, (latest - self.start) // self.stride + 1)

    @property
    def shortest(self) -> int:
        """How many samples a series must have at least."""
        return self.start + self.gap + (self.horizon if self.complete else 1)


def plan(
    horizon: Any,
    start: Any,
    stride: Any,
    gap: Any,
    window: Any,
    refit: Any,
    season: Any,
    known: bool,
    complete: bool,
    metrics: Sequence[Windowed] | None,
    level: float | Interval | None,
) -> Plan:
    """The plan behind a caller's arguments."""
    if level is None or isinstance(level, Interval):
        interval = level
    else:
        if isinstance(level, (int, float)) and 1 < level < 100:
            raise ValueError(f"level must be a share below 1, got {level!r}: write {level / 100:g}")
        interval = AdaptiveConformal(level)
    prototypes = tuple(metrics or ())
    for one in prototypes:
        if not isinstance(one, Windowed) or one._inputs() != 1:
            raise TypeError(f"metrics must be metrics of plain pairs such as sm.TrimmedMSE(), got {one!r}")
    return Plan(
        whole("horizon", horizon, 1),
        whole("start", start, 1),
        whole("stride", stride, 1),
        whole("gap", gap, 0),
        None if window is None else whole("window", window, 1),
        None if refit is None else whole("refit", refit, 1),
        whole("season", season, 1),
        bool(known),
        bool(complete),
        prototypes,
        interval,
    )
