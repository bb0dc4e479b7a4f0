"""The picture of a backtest: forecasts against truth, MSE by horizon, rolling MSE, weights of an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..colours import colour, line, turn
from .weights import has_weights

if TYPE_CHECKING:
    from .result import Result

LONGEST = 30  # letters of a name in the legend
WIDTH = 130  # letters beside one another in the picture
STRETCHES = 4  # horizons of forecasts that are drawn, one after another
BEFORE = 1.5  # horizons of history before the first of them


def picture(result: Result, row: int) -> Any:
    """The figure."""
    from matplotlib.figure import Figure

    plan = result._plan
    weighs = [k for k, one in enumerate(result._contestants) if has_weights(one)][:1]
    figure = Figure(figsize=(11, 9.5 + 2.6 * len(weighs)), layout="constrained")
    ahead, by_horizon, rolling, *more = figure.subplots(
        3 + len(weighs), 1, height_ratios=(1.2, 1.0, 1.0, *[0.9] * len(weighs))
    )
    _ahead(ahead, result, row)

    h = np.arange(1, plan.horizon + 1)
    marker = "o" if plan.horizon <= 30 else ""
    for k, curve in enumerate(result.mse):
        by_horizon.plot(h, curve, **line(k), lw=1.6, marker=marker, ms=4)
    by_horizon.set_xlabel("horizon: samples ahead")
    if plan.horizon == 1:
        by_horizon.set_xticks([1])
    else:
        by_horizon.xaxis.get_major_locator().set_params(integer=True)
    by_horizon.set_title(_over("MSE by horizon", result), loc="left", fontsize=10)

    origins = result.origins
    window = max(1, min(200, len(origins) // 10))
    for k, errors in enumerate(result._errors()):
        squares = errors[result._rows] ** 2
        there = np.isfinite(squares)
        number = there.sum(axis=(0, 2)).astype(float)
        total = np.where(there, squares, 0.0).sum(axis=(0, 2))
        box = np.ones(window)
        with np.errstate(invalid="ignore", divide="ignore"):
            curve = np.convolve(total, box)[: len(total)] / np.convolve(number, box)[: len(total)]
        rolling.plot(origins, curve, **line(k), lw=1.6)
    words = f"rolling MSE, all horizons, the last {window} origins" if window > 1 else "MSE of each origin"
    rolling.set_title(_over(words, result), loc="left", fontsize=10)
    rolling.set_xlabel("origin: samples known")
    for axes, k in zip(more, weighs, strict=True):
        _weights(axes, result, k, row)
    for axes in (by_horizon, rolling):
        _log_where_it_helps(axes)
    for axes in (ahead, by_horizon, rolling, *more):
        axes.grid(alpha=0.25)
        axes.margins(x=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = ahead.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=_columns(labels), frameon=False, fontsize=9)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _columns(labels: list[str]) -> int:
    """As many names beside one another as there is room for."""
    return max(1, min(len(labels), 6, WIDTH // (max(map(len, labels), default=1) + 6)))


def _weights(axes: Any, result: Result, k: int, row: int) -> None:
    """What the forecasts of an ensemble were made of, origin by origin, the experts on top of one another."""
    found = result.weights(k, row)
    origins = result.origins[: len(found)]
    names = [_short(repr(one)) for one in result._contestants[k].node.models]  # type: ignore[union-attr]
    colors = [colour(j) for j in range(len(names))]
    parts = axes.stackplot(origins, np.maximum(found, 0.0).T, labels=names, colors=colors, alpha=0.85, lw=0.0)
    for j, part in enumerate(parts):
        part.set_hatch((None, "//", "..")[turn(j) % 3])
    name = f", series {result.series[row]!r}" if len(result.series) > 1 else ""
    axes.set_title(f"weights of {_short(result.models[k])}{name}", loc="left", fontsize=10)
    axes.set_xlabel("origin: samples known")
    axes.set_ylim(0.0, max(1.0, float(found.clip(0.0).sum(axis=1).max(initial=0.0))))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8, reverse=True)


def _over(words: str, result: Result) -> str:
    n = len(result.series)
    return f"{words} (all {n:,} series)" if n > 1 else words


def _ahead(axes: Any, result: Result, row: int) -> None:
    """The truth near the end of one series, and whole forecasts one after another."""
    plan, data = result._plan, result._series
    y = data.one(row)
    count = plan.origins(len(y))
    full = np.flatnonzero(result.origins[:count] + plan.gap + plan.horizon <= len(y))
    last = int(full[-1]) if full.size else count - 1
    step = max(1, -(-plan.horizon // plan.stride))
    drawn = list(range(last, -1, -step))[:STRETCHES][::-1]
    first = max(0, int(result.origins[drawn[0]] - BEFORE * plan.horizon))
    stamps = None
    if data.times is not None:
        stamps = data.times[data.edges[row] : data.edges[row + 1]]
        if stamps.dtype.kind not in "Mifu":
            stamps = None  # times as text are no axis
    t = np.arange(len(y)) if stamps is None else stamps
    axes.plot(t[first:], y[first:], color="black", lw=1.5, label="truth", zorder=3)
    for k, one in enumerate(result._kept()):
        for place, i in enumerate(drawn):
            at = int(result.origins[i]) + plan.gap + np.arange(plan.horizon)
            at = at[at < len(y)]
            f = one.kept[row, i, : len(at)]
            axes.plot(
                t[at],
                f,
                **line(k),
                lw=1.3,
                marker="." if plan.horizon <= 30 else "",
                ms=4,
                label=_short(result.models[k]) if place == 0 else None,
            )
    for i in drawn:
        known = min(int(result.origins[i]), len(y)) - 1
        axes.axvline(t[known], color="#b9bec6", lw=0.8, ls=(0, (3, 3)), zorder=0)
    name = f", series {result.series[row]!r}" if len(result.series) > 1 else ""
    axes.set_title(f"forecasts from {len(drawn)} origins (dashed) against the truth{name}", loc="left", fontsize=10)
    if stamps is None:
        axes.set_xlabel("sample")
    # a model that has gone astray must not hide the others
    shown = y[first:][np.isfinite(y[first:])]
    if shown.size:
        low, high = float(shown.min()), float(shown.max())
        room = (high - low) or abs(high) or 1.0
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, low - room), min(top, high + room))


def _log_where_it_helps(axes: Any) -> None:
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines] or [np.empty(0)])
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size and drawn.min() > 0.0 and drawn.max() > 20.0 * drawn.min():
        from matplotlib.ticker import LogLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")  # nine labels a decade lie over one another
    elif drawn.size:
        axes.set_ylim(bottom=0.0)
