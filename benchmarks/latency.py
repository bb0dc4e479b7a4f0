"""``streammse bench --latency``: every single call of ``update``, a million of them, next to a bare njit call."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from rich.table import Table

import streammse as sm

from .table import seconds
from .workloads import MU, Array, identification, pairs, seasonal

CALLS = 1_000_000
TURN = 1000  # calls in a row, before it is the other's turn
QUANTILES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))

#: what the figures must be: against the bare call, the tail against the median, and the median on a quiet machine
RATIO, TAIL = 1.4, 5.0


@dataclass(frozen=True)
class Subject:
    """A node, its samples as ``update`` takes them, and what the median must be."""

    name: str
    node: Any
    samples: list[tuple[float, ...]]
    median: float

    @property
    def observed(self) -> bool:
        """Whether update takes the sample alone, which the step takes twice."""
        return len(self.samples[0]) == 1


def subjects(calls: int) -> list[Subject]:
    """What is measured."""
    n = min(calls, 20_000)  # that come again: a million tuples would wait for the memory
    truth, prediction = pairs(n)
    errors = list(zip(truth.tolist(), prediction.tolist(), strict=True))
    system = identification(32, n)
    series = [(y,) for y in seasonal(1, n, 24)[0].tolist()]
    return [
        Subject("MSE", sm.MSE(), errors, 350e-9),
        Subject("MSE, steady window of 1000", sm.MSE(window=1000, steady=True), errors, 350e-9),
        Subject("NLMS, 32 taps", sm.NLMS(32, MU), list(zip(system.x.tolist(), system.d.tolist(), strict=True)), 450e-9),
        Subject("Holt-Winters, season 24", sm.HoltWinters(24, alpha=0.3, beta=0.05, gamma=0.1), series, 350e-9),
    ]


@dataclass(frozen=True)
class Latency:
    """Nanoseconds of every call, ours and the bare one's, less what the clock itself takes."""

    subject: Subject
    ours: Array
    bare: Array

    @property
    def ratio(self) -> float:
        """Our median over that of the bare call."""
        return float(np.median(self.ours) / np.median(self.bare))

    @property
    def tail(self) -> float:
        """Our 99.9 % over our median."""
        return float(np.quantile(self.ours, 0.999) / np.median(self.ours))


def measure(subject: Subject, calls: int) -> Latency:
    """Both take turns, so that what the machine does to one it does to the other."""
    bare = subject.node.clone()
    step, p, s = bare._kernel().compiled, bare.p, bare.s
    update = subject.node.update
    took = [array("q", bytes(8 * calls)) for _ in range(3)]
    one, four = (_alone, _alone_bare) if subject.observed else (_two, _two_bare)
    with sm.realtime(subject.node, bare):
        for begin in range(0, calls, TURN):
            first = begin % (len(subject.samples) - TURN + 1)
            rows = subject.samples[first : first + min(TURN, calls - begin)]
            _clock(rows, took[0], begin)
            one(update, rows, took[1], begin)
            four(step, p, s, rows, took[2], begin)
    clock, ours, theirs = (np.frombuffer(one, dtype=np.int64).astype(np.float64) for one in took)
    own = np.median(clock)
    return Latency(subject, np.maximum(ours - own, 1.0), np.maximum(theirs - own, 1.0))


def _clock(rows: list[tuple[float, ...]], took: Any, at: int) -> None:
    for at, _ in enumerate(rows, at):  # noqa: B020, PLR1704
        start = perf_counter_ns()
        end = perf_counter_ns()
        took[at] = end - start


def _two(update: Callable[..., float], rows: list[Any], took: Any, at: int) -> None:
    for at, (x, d) in enumerate(rows, at):  # noqa: B020, PLR1704
        start = perf_counter_ns()
        update(x, d)
        end = perf_counter_ns()
        took[at] = end - start


def _alone(update: Callable[..., float], rows: list[Any], took: Any, at: int) -> None:
    for at, (x,) in enumerate(rows, at):  # noqa: B020, PLR1704
        start = perf_counter_ns()
        update(x)
        end = perf_counter_ns()
        took[at] = end - start


def _two_bare(step: Callable[..., float], p: Array, s: Array, rows: list[Any], took: Any, at: int) -> None:
    for at, (x, d) in enumerate(rows, at):  # noqa: B020, PLR1704
        start = perf_counter_ns()
        step(p, s, x, d)
        end = perf_counter_ns()
        took[at] = end - start


def _alone_bare(step: Callable[..., float], p: Array, s: Array, rows: list[Any], took: Any, at: int) -> None:
    for at, (x,) in enumerate(rows, at):  # noqa: B020, PLR1704
        start = perf_counter_ns()
        step(p, s, x, x)
        end = perf_counter_ns()
        took[at] = end - start


def draw(found: list[Latency]) -> Table:
    """The table as rich draws it."""
    drawn = Table(title=f"update, one by one: {len(found[0].ours):,} calls inside sm.realtime()", title_justify="left")
    drawn.add_column("what")
    for heading in (*(name for name, _ in QUANTILES), "median must be", "bare njit", "ours / bare", "p99.9 / p50"):
        drawn.add_column(heading, justify="right")
    for one in found:
        quantiles = np.quantile(one.ours, [q for _, q in QUANTILES]) * 1e-9
        told = [seconds(q) for q in quantiles]
        limit = _verdict(f"<= {seconds(one.subject.median)}", quantiles[0] <= one.subject.median)
        ratio = _verdict(f"{one.ratio:.2f}x (<= {RATIO:g}x)", one.ratio <= RATIO)
        tail = _verdict(f"{one.tail:.2f}x (<= {TAIL:g}x)", one.tail <= TAIL)
        drawn.add_row(one.subject.name, *told, limit, seconds(float(np.median(one.bare)) * 1e-9), ratio, tail)
    return drawn


def _verdict(text: str, met: bool) -> str:
    return f"[green]{text} met" if met else f"[red]{text} missed"


def figures(found: list[Latency]) -> list[dict[str, object]]:
    """The same for the next program."""
    rows = []
    for one in found:
        row: dict[str, object] = {"what": one.subject.name, "calls": len(one.ours)}
        row |= {name: float(np.quantile(one.ours, q)) * 1e-9 for name, q in QUANTILES}
        row |= {f"bare {name}": float(np.quantile(one.bare, q)) * 1e-9 for name, q in QUANTILES}
        rows.append(row | {"ratio": one.ratio, "tail": one.tail})
    return rows


def picture(found: list[Latency], path: Path) -> None:
    """A histogram of every call, both axes logarithmic, a panel each; where the quantiles lie is marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    blue, grey, ink = "#0b62a4", "#8a9099", "#30343b"
    figure = Figure(figsize=(11, 2.6 * len(found) + 0.9), layout="constrained")
    every = np.concatenate([part for one in found for part in (one.ours, one.bare)])
    low, high = max(10.0, 0.8 * np.quantile(every, 1e-4)), 1.6 * every.max()
    edges = np.geomspace(low, high, 141)
    figure.suptitle(
        f"Every call of update, {len(found[0].ours):,} of them, inside sm.realtime()", fontweight="bold", color=ink
    )
    for axes, one in zip(np.atleast_1d(figure.subplots(len(found), 1, sharex=True, sharey=True)), found, strict=True):
        ours, _ = np.histogram(np.clip(one.ours, low, high), edges)
        bare, _ = np.histogram(np.clip(one.bare, low, high), edges)
        axes.stairs(np.maximum(ours, 0.5), edges, baseline=0.5, fill=True, color=blue, alpha=0.85, label="update")
        axes.stairs(np.maximum(bare, 0.5), edges, baseline=0.5, color=grey, linewidth=1.2, label="bare njit call")
        top = 60.0 * ours.max()
        words = []
        for name, q in QUANTILES:
            at = float(np.quantile(one.ours, q))
            axes.axvline(at, color=ink, linewidth=0.9, linestyle=(0, (3, 2)), ymax=0.9)
            side = "right" if q < 0.9 else "left" if q < 1.0 else "center"  # the first two lie close together
            axes.annotate(name, (at, 0.92), xycoords=("data", "axes fraction"), ha=side, fontsize=8, color=ink)
            words.append(f"{name} {seconds(at * 1e-9)}")
        axes.set_title(f"{one.subject.name}:  {',  '.join(words)}", loc="left", fontsize=10, color=ink)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(0.5, top), ylabel="calls")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ns, _: seconds(ns * 1e-9)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("time of one call (logarithmic)")
    figure.axes[0].legend(loc="lower right", ncols=2, frameon=False, fontsize=9, bbox_to_anchor=(1.0, 0.99))
    figure.savefig(path, dpi=120)


def main(say: Callable[[Any], None], calls: int, plot: Path | None) -> list[dict[str, object]]:
    """Measure, print, draw."""
    found = list(_all(calls))
    say(draw(found))
    if plot is not None:
        picture(found, plot)
    return figures(found)


def _all(calls: int) -> Iterator[Latency]:
    for subject in subjects(max(calls, 2 * TURN)):
        yield measure(subject, calls)
