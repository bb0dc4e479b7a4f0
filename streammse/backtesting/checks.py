"""What is said before a backtest begins: who cannot take part, and which series are too short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..scalar import counted
from . import loop
from .field import Contestant, begun
from .plan import Plan
from .series import Series


class TooShort(NamedTuple):
    """A series that a model (or, where it is None, any) has nothing to say about."""

    row: int
    model: int | None
    reason: str


def field_fits(contestants: list[Contestant], series: Series, asked: Plan) -> None:
    """ValueError where a model cannot run under this protocol, whatever the series."""
    m = series.x.shape[1]
    for one in contestants:
        if one.guest is not None:
            if m and not one.guest.takes_x:
                raise ValueError(
                    f"{one.name} takes no x: expected a parameter x (or X or exog) of its function, or of both its fit "
                    "and its forecast"
                )
            if one.guest.needs_x and not m:
                raise ValueError(f"{one.name} needs x, the regressors beside each sample")
            continue
        assert one.node is not None
        behind = begun(one.node)
        if behind:
            raise ValueError(
                f"{one.name} goes on where a sample of {behind} ended, and a backtest begins with its series: give the "
                "statsmodels results themselves, which are applied to what is known at each origin, or run it on what "
                "comes after by sm.LiveBacktest"
            )
        if one.kind == loop.VECTOR and m != one.node._inputs():
            raise ValueError(f"{one.name} needs x with {counted(one.node._inputs(), 'column')}, got {m}")
        if asked.window is not None and asked.window < one.needs:
            raise ValueError(
                f"{one.name} needs {counted(one.needs, 'sample')} before it can {one.able}, got window={asked.window}"
            )
    taken = {*series.columns, "cutoff", "horizon"}
    hidden = [one.name for one in contestants if one.name in taken]
    if hidden:
        raise ValueError(f"a model called {hidden[0]!r} would hide that column of the forecasts: give it another name")


def too_short(contestants: list[Contestant], series: Series, asked: Plan) -> Iterator[TooShort]:
    """Every series that ends too soon, and every one that a model cannot begin with."""
    lengths = series.lengths
    parts = f"start={asked.start}"
    parts += f", gap={asked.gap}" if asked.gap else ""
    parts += f", horizon={asked.horizon}, complete=True" if asked.complete else ""
    for row in np.argsort(lengths, kind="stable"):
        if lengths[row] >= asked.shortest:
            break
        yield TooShort(
            int(row),
            None,
            f"has {counted(int(lengths[row]), 'sample')}: a backtest with {parts} needs at least {asked.shortest}",
        )
    found = None
    for k, one in enumerate(contestants):
        if one.needs <= 1:
            continue
        found = known(series, asked.start) if found is None else found
        for row in np.flatnonzero((found < one.needs) & (lengths >= asked.shortest)):
            yield TooShort(
                int(row),
                k,
                f"is too short for {one.name}: it needs {one.needs} samples before it can {one.able}, and "
                f"{found[row]} of the first start={asked.start} are known (not missing)",
            )


def known(series: Series, start: int) -> NDArray[Any]:
    """How many samples of each series are not missing before the first origin."""
    finite = np.isfinite(series.y)
    begin, end = series.edges[:-1], np.minimum(series.edges[:-1] + start, series.edges[1:])
    if finite.all():
        return np.asarray(end - begin)
    total = np.concatenate(([0], np.cumsum(finite)))
    return np.asarray(total[end] - total[begin])
