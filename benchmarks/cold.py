"""``python -m benchmarks.cold [NAME...]``: the first result of every algorithm, with an empty and with a warm cache.

A process of its own each time, from its start to its first outputs: import, build, ``run`` of a block, ``update`` of a
sample, for a forecaster ``forecast``. Then what the command line takes: its help, a denoising by each method, and a
backtest of each model, which fits it and scores it.

Each is told in seconds of CPU (user and system) and of the clock, the worst first. Python rows are held to their CPU
seconds: one thread works, so on a quiet machine they are those of the clock, and others that use it do not count. The
command line's are held to the clock, because a second process helps it. Minutes for all; ``--python`` leaves the
command line out, ``--worst N`` shows so many rows alone.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from streammse import catalog, named

from .processes import _process, _sales, scratch
from .table import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .timing import Process

FIRST = """
import sys
from streammse import catalog, warm
cls = catalog.get(sys.argv[1])
node = cls(**cls._needs)
args, named = warm.example(node, 200)
node.run(*args, **named)
node.update(*(float(one[-1]) if one.ndim == 1 else one[-1] for one in args), **{k: 1e6 for k in named})
if hasattr(node, "forecast"):
    node.forecast(3)
"""
EMPTY, WARM, HELP = 5.0, 1.0, 0.25


def _pair(*arguments: str, clock: str) -> list[Process]:
    """The same process with an empty cache, and with what that one left."""
    (empty,) = _process(*arguments, kernels="first", clock=clock, before=("first",)).values()
    (warm,) = _process(*arguments, kernels="first", clock=clock).values()
    return [empty, warm]


def _noisy() -> Path:
    path = scratch() / "noisy.csv"
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("v,reference\n")
        file.writelines(f"{float(a)!r},{float(b)!r}\n" for a, b in rng.standard_normal((2000, 2)))
    return path


def rows(wanted: Sequence[str], *, command_line: bool) -> list[tuple[str, list[Process], tuple[float, ...]]]:
    """What is measured: its name, its processes and their limits."""
    names = [name for name in catalog.names() if not wanted or name.lower() in [one.lower() for one in wanted]]
    found = [(f"{name} in Python", _pair("-c", FIRST, name, clock="cpu"), (EMPTY, WARM)) for name in names]
    if not command_line:
        return found
    cli = ("-m", "streammse")
    if not wanted:
        found.append(("streammse --help", 2 * list(_process(*cli, "--help", clock="wall").values()), (HELP, HELP)))
        for method, more in (
            ("cancel", "--reference=reference"),
            ("hum", "--rate=360"),
            ("enhance", ""),
            ("smooth", ""),
        ):
            given = ("denoise", str(_noisy()), "--column=v", f"--method={method}", *filter(None, [more]))
            found.append(
                (f"denoise --method {method}", _pair(*cli, *given, "-o", "clean.csv", clock="wall"), (EMPTY, WARM))
            )
    for name in names:
        if named._is_model(name) and not catalog.get(name)._needs and name not in ("StateSpace", "StatsmodelsETS"):
            given = ("backtest", str(_sales()), f"--models={named.kebab(name)}", "--horizon=12")
            found.append((f"backtest --models {named.kebab(name)}", _pair(*cli, *given, clock="wall"), (EMPTY, WARM)))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--python", action="store_true", help="leave the command line out")
    parser.add_argument("--worst", metavar="N", type=int, help="show so many rows and those that miss")
    given = parser.parse_args(argv)
    say = Console(width=None if sys.stdout.isatty() else 110)
    drawn = Table(title="First result of a process", title_justify="left")
    for heading in ("what", "empty: CPU", "clock", "must be", "warm: CPU", "clock", "must be", ""):
        drawn.add_column(heading, justify="left" if heading == "what" else "right")
    found = [_measured(say, *row) for row in rows(given.names, command_line=not given.python)]
    found.sort(key=lambda row: row.worst, reverse=True)
    missed = sum(row.worst >= 1.0 for row in found)
    for row in found[: None if given.worst is None else max(given.worst, missed)]:
        shown = [
            text
            for one, limit in zip(row.took, row.limits, strict=True)
            for text in (*map(seconds, one), f"{row.clock} < {limit:g} s")
        ]
        drawn.add_row(row.what, *shown, "[red]missed" if row.worst >= 1.0 else "[green]met")
    say.print(drawn)
    say.print(f"{missed} of {len(found)} missed")
    return 1 if missed else 0


@dataclass(frozen=True)
class Row:
    """What was measured: with an empty cache and a warm one, (CPU, clock) each."""

    what: str
    clock: str
    took: list[tuple[float, float]]
    limits: tuple[float, ...]

    @property
    def worst(self) -> float:
        """The larger share that it takes of what it may."""
        held = self.clock == "wall"
        return max(one[held] / limit for one, limit in zip(self.took, self.limits, strict=True))


def _measured(say: Console, what: str, processes: Sequence[Process], limits: tuple[float, ...]) -> Row:
    """An empty cache once, a warm one three times, of which the best counts; each clock by itself."""
    took = []
    with say.status(what):
        for k, one in enumerate(processes):
            times = [one.both() for _ in range(3 if k else 1)]
            took.append((min(cpu for cpu, _ in times), min(wall for _, wall in times)))
    return Row(what, processes[0].clock, took, limits)


if __name__ == "__main__":
    raise SystemExit(main())
